"""The model server of the embedded stack. It speaks OpenAI's API over loopback; one HTTP client is all it takes.

OpenAI's own client would do as well, but costs a process without a key 20 MB and each query a millisecond.
"""

import base64
import json
from array import array
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self

import httpx2

from services.llm.domain.embedding import Embedded, EmbeddingLimits, Vector
from services.llm.domain.errors import FailureKind, PromptRefused, PromptTooLong, ProviderFailed
from services.llm.domain.generation import Ended, FinishReason, Prompt, ProviderEvent, TextDelta
from services.llm.domain.model import Model
from services.llm.domain.usage import TokenUsage

_CONNECT_SECONDS = 1.0
# Longer than a busy machine takes to answer; a server that is gone refuses at once.
_PROBE_SECONDS = 4.0
# The encoder reads a few hundred tokens at the most, the server refuses what is much longer.
_READ_CHARACTERS = 8_192
_SEEDS = 2**32
_REASONS = {"length": FinishReason.LENGTH, "content_filter": FinishReason.CONTENT_FILTER}
_DROPPED = (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError)


class LocalProvider:
    """A `TextProvider` and `EmbeddingProvider` over the model server."""

    # The server keeps a lane for queries; two calls of bulk work keep its other lane busy, and no longer.
    limits = EmbeddingLimits(texts_per_call=64, calls_at_once=2)
    probe_seconds = 5.0

    def __init__(self, url: str, timeout: float) -> None:
        """Take the server's address including its version path, and the longest silence in seconds."""
        self._client = httpx2.AsyncClient(
            base_url=url.rstrip("/") + "/",
            timeout=httpx2.Timeout(timeout, connect=_CONNECT_SECONDS),
            # A proxy between us and our own machine would be a mistake of the environment.
            trust_env=False,
            # Loading certificates takes a quarter of a second and is of no use to plain HTTP.
            verify=url.startswith("https"),
        )

    async def __aenter__(self) -> Self:
        """Open lazily: the first call connects."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def generate(self, model: Model, prompt: Prompt, stream: bool = True) -> AsyncGenerator[ProviderEvent, None]:
        """Stream a chat completion."""
        request = self._client.build_request("POST", "chat/completions", json=_chat(model, prompt))
        try:
            response = await self._send(request, stream=True)
            try:
                if response.is_error:
                    await response.aread()
                    raise _refusal(response)
                async with aclosing(_events(response)) as events:
                    async for event in events:
                        yield event
            finally:
                await response.aclose()
        except httpx2.HTTPError as error:
            raise _failure(error) from None

    async def embed(self, model: Model, texts: Sequence[str], query: bool) -> Embedded:
        """Return the vectors of the texts."""
        body = {
            "model": model.provider_id,
            "input": [text[:_READ_CHARACTERS] for text in texts],
            "encoding_format": "base64",
        }
        try:
            response = await self._send(self._client.build_request("POST", "embeddings", json=body))
        except httpx2.HTTPError as error:
            raise _failure(error) from None
        if response.is_error:
            raise _refusal(response)
        try:
            reply = response.json()
            vectors = [_vector(item["embedding"]) for item in sorted(reply["data"], key=lambda item: item["index"])]
            return Embedded(vectors, int(reply["usage"]["prompt_tokens"]))
        except (ValueError, KeyError, TypeError):
            raise ProviderFailed(FailureKind.BROKEN) from None

    async def offered(self) -> frozenset[str] | None:
        """Return the ids the server lists."""
        try:
            response = await self._client.get("models", timeout=_PROBE_SECONDS)
        except httpx2.HTTPError as error:
            raise _failure(error) from None
        if response.is_error:
            raise _refusal(response)
        try:
            return frozenset(str(item["id"]) for item in response.json()["data"])
        except (ValueError, KeyError, TypeError):
            raise ProviderFailed(FailureKind.BROKEN) from None

    async def _send(self, request: httpx2.Request, stream: bool = False) -> httpx2.Response:
        """Send, and once more when a kept connection turns out to be dead because the server restarted."""
        try:
            return await self._client.send(request, stream=stream)
        except _DROPPED:
            return await self._client.send(request, stream=stream)


def _chat(model: Model, prompt: Prompt) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": model.provider_id,
        "messages": [{"role": turn.role.value, "content": turn.text} for turn in prompt.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": prompt.max_output_tokens,
        **model.options,
    }
    if prompt.temperature is not None:
        body["temperature"] = prompt.temperature
    if prompt.top_p is not None:
        body["top_p"] = prompt.top_p
    if prompt.seed is not None:
        body["seed"] = prompt.seed % _SEEDS
    if prompt.stop:
        body["stop"] = list(prompt.stop)
    return body


async def _events(response: httpx2.Response) -> AsyncGenerator[ProviderEvent, None]:
    reason: FinishReason | None = None
    usage: TokenUsage | None = None
    try:
        async for line in response.aiter_lines():
            if not line.startswith("data:"):
                continue
            data = line[5:].strip()
            if data == "[DONE]":
                break
            chunk = json.loads(data)
            if "error" in chunk:
                raise ProviderFailed(FailureKind.BROKEN)
            if counted := chunk.get("usage"):
                usage = TokenUsage(int(counted["prompt_tokens"]), int(counted["completion_tokens"]))
            for choice in chunk.get("choices") or ():
                if text := choice.get("delta", {}).get("content"):
                    yield TextDelta(str(text))
                if ended := choice.get("finish_reason"):
                    reason = _REASONS.get(ended, FinishReason.STOP)
    except httpx2.TimeoutException:
        raise ProviderFailed(FailureKind.TIMED_OUT) from None
    except (httpx2.HTTPError, ValueError, KeyError, TypeError, AttributeError):
        # After the last word only the count is lost.
        if reason is None:
            raise ProviderFailed(FailureKind.BROKEN) from None
    if reason is None:
        raise ProviderFailed(FailureKind.BROKEN)
    yield Ended(reason, usage)


def _vector(numbers: object) -> Vector:
    vector = array("f")
    vector.frombytes(base64.b64decode(str(numbers), validate=True))
    return vector


def _failure(error: httpx2.HTTPError) -> ProviderFailed:
    if isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)):
        return ProviderFailed(FailureKind.UNREACHABLE)
    return ProviderFailed(FailureKind.TIMED_OUT if isinstance(error, httpx2.TimeoutException) else FailureKind.BROKEN)


def _refusal(response: httpx2.Response) -> Exception:
    """Put a status into our words. 429 and 503 mean a full queue and a model that still loads."""
    code = _code(response)
    if code == "context_length_exceeded":
        return PromptTooLong()
    if response.status_code in (429, 503):
        wait = response.headers.get("retry-after", "")
        return ProviderFailed(FailureKind.THROTTLED, float(wait) if wait.isdigit() else 0.0)
    if response.status_code == 404:
        return ProviderFailed(FailureKind.GONE)
    if response.status_code in (401, 403):
        return ProviderFailed(FailureKind.FORBIDDEN)
    if response.status_code in (400, 413, 422):
        return PromptRefused(code or "invalid_request")
    return ProviderFailed(FailureKind.BROKEN)


def _code(response: httpx2.Response) -> str:
    try:
        error = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        return ""
    code = error.get("code") if isinstance(error, Mapping) else None
    return code if isinstance(code, str) and code.replace("_", "").isalnum() else ""
