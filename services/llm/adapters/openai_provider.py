"""OpenAI, or any server that speaks its API, through OpenAI's own client."""

import base64
import re
from array import array
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import httpx2
import openai
from openai import omit

from services.llm.domain.embedding import Embedded, EmbeddingLimits, Vector
from services.llm.domain.errors import FailureKind, PromptRefused, PromptTooLong, ProviderFailed
from services.llm.domain.generation import Ended, FinishReason, Prompt, ProviderEvent, TextDelta
from services.llm.domain.model import Model
from services.llm.domain.usage import TokenUsage

OPENAI_URL = "https://api.openai.com/v1"
_CONNECT_SECONDS = 3.0
_REASONS = {"length": FinishReason.LENGTH, "content_filter": FinishReason.CONTENT_FILTER}
# Codes are words for programs; anything else in an error may quote the prompt or the key.
_CODE = re.compile(r"[a-z][a-z0-9_.]{0,63}")
Answer = TypeVar("Answer")


class OpenAIProvider:
    """A `TextProvider` and `EmbeddingProvider` over AsyncOpenAI."""

    limits = EmbeddingLimits(texts_per_call=64, calls_at_once=4)
    probe_seconds = 60.0

    def __init__(self, api_key: str, base_url: str, timeout: float) -> None:
        """Take the key, another server's address if it is not OpenAI's, and the longest silence in seconds."""
        url = base_url or OPENAI_URL
        self._client = openai.AsyncOpenAI(
            api_key=api_key or "none",
            base_url=url,
            timeout=httpx2.Timeout(timeout, connect=_CONNECT_SECONDS),
            # The next model is tried instead: the client would wait for Retry-After, up to a minute, with our caller.
            max_retries=0,
        )
        # OpenAI has given up `max_tokens`, which is the name that everybody else understands.
        hosted = (httpx2.URL(url).host or "").endswith((".openai.com", ".azure.com"))
        self._limit_field = "max_completion_tokens" if hosted else "max_tokens"

    async def __aenter__(self) -> Self:
        """Open lazily: the first call connects."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self._client.close()

    async def generate(self, model: Model, prompt: Prompt, stream: bool = True) -> AsyncGenerator[ProviderEvent, None]:
        """Stream a chat completion."""
        try:
            stream = await _again_when_dropped(lambda: self._open(model, prompt))
            async with stream:
                async for event in _events(stream):
                    yield event
        except (openai.OpenAIError, httpx2.HTTPError, ValueError) as error:
            raise _failure(error) from None

    async def embed(self, model: Model, texts: Sequence[str], query: bool) -> Embedded:
        """Return the vectors of the texts."""
        try:
            reply = await _again_when_dropped(
                lambda: self._client.embeddings.create(
                    model=model.provider_id, input=list(texts), encoding_format="base64"
                )
            )
            found = sorted(reply.data, key=lambda item: item.index)
            tokens = reply.usage.prompt_tokens if reply.usage else 0
            return Embedded([_vector(item.embedding) for item in found], tokens)
        except (openai.OpenAIError, httpx2.HTTPError, ValueError, TypeError, AttributeError) as error:
            raise _failure(error) from None

    async def offered(self) -> frozenset[str] | None:
        """Return the ids the server lists; servers without a list are taken at their word."""
        try:
            listed = await self._client.models.list(timeout=_CONNECT_SECONDS)
            return frozenset(str(item.id) for item in listed.data)
        except openai.NotFoundError:
            return None
        except (openai.OpenAIError, httpx2.HTTPError, ValueError, TypeError, AttributeError) as error:
            raise _failure(error) from None

    async def _open(self, model: Model, prompt: Prompt) -> "openai.AsyncStream[Any]":
        sampled = model.sampling
        return cast(
            "openai.AsyncStream[Any]",
            await self._client.chat.completions.create(
                model=model.provider_id,
                messages=cast(Any, [{"role": turn.role.value, "content": turn.text} for turn in prompt.messages]),
                stream=True,
                stream_options={"include_usage": True},
                temperature=prompt.temperature if sampled and prompt.temperature is not None else omit,
                top_p=prompt.top_p if sampled and prompt.top_p is not None else omit,
                seed=prompt.seed if sampled and prompt.seed is not None else omit,
                stop=list(prompt.stop) or omit,
                extra_body={self._limit_field: prompt.max_output_tokens, **model.options},
            ),
        )


async def _events(stream: "openai.AsyncStream[Any]") -> AsyncGenerator[ProviderEvent, None]:
    """Read chunks defensively: the client hands on whatever a server sends, and compatible is a wide word."""
    reason: FinishReason | None = None
    usage: TokenUsage | None = None
    try:
        async for chunk in stream:
            counted = getattr(chunk, "usage", None)
            if counted is not None:
                usage = TokenUsage(int(counted.prompt_tokens or 0), int(counted.completion_tokens or 0))
            for choice in (getattr(chunk, "choices", None) or ())[:1]:
                delta = getattr(choice, "delta", None)
                text = getattr(delta, "content", None) or getattr(delta, "refusal", None)
                if isinstance(text, str) and text:
                    yield TextDelta(text)
                if choice.finish_reason:
                    reason = _REASONS.get(choice.finish_reason, FinishReason.STOP)
    except (openai.APIConnectionError, httpx2.HTTPError) as cut:
        # After the last word only the count is lost.
        if reason is None:
            timed_out = isinstance(cut, (openai.APITimeoutError, httpx2.TimeoutException))
            raise ProviderFailed(FailureKind.TIMED_OUT if timed_out else FailureKind.BROKEN) from None
    except (TypeError, AttributeError):
        raise ProviderFailed(FailureKind.BROKEN) from None
    if reason is None:
        raise ProviderFailed(FailureKind.BROKEN)
    yield Ended(reason, usage)


async def _again_when_dropped(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """Call, and once more when a kept connection turns out to be dead: a server that restarted costs nobody a call."""
    try:
        return await call()
    except openai.APIConnectionError as error:
        if not isinstance(error.__cause__, (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError)):
            raise
    return await call()


def _vector(numbers: object) -> Vector:
    """Return a vector from base64, or from the plain numbers of servers that know no base64."""
    if not isinstance(numbers, str):
        return array("f", cast(Sequence[float], numbers))
    vector = array("f")
    vector.frombytes(base64.b64decode(numbers, validate=True))
    return vector


def _failure(error: Exception) -> Exception:
    """Put what the client raised into our words, without a word of the provider's."""
    if isinstance(error, (openai.APITimeoutError, httpx2.TimeoutException)):
        connecting = isinstance(error.__cause__ or error, (httpx2.ConnectTimeout, httpx2.PoolTimeout))
        return ProviderFailed(FailureKind.UNREACHABLE if connecting else FailureKind.TIMED_OUT)
    if isinstance(error, openai.APIConnectionError):
        return ProviderFailed(FailureKind.UNREACHABLE)
    if isinstance(error, openai.APIStatusError):
        return _status_failure(error)
    if isinstance(error, openai.APIError) and "rate_limit" in (error.code or ""):
        return ProviderFailed(FailureKind.THROTTLED)
    return ProviderFailed(FailureKind.BROKEN)


def _status_failure(error: openai.APIStatusError) -> Exception:
    status, code = error.status_code, error.code or ""
    if status == 429 or (status == 503 and "retry-after" in error.response.headers):
        return ProviderFailed(FailureKind.THROTTLED, _retry_after(error.response.headers))
    if status in (401, 402, 403):
        return ProviderFailed(FailureKind.FORBIDDEN)
    if status == 404:
        return ProviderFailed(FailureKind.GONE)
    if status in (400, 413, 422):
        words = f"{code} {error.message}".lower()
        if "context_length" in words or "context length" in words or "maximum context" in words:
            return PromptTooLong()
        return PromptRefused(code if _CODE.fullmatch(code) else "invalid_request")
    return ProviderFailed(FailureKind.BROKEN)


def _retry_after(headers: httpx2.Headers) -> float:
    """Return the seconds to wait; dates, which nobody of these sends, count as unsaid."""
    try:
        return max(0.0, float(headers.get("retry-after", "0")))
    except ValueError:
        return 0.0
