"""Server-sent events that stop their upstream when the reader leaves, and keep the line warm while it waits."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.runtime.errors import AisleError

_HEARTBEAT = b": still here\n\n"
# Events waiting for a slow reader; then the upstream waits too.
_WAITING = 16


def event(name: str, data: Mapping[str, Any]) -> bytes:
    """Return a named event."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()


class EventStream(Response):
    """An answer of events. An error before the first one is an ordinary answer, a later one an event."""

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncGenerator[bytes, None],
        on_error: Callable[[AisleError], bytes],
        patience: float = 5.0,
        heartbeat: float = 15.0,
    ) -> None:
        """Take rendered events, how to render an error, and the seconds to wait before headers and heartbeats."""
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._events = events
        self._on_error = on_error
        self._patience = patience
        self._heartbeat = heartbeat
        self._waiting: asyncio.Queue[bytes | AisleError | None] = asyncio.Queue(_WAITING)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events until they end or the reader leaves."""
        refused: AisleError | None = None
        async with asyncio.TaskGroup() as group:
            pump = group.create_task(self._pump())
            relay = group.create_task(self._relay(send))
            gone = group.create_task(_until_gone(receive))
            await asyncio.wait((relay, gone), return_when=asyncio.FIRST_COMPLETED)
            for task in (pump, relay, gone):
                task.cancel()
        if relay.done() and not relay.cancelled():
            refused = relay.result()
        if refused is not None:
            raise refused

    async def _pump(self) -> None:
        try:
            async with aclosing(self._events) as events:
                async for rendered in events:
                    await self._waiting.put(rendered)
        except AisleError as error:
            await self._waiting.put(error)
        else:
            await self._waiting.put(None)

    async def _relay(self, send: Send) -> AisleError | None:
        """Send what the pump brings; return the error that came before anything was sent."""
        first = await self._next(self._patience)
        if isinstance(first, AisleError):
            return first
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        item: bytes | AisleError | None = first
        while item is not None:
            rendered = self._on_error(item) if isinstance(item, AisleError) else item
            await send({"type": "http.response.body", "body": rendered, "more_body": True})
            item = None if isinstance(item, AisleError) else await self._next(self._heartbeat)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return None

    async def _next(self, seconds: float) -> bytes | AisleError | None:
        try:
            async with asyncio.timeout(seconds):
                return await self._waiting.get()
        except TimeoutError:
            return _HEARTBEAT


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
