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
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local import postgres
from services.llm.domain.batch import ItemState
from tests.conftest import free_port, run_server
from tests.fakes.llm_limited_server import limited_server
from tests.integration.llm.batch_worker import COST, Killing, by_outcome, ledger_rows
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
    raise SystemExit(0 if all(held) else 1)


if __name__ == "__main__":
    main()
