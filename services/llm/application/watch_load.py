"""Watches how long work waits for the processor, and tells whoever lets calls in."""

import asyncio

from services.llm.application.ports import Clock
from services.llm.domain.admission import Admission

# Seconds between two looks.
_TICK = 0.01


class WatchLoad:
    """A background job: what is due now and begins later has waited."""

    def __init__(self, admission: Admission, clock: Clock) -> None:
        """Take whom to tell."""
        self._admission = admission
        self._clock = clock

    async def __call__(self) -> None:
        """Watch until cancelled."""
        while True:
            due = self._clock() + _TICK
            await asyncio.sleep(_TICK)
            now = self._clock()
            self._admission.waited(now - due, now)
