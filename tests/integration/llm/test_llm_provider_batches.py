"""Batches that run as OpenAI's own, against a server that is as strict as OpenAI and counts what it would bill."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import openai
import pytest
from pydantic import SecretStr

from aisle.llm.v1 import batch_pb2, batch_service_pb2
from aisle.llm.v1 import llm_service_pb2 as pb
from services.llm.adapters.jsonschema_shapes import JsonschemaShapes
from services.llm.adapters.openai_batches import OpenAIBatches
from services.llm.application.change_batch import CancelBatch, RetryBatchItems
from services.llm.application.give_up_items import GiveUpItems
from services.llm.application.read_batches import GetBatch, ListBatchItems
from services.llm.application.run_provider_batches import RunProviderBatches
from services.llm.application.submit_batch import AddBatchItems, CreateBatch, StartBatch
from services.llm.domain.batch import Batch, BatchState, Item, ItemState, NewItem
from services.llm.domain.pricing import Price, Rates
from services.llm.domain.redaction import PatternRedaction
from services.llm.servicer.batches import ProtoItems
from tests.fakes.llm_batches import FakeBatchBook
from tests.fakes.llm_models import CHEAP, FixedModels
from tests.fakes.llm_openai_batch_server import BatchServer, batch_server
from tests.fakes.llm_provider import FakeLedger
from tests.fakes.llm_surroundings import FakeBudgets
from tests.integration.llm.test_llm_batches import batches, ended, results, submitted

NOW = datetime(2026, 11, 26, tzinfo=UTC)
MODEL = replace(CHEAP, price=Price(Rates(100_000, 500_000), batch_permille=500, date="2026-11-01"))
# Half of what 20 tokens in and 10 out cost, rounded up.
COST = 4


@dataclass
class Shop:
    """A worker over a book in memory and a provider over HTTP."""

    server: BatchServer
    provider: OpenAIBatches
    book: FakeBatchBook = field(default_factory=FakeBatchBook)
    models: FixedModels = field(default_factory=lambda: FixedModels(MODEL))
    ledger: FakeLedger = field(default_factory=FakeLedger)
    budgets: FakeBudgets = field(default_factory=FakeBudgets)

    def worker(self, name: str = "here") -> RunProviderBatches:
        return RunProviderBatches(
            self.book, {"openai": self.provider}, ProtoItems(), self.budgets, self.ledger, self.models,
            PatternRedaction(), JsonschemaShapes(), name, follow=0.0,
        )  # fmt: skip

    async def submit(self, *texts: str) -> str:
        batch = Batch(f"batch-{len(self.book.batches)}", "Texts", NOW, model=MODEL.name)
        await CreateBatch(self.book, self.models)(batch, "")
        await AddBatchItems(self.book)(batch.key, [_item(n, text) for n, text in enumerate(texts)])
        await StartBatch(self.book, self.models, {"openai": 1})(batch.key)
        return batch.key

    async def items(self, key: str) -> list[Item]:
        return await ListBatchItems(self.book).results(key, [], 0, 1000)

    async def states(self, key: str) -> list[ItemState]:
        return [item.state for item in await ListBatchItems(self.book)(key, [], 0, 1000)]

    async def sweep(self) -> None:
        await GiveUpItems(self.book, ProtoItems(), self.ledger, self.models)()


def _item(number: int, text: str) -> NewItem:
    request = pb.GenerateTextRequest(messages=[pb.ChatMessage(role=pb.CHAT_ROLE_USER, text=text)])
    return NewItem(f"item-{number}", request.SerializeToString(deterministic=True))


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(batch_server())
        yield Shop(server, await stack.enter_async_context(OpenAIBatches(server.key, server.url, 5.0)))


async def test_a_batch_is_sent_followed_and_read_at_the_price_of_batches(shop: Shop) -> None:
    key, worker = await shop.submit("tea", "cups"), shop.worker()
    assert await worker.begin_one()
    assert await worker.follow_one()
    assert await shop.states(key) == [ItemState.RUNNING] * 2
    shop.server.end()
    await worker.follow_one()
    await shop.sweep()
    batch, tally = await GetBatch(shop.book)(key)
    assert (batch.state, batch.provider, tally.cost_micros) == (BatchState.ENDED, "openai", 2 * COST)
    answers = [pb.CompleteTextResponse.FromString(item.answer) for item in await shop.items(key)]
    assert [answer.text for answer in answers] == ["About tea.", "About cups."]
    assert [(record.batch, record.cost_micros, record.outcome) for record in shop.ledger.records] == [
        (True, COST, "ok")
    ] * 2
    assert sum(amount.micros for amount in shop.budgets.settled) == 2 * COST
    assert not shop.server.files


async def test_what_was_redacted_is_put_back_also_by_another_process(shop: Shop) -> None:
    key = await shop.submit("Write to maya@example.com")
    await shop.worker("first").begin_one()
    (batch,) = shop.server.batches.values()
    assert "maya@example.com" not in shop.server.files[batch.input_file].decode()
    shop.server.end()
    await shop.worker("second").follow_one()
    (item,) = await shop.items(key)
    assert pb.CompleteTextResponse.FromString(item.answer).text == "About Write to maya@example.com."


async def test_a_batch_whose_creation_was_not_heard_of_is_found_and_not_sent_again(shop: Shop) -> None:
    key = await shop.submit("tea", "cups")
    shop.server.silent_once = True
    await shop.worker("first").begin_one()
    assert len(shop.server.batches) == 1
    shop.server.end()
    shop.book.turned += 400
    second = shop.worker("second")
    while await second.follow_one() or await second.begin_one():
        if await shop.states(key) == [ItemState.DONE] * 2:
            break
    assert len(shop.server.batches) == 1
    assert set(shop.server.billed.values()) == {1}


async def test_a_worker_that_died_after_creating_leaves_a_batch_that_others_follow(shop: Shop) -> None:
    key = await shop.submit("tea")
    async with shop.book.writing() as writing:
        job, taken = await writing.open_job(key, "gone", 0.0, 10)
    prompt = ProtoItems().wanted(taken[0].request).prompt
    await shop.provider.submit(job.key, MODEL, [(taken[0].key, prompt)])
    shop.server.end()
    shop.book.turned += 1
    await shop.worker().follow_one()
    assert await shop.states(key) == [ItemState.DONE]
    assert shop.server.billed == {"item-0": 1}


async def test_a_batch_that_was_never_created_is_sent_once_more(shop: Shop) -> None:
    key, worker = await shop.submit("tea"), shop.worker()
    shop.server.refused_uploads = 1
    await worker.begin_one()
    assert not shop.server.batches
    shop.book.turned += 61
    await worker.follow_one()
    assert await shop.states(key) == [ItemState.PENDING]
    await worker.begin_one()
    shop.server.end()
    await worker.follow_one()
    assert await shop.states(key) == [ItemState.DONE]
    assert shop.server.billed == {"item-0": 1}


async def test_an_item_that_fails_alone_fails_alone_and_is_retried_when_asked(shop: Shop) -> None:
    key, worker = await shop.submit("tea", "cups", "pots"), shop.worker()
    shop.server.failing = {"item-1": 500, "item-2": 400}
    await worker.begin_one()
    shop.server.end()
    await worker.follow_one()
    await shop.sweep()
    found = await shop.items(key)
    assert [item.error_reason for item in found] == ["", "PROVIDER_UNAVAILABLE", "PROVIDER_REFUSED"]
    shop.server.failing = {}
    assert await RetryBatchItems(shop.book)(key, [], ["item-1"]) == 1
    await worker.begin_one()
    shop.server.end()
    await worker.follow_one()
    assert await shop.states(key) == [ItemState.DONE, ItemState.DONE, ItemState.FAILED]
    assert shop.server.billed["item-0"] == 1


async def test_what_a_day_was_too_short_for_is_sent_again_and_nothing_else(shop: Shop) -> None:
    key, worker = await shop.submit("tea", "cups"), shop.worker()
    await worker.begin_one()
    shop.server.end("expired", answered=1)
    await worker.follow_one()
    assert await shop.states(key) == [ItemState.DONE, ItemState.PENDING]
    await worker.begin_one()
    shop.server.end()
    await worker.follow_one()
    assert shop.server.billed == {"item-0": 1, "item-1": 1}


async def test_cancelling_keeps_what_was_answered(shop: Shop) -> None:
    key, worker = await shop.submit("tea", "cups"), shop.worker()
    await worker.begin_one()
    await CancelBatch(shop.book)(key)
    await worker.follow_one()
    (batch,) = shop.server.batches.values()
    assert batch.status == "cancelling"
    shop.server.end(answered=1)
    await worker.follow_one()
    await shop.sweep()
    assert await shop.states(key) == [ItemState.DONE, ItemState.CANCELLED]
    assert (await GetBatch(shop.book)(key))[0].state is BatchState.CANCELLED


async def test_a_batch_that_is_refused_as_a_whole_fails(shop: Shop) -> None:
    key, worker = await shop.submit("tea"), shop.worker()
    await worker.begin_one()
    shop.server.end("failed")
    await worker.follow_one()
    (item,) = await shop.items(key)
    assert (item.state, item.error_reason) == (ItemState.FAILED, "PROVIDER_REFUSED")


async def test_a_batch_that_the_provider_lost_is_interrupted(shop: Shop) -> None:
    key, worker = await shop.submit("tea"), shop.worker()
    await worker.begin_one()
    shop.server.batches.clear()
    await worker.follow_one()
    assert await shop.states(key) == [ItemState.INTERRUPTED]
    assert [record.outcome for record in shop.ledger.records] == ["interrupted"]


async def test_a_budget_that_holds_a_part_sends_a_part(shop: Shop) -> None:
    shop.budgets.left = 600
    key, worker = await shop.submit(*(["tea"] * 16)), shop.worker()
    while await worker.begin_one():
        pass
    sent = sum(len(batch.requests) for batch in shop.server.batches.values())
    assert 0 < sent < 16
    assert (await GetBatch(shop.book)(key))[0].wait_reason == "BUDGET_SPENT"
    assert shop.budgets.left >= 0


async def test_openais_own_client_takes_the_server_for_openai(shop: Shop) -> None:
    body = {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "tea"}]}
    line = f'{{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {json.dumps(body)}}}'
    async with openai.AsyncOpenAI(api_key=shop.server.key, base_url=shop.server.url) as client:
        file = await client.files.create(file=("a.jsonl", line.encode()), purpose="batch")
        made = await client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"a": "b"}
        )
        shop.server.end()
        done = await client.batches.retrieve(made.id)
        assert done.output_file_id is not None
        text = (await client.files.content(done.output_file_id)).text
        listed = [one.id async for one in client.batches.list()]
    assert (done.status, listed) == ("completed", [made.id])
    assert "About tea." in text


@pytest.mark.servers
async def test_the_service_runs_batches_of_one_model_as_openais(
    database_url: Callable[[str], Awaitable[str]],
) -> None:
    async with batch_server() as server:
        given: dict[str, Any] = {"openai_api_key": SecretStr(server.key), "openai_batch_from": 10}
        async with batches(await database_url("llm"), server, **given) as stub:
            name = await submitted(stub, 20)
            async with asyncio.timeout(20):
                while not server.batches:  # noqa: ASYNC110 - the server tells nobody
                    await asyncio.sleep(0.02)
            found = await stub.GetBatch(batch_service_pb2.GetBatchRequest(name=name))
            assert (found.provider, found.counts.running) == ("openai", 20)
            server.end()
            batch = await ended(stub, name)
            items = await results(stub, name)
    assert batch.state == batch_pb2.BATCH_STATE_ENDED
    assert [item.answer.text for item in items] == [f"About item-{n}." for n in range(20)]
    assert set(server.billed.values()) == {1}
