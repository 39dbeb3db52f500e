"""An event stream in memory, as durable as the test that holds it."""

from collections.abc import Sequence

from services.analytics.application.ports import Delivery
from services.analytics.domain.event import Event
from services.runtime.errors import Unavailable


class FakeEventStream:
    """Delivers what was appended until it is acknowledged."""

    def __init__(self) -> None:
        self.waiting: dict[str, Event] = {}
        self.away = False
        self._appended = 0

    async def append(self, events: Sequence[Event]) -> None:
        self._answer()
        for event in events:
            self._appended += 1
            self.waiting[str(self._appended)] = event

    async def take(self, limit: int) -> Sequence[Delivery]:
        self._answer()
        return [Delivery(receipt, event) for receipt, event in list(self.waiting.items())[:limit]]

    async def acknowledge(self, receipts: Sequence[str]) -> None:
        self._answer()
        for receipt in receipts:
            self.waiting.pop(receipt, None)

    async def pending(self) -> int:
        self._answer()
        return len(self.waiting)

    def _answer(self) -> None:
        if self.away:
            raise Unavailable("EVENT_STREAM_UNAVAILABLE", "away")
