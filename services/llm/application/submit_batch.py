"""Submits a batch: creates it, fills it, starts it. Each step can be sent again without harm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.llm.application.batch_ports import BatchBook
from services.llm.application.ports import ModelSource
from services.llm.domain import errors
from services.llm.domain.batch import (
    MOST_ITEMS,
    Batch,
    BatchState,
    NewItem,
    batch_not_found,
    key_reused,
    too_large,
    wrong_state,
)
from services.llm.domain.model import AUTO, Kind
from services.runtime.errors import request_id_reused


class CreateBatch:
    """Creates an empty batch."""

    def __init__(self, book: BatchBook, models: ModelSource) -> None:
        """Take where batches are kept and which models there are."""
        self._book = book
        self._models = models

    async def __call__(self, batch: Batch, request_id: str) -> Batch:
        """Return the new batch, or the one this request created before. Raises Invalid."""
        if batch.model not in ("", AUTO):
            model = self._models.configured().find(batch.model)
            if model is None:
                raise errors.model_not_found(batch.model)
            if model.kind is not Kind.TEXT:
                raise errors.kind_mismatch(batch.model, Kind.TEXT.value)
        async with self._book.writing() as batches:
            kept = await batches.add(batch, request_id)
        if _asked(kept) != _asked(batch):
            raise request_id_reused(request_id)
        return kept


@dataclass(frozen=True, slots=True)
class Added:
    """What became of the items that were sent."""

    added: int
    known: int
    total: int


class AddBatchItems:
    """Adds items to a batch that was not started yet."""

    def __init__(self, book: BatchBook) -> None:
        """Take where batches are kept."""
        self._book = book

    async def __call__(self, key: str, items: Sequence[NewItem]) -> Added:
        """Add the items whose keys are new. Raises NotFound, Precondition, or Invalid; then nothing was added."""
        keys = [item.key for item in items]
        if len(set(keys)) != len(keys):
            raise key_reused([key for key in keys if keys.count(key) > 1])
        async with self._book.writing() as batches:
            batch = await batches.lock(key)
            if batch is None:
                raise batch_not_found(key)
            added, others = await batches.add_items(key, items)
            if others:
                raise key_reused(others)
            # A batch that was started meanwhile takes what it has already: that is a call sent again.
            if added and batch.state is not BatchState.OPEN:
                raise wrong_state(batch, "added to")
            total = (await batches.tally(key)).total
            if total > MOST_ITEMS:
                raise too_large(key)
        return Added(added, len(items) - added, total)


class StartBatch:
    """Lets a batch run, by the provider's own batches where that pays."""

    def __init__(self, book: BatchBook, models: ModelSource, providers: Mapping[str, int] | None = None) -> None:
        """Take the providers whose own batches can be used, and from how many items on each one's are."""
        self._book = book
        self._models = models
        self._providers = dict(providers or {})

    async def __call__(self, key: str) -> Batch:
        """Start the batch; one that was started stays as it is. Raises NotFound or Precondition."""
        async with self._book.writing() as batches:
            batch = await batches.lock(key)
            if batch is None:
                raise batch_not_found(key)
            if batch.state is BatchState.OPEN:
                total = (await batches.tally(key)).total
                if not total:
                    raise wrong_state(batch, "started without items")
                await batches.move(key, BatchState.RUNNING, self._provider(batch, total))
                batch = await batches.find(key) or batch
        return batch

    def _provider(self, batch: Batch, items: int) -> str:
        """Return who runs the batch as a whole: only a named model's provider, and only at a known price."""
        model = self._models.configured().find(batch.model)
        if model is None or model.price.batch_permille is None:
            return ""
        least = self._providers.get(model.provider)
        return "" if least is None or items < least else model.provider


def _asked(batch: Batch) -> tuple[object, ...]:
    return (
        batch.display_name,
        batch.use_case,
        batch.model,
        batch.min_quality,
        batch.tenant,
        batch.user,
        batch.interrupted,
    )
