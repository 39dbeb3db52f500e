"""What the analytics use cases need from the outside, in their own words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.analytics.domain.event import Event
from services.analytics.domain.report import Interval, Report, Table


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


class Clock(Protocol):
    """The time."""

    def now(self) -> datetime:
        """Return the current time in UTC."""
        ...
