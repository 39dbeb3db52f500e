"""Watches how long work waits for the processor, and tells whoever lets calls in."""

import asyncio
import logging

from services.llm.application.ports import Clock
from services.llm.domain.admission import Admission

log = logging.getLogger("aisle.llm.load")

# Seconds between two looks, and between two words about who was turned away: one for each would be load of its own.
_TICK = 0.01
_WORD = 1.0


class WatchLoad:
    """A background job: what is due now and begins later has waited."""

    def __init__(self, admission: Admission, clock: Clock) -> None:
        """Take whom to tell."""
        self._admission = admission
        self._clock = clock

    async def __call__(self) -> None:
        """Watch until cancelled."""
        said, said_at = self._admission.by_priority(), self._clock()
        while True:
            due = self._clock() + _TICK
            await asyncio.sleep(_TICK)
            now = self._clock()
            self._admission.waited(now - due, now)
            if now - said_at >= _WORD:
                turned_away = self._admission.by_priority()
                if turned_away != said:
                    data = {priority: count - said[priority] for priority, count in turned_away.items()}
                    log.warning("calls turned away", extra={"data": data})
                said, said_at = turned_away, now
