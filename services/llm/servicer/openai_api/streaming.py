"""Server-sent events that stop their upstream when the reader leaves, and keep the line warm while it waits."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import aclosing
from typing import Any

from services.llm.domain.generation import GenerationEvent
from services.llm.servicer.openai_api import errors
from services.llm.servicer.openai_api.replies import sse
from services.runtime.errors import AisleError

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_HEARTBEAT = b": still here\n\n"
_PATIENCE, _BEAT = 5.0, 15.0


class EventStream:
    """An answer of events. An error before the first one is an ordinary answer, a later one an event."""

    def __init__(
        self, events: AsyncGenerator[GenerationEvent, None], render: Callable[[GenerationEvent], bytes]
    ) -> None:
        """Take the events, and what is sent for each."""
        self._events = events
        self._render = render
        self._began = False
        self._sent_at = 0.0
        self._refused: AisleError | None = None

    async def relay(self, receive: Receive, send: Send, start: Callable[[], Awaitable[None]]) -> AisleError | None:
        """Send until the events end or the reader leaves; return an error that came before anything was sent."""
        async with asyncio.TaskGroup() as group:
            pump = group.create_task(self._pump(send, start))
            warm = group.create_task(self._keep_warm(send, start))
            gone = group.create_task(_until_gone(receive))
            await asyncio.wait((pump, gone), return_when=asyncio.FIRST_COMPLETED)
            for task in (pump, warm, gone):
                task.cancel()
        return self._refused

    async def _pump(self, send: Send, start: Callable[[], Awaitable[None]]) -> None:
        clock = asyncio.get_running_loop().time
        try:
            async with aclosing(self._events) as events:
                async for event in events:
                    data = self._render(event)
                    if data:
                        await self._begin(start)
                        # Blocks while the reader does not read: this is the backpressure.
                        await send({"type": "http.response.body", "body": data, "more_body": True})
                        self._sent_at = clock()
        except AisleError as error:
            if not self._began:
                self._refused = error
                return
            await send({"type": "http.response.body", "body": sse(errors.told(error)[1]), "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _begin(self, start: Callable[[], Awaitable[None]]) -> None:
        if not self._began:
            self._began = True
            await start()

    async def _keep_warm(self, send: Send, start: Callable[[], Awaitable[None]]) -> None:
        """Send a comment when nothing else was sent for a while: proxies hang up on silence."""
        clock = asyncio.get_running_loop().time
        self._sent_at = clock()
        wait = _PATIENCE
        while True:
            await asyncio.sleep(wait)
            if clock() - self._sent_at >= wait - 0.1:
                await self._begin(start)
                await send({"type": "http.response.body", "body": _HEARTBEAT, "more_body": True})
                self._sent_at = clock()
            wait = _BEAT


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
