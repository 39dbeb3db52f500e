"""One promise for the fake and the real keeper of batches."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from services.llm.adapters.postgres_batches import PostgresBatchBook
from services.llm.adapters.postgres_schema import migrated
from services.llm.application.batch_ports import BatchBook
from services.llm.domain.batch import (
    ENDED,
    INTERRUPTED,
    Batch,
    BatchState,
    Claimed,
    Interrupted,
    Item,
    ItemState,
    NewItem,
    Outcome,
)
from services.llm.domain.model import Quality
from services.llm.domain.usage import TokenUsage
from services.runtime import sql
from tests.fakes.llm_batches import FakeBatchBook

NOW = datetime(2026, 5, 4, tzinfo=UTC)
HERE, THERE = "here", "there"
LONG, OVER = 60.0, -1.0
EVERY = tuple(ItemState)


@pytest.fixture
async def postgres_book(database_url: Callable[[str], Awaitable[str]]) -> AsyncIterator[BatchBook]:
    async with sql.connect(await database_url("llm"), service="llm", pool_size=10) as database:
        await migrated(database)
        yield PostgresBatchBook(database)


@pytest.fixture(params=["fake", pytest.param("postgres", marks=pytest.mark.servers)])
def book(request: pytest.FixtureRequest) -> BatchBook:
    if request.param == "fake":
        return FakeBatchBook()
    opened: BatchBook = request.getfixturevalue("postgres_book")
    return opened


async def running(book: BatchBook, items: int, provider: str = "", tenant: str = "tenants/shop") -> str:
    """Return the key of a batch that runs, with items named after their numbers."""
    batch = Batch(str(uuid4()), "Descriptions", NOW, model="models/cheap", tenant=tenant)
    async with book.writing() as batches:
        await batches.add(batch, "")
        await batches.add_items(batch.key, [NewItem(f"item-{n}", b"ask %d" % n) for n in range(items)])
        await batches.move(batch.key, BatchState.RUNNING, provider)
    return batch.key


async def claimed(book: BatchBook, key: str, holder: str = HERE, lease: float = LONG, limit: int = 10) -> list[Claimed]:
    async with book.writing() as batches:
        return await batches.claim(key, holder, lease, limit)


async def finished(book: BatchBook, *outcomes: Outcome) -> None:
    async with book.writing() as batches:
        await batches.finish(outcomes)


async def shown(book: BatchBook, key: str, answers: bool = False) -> list[Item]:
    async with book.reading() as batches:
        return await batches.items(key, EVERY, 0, 1000, answers, 1 << 20)


async def state_of(book: BatchBook, key: str) -> BatchState:
    async with book.reading() as batches:
        found = await batches.find(key)
    assert found is not None
    return found.state


def done(one: Claimed, answer: bytes = b"answer", cost: int = 7) -> Outcome:
    return Outcome(one.position, one.attempt, ItemState.DONE, answer, TokenUsage(20, 10), cost)


def interrupted(one: Claimed) -> Outcome:
    return Outcome(one.position, one.attempt, ItemState.INTERRUPTED, error_reason=INTERRUPTED)


async def test_a_batch_is_kept_with_all_it_says(book: BatchBook) -> None:
    given = Batch(
        str(uuid4()), "Descriptions", NOW, use_case="description", model="models/cheap", min_quality=Quality.PREMIUM,
        tenant="tenants/other", user="maya", interrupted=Interrupted.REPEAT,
    )  # fmt: skip
    async with book.writing() as batches:
        kept = await batches.add(given, "")
    assert (kept.display_name, kept.use_case, kept.model) == ("Descriptions", "description", "models/cheap")
    assert (kept.min_quality, kept.tenant, kept.user) == (Quality.PREMIUM, "tenants/other", "maya")
    assert (kept.interrupted, kept.state) == (Interrupted.REPEAT, BatchState.OPEN)
    async with book.reading() as batches:
        assert await batches.find(given.key) == kept
        assert await batches.find("no-such-batch") is None


async def test_a_request_that_is_sent_again_creates_nothing(book: BatchBook) -> None:
    request = str(uuid4())
    async with book.writing() as batches:
        first = await batches.add(Batch("a" * 8, "One", NOW), request)
    async with book.writing() as batches:
        second = await batches.add(Batch("b" * 8, "One", NOW), request)
    assert second.key == first.key


async def test_items_that_are_sent_again_are_known_and_others_of_their_key_are_named(book: BatchBook) -> None:
    key = await running(book, 2)
    async with book.writing() as batches:
        assert await batches.add_items(key, [NewItem("item-1", b"ask 1"), NewItem("item-2", b"ask 2")]) == (1, [])
        assert await batches.add_items(key, [NewItem("item-1", b"another")]) == (0, ["item-1"])
    assert [item.key for item in await shown(book, key)] == ["item-0", "item-1", "item-2"]


async def test_what_a_transaction_wrote_before_it_failed_is_gone(book: BatchBook) -> None:
    key = await running(book, 1)
    with pytest.raises(ZeroDivisionError):
        async with book.writing() as batches:
            await batches.add_items(key, [NewItem("item-1", b"ask 1")])
            raise ZeroDivisionError
    assert len(await shown(book, key)) == 1


async def test_no_item_is_claimed_twice_however_many_claim(book: BatchBook) -> None:
    key = await running(book, 60)
    taken = await asyncio.gather(*(claimed(book, key, f"holder-{n}", limit=7) for n in range(9)))
    positions = [one.position for part in taken for one in part]
    assert len(positions) == len(set(positions)) == 60
    assert all(one.attempt == 1 for part in taken for one in part)


async def test_only_a_running_batch_gives_items(book: BatchBook) -> None:
    key = await running(book, 2)
    async with book.writing() as batches:
        await batches.move(key, BatchState.CANCELLING)
    assert await claimed(book, key) == []


async def test_an_outcome_counts_once_and_only_for_its_own_attempt(book: BatchBook) -> None:
    key = await running(book, 1)
    (first,) = await claimed(book, key)
    await finished(book, Outcome(first.position, first.attempt, ItemState.PENDING))
    (second,) = await claimed(book, key)
    assert second.attempt == 2
    await finished(book, done(first, b"too late"))
    await finished(book, done(second))
    await finished(book, done(second, b"again"))
    (item,) = await shown(book, key, answers=True)
    assert (item.state, item.answer, item.cost_micros) == (ItemState.DONE, b"answer", 7)
    assert item.usage == TokenUsage(20, 10)
    assert item.end_time is not None


async def test_a_lease_that_ran_out_is_found_and_one_that_was_renewed_is_not(book: BatchBook) -> None:
    key = await running(book, 3)
    taken = await claimed(book, key, lease=OVER)
    async with book.writing() as batches:
        await batches.renew(HERE, [taken[0].position], LONG)
        await batches.renew(THERE, [taken[1].position], LONG)
    async with book.writing() as batches:
        lapsed = await batches.lapsed(10)
    assert [one.key for one in lapsed] == ["item-1", "item-2"]
    assert [one.request for one in lapsed] == [b"ask 1", b"ask 2"]


async def test_an_answer_that_comes_after_its_item_was_given_up_still_counts(book: BatchBook) -> None:
    key = await running(book, 1)
    (one,) = await claimed(book, key, lease=OVER)
    await finished(book, interrupted(one))
    await finished(book, done(one))
    (item,) = await shown(book, key, answers=True)
    assert (item.state, item.answer, item.error_reason) == (ItemState.DONE, b"answer", "")


async def test_an_item_that_was_given_up_does_not_wait_again_because_its_worker_says_so(book: BatchBook) -> None:
    key = await running(book, 1)
    (one,) = await claimed(book, key, lease=OVER)
    await finished(book, interrupted(one))
    await finished(book, Outcome(one.position, one.attempt, ItemState.PENDING))
    assert [item.state for item in await shown(book, key)] == [ItemState.INTERRUPTED]


async def test_a_batch_ends_with_its_last_item(book: BatchBook) -> None:
    key = await running(book, 2)
    one, other = await claimed(book, key)
    for outcome, state in ((done(one), BatchState.RUNNING), (interrupted(other), BatchState.ENDED)):
        async with book.writing() as batches:
            await batches.finish([outcome])
            await batches.end_finished()
        assert await state_of(book, key) is state


async def test_a_batch_does_not_end_under_items_that_are_made_to_wait_again(book: BatchBook) -> None:
    key = await running(book, 1)
    (one,) = await claimed(book, key)
    await finished(book, interrupted(one))

    async def end() -> None:
        async with book.writing() as batches:
            await batches.end_finished()

    async with book.writing() as batches:
        await batches.lock(key)
        await batches.wait_again(key, [ItemState.INTERRUPTED], [])
        if not isinstance(book, FakeBatchBook):
            await end()
    await end()
    assert await state_of(book, key) is BatchState.RUNNING
    assert [again.attempt for again in await claimed(book, key)] == [2]


async def test_a_cancelled_batch_ends_once_what_runs_has_ended(book: BatchBook) -> None:
    key = await running(book, 3)
    (one,) = await claimed(book, key, limit=1)
    async with book.writing() as batches:
        await batches.move(key, BatchState.CANCELLING)
        assert await batches.cancel_pending(key) == 2
        await batches.end_finished()
    assert await state_of(book, key) is BatchState.CANCELLING
    await finished(book, Outcome(one.position, one.attempt, ItemState.PENDING))
    async with book.writing() as batches:
        await batches.end_finished()
    assert await state_of(book, key) is BatchState.CANCELLED
    assert {item.state for item in await shown(book, key)} == {ItemState.CANCELLED}


async def test_only_the_named_items_wait_again(book: BatchBook) -> None:
    key = await running(book, 3)
    await finished(book, *(interrupted(one) for one in await claimed(book, key)))
    async with book.writing() as batches:
        assert await batches.wait_again(key, [ItemState.FAILED], []) == 0
        assert await batches.wait_again(key, [ItemState.INTERRUPTED], ["item-1"]) == 1
    (again,) = await claimed(book, key)
    assert (again.key, again.attempt) == ("item-1", 2)


async def test_a_batch_that_waits_is_not_run_and_says_why(book: BatchBook) -> None:
    key = await running(book, 1)
    async with book.writing() as batches:
        await batches.pause(key, "BUDGET_SPENT", 600.0, 30.0)
    async with book.reading() as batches:
        assert key not in [batch.key for batch in await batches.runnable()]
        found = await batches.find(key)
    assert found is not None
    assert (found.wait_reason, found.resume_time is None) == ("BUDGET_SPENT", False)
    async with book.writing() as batches:
        await batches.pause(key, "BUDGET_SPENT", 600.0, 0.0)
    async with book.reading() as batches:
        assert key in [batch.key for batch in await batches.runnable()]


async def test_a_tally_says_what_items_came_to(book: BatchBook) -> None:
    key = await running(book, 4)
    taken = await claimed(book, key, limit=3)
    await finished(book, done(taken[0], cost=7), done(taken[1], cost=5))
    async with book.reading() as batches:
        tally = await batches.tally(key)
    assert tally.counts == {ItemState.PENDING: 1, ItemState.RUNNING: 1, ItemState.DONE: 2}
    assert (tally.cost_micros, tally.usage, tally.progress) == (12, TokenUsage(40, 20), 0.5)


async def test_a_page_of_results_ends_where_answers_grow_too_large(book: BatchBook) -> None:
    key = await running(book, 3)
    await finished(book, *(done(one, b"x" * 100) for one in await claimed(book, key)))
    async with book.reading() as batches:
        first = await batches.items(key, ENDED, 0, 10, True, 250)
        rest = await batches.items(key, ENDED, first[-1].position, 10, True, 50)
    assert [item.key for item in first] == ["item-0", "item-1"]
    assert [len(item.answer) for item in rest] == [100]


async def test_batches_are_listed_newest_first_page_by_page(book: BatchBook) -> None:
    tenant = f"tenants/{uuid4().hex[:8]}"
    made = [await running(book, 1, tenant=tenant) for _ in range(3)]
    async with book.reading() as batches:
        first = await batches.page(tenant, None, 2)
        rest = await batches.page(tenant, (first[1].create_time.isoformat(), first[1].key), 2)
    assert [batch.key for batch in [*first, *rest]] == made[::-1]


async def test_a_providers_job_is_held_by_one_and_taken_over_when_its_lease_ran_out(book: BatchBook) -> None:
    key = await running(book, 2, provider="openai")
    async with book.writing() as batches:
        job, taken = await batches.open_job(key, HERE, LONG, 10)
    assert [one.key for one in taken] == ["item-0", "item-1"]
    async with book.writing() as batches:
        assert await batches.take_job(THERE, LONG) is None
        assert await batches.lapsed(10) == []
        await batches.note_job(job.key, "batch_1", 0.0)
    async with book.writing() as batches:
        again = await batches.take_job(THERE, LONG)
    assert again is not None
    assert (again.key, again.handle, again.batch, again.provider) == (job.key, "batch_1", key, "openai")
    async with book.writing() as batches:
        assert [one.key for one in await batches.job_items(job.key, taken[0].position, 10)] == ["item-1"]


async def test_what_a_providers_job_left_gets_the_state_it_is_closed_with(book: BatchBook) -> None:
    key = await running(book, 2, provider="openai")
    async with book.writing() as batches:
        job, taken = await batches.open_job(key, HERE, LONG, 10)
        await batches.finish([done(taken[0])])
        await batches.close_job(job.key, ItemState.PENDING, "EXPIRED")
        assert await batches.take_job(THERE, LONG) is None
    (again,) = await claimed(book, key)
    assert (again.key, again.attempt) == ("item-1", 2)


async def test_what_a_provider_does_not_take_is_given_only_to_whoever_runs_items_one_by_one(book: BatchBook) -> None:
    key = await running(book, 3, provider="bedrock")
    async with book.writing() as batches:
        assert await batches.left_to_provider(key) == 3
        job, taken = await batches.open_job(key, HERE, LONG, 10)
        await batches.run_here(job.key, [taken[0].position, taken[2].position])
        await batches.close_job(job.key, ItemState.PENDING)
        assert await batches.left_to_provider(key) == 1
        here = await batches.claim(key, HERE, LONG, 10, only_here=True)
        assert [(one.key, one.attempt) for one in here] == [("item-0", 2), ("item-2", 2)]
        _, again = await batches.open_job(key, HERE, LONG, 10)
        assert [one.key for one in again] == ["item-1"]
    # Nobody began on it after all: it is no more the provider's than before.
    await finished(book, Outcome(here[0].position, here[0].attempt, ItemState.PENDING))
    async with book.writing() as batches:
        assert await batches.left_to_provider(key) == 0
        assert [one.key for one in await batches.claim(key, HERE, LONG, 10, only_here=True)] == ["item-0"]


async def test_an_item_that_is_to_run_again_may_be_the_providers_again(book: BatchBook) -> None:
    key = await running(book, 1, provider="bedrock")
    async with book.writing() as batches:
        job, taken = await batches.open_job(key, HERE, LONG, 10)
        await batches.run_here(job.key, [taken[0].position])
        (here,) = await batches.claim(key, HERE, LONG, 10, only_here=True)
        await batches.finish([Outcome(here.position, here.attempt, ItemState.FAILED, error_reason="X")])
        assert await batches.wait_again(key, [ItemState.FAILED], []) == 1
        assert await batches.left_to_provider(key) == 1
        assert await batches.claim(key, HERE, LONG, 10, only_here=True) == []
