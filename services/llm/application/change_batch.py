"""Cancels a batch, and runs items of one again."""

from collections.abc import Sequence

from services.llm.application.batch_ports import BatchBook
from services.llm.domain.batch import REPEATABLE, Batch, BatchState, ItemState, batch_not_found, wrong_state


class CancelBatch:
    """Stops a batch: nothing more is begun, what is on its way ends."""

    def __init__(self, book: BatchBook) -> None:
        """Take where batches are kept."""
        self._book = book

    async def __call__(self, key: str) -> Batch:
        """Cancel the batch; one that has ended stays as it is. Raises NotFound."""
        async with self._book.writing() as batches:
            batch = await batches.lock(key)
            if batch is None:
                raise batch_not_found(key)
            if batch.state in (BatchState.OPEN, BatchState.RUNNING):
                await batches.move(key, BatchState.CANCELLING)
        # In a transaction of its own: of a large batch this takes a while, and nothing is begun meanwhile. Whoever
        # dies between the two leaves the rest to the sweep.
        async with self._book.writing() as batches:
            await batches.cancel_pending(key)
            await batches.end_finished()
            return await batches.find(key) or batch


class RetryBatchItems:
    """Runs items again that failed, or whose end nobody saw: somebody decided that they may be paid twice."""

    def __init__(self, book: BatchBook) -> None:
        """Take where batches are kept."""
        self._book = book

    async def __call__(self, key: str, states: Sequence[ItemState], keys: Sequence[str]) -> int:
        """Return how many items wait again. Raises NotFound or Precondition."""
        async with self._book.writing() as batches:
            batch = await batches.lock(key)
            if batch is None:
                raise batch_not_found(key)
            if batch.state not in (BatchState.RUNNING, BatchState.ENDED):
                raise wrong_state(batch, "retried")
            retried = await batches.wait_again(key, states or REPEATABLE, keys)
            if retried and batch.state is BatchState.ENDED:
                await batches.move(key, BatchState.RUNNING)
        return retried
