"""The wire to every server that speaks OpenAI's protocol: OpenAI itself, compatible ones, and the local models.

One connection pool and as little as possible around it: a fraction of the processor time of OpenAI's own client, which
the contract tests hold it against (docs/adr/0008).
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import orjson
from aiohttp import ClientResponse
from yarl import URL

from services.llm.adapters.prompt_to_openai import Reading, chat_body, vector
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
from services.llm.domain.embedding import Embedded
from services.llm.domain.errors import FailureKind, PromptRefused, PromptTooLong, ProviderFailed
from services.llm.domain.generation import Prompt, ProviderEvent, TextDelta
from services.llm.domain.model import Model

# Codes are words for programs; anything else in an error may quote the prompt or the key.
_CODE = re.compile(r"[a-z][a-z0-9_.]{0,63}")
_LONGEST_LINE = 8 << 20
_LONGEST_ERROR = 64 << 10
# Seconds between signs of life while a tool call is being put together.
_SIGN_OF_LIFE = 1.0
# Seconds a server may take for its count once it has said why the answer ended.
_COUNTING = 2.0
# Seconds it may take to explain an error.
_EXPLAINING = 2.0
_TOO_LONG = ("context_length", "context length", "maximum context", "context window", "too many tokens")
_DONE = b"[DONE]"


class OpenAIWire:
    """Calls one server. Opens lazily: the first call connects."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        timeout: float,
        connect: float,
        limit_field: str = "max_tokens",
        checks_model: bool = True,
    ) -> None:
        """Take the address with its version path, headers for every call, and the longest silence in seconds.

        `checks_model` refuses answers of another model than was asked; servers that alias names cannot have it.
        """
        base = url.rstrip("/")
        self._chat, self._embeddings, self._models = (
            URL(base + path) for path in ("/chat/completions", "/embeddings", "/models")
        )
        self._headers = {"content-type": "application/json", **headers}
        self._limit_field, self._checks_model = limit_field, checks_model
        self._connections = ProviderConnections(timeout, connect)

    async def __aenter__(self) -> Self:
        """Open lazily."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self._connections.close()

    async def generate(self, model: Model, prompt: Prompt, stream: bool) -> AsyncGenerator[ProviderEvent, None]:
        """Yield an answer, as `TextProvider` promises."""
        body = _written(model, prompt, stream, self._limit_field)
        reading = Reading(model.provider_id if self._checks_model else "")
        try:
            async with self._answer("POST", self._chat, body) as response:
                if not stream or response.content_type == "application/json":
                    # Some servers answer a stream in one piece.
                    for event in reading.whole(await whole(response)):
                        yield event
                    return
                if response.content_type != "text/event-stream":
                    raise ProviderFailed(FailureKind.BROKEN)
                now = asyncio.get_running_loop().time
                heard, chunks = now(), _Chunks()
                while not chunks.done and (piece := await _piece(response, reading)):
                    for data in chunks.feed(piece):
                        text = reading.chunk(data)
                        if text or (text is not None and now() - heard > _SIGN_OF_LIFE):
                            heard = now()
                            yield TextDelta(text)
                if reading.reason is not None:
                    await _read_out(response)
        except FAILURES as error:
            # After the last word only the count is lost.
            if reading.reason is None:
                raise failure(error) from None
        for event in reading.end():
            yield event

    async def embed(self, model: Model, texts: Sequence[str]) -> Embedded:
        """Return the vectors of the texts."""
        try:
            body = orjson.dumps({"model": model.provider_id, "input": list(texts), "encoding_format": "base64"})
        except TypeError:
            raise PromptRefused("invalid_request") from None
        try:
            with embedding_span(model):
                async with self._answer("POST", self._embeddings, body) as response:
                    reply = orjson.loads(await whole(response))
            found = sorted(reply["data"], key=lambda item: int(item["index"]))
            if len(found) != len(texts):
                raise ProviderFailed(FailureKind.BROKEN)
            tokens = int((reply.get("usage") or {}).get("prompt_tokens") or 0)
            return Embedded([vector(item["embedding"]) for item in found], tokens)
        except (KeyError, TypeError, AttributeError):
            raise ProviderFailed(FailureKind.BROKEN) from None
        except FAILURES as error:
            raise failure(error) from None

    async def offered(self, timeout: float) -> frozenset[str] | None:
        """Return the ids the server lists; None of a server without a list, which is taken at its word."""
        try:
            async with self._answer("GET", self._models, None, timeout) as response:
                listed = orjson.loads(await whole(response))
            return frozenset(str(item["id"]) for item in listed["data"])
        except (KeyError, TypeError):
            raise ProviderFailed(FailureKind.BROKEN) from None
        except FAILURES as error:
            raise failure(error) from None

    @asynccontextmanager
    async def _answer(
        self, method: str, url: URL, body: bytes | None, timeout: float | None = None
    ) -> AsyncGenerator[ClientResponse, None]:
        """Yield a good answer. Raises refusals."""
        async with self._connections.answer(method, url, self._headers, body, timeout) as response:
            if response.status != 200:
                raise await refusal(response)
            yield response


class _Chunks:
    """Cuts a stream of server-sent events into the data of each. Every event of this protocol is one line."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._pieces: list[bytes] = []
        self._size = 0
        # Whether the server said that nothing follows.
        self.done = False

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the data of the lines that a piece completes. Raises ProviderFailed when a line has no end."""
        if b"\n" not in piece:
            self._pieces.append(piece)
            self._size += len(piece)
            if self._size > _LONGEST_LINE:
                raise ProviderFailed(FailureKind.BROKEN)
            return []
        if self._pieces:
            piece = b"".join((*self._pieces, piece))
            self._pieces.clear()
        *lines, rest = piece.split(b"\n")
        self._size = len(rest)
        if rest:
            self._pieces.append(rest)
        found = []
        for line in lines:
            if line.startswith(b"data:"):
                data = line[5:].strip()
                if data == _DONE:
                    self.done = True
                    break
                if data:
                    found.append(data)
        return found


async def _piece(response: ClientResponse, reading: Reading) -> bytes:
    """Return the next bytes, nothing at the end. A server that has finished is not waited for much longer."""
    if reading.reason is None:
        return await response.content.readany()
    async with asyncio.timeout(_COUNTING):
        return await response.content.readany()


async def _read_out(response: ClientResponse) -> None:
    """Read the end of a body, where it comes at once: it keeps the connection for the next call."""
    content = response.content
    if not content.at_eof():
        async with asyncio.timeout(LAST_BYTES_SECONDS):
            while await content.readany():
                pass


def _written(model: Model, prompt: Prompt, stream: bool, limit_field: str) -> bytes:
    """Return the body of a call. What cannot be written as JSON is the caller's to mend."""
    try:
        return chat_body(model, prompt, stream, limit_field)
    except (TypeError, ValueError):
        raise PromptRefused("invalid_request") from None


async def refusal(response: ClientResponse) -> Exception:
    """Put an error's status into our words."""
    failed = failure_of_status(response.status, retry_after(response.headers))
    if failed is not None and failed.kind is not FailureKind.THROTTLED:
        return failed
    code, words = await _said(response)
    if failed is not None:
        # An account without money is throttled by OpenAI's status, but waiting does not fill it.
        return ProviderFailed(FailureKind.FORBIDDEN) if code == "insufficient_quota" else failed
    said_long = f"{code} {words}".lower()
    if any(word in said_long for word in _TOO_LONG):
        return PromptTooLong()
    return PromptRefused(code if _CODE.fullmatch(code) else "invalid_request")


async def _said(response: ClientResponse) -> tuple[str, str]:
    """Return the code and the words of an error, empty where it has none."""
    try:
        async with asyncio.timeout(_EXPLAINING):
            said = orjson.loads(await whole(response, _LONGEST_ERROR))["error"]
        return str(said.get("code") or ""), str(said.get("message") or "")
    except (*FAILURES, ProviderFailed, KeyError, TypeError, AttributeError):
        return "", ""
