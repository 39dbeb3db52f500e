"""Amazon Bedrock through boto3: Converse for text, InvokeModel for vectors.

boto3 blocks, so every call runs on a thread of a bounded pool. A stream's thread hands its events to the event loop
through a bounded queue: a slow reader slows the reading from Bedrock down instead of filling memory.
"""

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import boto3
from botocore.config import Config
from botocore.eventstream import ParserError
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    EventStreamError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
)
from urllib3.exceptions import HTTPError

from services.llm.adapters.prompt_to_converse import converse_request, embedding_body, embedding_reply, events, profile
from services.llm.domain.embedding import Embedded, EmbeddingLimits
from services.llm.domain.errors import FailureKind, PromptRefused, PromptTooLong, ProviderFailed
from services.llm.domain.generation import Prompt, ProviderEvent
from services.llm.domain.model import Model

_CONNECT_SECONDS = 3.0
# Events between the reading thread and the event loop.
_QUEUE = 32
_KINDS = {
    "ThrottlingException": FailureKind.THROTTLED,
    "ServiceQuotaExceededException": FailureKind.THROTTLED,
    "AccessDeniedException": FailureKind.FORBIDDEN,
    "UnrecognizedClientException": FailureKind.FORBIDDEN,
    "InvalidSignatureException": FailureKind.FORBIDDEN,
    "ExpiredTokenException": FailureKind.FORBIDDEN,
    "ResourceNotFoundException": FailureKind.GONE,
    "ModelTimeoutException": FailureKind.TIMED_OUT,
}
_FAILURES = (
    BotoCoreError,
    ClientError,
    EventStreamError,
    ParserError,
    HTTPError,
    OSError,
    ValueError,
    KeyError,
    TypeError,
)
Answer = TypeVar("Answer")


class BedrockProvider:
    """A `TextProvider` and `EmbeddingProvider` over boto3, with the credentials of the environment."""

    # Titan reads one text a call; the calls of one request run side by side.
    limits = EmbeddingLimits(texts_per_call=16, calls_at_once=4)
    probe_seconds = 60.0

    def __init__(self, region: str, timeout: float, threads: int, endpoint_url: str = "") -> None:
        """Take the region, the longest silence in seconds, and how many calls may run at once."""
        self._region = region
        self._session = boto3.Session(region_name=region)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="bedrock")
        self._free = threading.BoundedSemaphore(threads)
        self._client = self._session.client(
            "bedrock-runtime",
            endpoint_url=endpoint_url or None,
            config=Config(
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=timeout,
                max_pool_connections=threads,
                # The next model is tried instead of the same one again.
                retries={"total_max_attempts": 1},
            ),
        )

    async def __aenter__(self) -> Self:
        """Open lazily: the first call connects."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let nothing new in; what still runs ends by itself, its readers are gone."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def generate(self, model: Model, prompt: Prompt, stream: bool = True) -> AsyncGenerator[ProviderEvent, None]:
        """Stream a Converse answer."""
        request = {"modelId": profile(model.provider_id, self._region), **converse_request(model, prompt)}
        # With every thread reading already, the next model answers sooner than a place in the queue would come up.
        if not self._free.acquire(blocking=False):
            raise ProviderFailed(FailureKind.THROTTLED, 1.0)
        reading = _Reading(asyncio.get_running_loop())
        done = self._pool.submit(reading.work, partial(self._client.converse_stream, **cast(Any, request)))
        done.add_done_callback(lambda _: self._free.release())
        try:
            while (event := await reading.queue.get()) is not None:
                if isinstance(event, Exception):
                    raise _failure(event) from None
                yield event
        finally:
            reading.leave()

    async def embed(self, model: Model, texts: Sequence[str], query: bool) -> Embedded:
        """Return the vectors of the texts."""
        bodies = embedding_body(model.provider_id, texts, model.dimension, query)
        try:
            async with asyncio.TaskGroup() as group:
                calls = [
                    group.create_task(self._run(partial(self._invoke, model.provider_id, body))) for body in bodies
                ]
        except BaseExceptionGroup as failures:
            # One failure stands for all: the first ends the others.
            raise failures.exceptions[0] from None
        try:
            return embedding_reply([call.result() for call in calls])
        except (KeyError, TypeError, ValueError):
            raise ProviderFailed(FailureKind.BROKEN) from None

    async def offered(self) -> frozenset[str] | None:
        """Say whether there are credentials; which models they may use only a call shows."""
        credentials = await self._run(self._session.get_credentials)
        if credentials is None:
            raise ProviderFailed(FailureKind.FORBIDDEN)
        return None

    def _invoke(self, model_id: str, body: Mapping[str, object]) -> Mapping[str, Any]:
        answer = self._client.invoke_model(
            modelId=profile(model_id, self._region), body=json.dumps(body), contentType="application/json"
        )
        return cast(Mapping[str, Any], json.loads(answer["body"].read()))

    async def _run(self, call: Callable[[], Answer]) -> Answer:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, call)
        except _FAILURES as error:
            raise _failure(error) from None


class _Reading:
    """One stream on its way from a thread to the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.queue: asyncio.Queue[ProviderEvent | Exception | None] = asyncio.Queue(_QUEUE)
        self._loop = loop
        self._left = threading.Event()
        self._lock = threading.Lock()
        self._stream: Any = None

    def work(self, open_stream: Callable[[], Mapping[str, Any]]) -> None:
        """Read the stream on the calling thread, until it ends or nobody waits for it."""
        if self._left.is_set():
            return
        # Whatever happens here, the reader on the other side gets an end.
        end: Exception | None = ProviderFailed(FailureKind.BROKEN)
        try:
            stream = open_stream()["stream"]
            with self._lock:
                self._stream = stream
            try:
                # Whoever left before the stream was known could not wake us.
                found = iter(()) if self._left.is_set() else events(stream)
                for event in self._wanted(found):
                    self._hand_over(event)
            finally:
                stream.close()
            end = None
        except (*_FAILURES, ProviderFailed) as error:
            end = error
        finally:
            self._hand_over(end)

    def leave(self) -> None:
        """Stop the reading. Called on the event loop; never blocks it."""
        self._left.set()
        with self._lock:
            stream = self._stream
        if stream is not None:
            # Wakes a thread that waits for the next event; botocore has no public way to.
            with suppress(AttributeError, OSError, RuntimeError, ValueError):
                stream._raw_stream.shutdown()
        # Makes room for an event that is being handed over, so that its thread comes to see that we left.
        while not self.queue.empty():
            self.queue.get_nowait()

    def _wanted(self, found: Iterator[ProviderEvent]) -> Iterator[ProviderEvent]:
        for event in found:
            if self._left.is_set():
                return
            yield event

    def _hand_over(self, event: ProviderEvent | Exception | None) -> None:
        if self._left.is_set() or self._loop.is_closed():
            return
        # Blocks the thread while the queue is full: this is the backpressure.
        asyncio.run_coroutine_threadsafe(self.queue.put(event), self._loop).result()


def _failure(error: Exception) -> Exception:
    """Put what boto3 raised into our words, without a word of Bedrock's."""
    if isinstance(error, ProviderFailed):
        return error
    if isinstance(error, (EndpointConnectionError, ConnectTimeoutError)):
        return ProviderFailed(FailureKind.UNREACHABLE)
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return ProviderFailed(FailureKind.FORBIDDEN)
    if isinstance(error, ReadTimeoutError) or "timed out" in str(error).lower():
        return ProviderFailed(FailureKind.TIMED_OUT)
    if isinstance(error, ConnectionClosedError) or not isinstance(error, (ClientError, EventStreamError)):
        return ProviderFailed(FailureKind.BROKEN)
    said = error.response.get("Error", {})
    code = said.get("Code", "")
    # Errors inside a stream are named like members, `throttlingException`.
    code = code[:1].upper() + code[1:]
    if code == "ValidationException":
        words = said.get("Message", "").lower()
        too_long = "too long" in words or "too many input tokens" in words or "maximum context" in words
        return PromptTooLong() if too_long else PromptRefused("validation_exception")
    return ProviderFailed(_KINDS.get(code, FailureKind.BROKEN))
