"""How batches are run, with everything in memory: what is repeated, what is kept, and what makes them wait."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from services.llm.application.change_batch import CancelBatch, RetryBatchItems
from services.llm.application.give_up_items import GiveUpItems
from services.llm.application.read_batches import GetBatch, ListBatchItems
from services.llm.application.run_batches import Limits, RunBatches
from services.llm.application.submit_batch import AddBatchItems, CreateBatch, StartBatch
from services.llm.domain import errors
from services.llm.domain.batch import Batch, BatchState, Interrupted, ItemState, NewItem
from services.llm.domain.generation import (
    Answer,
    Finished,
    FinishReason,
    Message,
    Priority,
    Prompt,
    Role,
    Started,
    Wanted,
)
from services.llm.domain.latency import LatencyBook
from services.llm.domain.usage import TokenUsage
from services.runtime.errors import AisleError, Invalid, NotFound, Precondition
from tests.fakes.llm_batches import FakeBatchBook
from tests.fakes.llm_models import BASIC, CHEAP, FixedModels
from tests.fakes.llm_provider import FakeLedger

NOW = datetime(2026, 5, 4, tzinfo=UTC)


class TextItems:
    """Requests and answers of items as plain text: an `ItemCodec`."""

    def wanted(self, request: bytes) -> Wanted:
        if request == b"nonsense":
            raise errors.prompt_invalid("messages", "make no sense")
        return Wanted(Prompt([Message(Role.USER, request.decode())]))

    def answer(self, asked: str, answer: Answer) -> bytes:
        return answer.text.encode()


@dataclass
class Bench:
    """A worker over fakes, and somebody who answers as told."""

    models: FixedModels = field(default_factory=lambda: FixedModels(CHEAP))
    book: FakeBatchBook = field(default_factory=FakeBatchBook)
    ledger: FakeLedger = field(default_factory=FakeLedger)
    latency: LatencyBook = field(default_factory=LatencyBook)
    failures: list[AisleError] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    wanted: list[Wanted] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    # Providers that run batches as their own.
    elsewhere: tuple[str, ...] = ()
    at_once: int = 0
    most_at_once: int = 0

    def __post_init__(self) -> None:
        self.gate.set()

    async def complete(self, wanted: Wanted) -> Answer:
        self.wanted.append(wanted)
        self.asked[wanted.prompt.messages[0].text] += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.gate.wait()
            await asyncio.sleep(0)
            if self.failures:
                raise self.failures.pop(0)
        finally:
            self.at_once -= 1
        model = self.models.table.models[0]
        return Answer(Started("", model, ""), Finished(FinishReason.STOP, TokenUsage(20, 10), cost_micros=7), "Well.")

    def give_up(self) -> GiveUpItems:
        return GiveUpItems(self.book, TextItems(), self.ledger, self.models)

    def worker(self, name: str = "here") -> RunBatches:
        async def hurried(seconds: float) -> None:
            await asyncio.sleep(min(seconds, 0.005))

        clock = self.book.now
        return RunBatches(
            self.book, self.complete, TextItems(), self.give_up(), self.models, self.latency, clock, name,
            Limits(8), self.elsewhere, sleep=hurried,
        )  # fmt: skip

    @asynccontextmanager
    async def working(self) -> AsyncIterator[RunBatches]:
        worker = self.worker()
        task = asyncio.ensure_future(worker.serve())
        yield worker
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def submit(self, items: int, *, policy: Interrupted = Interrupted.REPEAT_FREE, model: str = "") -> str:
        batch = Batch(f"batch-{len(self.book.batches)}", "Texts", NOW, model=model, interrupted=policy)
        await CreateBatch(self.book, self.models)(batch, "")
        await AddBatchItems(self.book)(batch.key, [NewItem(f"item-{n}", b"ask %d" % n) for n in range(items)])
        await StartBatch(self.book, self.models)(batch.key)
        return batch.key

    async def ended(self, key: str) -> None:
        """Wait until a batch has ended."""
        await self.until(lambda: self.book.batches[key].batch.state in (BatchState.ENDED, BatchState.CANCELLED))

    async def until(self, held: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not held():  # noqa: ASYNC110 - what is waited for tells nobody
                await asyncio.sleep(0.002)

    async def counts(self, key: str) -> dict[ItemState, int]:
        return (await GetBatch(self.book)(key))[1].counts

    async def died(self, key: str) -> None:
        """Claim an item and never come back, as a worker that is killed."""
        async with self.book.writing() as batches:
            await batches.claim(key, "gone", -1.0, 1)


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_every_item_is_asked_once_as_its_batch_says(bench: Bench) -> None:
    async with bench.working():
        key = await bench.submit(50, model="models/cheap")
        await bench.ended(key)
    assert await bench.counts(key) == {ItemState.DONE: 50}
    assert set(bench.asked.values()) == {1}
    wanted = bench.wanted[0]
    assert (wanted.model, wanted.priority, wanted.batch) == ("models/cheap", Priority.BATCH, True)
    assert len({one.record_id for one in bench.wanted}) == 50
    assert bench.most_at_once <= 8


async def test_results_are_read_while_the_rest_runs(bench: Bench) -> None:
    bench.gate.clear()
    async with bench.working():
        key = await bench.submit(3)
        await bench.until(lambda: bench.at_once == 3)
        assert await ListBatchItems(bench.book).results(key, [], 0, 10) == []
        bench.gate.set()
        await bench.ended(key)
    assert [one.answer for one in await ListBatchItems(bench.book).results(key, [], 0, 10)] == [b"Well."] * 3


async def test_an_item_of_a_dead_worker_is_kept_when_it_may_have_been_paid(bench: Bench) -> None:
    key = await bench.submit(1)
    await bench.died(key)
    async with bench.working():
        await bench.ended(key)
    assert await bench.counts(key) == {ItemState.INTERRUPTED: 1}
    assert not bench.asked
    (record,) = bench.ledger.records
    assert (record.outcome, record.cost_micros, record.batch) == ("interrupted", 0, True)


@pytest.mark.parametrize(
    ("policy", "model", "state"),
    [
        (Interrupted.REPEAT_FREE, BASIC, ItemState.DONE),
        (Interrupted.REPEAT_FREE, CHEAP, ItemState.INTERRUPTED),
        (Interrupted.KEEP, BASIC, ItemState.INTERRUPTED),
        (Interrupted.REPEAT, CHEAP, ItemState.DONE),
    ],
)
async def test_what_becomes_of_interrupted_items_is_what_their_submitter_allowed(
    policy: Interrupted, model: object, state: ItemState
) -> None:
    bench = Bench(FixedModels(model))  # type: ignore[arg-type]
    key = await bench.submit(1, policy=policy)
    await bench.died(key)
    async with bench.working():
        await bench.ended(key)
    assert await bench.counts(key) == {state: 1}


async def test_an_item_that_kills_its_workers_is_not_repeated_for_ever() -> None:
    bench = Bench()
    key = await bench.submit(1, policy=Interrupted.REPEAT)
    for _ in range(3):
        await bench.died(key)
        await bench.give_up()()
    assert await bench.counts(key) == {ItemState.INTERRUPTED: 1}


async def test_only_who_asks_for_it_has_interrupted_items_run_again(bench: Bench) -> None:
    key = await bench.submit(2)
    await bench.died(key)
    async with bench.working():
        await bench.ended(key)
        assert await RetryBatchItems(bench.book)(key, [], []) == 1
        await bench.ended(key)
    assert await bench.counts(key) == {ItemState.DONE: 2}
    assert len({one.record_id for one in bench.wanted} | {bench.ledger.records[0].record_id}) == 3


async def test_items_on_their_way_may_end_when_the_process_leaves_and_nothing_new_is_begun(bench: Bench) -> None:
    bench.gate.clear()
    key = await bench.submit(20)
    async with bench.working() as worker:
        await bench.until(lambda: bench.at_once)
        begun = bench.at_once
        worker.not_serving()
        asyncio.get_running_loop().call_later(0.02, bench.gate.set)
        await worker.stop(5.0)
    assert await bench.counts(key) == {ItemState.DONE: begun, ItemState.PENDING: 20 - begun}


async def test_items_that_a_leaving_process_cannot_end_are_given_up_at_once(bench: Bench) -> None:
    bench.gate.clear()
    key = await bench.submit(1)
    async with bench.working() as worker:
        await bench.until(lambda: bench.at_once)
        await worker.stop(0.01)
    assert await bench.give_up()() == 1
    assert await bench.counts(key) == {ItemState.INTERRUPTED: 1}


@pytest.mark.parametrize("why", ["unreachable", "throttled", "credentials refused", "model not offered"])
async def test_an_item_that_nobody_began_waits_again(bench: Bench, why: str) -> None:
    bench.failures = [errors.provider_unavailable([("models/cheap", f"was {why}")], 1.0)]
    async with bench.working():
        key = await bench.submit(1)
        await bench.until(lambda: not bench.failures)
        bench.book.turned += 3
        await bench.ended(key)
    assert await bench.counts(key) == {ItemState.DONE: 1}


@pytest.mark.parametrize("why", ["timed out", "broken", "answered by another model", "too slow to begin"])
async def test_an_item_that_may_have_been_paid_fails_and_is_not_sent_again(bench: Bench, why: str) -> None:
    bench.failures = [errors.provider_unavailable([("models/cheap", f"was {why}")], 1.0)]
    async with bench.working():
        key = await bench.submit(1)
        await bench.ended(key)
    (item,) = await ListBatchItems(bench.book)(key, [], 0, 10)
    assert (item.state, item.error_reason) == (ItemState.FAILED, "PROVIDER_UNAVAILABLE")
    assert sum(bench.asked.values()) == 1


async def test_a_shared_call_that_was_stopped_leaves_its_item_interrupted(bench: Bench) -> None:
    bench.failures = [errors.FlightEnded()]
    async with bench.working():
        key = await bench.submit(1)
        await bench.until(lambda: bench.asked)
        await bench.until(lambda: not bench.at_once)
        bench.book.turned += 60
        await bench.ended(key)
    assert await bench.counts(key) == {ItemState.INTERRUPTED: 1}


async def test_a_request_that_cannot_be_read_fails_alone(bench: Bench) -> None:
    batch = Batch("batch-x", "Texts", NOW)
    await CreateBatch(bench.book, bench.models)(batch, "")
    await AddBatchItems(bench.book)("batch-x", [NewItem("bad", b"nonsense"), NewItem("good", b"ask")])
    await StartBatch(bench.book, bench.models)("batch-x")
    async with bench.working():
        await bench.ended("batch-x")
    assert await bench.counts("batch-x") == {ItemState.FAILED: 1, ItemState.DONE: 1}


async def test_a_spent_budget_lets_the_batch_wait_and_says_until_when(bench: Bench) -> None:
    bench.failures = [errors.budget_spent("tenants/shop", "money", 600.0)]
    async with bench.working():
        key = await bench.submit(1)
        await bench.until(lambda: bench.book.batches[key].batch.wait_reason)
        await bench.until(lambda: bench.book.rows[0].item.state is ItemState.PENDING)
        batch, tally = await GetBatch(bench.book)(key)
        assert (batch.wait_reason, batch.resume_time is not None) == ("BUDGET_SPENT", True)
        assert tally.counts == {ItemState.PENDING: 1}
        bench.book.turned += 31
        await bench.ended(key)
    assert await bench.counts(key) == {ItemState.DONE: 1}


async def test_a_cancelled_batch_begins_nothing_more_and_keeps_what_it_has(bench: Bench) -> None:
    bench.gate.clear()
    async with bench.working():
        key = await bench.submit(20)
        await bench.until(lambda: bench.at_once == 4)
        assert (await CancelBatch(bench.book)(key)).state is BatchState.CANCELLING
        bench.gate.set()
        await bench.ended(key)
    assert await bench.counts(key) == {ItemState.DONE: 4, ItemState.CANCELLED: 16}
    with pytest.raises(Precondition):
        await RetryBatchItems(bench.book)(key, [], [])


async def test_what_ended_while_the_database_was_away_is_written_when_it_is_back(bench: Bench) -> None:
    bench.gate.clear()
    async with bench.working():
        key = await bench.submit(2)
        await bench.until(lambda: bench.at_once == 2)
        bench.book.away = True
        bench.gate.set()
        await asyncio.sleep(0.03)
        bench.book.away = False
        await bench.ended(key)
    assert await bench.counts(key) == {ItemState.DONE: 2}
    assert set(bench.asked.values()) == {1}


async def test_fewer_items_run_at_once_while_interactive_calls_are_slow(bench: Bench) -> None:
    bench.latency.note(CHEAP, 0.1)

    def slow_calls_made_room() -> bool:
        bench.latency.note(CHEAP, 2.0)
        return worker.at_once("default/ANY") <= 4

    async with bench.working() as worker:
        await bench.ended(await bench.submit(60))
        assert worker.at_once("default/ANY") == 8
        bench.gate.clear()
        key = await bench.submit(100)
        await bench.until(lambda: bench.at_once == 8)
        await bench.until(slow_calls_made_room)
        await CancelBatch(bench.book)(key)
        bench.gate.set()


async def test_of_a_batch_that_its_provider_runs_only_what_it_does_not_take_is_run_here(bench: Bench) -> None:
    bench.elsewhere = ("openai",)
    key = await bench.submit(5)
    async with bench.book.writing() as batches:
        await batches.move(key, BatchState.RUNNING, "openai")
        job, taken = await batches.open_job(key, "there", 60.0, 3)
        await batches.run_here(job.key, [item.position for item in taken[:2]])
        await batches.note_job(job.key, "batch_1", 60.0)
    async with bench.working():
        await bench.until(lambda: len(bench.asked) == 2)
        await asyncio.sleep(0.05)
    assert bench.asked == {"ask 0": 1, "ask 1": 1}
    assert await bench.counts(key) == {ItemState.DONE: 2, ItemState.RUNNING: 1, ItemState.PENDING: 2}


class TestSubmitting:
    async def test_a_batch_without_items_is_not_started(self, bench: Bench) -> None:
        await CreateBatch(bench.book, bench.models)(Batch("empty", "Texts", NOW), "")
        with pytest.raises(Precondition) as caught:
            await StartBatch(bench.book, bench.models)("empty")
        assert caught.value.reason == "BATCH_STATE"

    async def test_a_started_batch_takes_nothing_new_but_knows_what_it_has(self, bench: Bench) -> None:
        key = await bench.submit(1)
        assert (await AddBatchItems(bench.book)(key, [NewItem("item-0", b"ask 0")])).known == 1
        with pytest.raises(Precondition):
            await AddBatchItems(bench.book)(key, [NewItem("item-9", b"ask 9")])
        assert (await GetBatch(bench.book)(key))[1].total == 1

    @pytest.mark.parametrize("items", [("item-0", "item-0"), ("item-9", "item-0")])
    async def test_a_key_for_another_request_is_refused_and_nothing_is_added(
        self, bench: Bench, items: tuple[str, str]
    ) -> None:
        key = await bench.submit(1)
        with pytest.raises(Invalid) as caught:
            await AddBatchItems(bench.book)(key, [NewItem(one, b"another") for one in items])
        assert caught.value.reason == "BATCH_KEY_REUSED"
        assert (await GetBatch(bench.book)(key))[1].total == 1

    async def test_an_unknown_model_is_refused(self, bench: Bench) -> None:
        with pytest.raises(Invalid) as caught:
            await CreateBatch(bench.book, bench.models)(Batch("x", "Texts", NOW, model="models/none"), "")
        assert caught.value.reason == "MODEL_NOT_FOUND"

    async def test_a_request_id_that_belongs_to_another_batch_is_refused(self, bench: Bench) -> None:
        create = CreateBatch(bench.book, bench.models)
        await create(Batch("x", "Texts", NOW), "one")
        assert (await create(Batch("y", "Texts", NOW), "one")).key == "x"
        with pytest.raises(Invalid) as caught:
            await create(Batch("z", "Other texts", NOW), "one")
        assert caught.value.reason == "REQUEST_ID_REUSED"

    @pytest.mark.parametrize("do", [GetBatch, CancelBatch])
    async def test_a_batch_that_is_not_there_is_not_found(
        self, bench: Bench, do: Callable[[FakeBatchBook], Callable[[str], Awaitable[object]]]
    ) -> None:
        with pytest.raises(NotFound) as caught:
            await do(bench.book)("none")
        assert caught.value.reason == "BATCH_NOT_FOUND"
