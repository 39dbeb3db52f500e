"""An event store in memory."""

from collections.abc import Sequence
from uuid import UUID

from services.analytics.domain.event import Event, EventType
from services.analytics.domain.report import Interval, Report, Table
from services.runtime.errors import Unavailable


class FakeEventStore:
    """Keeps events by id and counts the overview; other reports are the real store's business."""

    def __init__(self) -> None:
        self.events: dict[UUID, Event] = {}
        self.away = False

    async def store(self, events: Sequence[Event]) -> int:
        if self.away:
            raise Unavailable("EVENT_STORE_UNAVAILABLE", "away")
        before = len(self.events)
        for event in events:
            self.events.setdefault(event.id, event)
        return len(self.events) - before

    async def count(self, report: Report, interval: Interval, limit: int) -> Table:
        if self.away:
            raise Unavailable("EVENT_STORE_UNAVAILABLE", "away")
        found = [event for event in self.events.values() if interval.start <= event.time < interval.end]
        views = sum(event.type is EventType.PRODUCT_VIEW for event in found)
        return Table(["visitors", "product_views"], [[len({event.shopper for event in found}), views]])
