"""Answers reports."""

from dataclasses import dataclass
from datetime import datetime

from services.analytics.application.ports import Clock, EventStore, EventStream
from services.analytics.domain.report import Interval, Report, Table, overview
from services.runtime.errors import Unavailable

DEFAULT_ROWS = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """A table, what it covers, and how many events it does not know yet."""

    table: Table
    interval: Interval
    pending: int
    degraded: tuple[str, ...] = ()


class QueryReport:
    """Counts what is stored."""

    def __init__(self, store: EventStore, stream: EventStream, clock: Clock) -> None:
        """Take the store, the stream (for what is on its way), and the time."""
        self._store = store
        self._stream = stream
        self._clock = clock

    async def __call__(self, report: Report, start: datetime | None, end: datetime | None, limit: int) -> Answer:
        """Return the report. Raises Invalid (INTERVAL_INVALID)."""
        interval = Interval.of(start, end, self._clock.now())
        table = await self._store.count(report, interval, limit or DEFAULT_ROWS)
        if report is Report.OVERVIEW:
            table = overview(table, await self._store.count(report, interval.before(), 1))
        try:
            return Answer(table, interval, await self._stream.pending())
        except Unavailable:
            return Answer(table, interval, 0, ("PENDING_COUNT",))
