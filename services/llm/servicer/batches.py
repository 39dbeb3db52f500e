"""The batch contract over the use cases: proto to domain and back, nothing else."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from google.protobuf.duration_pb2 import Duration

from aisle.llm.v1 import batch_pb2, batch_service_pb2, llm_service_pb2
from aisle.llm.v1.batch_service_pb2_grpc import BatchServiceServicer
from services.llm.application.change_batch import CancelBatch, RetryBatchItems
from services.llm.application.read_batches import GetBatch, ListBatches, ListBatchItems
from services.llm.application.submit_batch import AddBatchItems, CreateBatch, StartBatch
from services.llm.domain.batch import Batch, BatchState, Interrupted, Item, ItemState, NewItem, Tally
from services.llm.domain.generation import SHOP, Answer, Wanted
from services.llm.domain.model import Quality
from services.llm.domain.usage import TokenUsage
from services.llm.servicer.messages import complete_message, timestamp, use_case_name, use_case_number, wanted_of
from services.runtime.interceptors import current_call
from services.runtime.paging import PageTokens, page_size

_BATCHES, _MOST_BATCHES = 50, 200
_ITEMS, _MOST_ITEMS = 500, 5000
_RESULTS, _MOST_RESULTS = 100, 500
_STATES = {
    BatchState.OPEN: batch_pb2.BATCH_STATE_OPEN,
    BatchState.RUNNING: batch_pb2.BATCH_STATE_RUNNING,
    BatchState.CANCELLING: batch_pb2.BATCH_STATE_CANCELLING,
    BatchState.CANCELLED: batch_pb2.BATCH_STATE_CANCELLED,
    BatchState.ENDED: batch_pb2.BATCH_STATE_ENDED,
}


@dataclass(frozen=True, slots=True)
class BatchUseCases:
    """What can be done with batches."""

    create: CreateBatch
    add_items: AddBatchItems
    start: StartBatch
    get: GetBatch
    list_batches: ListBatches
    list_items: ListBatchItems
    cancel: CancelBatch
    retry: RetryBatchItems


class BatchServicer(BatchServiceServicer):
    """Answers the batch service's methods."""

    def __init__(self, use_cases: BatchUseCases, tokens: PageTokens) -> None:
        """Take the use cases and what makes page tokens."""
        self._do = use_cases
        self._tokens = tokens

    async def CreateBatch(self, request: batch_service_pb2.CreateBatchRequest, context: Any) -> batch_pb2.Batch:
        """Create an empty batch."""
        return batch_message(await self._do.create(_new_batch(request.batch), request.request_id.lower()))

    async def AddBatchItems(
        self, request: batch_service_pb2.AddBatchItemsRequest, context: Any
    ) -> batch_service_pb2.AddBatchItemsResponse:
        """Add items."""
        items = [NewItem(one.key, one.generation.SerializeToString(deterministic=True)) for one in request.items]
        added = await self._do.add_items(_last(request.parent), items)
        return batch_service_pb2.AddBatchItemsResponse(
            added_count=added.added, known_count=added.known, total_count=added.total
        )

    async def StartBatch(self, request: batch_service_pb2.StartBatchRequest, context: Any) -> batch_pb2.Batch:
        """Let a batch run."""
        await self._do.start(_last(request.name))
        return batch_message(*await self._do.get(_last(request.name)))

    async def GetBatch(self, request: batch_service_pb2.GetBatchRequest, context: Any) -> batch_pb2.Batch:
        """Return a batch."""
        return batch_message(*await self._do.get(_last(request.name)))

    async def ListBatches(
        self, request: batch_service_pb2.ListBatchesRequest, context: Any
    ) -> batch_service_pb2.ListBatchesResponse:
        """Return a page of batches."""
        cursor = self._tokens.read(request)
        size = page_size(request.page_size, _BATCHES, _MOST_BATCHES)
        found = await self._do.list_batches(request.tenant, (cursor[0], cursor[1]) if cursor else None, size + 1)
        token = ""
        if len(found) > size:
            last = found[size - 1]
            token = self._tokens.make([last.create_time.isoformat(), last.key], request)
        return batch_service_pb2.ListBatchesResponse(
            batches=[batch_message(one) for one in found[:size]], next_page_token=token
        )

    async def ListBatchItems(
        self, request: batch_service_pb2.ListBatchItemsRequest, context: Any
    ) -> batch_service_pb2.ListBatchItemsResponse:
        """Return a page of items."""
        cursor = self._tokens.read(request)
        size = page_size(request.page_size, _ITEMS, _MOST_ITEMS)
        after = int(cursor[0]) if cursor else 0
        found = await self._do.list_items(_last(request.parent), _states(request.states), after, size + 1)
        token = self._tokens.make([found[size - 1].position], request) if len(found) > size else ""
        return batch_service_pb2.ListBatchItemsResponse(
            items=[item_message(one) for one in found[:size]], next_page_token=token
        )

    async def ListBatchResults(
        self, request: batch_service_pb2.ListBatchResultsRequest, context: Any
    ) -> batch_service_pb2.ListBatchResultsResponse:
        """Return a page of results."""
        cursor = self._tokens.read(request)
        size = page_size(request.page_size, _RESULTS, _MOST_RESULTS)
        after, parent, states = int(cursor[0]) if cursor else 0, _last(request.parent), _states(request.states)
        found = await self._do.list_items.results(parent, states, after, size)
        # A page that large answers made short is followed by another one, and so is one that is just full.
        more = found and await self._do.list_items.results(parent, states, found[-1].position, 1)
        return batch_service_pb2.ListBatchResultsResponse(
            items=[item_message(one) for one in found],
            next_page_token=self._tokens.make([found[-1].position], request) if more else "",
        )

    async def CancelBatch(self, request: batch_service_pb2.CancelBatchRequest, context: Any) -> batch_pb2.Batch:
        """Stop a batch."""
        await self._do.cancel(_last(request.name))
        return batch_message(*await self._do.get(_last(request.name)))

    async def RetryBatchItems(
        self, request: batch_service_pb2.RetryBatchItemsRequest, context: Any
    ) -> batch_service_pb2.RetryBatchItemsResponse:
        """Run items again."""
        retried = await self._do.retry(_last(request.parent), _states(request.states), list(request.keys))
        return batch_service_pb2.RetryBatchItemsResponse(retried_count=retried)


class ProtoItems:
    """Requests and answers of items as the contract's messages: an `ItemCodec`."""

    def wanted(self, request: bytes) -> Wanted:
        """Return what a request wants."""
        return wanted_of(llm_service_pb2.GenerateTextRequest.FromString(request), "")

    def answer(self, asked: str, answer: Answer) -> bytes:
        """Return an answer as it is kept."""
        return complete_message(asked, answer).SerializeToString()


def batch_message(batch: Batch, tally: Tally | None = None) -> batch_pb2.Batch:
    """Return a batch, with its counts where they are given."""
    state = _STATES[batch.state]
    if batch.wait_reason == "BUDGET_SPENT":
        state = batch_pb2.BATCH_STATE_WAITING_FOR_BUDGET
    made = batch_pb2.Batch(
        name=f"batches/{batch.key}",
        display_name=batch.display_name,
        use_case=use_case_number(batch.use_case),
        model=batch.model,
        min_quality=int(batch.min_quality),  # type: ignore[arg-type]
        tenant=batch.tenant,
        user=batch.user,
        interrupted_policy=batch.interrupted.value,  # type: ignore[arg-type]
        state=state,
        create_time=timestamp(batch.create_time),
        start_time=timestamp(batch.start_time),
        end_time=timestamp(batch.end_time),
        wait_reason=batch.wait_reason,
        resume_time=timestamp(batch.resume_time),
        provider=batch.provider,
    )
    if tally is not None:
        _add_tally(made, tally)
    return made


def item_message(item: Item) -> batch_pb2.BatchItem:
    """Return an item, with its answer where it is given."""
    made = batch_pb2.BatchItem(
        key=item.key,
        state=int(item.state),  # type: ignore[arg-type]
        attempt=item.attempt,
        cost_micros=item.cost_micros,
        usage=_usage(item.usage),
        error_reason=item.error_reason,
        error_message=item.error_message,
        end_time=timestamp(item.end_time),
    )
    if item.answer:
        made.answer.ParseFromString(item.answer)
    return made


def _new_batch(asked: batch_pb2.Batch) -> Batch:
    call = current_call.get()
    return Batch(
        key=str(uuid.uuid4()),
        display_name=asked.display_name,
        create_time=datetime.now(UTC),
        use_case=use_case_name(asked.use_case),
        model=asked.model,
        min_quality=Quality(asked.min_quality),
        tenant=asked.tenant or SHOP,
        user=asked.user or (call.caller.subject if call is not None else ""),
        interrupted=Interrupted(asked.interrupted_policy),
    )


def _add_tally(made: batch_pb2.Batch, tally: Tally) -> None:
    counts = tally.counts
    made.counts.CopyFrom(
        batch_pb2.BatchCounts(
            total=tally.total,
            pending=counts.get(ItemState.PENDING, 0),
            running=counts.get(ItemState.RUNNING, 0),
            done=counts.get(ItemState.DONE, 0),
            failed=counts.get(ItemState.FAILED, 0),
            interrupted=counts.get(ItemState.INTERRUPTED, 0),
            cancelled=counts.get(ItemState.CANCELLED, 0),
        )
    )
    made.progress = tally.progress
    made.cost_micros = tally.cost_micros
    made.usage.CopyFrom(_usage(tally.usage))
    left = tally.seconds_left()
    if left is not None and made.state == batch_pb2.BATCH_STATE_RUNNING:
        made.estimated_time_left.CopyFrom(Duration(seconds=int(left)))


def _usage(usage: TokenUsage) -> llm_service_pb2.TokenUsage:
    return llm_service_pb2.TokenUsage(
        # A batch may come to more tokens than one answer's field can hold; the ledger has them all.
        input_tokens=min(usage.input_tokens, 2**31 - 1),
        output_tokens=min(usage.output_tokens, 2**31 - 1),
        cached_input_tokens=min(usage.cached_input_tokens, 2**31 - 1),
        estimated=usage.estimated,
    )


def _states(asked: Sequence[int]) -> list[ItemState]:
    return [ItemState(state) for state in asked]


def _last(name: str) -> str:
    return name.rsplit("/", 1)[-1]
