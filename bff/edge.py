"""What surrounds every request: its id, its size, its log line, and the headers that keep browsers careful."""

import logging
import re
import time
import uuid
from contextlib import AbstractContextManager, nullcontext
from http import HTTPStatus
from typing import Any, cast

from opentelemetry import propagate, trace
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bff.settings import BffSettings
from services.runtime import telemetry
from services.runtime.interceptors import Call, Caller, current_call

log = logging.getLogger("aisle.http")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?|\[[0-9A-Fa-f:]+\](:\d{1,5})?")

# Asked every second by whoever watches over processes.
_WATCHED = ("/healthz", "/readyz")
# WebSockets end with codes from here on.
_CLOSING_CODES = 1000


class _NoDeadline:
    """Stands where a gRPC call has its context: a request from a browser brings no deadline."""

    def time_remaining(self) -> None:
        return None


class Edge:
    """The outermost application: everything inside runs within one call of ours."""

    def __init__(self, app: ASGIApp, settings: BffSettings) -> None:
        """Take the application to surround."""
        self._app = app
        self._settings = settings
        origins = settings.public_origins.split()
        # A proxy that ends TLS may speak http to us.
        self._secure = bool(origins) and all(origin.startswith("https://") for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or serve one WebSocket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        call = _call(scope)
        reset = current_call.set(call)
        try:
            await self._observed(call, scope, receive, send)
        finally:
            current_call.reset(reset)

    async def _observed(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        status = 0

        async def answering(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._add_headers(scope, message, call.request_id)
            elif message["type"] == "websocket.close":
                status = message.get("code", 1000)
            await send(message)

        limited = _Limited(receive, self._settings.max_body_bytes)
        if scope["type"] == "http":
            limited.expect(Headers(scope=scope).get("content-length", ""))
        with _span(call, scope) as span:
            try:
                await self._app(scope, limited if scope["type"] == "http" else receive, answering)
            finally:
                elapsed = time.perf_counter() - started
                route = getattr(scope.get("route"), "path", "")
                if span.is_recording():
                    _describe(span, call, scope, status)
                if scope["path"] not in _WATCHED:
                    telemetry.http_duration.record(elapsed, {"http.route": route, "http.response.status_code": status})
                data = {
                    "method": scope.get("method", "WS"),
                    "path": scope["path"][:200],
                    "status": status,
                    "ms": round(elapsed * 1000, 2),
                    "request_id": call.request_id,
                }
                log.info("http", extra={"data": data})

    def _add_headers(self, scope: Scope, message: Message, request_id: str) -> None:
        headers = MutableHeaders(scope=message)
        headers["X-Request-Id"] = request_id
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Permissions-Policy"] = (
            "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
        )
        headers["X-Permitted-Cross-Domain-Policies"] = "none"
        # Pictures may stand in mails and on other pages; everything else is for our own.
        if not scope["path"].startswith("/media/"):
            headers["Cross-Origin-Resource-Policy"] = "same-origin"
        headers["X-Frame-Options"] = "DENY"
        if self._secure or scope.get("scheme") == "https":
            headers["Strict-Transport-Security"] = "max-age=31536000"
        # Headers of a 304 replace those a browser kept, and it does not say whether that was a page.
        if message["status"] != HTTPStatus.NOT_MODIFIED:
            is_page = headers.get("content-type", "").startswith("text/html")
            policy = self._page_policy(scope) if is_page else "default-src 'none'; frame-ancestors 'none'; sandbox"
            headers.setdefault("Content-Security-Policy", policy)
        if scope["path"].startswith("/api/"):
            headers.setdefault("Cache-Control", "no-store")

    def _page_policy(self, scope: Scope) -> str:
        host = Headers(scope=scope).get("host", "")
        # Not every browser counts WebSockets of the same origin as 'self'.
        sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
        pictures = f" {self._settings.media_origins}".rstrip()
        return (
            "default-src 'self'; script-src 'self'; style-src 'self'; font-src 'self'; "
            f"img-src 'self' data:{pictures}; connect-src 'self'{sockets}; "
            "object-src 'none'; frame-src 'none'; worker-src 'none'; script-src-attr 'none'; "
            "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
        )


class _Limited:
    """Counts what arrives of a body, and refuses it where it grows too large."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._seen = 0

    def expect(self, content_length: str) -> None:
        """Count what the request says it will send."""
        # A length beyond any limit may be too long a number to read as one.
        if content_length.isdecimal():
            self._seen = 0 if len(content_length) < 16 and int(content_length) <= self._limit else self._limit + 1

    async def __call__(self) -> Message:
        self._check()
        message = await self._receive()
        if message["type"] == "http.request":
            self._seen += len(message.get("body", b""))
            self._check()
        return message

    def _check(self) -> None:
        if self._seen > self._limit:
            raise HTTPException(413, f"A body may have {self._limit} bytes here.")


def _span(call: Call, scope: Scope) -> AbstractContextManager[trace.Span]:
    """Return the span of a request, which goes on with the proxy's trace."""
    if scope["path"] in _WATCHED:
        return nullcontext(trace.INVALID_SPAN)
    return telemetry.tracer.start_as_current_span(
        call.method, context=propagate.extract(call.metadata), kind=trace.SpanKind.SERVER
    )


def _describe(span: trace.Span, call: Call, scope: Scope, status: int) -> None:
    """Say what the request came to, by its route: what stands in a path may be somebody's own."""
    method, route = scope.get("method", "WS"), getattr(scope.get("route"), "path", "")
    span.update_name(f"{method} {route}".rstrip())
    span.set_attributes(
        {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": status,
            telemetry.REQUEST_ID: call.request_id,
        }
    )
    if HTTPStatus.INTERNAL_SERVER_ERROR <= status < _CLOSING_CODES:
        span.set_status(trace.StatusCode.ERROR)


def _call(scope: Scope) -> Call:
    headers = Headers(scope=scope)
    given = headers.get("x-request-id", "")
    return Call(
        method=f"{scope.get('method', 'WS')} {scope['path'][:200]}",
        context=cast(Any, _NoDeadline()),
        policy=None,
        metadata={key: value for key, value in headers.items() if key in ("traceparent", "tracestate")},
        request_id=given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4()),
        caller=Caller(service="bff", address=(scope.get("client") or ("",))[0]),
    )
