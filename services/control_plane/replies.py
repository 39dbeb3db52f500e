"""Remembers replies in the process, for services without a database (AIP-155)."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from google.protobuf.message import Message

from services.runtime.errors import request_id_reused

KEEP_SECONDS = 24 * 3600.0
KEEP_AT_MOST = 1_000


@dataclass(slots=True)
class _Entry:
    """A call that was made, and its reply once it has one."""

    body: bytes
    made_at: float
    reply: Message | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class MemoryReplies:
    """Replies of one process, forgotten when it ends: an effect has to bear being asked for again after that."""

    def __init__(self, at_most: int = KEEP_AT_MOST, clock: Callable[[], float] = time.monotonic) -> None:
        """Take how many are kept, and a clock in seconds."""
        self._at_most = at_most
        self._clock = clock
        # The oldest first.
        self._entries: dict[tuple[str, str, str], _Entry] = {}

    async def once(self, caller: str, method: str, request: Message, run: Callable[[], Awaitable[Message]]) -> Message:
        """Run the call, or return its remembered reply; a call that comes while the first is running waits for it.

        Raises Invalid (REQUEST_ID_REUSED) for another body under the same id. A call that fails is forgotten: it
        changed nothing.
        """
        request_id: str = getattr(request, "request_id", "")
        if not request_id:
            return await run()
        body, key = request.SerializeToString(deterministic=True), (caller, method, request_id)
        while True:
            entry = self._entries.get(key) or self._remember(key, body)
            if entry.body != body:
                raise request_id_reused(request_id)
            async with entry.turn:
                # The one before failed, and was forgotten while this one waited.
                if self._entries.get(key) is not entry:
                    continue
                return entry.reply if entry.reply is not None else await self._run(key, entry, run)

    async def _run(self, key: tuple[str, str, str], entry: _Entry, run: Callable[[], Awaitable[Message]]) -> Message:
        try:
            reply = entry.reply = await run()
            return reply
        finally:
            if entry.reply is None:
                del self._entries[key]

    def _remember(self, key: tuple[str, str, str], body: bytes) -> _Entry:
        now = self._clock()
        for old, entry in list(self._entries.items()):
            if len(self._entries) < self._at_most and now - entry.made_at < KEEP_SECONDS:
                break
            # What is running is waited for by whoever asks again.
            if entry.reply is not None:
                del self._entries[old]
        made = self._entries[key] = _Entry(body, now)
        return made
