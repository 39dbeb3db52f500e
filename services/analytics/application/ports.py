"""What the analytics use cases need from the outside, in their own words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from services.analytics.domain.event import Event
from services.analytics.domain.report import Interval, Report, Table
from services.analytics.domain.usage import Dimension, Group, UsageFilter, UsageRecord


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event taken from the stream, with the receipt that acknowledges it. An unreadable one has no event."""

    receipt: str
    event: Event | None


class EventStream(Protocol):
    """A durable queue of events: what was appended is delivered at least once."""

    async def append(self, events: Sequence[Event]) -> None:
        """Return once the events are durable. Raises Unavailable."""
        ...

    async def take(self, limit: int) -> Sequence[Delivery]:
        """Wait a moment for events, those left over by a consumer that died included. Raises Unavailable."""
        ...

    async def acknowledge(self, receipts: Sequence[str]) -> None:
        """Forget what was stored. Raises Unavailable."""
        ...

    async def pending(self) -> int:
        """Return how many events are not acknowledged yet. Raises Unavailable."""
        ...


class EventStore(Protocol):
    """The events that are kept."""

    async def store(self, events: Sequence[Event]) -> int:
        """Keep events; one that is kept already is left alone. Returns how many were new. Raises Unavailable."""
        ...

    async def count(self, report: Report, interval: Interval, limit: int) -> Table:
        """Return a report's table. Raises Unavailable."""
        ...


class UsageStore(Protocol):
    """The records of calls to language models that are kept, and their sums by day."""

    async def store(self, records: Sequence[UsageRecord]) -> int:
        """Keep records; one that is kept already is left alone. Returns how many were new. Raises Unavailable."""
        ...

    async def groups(
        self, interval: Interval, by: Sequence[Dimension], wanted: UsageFilter, limit: int
    ) -> Sequence[Group]:
        """Return what the records of an interval sum up to, for each combination of the dimensions' values.

        Of more combinations than the limit those are left out that cost least, or the newest when days are asked for
        first. Records whose users are not asked for are summed by whole days where the interval holds whole days.
        Raises Unavailable.
        """
        ...

    async def page(
        self, interval: Interval, wanted: UsageFilter, after: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[UsageRecord]:
        """Return records, newest first, from the one after the given place on. Raises Unavailable."""
        ...

    async def forget(self, records_before: datetime, days_before: date, limit: int) -> int:
        """Remove at most so many old records, and old sums; return how many records. Raises Unavailable."""
        ...


class Clock(Protocol):
    """The time."""

    def now(self) -> datetime:
        """Return the current time in UTC."""
        ...
