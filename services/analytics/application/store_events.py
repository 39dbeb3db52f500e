"""Moves events from the stream into the store."""

from services.analytics.application.ports import EventStore, EventStream


class StoreEvents:
    """Stores one batch, and acknowledges it only once it is stored: a crash in between delivers it again."""

    def __init__(self, stream: EventStream, store: EventStore, batch_size: int) -> None:
        """Take both ends, and how many events one transaction may hold."""
        self._stream = stream
        self._store = store
        self._batch_size = batch_size

    async def __call__(self) -> int:
        """Return how many events were moved."""
        deliveries = await self._stream.take(self._batch_size)
        if not deliveries:
            return 0
        await self._store.store([delivery.event for delivery in deliveries if delivery.event is not None])
        await self._stream.acknowledge([delivery.receipt for delivery in deliveries])
        return len(deliveries)
