"""Delivers the records on this machine's disk to analytics, at least once.

A segment is removed only once all of it has arrived; what arrives twice counts once there, by its id.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence

from services.llm.application.ports import UsageSink, UsageSpool
from services.runtime.errors import AisleError, Invalid

log = logging.getLogger("aisle.llm.usage")

# Records in one call: few enough that making the message stalls no answer that streams beside it.
BATCH = 250
PAUSE = 0.5
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 30.0


class DeliverUsage:
    """Moves records from the spool to analytics for as long as the process lives, and once more when it leaves."""

    def __init__(
        self,
        spool: UsageSpool,
        sink: UsageSink,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Take both ends, how to wait, and numbers between 0 and 1 that spread the tries of many processes."""
        self._spool = spool
        self._sink = sink
        self._sleep = sleep
        self._jitter = jitter
        self._failures = 0

    async def __call__(self) -> None:
        """Deliver what is closed, over and over. Waits longer and longer while analytics is away."""
        while True:
            try:
                await self.once()
            except AisleError as away:
                await self._sleep(self._wait(away))
            else:
                self._failures = 0
                await self._sleep(PAUSE)

    async def once(self) -> int:
        """Deliver what is closed, oldest first; return how many records. Raises AisleError while analytics is away."""
        moved = 0
        for segment in self._spool.closed():
            records = self._spool.read(segment)
            for place in range(0, len(records), BATCH):
                await self._deliver(records[place : place + BATCH])
            self._spool.remove(segment)
            moved += len(records)
        return moved

    async def drain(self, seconds: float) -> None:
        """Deliver everything, as far as the time allows; the rest stays on disk for the next process."""
        self._spool.seal()
        try:
            async with asyncio.timeout(seconds):
                await self.once()
        except (AisleError, TimeoutError):
            log.warning("usage records stay on disk until the next start")

    async def _deliver(self, records: Sequence[bytes]) -> None:
        """Deliver a batch. One record that is refused for ever must not hold up the others: it is set aside."""
        try:
            await self._sink.deliver(records)
        except Invalid:
            if len(records) == 1:
                self._spool.set_aside(records[0])
                return
            half = len(records) // 2
            await self._deliver(records[:half])
            await self._deliver(records[half:])

    def _wait(self, away: AisleError) -> float:
        """Return the seconds to the next try: somewhere up to a bound that doubles with each failure."""
        if not self._failures:
            log.warning("usage records wait for analytics", extra={"data": {"reason": away.reason}})
        bound = min(_FIRST_WAIT * 2.0**self._failures, _LONGEST_WAIT)
        self._failures = min(self._failures + 1, 16)
        return max(0.05, bound * self._jitter())
