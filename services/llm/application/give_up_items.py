"""Gives up items whose worker is gone.

Nobody can know whether such an item was answered, and paid. It is repeated when that costs nothing or its submitter
allowed it, and kept as interrupted for somebody to decide otherwise. Its usage record has one name, whoever writes it:
written by its worker and again here it counts once.
"""

import logging
from dataclasses import replace

from services.llm.application.batch_ports import BatchBook, BatchWriter, ItemCodec
from services.llm.application.ports import ModelSource, UsageLedger
from services.llm.domain.batch import INTERRUPTED, Batch, Claimed, ItemState, Outcome, may_repeat
from services.llm.domain.generation import Priority, Prompt, Wanted
from services.llm.domain.usage import TokenUsage, UsageRecord, estimate_conversation
from services.runtime.errors import AisleError

log = logging.getLogger("aisle.llm.batches")

_AT_ONCE = 200


class GiveUpItems:
    """Decides what becomes of items whose lease ran out, and ends batches."""

    def __init__(self, book: BatchBook, codec: ItemCodec, ledger: UsageLedger, models: ModelSource) -> None:
        """Take where batches are kept and where usage records go."""
        self._book = book
        self._codec = codec
        self._ledger = ledger
        self._models = models

    async def __call__(self) -> int:
        """Do so once; return how many items were given up. Raises Unavailable."""
        async with self._book.writing() as batches:
            lapsed = await batches.lapsed(_AT_ONCE)
            if lapsed:
                await self._give_up(batches, lapsed)
            await batches.end_finished()
        return len(lapsed)

    async def _give_up(self, batches: BatchWriter, lapsed: list[Claimed]) -> None:
        """Write each item's usage record before it is given up: done twice, it counts once; left out, never."""
        owners: dict[str, Batch] = {}
        outcomes: list[Outcome] = []
        for item in lapsed:
            if item.batch not in owners and (found := await batches.find(item.batch)) is not None:
                owners[item.batch] = found
            batch = owners[item.batch]
            self._ledger.record(interrupted_record(batch, item, self._prompt(item)))
            again = may_repeat(batch, item, self._models.configured())
            outcomes.append(Outcome(item.position, item.attempt, ItemState.PENDING) if again else _interrupted(item))
        await batches.finish(outcomes)
        log.warning("items of a worker that is gone", extra={"data": {"items": len(lapsed)}})

    def _prompt(self, item: Claimed) -> Wanted:
        try:
            return self._codec.wanted(item.request)
        except AisleError:
            # It cannot be run either, so there is nothing to estimate.
            return Wanted(Prompt([]))


def wanted_of(batch: Batch, item: Claimed, codec: ItemCodec) -> Wanted:
    """Return what an item wants: what its batch says holds for all."""
    return replace(
        codec.wanted(item.request),
        model=batch.model,
        use_case=batch.use_case,
        min_quality=batch.min_quality,
        tenant=batch.tenant,
        user=batch.user,
        priority=Priority.BATCH,
        batch=True,
        record_id=item.record_id,
    )


def interrupted_record(batch: Batch, item: Claimed, wanted: Wanted) -> UsageRecord:
    """Return the record of an attempt whose end nobody saw: the question as estimated, and a cost nobody knows."""
    tokens = estimate_conversation(message.text for message in wanted.prompt.messages)
    return UsageRecord(
        operation="chat",
        model=batch.model,
        provider="",
        use_case=batch.use_case,
        outcome="interrupted",
        usage=TokenUsage(tokens, estimated=True),
        cost_micros=0,
        seconds=0.0,
        record_id=item.record_id,
        tenant=batch.tenant,
        user=batch.user,
        prompt_version=wanted.prompt_version,
        batch=True,
        streamed=False,
    )


def _interrupted(item: Claimed) -> Outcome:
    return Outcome(
        item.position,
        item.attempt,
        ItemState.INTERRUPTED,
        error_reason=INTERRUPTED,
        error_message="The worker died while the item was on its way; whether it was answered nobody knows.",
    )
