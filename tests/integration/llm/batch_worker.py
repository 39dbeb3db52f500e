"""A process of its own that runs batches with the real use cases, to be killed; and what it leaves behind."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import redis.asyncio as redis
from redis.exceptions import RedisError

from aisle.analytics.v1.usage_pb2 import UsageRecord
from aisle.llm.v1 import llm_service_pb2 as pb
from services.llm.adapters.openai_provider import OpenAIProvider
from services.llm.adapters.postgres_batches import PostgresBatchBook
from services.llm.adapters.postgres_schema import migrated
from services.llm.adapters.redis_budgets import RedisBudgets
from services.llm.adapters.spool_ledger import SpoolLedger
from services.llm.adapters.unlimited_budgets import UnlimitedBudgets
from services.llm.adapters.usage_to_frame import bodies
from services.llm.application.change_batch import RetryBatchItems
from services.llm.application.complete_text import CompleteText
from services.llm.application.generate_text import GenerateText
from services.llm.application.give_up_items import GiveUpItems
from services.llm.application.read_batches import GetBatch
from services.llm.application.run_batches import Limits, RunBatches
from services.llm.application.submit_batch import AddBatchItems, CreateBatch, StartBatch
from services.llm.domain.batch import Batch, BatchState, Item, ItemState, NewItem
from services.llm.domain.budget import Rule, Subject, Window
from services.llm.domain.health import HealthBook
from services.llm.domain.latency import LatencyBook
from services.llm.servicer.batches import ProtoItems
from services.runtime import sql
from services.runtime.serve import Job
from tests.fakes.llm_limited_server import LimitedServer
from tests.fakes.llm_models import CHEAP, FixedModels
from tests.fakes.llm_surroundings import FakeAnswerCache, surroundings

MODELS = FixedModels(CHEAP)
# Money for one item: 20 tokens in and 10 out.
COST = 7


async def _work(stack: AsyncExitStack) -> None:
    environment = os.environ
    clock = time.monotonic
    database = await stack.enter_async_context(sql.connect(environment["DATABASE"], service="llm"))
    ledger = stack.enter_context(SpoolLedger(Path(environment["SPOOL"])))
    provider = await stack.enter_async_context(OpenAIProvider("key", environment["PROVIDER"], 30.0))
    around = surroundings(MODELS, {"openai": provider}, HealthBook(), ledger, clock)
    jobs: list[Job] = []
    if address := environment.get("REDIS"):
        client = await stack.enter_async_context(redis.Redis.from_url(address))
        rules = [Rule(Subject.TENANT, "*", Window.MONTH, micros=int(environment["BUDGET"]))]
        budgets = RedisBudgets(client, lambda: rules)
        jobs.append(budgets.tend)
        around = replace(around, budgets=budgets)
    else:
        around = replace(around, budgets=UnlimitedBudgets())
    complete = CompleteText(GenerateText(around, FakeAnswerCache()))
    limits = Limits(int(environment.get("AT_ONCE", "64")), lease_seconds=float(environment.get("LEASE", "3")))
    book, codec = PostgresBatchBook(database), ProtoItems()
    give_up = GiveUpItems(book, codec, ledger, MODELS)
    worker = RunBatches(book, complete, codec, give_up, MODELS, LatencyBook(), clock, str(uuid.uuid4()), limits)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    begun = time.process_time()
    tasks = [asyncio.ensure_future(job()) for job in [worker.serve, *jobs]]
    await stop.wait()
    await worker.stop(5.0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    print(f"{time.process_time() - begun:.3f}", flush=True)


async def _main() -> None:
    async with AsyncExitStack() as stack:
        with suppress(RedisError):
            await _work(stack)


class Worker:
    """One such process."""

    def __init__(self, **environment: str) -> None:
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.integration.llm.batch_worker"]
        self._process = subprocess.Popen(command, env=self._environment, stdout=subprocess.PIPE, text=True)

    def kill(self) -> None:
        """Kill it as a lack of memory would: it gets no chance to say anything."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)

    def stop(self) -> float:
        """Ask it to leave; return the seconds of processor time it took since it began to work."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        said, _ = self._process.communicate(timeout=30)
        return float(said.split()[-1])


def item(number: int, text: str = "") -> NewItem:
    """Return a request whose last message is its key."""
    key = f"item-{number}"
    turns = [pb.ChatMessage(role=pb.CHAT_ROLE_USER, text=text or key)]
    request = pb.GenerateTextRequest(messages=turns, max_output_tokens=50)
    return NewItem(key, request.SerializeToString(deterministic=True))


async def submitted(book: PostgresBatchBook, items: int, batch: Batch) -> str:
    """Submit a batch as a client does, in chunks."""
    await CreateBatch(book, MODELS)(batch, "")
    add = AddBatchItems(book)
    for first in range(0, items, 1000):
        await add(batch.key, [item(number) for number in range(first, min(items, first + 1000))])
    await StartBatch(book, MODELS)(batch.key)
    return batch.key


class Killing:
    """A batch that runs in several processes which are killed again and again."""

    def __init__(
        self, database: str, server: LimitedServer, folder: Path, items: int, workers: int, **more: str
    ) -> None:
        self.kills = 0
        self.key = ""
        self._url = database
        self._size = items
        # Each has a disk of its own, as on machines of their own.
        self._workers = [
            Worker(
                DATABASE=database,
                PROVIDER=server.url,
                SPOOL=str(folder / f"spool-{n}"),
                LEASE="2",
                AT_ONCE="32",
                **more,
            )
            for n in range(workers)
        ]
        self._server = server

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Submit the batch and start the processes."""
        async with sql.connect(self._url, service="llm") as database:
            await migrated(database)
            self._book = PostgresBatchBook(database)
            batch = Batch(str(uuid.uuid4()), "Killed", datetime.now(UTC), model=CHEAP.name)
            self.key = await submitted(self._book, self._size, batch)
            for worker in self._workers:
                worker.start()
            try:
                yield
            finally:
                for worker in self._workers:
                    worker.kill()

    async def until_ended(self, kill_every: float | None) -> None:
        """Kill one of the processes now and then, while it runs something, and start it again."""
        while (await self._found()).state is not BatchState.ENDED:
            if kill_every is None:
                await asyncio.sleep(0.1)
            else:
                await self._kill_one(kill_every)

    async def until_still(self, kill_every: float, seconds: float) -> None:
        """Do so until nothing was sent for so many seconds."""
        sent, since = -1, time.monotonic()
        while time.monotonic() - since < seconds:
            await self._kill_one(kill_every)
            if sum(self._server.served.values()) != sent:
                sent, since = sum(self._server.served.values()), time.monotonic()

    def stop(self) -> float:
        """Stop the processes; return the seconds of processor time they took."""
        return sum(worker.stop() for worker in self._workers)

    async def _kill_one(self, every: float) -> None:
        await asyncio.sleep(every * random.uniform(0.5, 1.5))
        if self._server.at_once:
            worker = random.choice(self._workers)
            worker.kill()
            self.kills += 1
            worker.start()

    async def items(self) -> list[Item]:
        """Return all items, without their answers."""
        async with self._book.reading() as batches:
            return await batches.items(self.key, tuple(ItemState), 0, 1_000_000, False)

    async def retry(self) -> int:
        """Have what was interrupted run again."""
        return await RetryBatchItems(self._book)(self.key, [ItemState.INTERRUPTED], [])

    async def _found(self) -> Batch:
        batch, _ = await GetBatch(self._book)(self.key)
        return batch


def ledger_rows(spool: Path) -> list[UsageRecord]:
    """Return every record that any process wrote, in no order."""
    return [
        UsageRecord.FromString(body)
        for path in spool.rglob("*")
        if path.is_file()
        for body in bodies(path.read_bytes())
    ]


def by_outcome(records: Sequence[UsageRecord]) -> dict[str, Counter[str]]:
    """Return how many records each id has, by outcome."""
    found: dict[str, Counter[str]] = {}
    for record in records:
        found.setdefault(record.outcome, Counter())[record.record_id] += 1
    return found


if __name__ == "__main__":
    asyncio.run(_main())
