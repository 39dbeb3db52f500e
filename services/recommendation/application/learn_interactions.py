"""Learns from what shoppers do."""

from services.recommendation.application.ports import AnswerCache, History, InteractionStream


class LearnInteractions:
    """Moves one batch from the stream into the history and voids the answers it outdates."""

    def __init__(self, stream: InteractionStream, history: History, cache: AnswerCache, batch_size: int) -> None:
        """Take the stream, the history, the cache, and how much one transaction may hold."""
        self._stream = stream
        self._history = history
        self._cache = cache
        self._batch_size = batch_size

    async def __call__(self) -> int:
        """Return how many events were taken; they are acknowledged only once they are in the history."""
        deliveries = await self._stream.take(self._batch_size)
        if not deliveries:
            return 0
        learnt = [delivery.interaction for delivery in deliveries if delivery.interaction is not None]
        if learnt:
            # Forgotten even when nothing was new: a crash after recording may have kept the old answers alive.
            await self._history.record(learnt)
            await self._cache.forget(sorted({interaction.shopper for interaction in learnt}))
        await self._stream.acknowledge([delivery.receipt for delivery in deliveries])
        return len(deliveries)
