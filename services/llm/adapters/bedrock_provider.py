"""Amazon Bedrock: Converse and ConverseStream for text, InvokeModel for vectors.

botocore knows the credentials, the address, the signature and the frames of a stream; the bytes travel over the same
kind of connections as to every other provider, without a thread: who leaves a stream has closed it.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import quote

import orjson
from aiohttp import ClientResponse
from botocore.eventstream import EventStreamBuffer, EventStreamMessage, ParserError
from yarl import URL

from services.llm.adapters.bedrock_signature import BedrockSignature
from services.llm.adapters.converse_to_events import ConverseReading
from services.llm.adapters.prompt_to_converse import (
    converse_request,
    embedding_body,
    embedding_reply,
    prefill,
    profile,
    written,
)
from services.llm.adapters.provider_connections import (
    FAILURES,
    LAST_BYTES_SECONDS,
    ProviderConnections,
    embedding_span,
    failure,
    failure_of_status,
    retry_after,
    whole,
)
from services.llm.domain.embedding import Embedded, EmbeddingLimits
from services.llm.domain.errors import FailureKind, PromptRefused, PromptTooLong, ProviderFailed
from services.llm.domain.generation import Prompt, ProviderEvent, TextDelta
from services.llm.domain.model import Model

_CONNECT_SECONDS = 3.0
_JSON, _FRAMES = "application/json", "application/vnd.amazon.eventstream"
_TOKENS_READ = "x-amzn-bedrock-input-token-count"
_LONGEST_ERROR = 64 << 10
# Seconds it may take to explain an error, between signs of life, and to count once the answer has ended.
_EXPLAINING = 2.0
_SIGN_OF_LIFE = 1.0
_COUNTING = 2.0
# How many calls of one request for vectors run side by side.
_EMBEDDED_AT_ONCE = 8
_KINDS = {
    "ThrottlingException": FailureKind.THROTTLED,
    "ServiceQuotaExceededException": FailureKind.THROTTLED,
    "ModelNotReadyException": FailureKind.THROTTLED,
    "AccessDeniedException": FailureKind.FORBIDDEN,
    "UnrecognizedClientException": FailureKind.FORBIDDEN,
    "InvalidSignatureException": FailureKind.FORBIDDEN,
    "ExpiredTokenException": FailureKind.FORBIDDEN,
    "ResourceNotFoundException": FailureKind.GONE,
    "ModelTimeoutException": FailureKind.TIMED_OUT,
    "ModelErrorException": FailureKind.BROKEN,
}
_TOO_LONG = ("too long", "too many input tokens", "maximum context", "context window")
# botocore's parser lets some errors of its own reading through.
_UNREADABLE = (ParserError, KeyError, TypeError, AttributeError, IndexError)


class BedrockProvider:
    """A `TextProvider` and `EmbeddingProvider` with the credentials of the environment."""

    # Titan reads one text a call; the calls of one request run side by side.
    limits = EmbeddingLimits(texts_per_call=16, calls_at_once=4)
    probe_seconds = 60.0

    def __init__(self, region: str, timeout: float, calls_at_once: int, endpoint_url: str = "") -> None:
        """Take the region, the longest silence in seconds, and how many answers may be on their way at once."""
        self._region = region
        self._free = calls_at_once
        self._signature = BedrockSignature(region, endpoint_url)
        self._connections = ProviderConnections(timeout, _CONNECT_SECONDS)
        self._endpoint = ""

    async def __aenter__(self) -> Self:
        """Learn Bedrock's address; the first call connects."""
        self._endpoint = await self._signature.endpoint()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        self._signature.close()
        await self._connections.close()

    async def generate(self, model: Model, prompt: Prompt, stream: bool = True) -> AsyncGenerator[ProviderEvent, None]:
        """Yield an answer."""
        verb, kind = ("converse-stream", _FRAMES) if stream else ("converse", _JSON)
        body = written(converse_request, model, prompt)
        reading = ConverseReading(prefill(prompt)[1])
        try:
            with self._place():
                async with self._answer(model.provider_id, verb, body, kind) as response:
                    if not stream:
                        for event in reading.whole(await whole(response)):
                            yield event
                        return
                    heard, now = 0.0, asyncio.get_running_loop().time
                    frames = EventStreamBuffer()
                    while piece := await _piece(response, reading):
                        frames.add_data(piece)
                        for frame in frames:
                            text = _said(frame, reading)
                            if text or (text is not None and now() - heard > _SIGN_OF_LIFE):
                                heard = now()
                                yield TextDelta(text)
        except _UNREADABLE:
            raise ProviderFailed(FailureKind.BROKEN) from None
        except FAILURES as error:
            # After the last word only the count is lost.
            if reading.reason is None:
                raise failure(error) from None
        for event in reading.end():
            yield event

    async def embed(self, model: Model, texts: Sequence[str], query: bool) -> Embedded:
        """Return the vectors of the texts."""
        bodies = embedding_body(model.provider_id, texts, model.dimension, query)
        at_once = asyncio.Semaphore(_EMBEDDED_AT_ONCE)
        try:
            with embedding_span(model):
                async with asyncio.TaskGroup() as group:
                    calls = [group.create_task(self._invoke(model.provider_id, body, at_once)) for body in bodies]
        except BaseExceptionGroup as failures:
            # One failure stands for all: the first ends the others.
            raise failures.exceptions[0] from None
        try:
            embedded = embedding_reply([call.result() for call in calls])
        except (KeyError, TypeError, ValueError):
            raise ProviderFailed(FailureKind.BROKEN) from None
        if len(embedded.vectors) != len(texts):
            raise ProviderFailed(FailureKind.BROKEN)
        return embedded

    async def offered(self) -> frozenset[str] | None:
        """Say whether there are credentials; which models they may use only a call shows."""
        await self._signature.may_sign()
        return None

    async def _invoke(self, model_id: str, body: Mapping[str, object], at_once: asyncio.Semaphore) -> Mapping[str, Any]:
        sent = written(lambda: body)
        try:
            async with at_once, self._answer(model_id, "invoke", sent, _JSON) as response:
                reply: dict[str, Any] = orjson.loads(await whole(response))
                if _TOKENS_READ in response.headers:
                    reply.setdefault("inputTextTokenCount", response.headers[_TOKENS_READ])
                return reply
        except AttributeError:
            raise ProviderFailed(FailureKind.BROKEN) from None
        except FAILURES as error:
            raise failure(error) from None

    @asynccontextmanager
    async def _answer(self, model_id: str, verb: str, body: bytes, kind: str) -> AsyncGenerator[ClientResponse, None]:
        """Yield a good answer of the kind that was asked for. Raises refusals."""
        url = f"{self._endpoint}/model/{quote(profile(model_id, self._region), safe='-._~')}/{verb}"
        headers = await self._signature.headers(url, body, {"Content-Type": _JSON, "Accept": kind})
        # Signed as it stands: nobody may write the address another way.
        async with self._connections.answer("POST", URL(url, encoded=True), headers, body) as response:
            if response.status != 200:
                raise await _refusal(response)
            if response.content_type != kind:
                raise ProviderFailed(FailureKind.BROKEN)
            yield response

    @contextmanager
    def _place(self) -> Iterator[None]:
        """Take a place, if one is free: the next model answers sooner than one would come up."""
        if not self._free:
            raise ProviderFailed(FailureKind.THROTTLED, 1.0)
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1


async def _piece(response: ClientResponse, reading: ConverseReading) -> bytes:
    """Return the next bytes, nothing at the end. What still counts once the answer has ended is not waited for long."""
    if reading.reason is None:
        return await response.content.readany()
    async with asyncio.timeout(LAST_BYTES_SECONDS if reading.counted else _COUNTING):
        return await response.content.readany()


def _said(frame: EventStreamMessage, reading: ConverseReading) -> str | None:
    """Take one frame of a stream in, and return the text it adds. Raises the errors that come as frames."""
    headers: Mapping[str, Any] = cast(Any, frame.headers)
    if headers[":message-type"] == "event":
        return reading.event(headers[":event-type"], orjson.loads(frame.payload))
    named = str(headers.get(":exception-type") or headers.get(":error-code") or "")
    # Errors inside a stream are named like members, `throttlingException`.
    raise _named(named[:1].upper() + named[1:], _words(frame.payload), None)


async def _refusal(response: ClientResponse) -> Exception:
    """Put an error's name into our words; a proxy's error has none, only its status."""
    failed = failure_of_status(response.status, retry_after(response.headers))
    name = response.headers.get("x-amzn-errortype", "").partition(":")[0]
    try:
        async with asyncio.timeout(_EXPLAINING):
            said = await whole(response, _LONGEST_ERROR)
    except (*FAILURES, ProviderFailed):
        said = b""
    return _named(name, _words(said), failed)


def _named(name: str, words: str, failed: ProviderFailed | None) -> Exception:
    """Return the failure of a name, else what the status says."""
    if name == "ValidationException" or (not name and failed is None):
        return PromptTooLong() if any(said in words for said in _TOO_LONG) else PromptRefused("validation_exception")
    wait = failed.retry_after if failed is not None else 0.0
    if name in _KINDS:
        return ProviderFailed(_KINDS[name], wait)
    return failed or ProviderFailed(FailureKind.BROKEN)


def _words(body: bytes) -> str:
    """Return what an error says, to be looked at and never repeated."""
    try:
        return str(orjson.loads(body)["message"]).lower()
    except (ValueError, KeyError, TypeError):
        return ""
