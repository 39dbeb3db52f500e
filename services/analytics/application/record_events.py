"""Takes events in."""

from collections.abc import Sequence

from services.analytics.application.ports import EventStream
from services.analytics.domain.event import Event


class RecordEvents:
    """Puts events on the stream; when it returns they are durable."""

    def __init__(self, stream: EventStream) -> None:
        """Take the stream."""
        self._stream = stream

    async def __call__(self, events: Sequence[Event]) -> int:
        """Return how many events are durable now."""
        await self._stream.append(events)
        return len(events)
