"""Reads batches, their items and their results."""

from collections.abc import Sequence

from services.llm.application.batch_ports import BatchBook
from services.llm.domain.batch import ENDED, Batch, Item, ItemState, Tally, batch_not_found

# Answers of one page: half of what a message may hold.
MOST_BYTES = 8 << 20


class GetBatch:
    """Returns a batch with what became of its items so far."""

    def __init__(self, book: BatchBook) -> None:
        """Take where batches are kept."""
        self._book = book

    async def __call__(self, key: str) -> tuple[Batch, Tally]:
        """Return both as they were at one moment. Raises NotFound."""
        async with self._book.reading() as batches:
            batch = await batches.find(key)
            if batch is None:
                raise batch_not_found(key)
            return batch, await batches.tally(key)


class ListBatches:
    """Lists batches, newest first."""

    def __init__(self, book: BatchBook) -> None:
        """Take where batches are kept."""
        self._book = book

    async def __call__(self, tenant: str, after: tuple[str, str] | None, limit: int) -> list[Batch]:
        """Return batches of a tenant, or of all, behind a (time of creation, key)."""
        async with self._book.reading() as batches:
            return await batches.page(tenant, after, limit)


class ListBatchItems:
    """Lists the items of a batch, in the order they were added."""

    def __init__(self, book: BatchBook) -> None:
        """Take where batches are kept."""
        self._book = book

    async def __call__(self, key: str, states: Sequence[ItemState], after: int, limit: int) -> list[Item]:
        """Return items behind a position, without answers. Raises NotFound."""
        async with self._book.reading() as batches:
            if await batches.find(key) is None:
                raise batch_not_found(key)
            return await batches.items(key, states or tuple(ItemState), after, limit, False)

    async def results(self, key: str, states: Sequence[ItemState], after: int, limit: int) -> list[Item]:
        """Return items that have ended, with their answers; fewer than the limit when they are large."""
        async with self._book.reading() as batches:
            if await batches.find(key) is None:
                raise batch_not_found(key)
            return await batches.items(key, states or ENDED, after, limit, True, MOST_BYTES)
