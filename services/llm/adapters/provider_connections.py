"""Connections to one provider: kept between calls, closed at once by whoever leaves; and what their failures mean."""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import SimpleNamespace
from typing import Any

import aiohttp
from aiohttp import ClientResponse
from yarl import URL

from services.llm.adapters import genai_names as names
from services.llm.domain.errors import FailureKind, ProviderFailed
from services.llm.domain.model import Model
from services.runtime import telemetry

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_IDLE_CONNECTION_SECONDS = 30.0
# Seconds that the end of an answer may take once its last word has come.
LAST_BYTES_SECONDS = 0.05
_LONGEST_ANSWER = 64 << 20
# Limits are counted by the day at the longest; a number of five hundred digits would be for ever.
_LONGEST_WAIT = 86_400.0
# A dead connection shows at once; a server that hangs up later than this was at work.
_DEAD_SECONDS = 1.0
_UNREACHABLE = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
_DROPPED = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionResetError)
# Whatever reading from a provider may raise; what aiohttp raises for numbers and lines it cannot read is among them.
FAILURES = (aiohttp.ClientError, OSError, TimeoutError, ValueError)


class _Use:
    """Whether a request went out on a connection that was kept from an earlier one."""

    kept = False


async def _reused(
    session: aiohttp.ClientSession, context: SimpleNamespace, params: aiohttp.TraceConnectionReuseconnParams
) -> None:
    context.trace_request_ctx.kept = True


class ProviderConnections:
    """The connections to one provider. Opens lazily: the first call connects."""

    def __init__(self, timeout: float, connect: float, keep: bool = True) -> None:
        """Take the longest silence, and how long connecting may take, in seconds; `keep` connections between calls."""
        self._keep = keep
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect, connect=connect, sock_read=timeout)
        self._opened: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all connections."""
        if self._opened is not None:
            await self._opened.close()

    @asynccontextmanager
    async def answer(
        self, method: str, url: URL, headers: Mapping[str, str], body: bytes | None, timeout: float | None = None
    ) -> AsyncGenerator[ClientResponse, None]:
        """Yield the answer to a request; leaving the block before the answer's end closes the connection."""
        response = await self._send(method, url, headers, body, timeout)
        ended = False
        try:
            yield response
            ended = True
        finally:
            if ended and response.content.at_eof():
                response.release()
            else:
                response.close()

    async def _send(
        self, method: str, url: URL, headers: Mapping[str, str], body: bytes | None, timeout: float | None
    ) -> ClientResponse:
        """Send, and once more when a kept connection turns out to be dead: a server that restarted costs no call.

        On a fresh connection nothing is sent twice: the provider may have begun to work, and bill, before it was gone.
        """
        limits = self._timeout if timeout is None else aiohttp.ClientTimeout(total=timeout)
        for again in (False, True):
            use, sent = _Use(), asyncio.get_running_loop().time()
            try:
                return await self._session().request(
                    method, url, data=body, headers=headers, timeout=limits, allow_redirects=False,
                    trace_request_ctx=use,
                )  # fmt: skip
            except _DROPPED as dropped:
                late = asyncio.get_running_loop().time() - sent > _DEAD_SECONDS
                if again or late or not use.kept or not _said_nothing(dropped):
                    raise
        raise AssertionError("unreachable")

    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            kept: Any = {"keepalive_timeout": _IDLE_CONNECTION_SECONDS} if self._keep else {"force_close": True}
            tracing = aiohttp.TraceConfig()
            tracing.on_connection_reuseconn.append(_reused)
            self._opened = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, **kept),
                # What is set for a person's browser must not come between our servers.
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                # Compression would hold back deltas until a block of them is full.
                headers={"accept-encoding": "identity", "user-agent": "aisle"},
                read_bufsize=1 << 18,
                trace_configs=[tracing],
            )
        return self._opened


def _said_nothing(dropped: Exception) -> bool:
    """Return whether a connection broke before a byte of the answer; half a head comes with the error."""
    return not isinstance(dropped, aiohttp.ServerDisconnectedError) or isinstance(dropped.message, str)


async def whole(response: ClientResponse, longest: int = _LONGEST_ANSWER) -> bytes:
    """Return all of a body. Raises ProviderFailed when it is longer than any answer."""
    pieces, size = [], 0
    while piece := await response.content.readany():
        pieces.append(piece)
        size += len(piece)
        if size > longest:
            raise ProviderFailed(FailureKind.BROKEN)
    return b"".join(pieces)


def failure(error: Exception) -> ProviderFailed:
    """Put what the client raised into our words, without a word of the provider's."""
    if isinstance(error, _UNREACHABLE):
        return ProviderFailed(FailureKind.UNREACHABLE)
    if isinstance(error, TimeoutError):
        return ProviderFailed(FailureKind.TIMED_OUT)
    return ProviderFailed(FailureKind.BROKEN)


def failure_of_status(status: int, wait: float) -> ProviderFailed | None:
    """Return what a status says of the provider, None when it says that the request is wrong."""
    if status in (429, 529) or (status == 503 and wait > 0):
        return ProviderFailed(FailureKind.THROTTLED, wait)
    if status in (401, 402, 403):
        return ProviderFailed(FailureKind.FORBIDDEN)
    if status == 404:
        return ProviderFailed(FailureKind.GONE)
    if status in (408, 504, 524):
        return ProviderFailed(FailureKind.TIMED_OUT)
    return None if status in (400, 413, 422) else ProviderFailed(FailureKind.BROKEN, wait)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float:
    """Return the seconds a provider asks to wait, however it says so; 0 when it does not, a day at the most."""
    return min(_asked_wait(headers, now), _LONGEST_WAIT)


def _asked_wait(headers: Mapping[str, str], now: datetime | None) -> float:
    if exact := _number(headers.get("retry-after-ms", "")):
        return exact / 1000
    said = headers.get("retry-after", "").strip()
    if (seconds := _number(said)) is not None:
        return seconds
    if said:
        try:
            then: Any = parsedate_to_datetime(said)
            return max(0.0, float((then - (now or datetime.now(UTC))).total_seconds()))
        except (TypeError, ValueError):
            return 0.0
    # Only a limit that is used up is waited for; the other one's reset says nothing about this call.
    resets = [
        _seconds(headers.get(f"x-ratelimit-reset-{what}", ""))
        for what in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{what}", "0").strip() in ("", "0")
    ]
    return max(resets, default=0.0)


def _number(said: str) -> float | None:
    """Return a plain decimal number, None for anything else: `float` would take "nan" and "infinity"."""
    return float(said) if said.isascii() and said.replace(".", "", 1).isdigit() else None


def _seconds(duration: str) -> float:
    """Return the seconds of a duration as OpenAI writes it: 6m0s, 1.5s, 20ms."""
    found = _DURATION.fullmatch(duration) if duration else None
    if found is None:
        return 0.0
    hours, minutes, seconds, millis = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds + millis / 1000


def embedding_span(model: Model) -> AbstractContextManager[None]:
    """Return the span of a call that asks a provider for vectors."""
    provider = names.PROVIDERS.get(model.provider, model.provider)
    said = {names.OPERATION: "embeddings", names.PROVIDER: provider, names.REQUEST_MODEL: model.name}
    return telemetry.client_span(f"embeddings {model.name}", said)
