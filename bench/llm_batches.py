"""Batches under a killer, at a provider's limit and at the edge of a budget, over real processes and PostgreSQL.

The provider counts every request by its item. Workers are killed as a lack of memory would (SIGKILL) and started again;
each has a disk of its own. The run fails when an item was sent twice without anybody asking for it, when an item is
missing in the ledger or is there twice, or when more was spent than there is.
"""

import argparse
import asyncio
import random
import socket
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, aclosing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from local import postgres
from services.llm.adapters.openai_provider import OpenAIProvider
from services.llm.adapters.postgres_batches import PostgresBatchBook
from services.llm.application.complete_text import CompleteText
from services.llm.application.generate_text import GenerateText
from services.llm.application.give_up_items import GiveUpItems
from services.llm.application.run_batches import Limits, RunBatches
from services.llm.domain.batch import Batch, ItemState
from services.llm.domain.generation import Message, Prompt, Role, Wanted
from services.llm.domain.health import HealthBook
from services.llm.domain.latency import LatencyBook
from services.llm.servicer.batches import ProtoItems
from services.runtime import sql
from tests.conftest import free_port, run_server
from tests.fakes.llm_limited_server import limited_server
from tests.fakes.llm_models import CHEAP
from tests.fakes.llm_provider import FakeLedger
from tests.fakes.llm_surroundings import FakeAnswerCache, surroundings
from tests.integration.llm.batch_worker import COST, MODELS, Killing, by_outcome, ledger_rows, submitted
from tests.integration.llm.redis_process import RedisProcess

PASSWORD = "only-for-the-bench"
_LEAST_SHARE = 0.95
# A batch that waits for a budget looks for it every half a minute.
_STILL = 70.0


@contextmanager
def database() -> Iterator[str]:
    """Run a PostgreSQL of one's own; yields its URL."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        for _ in run_server(postgres.process(Path(folder) / "postgres", port, PASSWORD), Path(folder)):
            own = postgres.role_password("llm", PASSWORD)
            yield f"postgresql+asyncpg://llm:{own}@127.0.0.1:{port}/{postgres.DATABASE}"


async def kills(url: str, items: int, workers: int, every: float) -> bool:
    """Kill workers while they run a batch, then have the interrupted items run again; returns whether all held."""
    with tempfile.TemporaryDirectory() as folder:
        async with limited_server(None, 0.2) as server:
            killing = Killing(url, server, Path(folder), items, workers)
            async with killing.running():
                began = time.monotonic()
                await killing.until_ended(every)
                seconds = time.monotonic() - began
                states = Counter(item.state for item in await killing.items())
                lost = {item.key for item in await killing.items() if item.state is ItemState.INTERRUPTED}
                unasked = max(server.served.values())
                await killing.retry()
                await killing.until_ended(None)
                after = await killing.items()
        rows = by_outcome(ledger_rows(Path(folder)))
    twice = {key for key, count in server.served.items() if count > 1}
    most = max(max(counts.values()) for counts in rows.values())
    ok, gone = set(rows["ok"]), set(rows.get("interrupted", Counter()))
    held = (
        unasked == 1
        and twice <= lost
        and most == 1
        and len(ok | gone) == items + len(lost)
        and sum(item.cost_micros for item in after) == items * COST
        and {item.state for item in after} == {ItemState.DONE}
    )
    print(f"| items, workers | {items:,}, {workers} |")
    print(f"| kills, every | {killing.kills}, {every:.1f} s on average |")
    print(f"| seconds | {seconds:.1f} |")
    print(f"| items sent twice unasked | {sum(1 for count in server.served.values() if count > 1 and unasked > 1)} |")
    print(f"| done, interrupted | {states[ItemState.DONE]:,}, {states[ItemState.INTERRUPTED]:,} |")
    print(f"| of the interrupted, the provider had served | {len(twice):,} |")
    print(f"| done after RetryBatchItems | {sum(1 for item in after if item.state is ItemState.DONE):,} |")
    print(f"| ledger rows of one id, at the most | {most} |")
    print(f"| attempts with a row, of attempts begun | {len(ok | gone):,} of {items + len(lost):,} |")
    return held


async def limit(url: str, items: int, per_second: float) -> bool:
    """Run a batch against a provider with a limit; returns whether nearly all of it was used."""
    with tempfile.TemporaryDirectory() as folder:
        async with limited_server(per_second, 0.2) as server:
            killing = Killing(url, server, Path(folder), items, 1)
            async with killing.running():
                await killing.until_ended(None)
                cpu = killing.stop()
    could = server.burst + per_second * (server.last_at - server.first_at)
    share = sum(server.served.values()) / could
    print(f"| items, a limit of | {items:,}, {per_second:.0f} a second |")
    print(f"| of the limit used | {share:.1%} |")
    print(f"| refused for each that was served | {server.refused / items:.4f} |")
    print(f"| processor time of the worker for an item | {cpu / items * 1000:.2f} ms |")
    return share >= _LEAST_SHARE and max(server.served.values()) == 1


async def budget(url: str, items: int, affordable: int, every: float) -> bool:
    """Kill workers while they spend a budget that does not hold the batch; returns whether it was kept to."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        server_of_budgets = RedisProcess(Path(folder), int(probe.getsockname()[1]))
        probe.close()
        server_of_budgets.start()
        try:
            async with limited_server(None, 0.1) as server:
                spools, money = Path(folder) / "spools", affordable * COST
                spools.mkdir()
                killing = Killing(
                    url, server, spools, items, 2, REDIS=server_of_budgets.url, BUDGET=str(money)
                )  # fmt: skip
                async with killing.running():
                    await killing.until_still(every, _STILL)
                    tally = Counter(item.state for item in await killing.items())
        finally:
            server_of_budgets.kill()
    sent = sum(server.served.values())
    print(f"| items, of which the budget holds | {items:,}, {affordable:,} |")
    print(f"| kills | {killing.kills} |")
    print(f"| sent, and so of the budget spent | {sent:,}, {sent / affordable:.1%} |")
    print(f"| left waiting | {tally[ItemState.PENDING]:,} |")
    return sent <= affordable and max(server.served.values()) == 1


async def beside(url: str, items: int, hears: bool | None) -> None:
    """Measure calls that somebody waits for beside a batch on a machine that both share; alone when `hears` is None.

    A worker that does not hear how long they take makes no room.
    """
    latency, ledger, clock = LatencyBook(), FakeLedger(), time.monotonic
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(limited_server(None, 0.05))
        server.sharing = 0.01
        provider = await stack.enter_async_context(OpenAIProvider("k", server.url, 30.0))
        around = surroundings(MODELS, {"openai": provider}, HealthBook(), ledger, clock, latency=latency)
        generate = GenerateText(around, FakeAnswerCache())
        book = PostgresBatchBook(await stack.enter_async_context(sql.connect(url, service="llm")))
        codec, heard = ProtoItems(), latency if hears else LatencyBook()
        give_up, complete = GiveUpItems(book, codec, ledger, MODELS), CompleteText(generate)
        worker = RunBatches(book, complete, codec, give_up, MODELS, heard, clock, str(uuid.uuid4()), Limits(32))
        async with asyncio.TaskGroup() as group:
            running = group.create_task(worker.serve())
            await _waited(generate, 20)
            if hears is not None:
                await submitted(book, items, Batch(str(uuid.uuid4()), "Beside", datetime.now(UTC), model=CHEAP.name))
                await asyncio.sleep(5.0)
            ended = len(ledger.records)
            began = clock()
            waits = sorted(await _waited(generate, 100))
            rate = (len(ledger.records) - ended - len(waits)) / (clock() - began)
            worker.not_serving()
            await worker.stop(5.0)
            running.cancel()
    name = "alone" if hears is None else "beside a batch that makes room" if hears else "beside one that makes none"
    print(f"| {name} | {waits[50] * 1000:.0f} / {waits[94] * 1000:.0f} | {rate:.0f} |")


async def _waited(generate: GenerateText, calls: int) -> list[float]:
    """Return the seconds that so many calls took, one after the other."""
    waits = []
    for number in range(calls):
        began = time.monotonic()
        wanted = Wanted(Prompt([Message(Role.USER, f"interactive {number}")]))
        async with aclosing(generate(wanted)) as events:
            async for _ in events:
                pass
        waits.append(time.monotonic() - began)
        await asyncio.sleep(0.05)
    return waits


def main() -> None:
    """Run everything and exit with 1 when something did not hold."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--items", type=int, default=10_000)
    arguments.add_argument("--workers", type=int, default=3)
    arguments.add_argument("--every", type=float, default=3.0, help="seconds between two kills")
    arguments.add_argument("--limit", type=float, default=100.0, help="requests a second of the provider")
    given = arguments.parse_args()
    random.seed(11)
    held = []
    with database() as url:
        print("Killed workers\n\n| | |\n|---|---|")
        held.append(asyncio.run(kills(url, given.items, given.workers, given.every)))
        print("\nA provider's limit\n\n| | |\n|---|---|")
        held.append(asyncio.run(limit(url, given.items, given.limit)))
        print("\nA budget\n\n| | |\n|---|---|")
        held.append(asyncio.run(budget(url, given.items // 4, given.items // 10, given.every / 3)))
        print("\nWho waits\n\n| | p50 / p95, ms | items a second |\n|---|--:|--:|")
        for hears in (None, False, True):
            asyncio.run(beside(url, given.items, hears))
    raise SystemExit(0 if all(held) else 1)


if __name__ == "__main__":
    main()
