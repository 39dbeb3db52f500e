"""Keeps the claims of running answers alive, and ends answers whose writer is gone."""

import asyncio
import logging

from services.chat.application.ports import Clock, ConversationBook
from services.chat.application.send_message import RunningAnswers
from services.chat.domain.conversation import LEASE
from services.runtime.errors import Unavailable

log = logging.getLogger("aisle.chat")

_INTERVAL = 5.0


class RecoverAnswers:
    """Marks answers as failed that nobody writes any more."""

    def __init__(self, book: ConversationBook, running: RunningAnswers, clock: Clock) -> None:
        """Take where conversations are kept and what this process writes."""
        self._book = book
        self._running = running
        self._clock = clock

    async def at_start(self) -> int:
        """End what a former process of this name left behind: nobody else can be writing it."""
        async with self._book.writing() as conversations:
            ended = await conversations.fail_abandoned(self._running.holder, self._clock.now())
        if ended:
            log.warning("answers of a crash ended", extra={"data": {"answers": ended}})
        return ended

    async def __call__(self) -> None:
        """Renew and sweep until the process leaves."""
        while True:
            await asyncio.sleep(_INTERVAL)
            try:
                await self.beat()
            except Unavailable as away:
                log.info("claims wait", extra={"data": {"reason": away.reason}})

    async def beat(self) -> None:
        """Give a sign of life for every running answer, and end those of other processes that give none."""
        now = self._clock.now()
        async with self._book.writing() as conversations:
            if self._running.keys:
                await conversations.renew(sorted(self._running.keys), now + LEASE)
            ended = await conversations.fail_abandoned("", now)
        if ended:
            log.warning("abandoned answers ended", extra={"data": {"answers": ended}})
