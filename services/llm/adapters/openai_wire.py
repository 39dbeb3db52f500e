"""The wire to every server that speaks OpenAI's protocol: OpenAI itself, compatible ones, and the local models.

One connection pool and as little as possible around it: a tenth of the processor time of OpenAI's own client, which
the contract tests hold it against (docs/adr/0008).
"""

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import SimpleNamespace, TracebackType
from typing import Any, Self

import aiohttp
import orjson
from aiohttp import ClientResponse

from services.llm.adapters.prompt_to_openai import Reading, chat_body, vector
from services.llm.domain.embedding import Embedded
from services.llm.domain.errors import FailureKind, PromptRefused, PromptTooLong, ProviderFailed
from services.llm.domain.generation import Prompt, ProviderEvent, TextDelta
from services.llm.domain.model import Model

# Codes are words for programs; anything else in an error may quote the prompt or the key.
_CODE = re.compile(r"[a-z][a-z0-9_.]{0,63}")
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_LONGEST_LINE = 16 << 20
_LONGEST_ERROR = 64 << 10
_IDLE_CONNECTION_SECONDS = 30.0
_UNREACHABLE = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
_DROPPED = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionResetError)
_FAILURES = (aiohttp.ClientError, OSError, TimeoutError, ValueError)


class _Way:
    """How a request went out: over a kept connection, or one that was made for it."""

    __slots__ = ("kept",)

    def __init__(self) -> None:
        self.kept = False


async def _kept(session: aiohttp.ClientSession, context: SimpleNamespace, told: object) -> None:
    context.trace_request_ctx.kept = True


def _watching_the_way() -> aiohttp.TraceConfig:
    watching: aiohttp.TraceConfig = aiohttp.TraceConfig()
    watching.on_connection_reuseconn.append(_kept)
    return watching


class OpenAIWire:
    """Calls one server. Opens lazily: the first call connects."""

    def __init__(
        self, url: str, headers: Mapping[str, str], timeout: float, connect: float, limit_field: str = "max_tokens"
    ) -> None:
        """Take the address with its version path, headers for every call, and the longest silence in seconds."""
        self._url = url.rstrip("/")
        self._headers = {"content-type": "application/json", **headers}
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect, connect=connect, sock_read=timeout)
        self._limit_field = limit_field
        self._opened: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open lazily."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        if self._opened is not None:
            await self._opened.close()

    async def generate(self, model: Model, prompt: Prompt, stream: bool) -> AsyncGenerator[ProviderEvent, None]:
        """Yield an answer, as `TextProvider` promises."""
        body = chat_body(model, prompt, stream, self._limit_field)
        reading = Reading()
        try:
            async with self._sent("POST", "/chat/completions", body) as response:
                if not stream or not response.content_type.startswith("text/event-stream"):
                    # Some servers answer a stream in one piece.
                    for event in reading.whole(await response.read()):
                        yield event
                    return
                async for data in _events(response, reading):
                    if text := reading.chunk(data):
                        yield TextDelta(text)
        except _FAILURES as error:
            # After the last word only the count is lost.
            if reading.reason is None:
                raise failure(error) from None
        for event in reading.end():
            yield event

    async def embed(self, model: Model, texts: Sequence[str]) -> Embedded:
        """Return the vectors of the texts."""
        body = orjson.dumps({"model": model.provider_id, "input": list(texts), "encoding_format": "base64"})
        try:
            async with self._sent("POST", "/embeddings", body) as response:
                reply = orjson.loads(await response.read())
            found = sorted(reply["data"], key=lambda item: int(item["index"]))
            tokens = int((reply.get("usage") or {}).get("prompt_tokens") or 0)
            return Embedded([vector(item["embedding"]) for item in found], tokens)
        except (KeyError, TypeError, AttributeError):
            raise ProviderFailed(FailureKind.BROKEN) from None
        except _FAILURES as error:
            raise failure(error) from None

    async def offered(self, timeout: float) -> frozenset[str] | None:
        """Return the ids the server lists; None of a server without a list, which is taken at its word."""
        try:
            async with self._sent("GET", "/models", None, timeout) as response:
                listed = orjson.loads(await response.read())
            return frozenset(str(item["id"]) for item in listed["data"])
        except (KeyError, TypeError):
            raise ProviderFailed(FailureKind.BROKEN) from None
        except _FAILURES as error:
            raise failure(error) from None

    @asynccontextmanager
    async def _sent(
        self, method: str, path: str, body: bytes | None, timeout: float | None = None
    ) -> AsyncGenerator[ClientResponse, None]:
        """Yield the answer to a request; leaving the block before its end closes the connection. Raises refusals."""
        response = await self._send(method, path, body, timeout)
        ended = False
        try:
            if response.status >= 400:
                raise await refusal(response)
            yield response
            ended = True
        finally:
            if ended and response.content.at_eof():
                response.release()
            else:
                response.close()

    async def _send(self, method: str, path: str, body: bytes | None, timeout: float | None) -> ClientResponse:
        """Send, and once more when a kept connection turns out to be dead: a server that restarted costs no call.

        A connection made for this call that breaks is no such thing: the server may be at work, and be paid for it.
        """
        limits = self._timeout if timeout is None else aiohttp.ClientTimeout(total=timeout)
        for again in (False, True):
            way = _Way()
            try:
                return await self._session().request(
                    method,
                    self._url + path,
                    data=body,
                    headers=self._headers,
                    timeout=limits,
                    allow_redirects=False,
                    trace_request_ctx=way,
                )
            except _DROPPED:
                if again or not way.kept:
                    raise
        raise AssertionError("unreachable")

    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_CONNECTION_SECONDS)
            self._opened = aiohttp.ClientSession(
                connector=connector,
                # What is set for a person's browser must not come between our servers.
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("user-agent",),
                read_bufsize=1 << 18,
                trace_configs=[_watching_the_way()],
            )
        return self._opened


async def _events(response: ClientResponse, reading: Reading) -> AsyncGenerator[bytes, None]:
    """Yield the data of server-sent events, up to [DONE] or the end."""
    held = b""
    async for piece in response.content.iter_any():
        held += piece
        if len(held) > _LONGEST_LINE:
            raise ProviderFailed(FailureKind.BROKEN)
        *lines, held = held.split(b"\n")
        for line in lines:
            if not line.startswith(b"data:"):
                continue
            data = line[5:].strip()
            if data == b"[DONE]":
                if reading.reason is not None:
                    # Nothing follows; reading to the end keeps the connection.
                    async for _ in response.content.iter_any():
                        pass
                return
            if data:
                yield data


def failure(error: Exception) -> ProviderFailed:
    """Put what the client raised into our words, without a word of the provider's."""
    if isinstance(error, _UNREACHABLE):
        return ProviderFailed(FailureKind.UNREACHABLE)
    if isinstance(error, TimeoutError):
        return ProviderFailed(FailureKind.TIMED_OUT)
    return ProviderFailed(FailureKind.BROKEN)


async def refusal(response: ClientResponse) -> Exception:
    """Put an error's status into our words."""
    status, wait = response.status, retry_after(response.headers)
    try:
        said = orjson.loads(await response.content.read(_LONGEST_ERROR))["error"]
        code, words = str(said.get("code") or ""), str(said.get("message") or "")
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError, KeyError, TypeError, AttributeError):
        code, words = "", ""
    if status == 429 or (status == 503 and wait > 0):
        return ProviderFailed(FailureKind.THROTTLED, wait)
    if status in (401, 402, 403):
        return ProviderFailed(FailureKind.FORBIDDEN)
    if status == 404:
        return ProviderFailed(FailureKind.GONE)
    if status in (400, 413, 422):
        said_long = f"{code} {words}".lower()
        if any(word in said_long for word in ("context_length", "context length", "maximum context")):
            return PromptTooLong()
        return PromptRefused(code if _CODE.fullmatch(code) else "invalid_request")
    return ProviderFailed(FailureKind.BROKEN)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float:
    """Return the seconds a provider asks to wait, however it says so; 0 when it does not."""
    if (exact := headers.get("retry-after-ms", "")) and exact.replace(".", "", 1).isdigit():
        return float(exact) / 1000
    said = headers.get("retry-after", "").strip()
    if said.replace(".", "", 1).isdigit():
        return float(said)
    if said:
        try:
            then: Any = parsedate_to_datetime(said)
            return max(0.0, float((then - (now or datetime.now(UTC))).total_seconds()))
        except (TypeError, ValueError):
            return 0.0
    resets = [_seconds(headers.get(f"x-ratelimit-reset-{what}", "")) for what in ("requests", "tokens")]
    return max(resets)


def _seconds(duration: str) -> float:
    """Return the seconds of a duration as OpenAI writes it: 6m0s, 1.5s, 20ms."""
    found = _DURATION.fullmatch(duration) if duration else None
    if found is None:
        return 0.0
    hours, minutes, seconds, millis = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds + millis / 1000
