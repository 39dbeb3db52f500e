"""A usage store in memory."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from services.analytics.domain.report import Interval
from services.analytics.domain.usage import Dimension, Group, Summary, UsageFilter, UsageRecord, day_of
from services.runtime.errors import Unavailable


class FakeUsageStore:
    """Keeps records by id and sums them up when asked."""

    def __init__(self) -> None:
        self.records: dict[UUID, UsageRecord] = {}
        self.away = False

    async def store(self, records: Sequence[UsageRecord]) -> int:
        self._answer()
        before = len(self.records)
        for record in records:
            self.records.setdefault(record.id, record)
        return len(self.records) - before

    async def groups(
        self, interval: Interval, by: Sequence[Dimension], wanted: UsageFilter, limit: int
    ) -> Sequence[Group]:
        self._answer()
        parts: dict[tuple[str, ...], dict[tuple[str, str], Summary]] = {}
        for record in self._found(interval, wanted):
            summary = parts.setdefault(_keys(record, by), {}).setdefault((record.outcome, record.cache), Summary())
            summary.add(record)

        def rank(keys: tuple[str, ...]) -> tuple[object, ...]:
            if by and by[0] is Dimension.DAY:
                return (keys,)
            held = parts[keys].values()
            return (-sum(one.cost_micros for one in held), -sum(one.calls for one in held), keys)

        return [
            Group(keys, outcome, cache, summary)
            for keys in sorted(parts, key=rank)[:limit]
            for (outcome, cache), summary in parts[keys].items()
        ]

    async def page(
        self, interval: Interval, wanted: UsageFilter, after: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[UsageRecord]:
        self._answer()
        found = sorted(self._found(interval, wanted), key=lambda record: (record.time, record.id), reverse=True)
        return [record for record in found if after is None or (record.time, record.id) < after][:limit]

    async def forget(self, records_before: datetime, days_before: date, limit: int) -> int:
        self._answer()
        old = sorted(record.time for record in self.records.values() if record.time < records_before)[:limit]
        for record in [record for record in self.records.values() if record.time in old]:
            del self.records[record.id]
        return len(old)

    def _found(self, interval: Interval, wanted: UsageFilter) -> list[UsageRecord]:
        return [
            record
            for record in self.records.values()
            if interval.start <= record.time < interval.end and wanted.fits(record)
        ]

    def _answer(self) -> None:
        if self.away:
            raise Unavailable("USAGE_STORE_UNAVAILABLE", "away")


def _keys(record: UsageRecord, by: Sequence[Dimension]) -> tuple[str, ...]:
    return tuple(
        day_of(record.time) if dimension is Dimension.DAY else getattr(record, dimension.value) for dimension in by
    )
