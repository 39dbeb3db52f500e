"""Batches that run as Bedrock's own, over PostgreSQL and a server that holds requests against AWS's description."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from aisle.llm.v1 import batch_pb2, batch_service_pb2
from aisle.llm.v1 import llm_service_pb2 as pb
from services.llm.adapters.bedrock_batches import BedrockBatches
from services.llm.adapters.jsonschema_shapes import JsonschemaShapes
from services.llm.application.change_batch import CancelBatch, RetryBatchItems
from services.llm.application.give_up_items import GiveUpItems
from services.llm.application.read_batches import GetBatch, ListBatchItems
from services.llm.application.run_provider_batches import RunProviderBatches
from services.llm.application.submit_batch import AddBatchItems, CreateBatch, StartBatch
from services.llm.domain.batch import Batch, BatchState, Item, ItemState, NewItem
from services.llm.domain.errors import FailureKind, ProviderFailed
from services.llm.domain.generation import Message, Prompt, Role, Tool
from services.llm.domain.pricing import Price, Rates
from services.llm.domain.redaction import PatternRedaction
from services.llm.servicer.batches import ProtoItems
from tests.fakes.llm_batches import FakeBatchBook
from tests.fakes.llm_bedrock_batch_server import BUCKET, ROLE, BedrockBatchServer, bedrock_batch_server
from tests.fakes.llm_bedrock_server import bedrock_server
from tests.fakes.llm_models import DEAR, FixedModels
from tests.fakes.llm_provider import FakeLedger
from tests.fakes.llm_surroundings import FakeBudgets
from tests.integration.llm.batch_worker import by_outcome, ledger_rows
from tests.integration.llm.test_llm_batches import ended, results, serving

NOW = datetime(2026, 11, 26, tzinfo=UTC)
PRICE = Price(Rates(100_000, 500_000), batch_permille=500, date="2026-11-01")
MODEL = replace(DEAR, provider_id="{area}.amazon.nova-micro-v1:0", price=PRICE, tools=True)
NOVA = "models/nova-micro"
FOLDER = f"s3://{BUCKET}/aisle/batches"
# Half of what 20 tokens in and 10 out cost, rounded up.
COST = 4
ITEMS = 250


@dataclass
class Shop:
    """A worker over a book in memory and Bedrock over HTTP."""

    server: BedrockBatchServer
    provider: BedrockBatches
    book: FakeBatchBook = field(default_factory=FakeBatchBook)
    models: FixedModels = field(default_factory=lambda: FixedModels(MODEL))
    ledger: FakeLedger = field(default_factory=FakeLedger)
    budgets: FakeBudgets = field(default_factory=FakeBudgets)

    def worker(self, name: str = "here") -> RunProviderBatches:
        return RunProviderBatches(
            self.book, {"bedrock": self.provider}, ProtoItems(), self.budgets, self.ledger, self.models,
            PatternRedaction(), JsonschemaShapes(), name, follow=0.0, clock=self.book.now,
        )  # fmt: skip

    async def submit(self, items: int = ITEMS, with_tools: int = 0) -> str:
        batch = Batch(f"batch-{len(self.book.batches)}", "Texts", NOW, model=MODEL.name)
        await CreateBatch(self.book, self.models)(batch, "")
        new = [NewItem(f"item-{n}", asking(f"item-{n}", n < with_tools).SerializeToString()) for n in range(items)]
        await AddBatchItems(self.book)(batch.key, new)
        await StartBatch(self.book, self.models, {"bedrock": 100})(batch.key)
        return batch.key

    async def items(self, key: str) -> list[Item]:
        return await ListBatchItems(self.book).results(key, [], 0, 1000)

    async def counts(self, key: str) -> dict[ItemState, int]:
        return (await GetBatch(self.book)(key))[1].counts

    async def sweep(self) -> None:
        await GiveUpItems(self.book, ProtoItems(), self.ledger, self.models)()

    def job_names(self) -> set[str]:
        return {job.asked["clientRequestToken"] for job in self.server.jobs.values()}


def asking(text: str, with_tools: bool = False) -> pb.GenerateTextRequest:
    tools = [pb.Tool(name="find", description="Finds a product.")] if with_tools else []
    return pb.GenerateTextRequest(messages=[pb.ChatMessage(role=pb.CHAT_ROLE_USER, text=text)], tools=tools)


@pytest.fixture
async def shop(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(bedrock_batch_server(monkeypatch))
        provider = await stack.enter_async_context(BedrockBatches("us-east-1", FOLDER, ROLE, 5.0))
        yield Shop(server, provider)


async def test_a_batch_is_sent_followed_and_read_at_half_the_price(shop: Shop) -> None:
    key, worker = await shop.submit(), shop.worker()
    assert await worker.begin_one()
    assert await worker.follow_one()
    assert await shop.counts(key) == {ItemState.RUNNING: ITEMS}
    shop.server.end()
    await worker.follow_one()
    await shop.sweep()
    batch, tally = await GetBatch(shop.book)(key)
    assert (batch.state, batch.provider, tally.cost_micros) == (BatchState.ENDED, "bedrock", ITEMS * COST)
    answers = {item.key: pb.CompleteTextResponse.FromString(item.answer).text for item in await shop.items(key)}
    assert answers == {f"item-{n}": f"About item-{n}." for n in range(ITEMS)}
    assert len({record.record_id for record in shop.ledger.records}) == len(shop.ledger.records) == ITEMS
    assert {(record.batch, record.cost_micros, record.outcome) for record in shop.ledger.records} == {
        (True, COST, "ok")
    }
    assert not shop.server.objects


async def test_a_worker_that_died_after_creating_leaves_one_job_that_others_follow(shop: Shop) -> None:
    key = await shop.submit()
    async with shop.book.writing() as writing:
        job, taken = await writing.open_job(key, "gone", 0.0, 1000)
    prompts = [(one.key, ProtoItems().wanted(one.request).prompt) for one in taken]
    await shop.provider.submit(job.key, MODEL, prompts)
    # Even while Bedrock's list does not know it yet: the token does.
    shop.server.list_lags = True
    shop.book.turned += 1
    worker = shop.worker()
    assert await worker.follow_one()
    assert shop.job_names() == {job.key}
    shop.server.end()
    await worker.follow_one()
    assert await shop.counts(key) == {ItemState.DONE: ITEMS}
    assert set(shop.server.billed.values()) == {1}


async def test_a_worker_that_died_before_creating_leaves_a_job_that_is_created_once(shop: Shop) -> None:
    key = await shop.submit()
    shop.server.refused = ["ServiceQuotaExceededException", "ServiceQuotaExceededException"]
    await shop.worker("first").begin_one()
    assert not shop.server.jobs and shop.server.objects
    second = shop.worker("second")
    for _ in range(3):
        shop.book.turned += 400
        await second.follow_one()
    assert len(shop.server.jobs) == 1
    shop.server.end()
    await second.follow_one()
    assert await shop.counts(key) == {ItemState.DONE: ITEMS}
    assert set(shop.server.billed.values()) == {1}


async def test_a_batch_that_was_never_asked_for_is_sent_anew_and_leaves_nothing(shop: Shop) -> None:
    key, worker = await shop.submit(), shop.worker()
    shop.server.refused_uploads = 1
    await worker.begin_one()
    shop.book.turned += 61
    await worker.follow_one()
    assert await shop.counts(key) == {ItemState.PENDING: ITEMS}
    assert not shop.server.objects
    await worker.begin_one()
    shop.server.end()
    await worker.follow_one()
    assert await shop.counts(key) == {ItemState.DONE: ITEMS}
    assert set(shop.server.billed.values()) == {1}


async def test_records_that_fail_alone_fail_alone_and_are_run_here_when_they_are_retried(shop: Shop) -> None:
    key, worker = await shop.submit(), shop.worker()
    shop.server.failing = {"item-1": 500, "item-2": 400}
    await worker.begin_one()
    shop.server.end()
    await worker.follow_one()
    await shop.sweep()
    found = {item.key: item.error_reason for item in await shop.items(key) if item.state is ItemState.FAILED}
    assert found == {"item-1": "PROVIDER_UNAVAILABLE", "item-2": "PROVIDER_REFUSED"}
    assert len(shop.ledger.records) == ITEMS - 2
    assert await RetryBatchItems(shop.book)(key, [], ["item-1"]) == 1
    while await worker.begin_one():
        pass
    # Bedrock takes no job of one.
    assert len(shop.server.jobs) == 1
    async with shop.book.writing() as writing:
        assert [one.key for one in await writing.claim(key, "here", 30.0, 10, only_here=True)] == ["item-1"]


async def test_what_a_day_was_too_short_for_is_sent_again_and_nothing_else(shop: Shop) -> None:
    key, worker = await shop.submit(), shop.worker()
    await worker.begin_one()
    shop.server.end("PartiallyCompleted", answered=100)
    await worker.follow_one()
    assert await shop.counts(key) == {ItemState.DONE: 100, ItemState.PENDING: 150}
    await worker.begin_one()
    shop.server.end()
    await worker.follow_one()
    assert await shop.counts(key) == {ItemState.DONE: ITEMS}
    assert len(shop.server.jobs) == 2 and set(shop.server.billed.values()) == {1}


async def test_a_job_that_expired_before_it_began_is_sent_again(shop: Shop) -> None:
    key, worker = await shop.submit(), shop.worker()
    await worker.begin_one()
    shop.server.end("Expired")
    await worker.follow_one()
    assert await shop.counts(key) == {ItemState.PENDING: ITEMS}
    await worker.begin_one()
    shop.server.end()
    await worker.follow_one()
    assert set(shop.server.billed.values()) == {1} and len(shop.server.billed) == ITEMS


async def test_what_was_run_and_whose_answer_is_lost_is_not_run_again_by_itself(shop: Shop) -> None:
    key, worker = await shop.submit(), shop.worker()
    await worker.begin_one()
    shop.server.loses_answers = True
    shop.server.end("PartiallyCompleted", answered=100)
    await worker.follow_one()
    assert await shop.counts(key) == {ItemState.INTERRUPTED: ITEMS}
    assert {record.outcome for record in shop.ledger.records} == {"interrupted"}
    assert not await worker.begin_one()


async def test_cancelling_stops_the_job_and_keeps_what_was_answered(shop: Shop) -> None:
    key, worker = await shop.submit(), shop.worker()
    await worker.begin_one()
    await CancelBatch(shop.book)(key)
    await worker.follow_one()
    await worker.follow_one()
    assert [job.status for job in shop.server.jobs.values()] == ["Stopping"]
    shop.server.end(answered=120)
    await worker.follow_one()
    await shop.sweep()
    assert await shop.counts(key) == {ItemState.DONE: 120, ItemState.CANCELLED: 130}
    assert (await GetBatch(shop.book)(key))[0].state is BatchState.CANCELLED
    assert len(shop.ledger.records) == 120


async def test_a_job_that_fails_as_a_whole_fails_its_items(shop: Shop) -> None:
    key, worker = await shop.submit(), shop.worker()
    await worker.begin_one()
    shop.server.end("Failed")
    await worker.follow_one()
    assert {item.error_reason for item in await shop.items(key)} == {"PROVIDER_REFUSED"}
    assert not shop.server.billed and not shop.server.objects


async def test_a_job_that_bedrock_lost_is_interrupted(shop: Shop) -> None:
    key, worker = await shop.submit(), shop.worker()
    await worker.begin_one()
    shop.server.jobs.clear()
    await worker.follow_one()
    assert await shop.counts(key) == {ItemState.INTERRUPTED: ITEMS}


async def test_items_with_tools_are_left_to_whoever_runs_items_one_by_one(shop: Shop) -> None:
    key, worker = await shop.submit(ITEMS, with_tools=7), shop.worker()
    assert await worker.begin_one()
    assert not await worker.begin_one()
    assert await shop.counts(key) == {ItemState.RUNNING: ITEMS - 7, ItemState.PENDING: 7}
    async with shop.book.writing() as writing:
        here = await writing.claim(key, "here", 30.0, 100, only_here=True)
    assert [one.key for one in here] == [f"item-{n}" for n in range(7)]


async def test_a_batch_of_too_few_items_without_tools_is_run_here_as_a_whole(shop: Shop) -> None:
    key, worker = await shop.submit(120, with_tools=21), shop.worker()
    assert await worker.begin_one()
    assert not await worker.begin_one()
    assert not shop.server.jobs and not shop.server.objects
    async with shop.book.writing() as writing:
        assert len(await writing.claim(key, "here", 30.0, 500, only_here=True)) == 120


async def test_a_budget_that_holds_a_part_sends_a_part_that_is_large_enough(shop: Shop) -> None:
    shop.budgets.left = 150 * 600
    key, worker = await shop.submit(1_000), shop.worker()
    while await worker.begin_one():
        pass
    lines = [shop.server.objects[name] for name in shop.server.objects if name.endswith("questions.jsonl")]
    assert lines and all(len(content.splitlines()) >= 100 for content in lines)
    assert (await GetBatch(shop.book)(key))[0].wait_reason == "BUDGET_SPENT"
    assert shop.budgets.left >= 0


async def test_a_budget_that_never_holds_a_part_holds_items_one_by_one(shop: Shop) -> None:
    shop.budgets.left = 50 * 300
    key, worker = await shop.submit(), shop.worker()
    for _ in range(2):
        while await worker.begin_one():
            pass
        assert await shop.counts(key) == {ItemState.PENDING: ITEMS}
        async with shop.book.writing() as writing:
            here = await writing.claim(key, "here", 30.0, 0, only_here=True)
            left = await writing.left_to_provider(key)
        assert (here, left) == ([], ITEMS)
        shop.book.turned += 10
    shop.book.turned += 30
    while await worker.begin_one():
        pass
    async with shop.book.reading() as reading:
        assert await reading.left_to_provider(key) < ITEMS
    assert not shop.server.jobs


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt([Message(Role.USER, "tea")], tools=[Tool("find")]),
        Prompt([Message(Role.USER, "tea"), Message(Role.ASSISTANT, "Well, ")]),
    ],
)
async def test_what_converse_does_not_answer_well_in_a_batch_is_not_taken(shop: Shop, prompt: Prompt) -> None:
    assert not shop.provider.takes(prompt)
    assert shop.provider.takes(Prompt([Message(Role.USER, "tea"), Message(Role.ASSISTANT, "Well,")]))


async def test_the_event_loop_is_free_while_the_bucket_is_silent(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    quiet = await asyncio.start_server(silent, "127.0.0.1", 0)
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK", f"http://127.0.0.1:{quiet.sockets[0].getsockname()[1]}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    async with quiet, BedrockBatches("us-east-1", FOLDER, ROLE, 0.3) as provider:
        asked, longest = asyncio.ensure_future(provider.find(str(uuid4()))), 0.0
        while not asked.done():
            before = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - before)
        with pytest.raises(ProviderFailed) as failed:
            await asked
    assert failed.value.kind is FailureKind.TIMED_OUT
    assert longest < 0.3


async def test_without_credentials_it_is_forbidden(shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    async with BedrockBatches("us-east-1", FOLDER, ROLE, 5.0) as provider:
        with pytest.raises(ProviderFailed) as failed:
            await provider.find(str(uuid4()))
    assert failed.value.kind is FailureKind.FORBIDDEN


@pytest.mark.servers
async def test_the_service_runs_batches_of_one_model_as_bedrocks_and_what_it_does_not_take_one_by_one(
    database_url: Callable[[str], Awaitable[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from aisle.llm.v1.batch_service_pb2_grpc import BatchServiceStub
    from services.runtime.channel import MeshChannel

    async with bedrock_batch_server(monkeypatch) as server, bedrock_server() as runtime, AsyncExitStack() as stack:
        given: dict[str, Any] = {
            "bedrock_region": "us-east-1",
            "bedrock_endpoint_url": runtime.url,
            "bedrock_batch_from": 100,
            "bedrock_batch_folder": FOLDER,
            "bedrock_batch_role_arn": ROLE,
            "spool_dir": str(tmp_path),
        }
        port = await stack.enter_async_context(serving(await database_url("llm"), server, **given))
        stub = BatchServiceStub(await stack.enter_async_context(MeshChannel("chat", "llm", f"127.0.0.1:{port}")))
        name = await submitted(stub)
        async with asyncio.timeout(30):
            while not server.jobs:  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.02)
        found = await stub.GetBatch(batch_service_pb2.GetBatchRequest(name=name))
        assert found.provider == "bedrock"
        server.end()
        batch = await ended(stub, name)
        items = await results(stub, name)
    assert batch.state == batch_pb2.BATCH_STATE_ENDED
    said = ["Warm tea"] * 5 + [f"About item-{n}." for n in range(5, ITEMS)]
    assert [item.answer.text for item in items] == said
    assert set(server.billed.values()) == {1} and len(server.billed) == ITEMS - 5
    assert not server.objects
    rows = by_outcome(ledger_rows(tmp_path))
    assert set(rows) == {"ok"} and len(rows["ok"]) == ITEMS and set(rows["ok"].values()) == {1}


async def submitted(stub: Any) -> str:
    new = batch_pb2.Batch(display_name="Descriptions", use_case=pb.USE_CASE_DESCRIPTION, model=NOVA)
    batch = await stub.CreateBatch(batch_service_pb2.CreateBatchRequest(batch=new, request_id=str(uuid4())))
    items = [
        batch_service_pb2.NewBatchItem(key=f"item-{n}", generation=asking(f"item-{n}", n < 5)) for n in range(ITEMS)
    ]
    await stub.AddBatchItems(batch_service_pb2.AddBatchItemsRequest(parent=batch.name, items=items))
    await stub.StartBatch(batch_service_pb2.StartBatchRequest(name=batch.name))
    return str(batch.name)
