"""Answers what calls to language models took."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from services.analytics.application.ports import Clock, UsageStore
from services.analytics.domain.report import Interval
from services.analytics.domain.usage import Dimension, Figures, Group, UsageFilter, figures

DEFAULT_ROWS = 100


@dataclass(frozen=True, slots=True)
class UsageAnswer:
    """Rows of keys and figures, all of them together, and what they cover."""

    rows: Sequence[tuple[tuple[str, ...], Figures]]
    total: Figures
    interval: Interval
    truncated: bool


class QueryUsage:
    """Counts the records that are stored."""

    def __init__(self, store: UsageStore, clock: Clock, record_days: int) -> None:
        """Take the store, the time, and for how many days single records are kept: before that there are only sums."""
        self._store = store
        self._clock = clock
        self._kept = timedelta(days=record_days)

    async def __call__(
        self, start: datetime | None, end: datetime | None, by: Sequence[Dimension], wanted: UsageFilter, limit: int
    ) -> UsageAnswer:
        """Return figures, the most expensive group first, or by day. Raises Invalid (INTERVAL_INVALID)."""
        interval = self._covered(Interval.of(start, end, self._clock.now()))
        limit = limit or DEFAULT_ROWS
        # One more than is shown tells whether there are more.
        groups = await self._store.groups(interval, by, wanted, limit + 1)
        rows = _ordered(groups, by)
        truncated = len(rows) > limit
        rest = await self._store.groups(interval, (), wanted, 1) if truncated else groups
        return UsageAnswer(rows[:limit], figures(rest), interval, truncated)

    def _covered(self, interval: Interval) -> Interval:
        """Return the interval from the beginning of its first day on where only that day's sums are left."""
        if interval.start >= self._clock.now() - self._kept:
            return interval
        day = datetime.combine(interval.start.astimezone(UTC).date(), time(), UTC)
        return Interval(day, interval.end)


def _ordered(groups: Iterable[Group], by: Sequence[Dimension]) -> list[tuple[tuple[str, ...], Figures]]:
    parts: dict[tuple[str, ...], list[Group]] = {}
    for group in groups:
        parts.setdefault(group.keys, []).append(group)
    rows = [(keys, figures(found)) for keys, found in parts.items()]
    if Dimension.DAY in by:
        place = by.index(Dimension.DAY)
        return sorted(rows, key=lambda row: (row[0][place], -row[1].sums.cost_micros, row[0]))
    return sorted(rows, key=lambda row: (-row[1].sums.cost_micros, -row[1].calls, row[0]))
