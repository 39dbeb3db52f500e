"""Lists single calls to language models."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.analytics.application.ports import Clock, UsageStore
from services.analytics.domain.report import Interval
from services.analytics.domain.usage import UsageFilter, UsageRecord


class ListUsage:
    """Reads records, newest first."""

    def __init__(self, store: UsageStore, clock: Clock) -> None:
        """Take the store and the time."""
        self._store = store
        self._clock = clock

    async def __call__(
        self,
        start: datetime | None,
        end: datetime | None,
        wanted: UsageFilter,
        after: tuple[datetime, UUID] | None,
        limit: int,
    ) -> Sequence[UsageRecord]:
        """Return a page. Raises Invalid (INTERVAL_INVALID)."""
        return await self._store.page(Interval.of(start, end, self._clock.now()), wanted, after, limit)
