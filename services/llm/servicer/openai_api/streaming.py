"""Work for somebody who may hang up, and server-sent events that keep the line warm while there is nothing to say."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, MutableMapping
from contextlib import aclosing
from typing import Any, TypeVar

from services.llm.domain.generation import GenerationEvent
from services.runtime.errors import DeadlineExceeded

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Result = TypeVar("Result")

_HEARTBEAT = b": still here\n\n"
_PATIENCE, _BEAT = 5.0, 15.0


class Left(Exception):
    """Whoever asked has hung up: there is nobody to answer."""


async def while_there(
    receive: Receive,
    work: Coroutine[Any, Any, Result],
    seconds: float,
    on_silence: Callable[[], Awaitable[None]] | None = None,
) -> Result:
    """Return what the work comes to. It is stopped at once, and Left raised, when the reader hangs up.

    Raises DeadlineExceeded when it takes longer than it may.
    """
    try:
        async with asyncio.timeout(seconds) as clock:
            return await _watched(receive, work, on_silence)
    except TimeoutError:
        if not clock.expired():
            raise
        raise DeadlineExceeded("DEADLINE_EXCEEDED", "The call took longer than it may.") from None


async def _watched(
    receive: Receive, work: Coroutine[Any, Any, Result], on_silence: Callable[[], Awaitable[None]] | None
) -> Result:
    try:
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(_until_gone(receive, on_silence))
            result = await work
            watch.cancel()
    except ExceptionGroup as raised:
        # The group is how we wait, not something to tell: what went wrong is in it.
        raise raised.exceptions[0] from None
    return result


async def _until_gone(receive: Receive, on_silence: Callable[[], Awaitable[None]] | None) -> None:
    """Raise Left when the reader hangs up; until then say every now and then that we are still here."""
    wait = _PATIENCE if on_silence else None
    while True:
        try:
            async with asyncio.timeout(wait):
                if (await receive())["type"] == "http.disconnect":
                    raise Left
        except TimeoutError:
            if on_silence is not None:
                await on_silence()
            wait = _BEAT


class EventStream:
    """An answer of events. An error before the first one is an ordinary answer, a later one an event."""

    def __init__(self, send: Send, start: Callable[[], Awaitable[None]]) -> None:
        """Take where to send to, and what begins the answer."""
        self._send = send
        self._start = start
        self._busy = False
        self.said_at = asyncio.get_running_loop().time()
        self.began = False

    async def relay(
        self, events: AsyncGenerator[GenerationEvent, None], render: Callable[[GenerationEvent], bytes]
    ) -> None:
        """Send what is rendered of each event."""
        async with aclosing(events):
            async for event in events:
                if data := render(event):
                    await self.say(data)

    async def say(self, data: bytes, more: bool = True) -> None:
        """Send a piece. Waits while the reader does not read: this is the backpressure."""
        self._busy = True
        if not self.began:
            self.began = True
            await self._start()
        await self._send({"type": "http.response.body", "body": data, "more_body": more})
        self.said_at = asyncio.get_running_loop().time()
        self._busy = False

    async def keep_warm(self) -> None:
        """Send a comment when nothing was sent for a while: proxies hang up on silence."""
        if not self._busy and asyncio.get_running_loop().time() - self.said_at >= _PATIENCE - 0.1:
            await self.say(_HEARTBEAT)
