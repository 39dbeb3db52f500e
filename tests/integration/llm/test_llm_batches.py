"""Batches over real gRPC and PostgreSQL, and workers that are killed while they run them."""

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from pydantic import SecretStr

from aisle.llm.v1 import batch_pb2, batch_service_pb2, model_pb2
from aisle.llm.v1 import llm_service_pb2 as pb
from aisle.llm.v1.batch_service_pb2_grpc import BatchServiceStub
from services.llm.__main__ import build
from services.llm.domain.batch import ItemState
from services.llm.settings import LlmSettings
from services.runtime.channel import MeshChannel
from services.runtime.errors import Invalid, NotFound
from services.runtime.interceptors import MeshInterceptor
from tests.fakes.llm_bedrock_batch_server import BedrockBatchServer
from tests.fakes.llm_limited_server import LimitedServer, limited_server
from tests.fakes.llm_openai_batch_server import BatchServer
from tests.integration.llm.batch_worker import COST, Killing, by_outcome, ledger_rows

pytestmark = pytest.mark.servers

MODEL = "models/gpt-6-luna"
MakeUrl = Callable[[str], Awaitable[str]]
# Who speaks OpenAI's protocol, or nothing that OpenAI's adapter understands.
Upstream = LimitedServer | BatchServer | BedrockBatchServer


@asynccontextmanager
async def batches(database: str, server: Upstream, **given: Any) -> AsyncIterator[BatchServiceStub]:
    """Serve, and yield a client."""
    async with serving(database, server, **given) as port, MeshChannel("chat", "llm", f"127.0.0.1:{port}") as channel:
        yield BatchServiceStub(channel)


@asynccontextmanager
async def serving(database: str, server: Upstream, **given: Any) -> AsyncIterator[int]:
    """Serve the llm service as its own `__main__` wires it, worker included; yields the port."""
    settings = LlmSettings(
        listen_port=1,
        token_key=SecretStr("k"),
        local_url="",
        openai_base_url=server.url,
        database_url=SecretStr(database),
        difficulty=False,
        **{"openai_api_key": SecretStr("k"), **given},
    )
    async with AsyncExitStack() as stack:
        service = await build(settings, stack)
        assert "aisle.llm.v1.BatchService" in service.more_names
        grpc_server = grpc.aio.server(interceptors=[MeshInterceptor("llm.aisle")])
        service.register(grpc_server)
        port = grpc_server.add_insecure_port("127.0.0.1:0")
        await grpc_server.start()
        jobs = [asyncio.ensure_future(job()) for job in service.background]
        jobs += [asyncio.ensure_future(door.serve()) for door in service.doors]
        yield port
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        await grpc_server.stop(None)


def asking(key: str) -> batch_service_pb2.NewBatchItem:
    turn = pb.ChatMessage(role=pb.CHAT_ROLE_USER, text=key)
    return batch_service_pb2.NewBatchItem(key=key, generation=pb.GenerateTextRequest(messages=[turn]))


async def submitted(stub: Any, items: int, start: bool = True) -> str:
    new = batch_pb2.Batch(display_name="Descriptions", use_case=pb.USE_CASE_DESCRIPTION, model=MODEL)
    batch = await stub.CreateBatch(batch_service_pb2.CreateBatchRequest(batch=new, request_id=str(uuid4())))
    adding = batch_service_pb2.AddBatchItemsRequest(
        parent=batch.name, items=[asking(f"item-{n}") for n in range(items)]
    )
    assert (await stub.AddBatchItems(adding)).added_count == items
    if start:
        await stub.StartBatch(batch_service_pb2.StartBatchRequest(name=batch.name))
    return str(batch.name)


async def found(stub: Any, name: str) -> batch_pb2.Batch:
    batch: batch_pb2.Batch = await stub.GetBatch(batch_service_pb2.GetBatchRequest(name=name))
    return batch


async def ended(stub: Any, name: str) -> batch_pb2.Batch:
    async with asyncio.timeout(60):
        while True:
            batch = await found(stub, name)
            if batch.state in (batch_pb2.BATCH_STATE_ENDED, batch_pb2.BATCH_STATE_CANCELLED):
                return batch
            await asyncio.sleep(0.05)


async def results(stub: Any, name: str, size: int = 0) -> list[batch_pb2.BatchItem]:
    items, token = list[batch_pb2.BatchItem](), ""
    while True:
        asked = batch_service_pb2.ListBatchResultsRequest(parent=name, page_size=size, page_token=token)
        page = await stub.ListBatchResults(asked)
        items += page.items
        token = page.next_page_token
        if not token:
            return items


async def test_a_batch_is_submitted_run_and_read(database_url: MakeUrl) -> None:
    async with limited_server(None, 0.001) as server, batches(await database_url("llm"), server) as stub:
        server.models = ["gpt-6-luna"]
        name = await submitted(stub, 250)
        batch = await ended(stub, name)
        items = await results(stub, name, 100)
        listed = await stub.ListBatches(batch_service_pb2.ListBatchesRequest())
        without = await stub.ListBatchItems(batch_service_pb2.ListBatchItemsRequest(parent=name, page_size=10))
    assert (batch.counts.total, batch.counts.done, batch.progress) == (250, 250, 1.0)
    assert (batch.usage.input_tokens, batch.usage.output_tokens) == (250 * 20, 250 * 10)
    assert batch.cost_micros == sum(item.cost_micros for item in items) > 0
    assert [item.key for item in items] == [f"item-{n}" for n in range(250)]
    assert {item.answer.text for item in items} == {f"About item-{n}." for n in range(250)}
    assert set(server.served.values()) == {1}
    assert [one.name for one in listed.batches] == [name]
    assert len(without.items) == 10 and without.next_page_token and not without.items[0].HasField("answer")


async def test_the_example_in_the_documentation_works_as_it_stands(database_url: MakeUrl) -> None:
    page = (Path(__file__).parents[3] / "docs/gateway.md").read_text()
    code = page.partition("```python\n")[2].partition("```")[0]
    async with limited_server(None, 0.001) as server:
        server.models = ["gpt-6-luna"]
        async with serving(await database_url("llm"), server) as port:
            environment = {**os.environ, "AISLE_EGRESS": f"127.0.0.1:{port}"}
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", code, env=environment, stdout=asyncio.subprocess.PIPE
            )
            said, _ = await process.communicate()
    assert process.returncode == 0
    lines = said.decode().splitlines()
    assert lines[-4].startswith("100% done, ")
    assert lines[-3:] == [f"{one} About Describe {one} in a sentence.." for one in ("teapot", "kettle", "cup")]


async def test_finished_items_are_read_while_others_run_and_cancelling_stops_the_rest(database_url: MakeUrl) -> None:
    async with limited_server(None, 0.05) as server, batches(await database_url("llm"), server) as stub:
        server.models = ["gpt-6-luna"]
        name = await submitted(stub, 1000)
        async with asyncio.timeout(30):
            while not (early := await results(stub, name)):  # noqa: ASYNC110 - the service tells nobody
                await asyncio.sleep(0.02)
        assert (await found(stub, name)).state == batch_pb2.BATCH_STATE_RUNNING
        await stub.CancelBatch(batch_service_pb2.CancelBatchRequest(name=name))
        batch = await ended(stub, name)
        sent = sum(server.served.values())
    assert early[0].state == batch_pb2.BATCH_ITEM_STATE_DONE
    assert batch.state == batch_pb2.BATCH_STATE_CANCELLED
    assert batch.counts.done == sent
    assert batch.counts.done + batch.counts.cancelled == 1000


async def test_what_cannot_be_is_refused_in_words(database_url: MakeUrl) -> None:
    async with limited_server(None, 0.001) as server, batches(await database_url("llm"), server) as stub:
        name = await submitted(stub, 1, start=False)
        other = asking("item-0")
        other.generation.messages[0].text = "another question"
        with pytest.raises(Invalid) as reused:
            await stub.AddBatchItems(batch_service_pb2.AddBatchItemsRequest(parent=name, items=[other]))
        with pytest.raises(NotFound):
            await found(stub, "batches/none")
        with pytest.raises(Invalid) as unknown:
            new = batch_pb2.Batch(model="models/none", min_quality=model_pb2.QUALITY_TIER_BASIC)
            await stub.CreateBatch(batch_service_pb2.CreateBatchRequest(batch=new))
        with pytest.raises(Invalid):
            await stub.CreateBatch(batch_service_pb2.CreateBatchRequest(batch=batch_pb2.Batch(display_name="a\0b")))
        empty = batch_service_pb2.NewBatchItem(key="empty", generation=pb.GenerateTextRequest())
        with pytest.raises(Invalid) as hollow:
            await stub.AddBatchItems(batch_service_pb2.AddBatchItemsRequest(parent=name, items=[empty]))
    assert [one.field for one in hollow.value.violations] == ["items[0].generation.messages"]
    assert (reused.value.reason, unknown.value.reason) == ("BATCH_KEY_REUSED", "MODEL_NOT_FOUND")


@pytest.mark.timeout(240)
async def test_workers_that_are_killed_send_nothing_twice(database_url: MakeUrl, tmp_path: Path) -> None:
    random.seed(7)
    async with limited_server(None, 0.15) as server:
        killing = Killing(await database_url("llm"), server, tmp_path, items=1200, workers=2)
        async with killing.running():
            await killing.until_ended(kill_every=1.0)
            first = await killing.items()
            sent, states = dict(server.served), {item.key: item.state for item in first}
            repeated = await killing.retry()
            await killing.until_ended(kill_every=None)
            second = await killing.items()
    assert killing.kills >= 3
    assert max(sent.values()) == 1
    assert set(states.values()) <= {ItemState.DONE, ItemState.INTERRUPTED}
    interrupted = {key for key, state in states.items() if state is ItemState.INTERRUPTED}
    assert repeated == len(interrupted) > 0
    # Whatever was not answered was told, and whatever was sent twice was asked for.
    assert {key for key, count in server.served.items() if count > 1} <= interrupted
    assert {item.state for item in second} == {ItemState.DONE}
    rows = by_outcome(ledger_rows(tmp_path))
    # Who gives an item up may be killed before that is known, and the next one writes the same record again: whatever
    # is written twice has one id, and counts once.
    assert max(rows["ok"].values()) == 1
    ok, lost = set(rows["ok"]), set(rows["interrupted"])
    assert len(ok | lost) == 1200 + len(interrupted)
    assert sum(item.cost_micros for item in second) == 1200 * COST
