"""Records of calls from processes that are killed to an analytics service and a PostgreSQL that are killed too."""

import asyncio
import itertools
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from local import postgres
from services.llm.adapters.analytics_usage import AnalyticsUsage
from services.llm.adapters.spool_ledger import SpoolLedger
from services.llm.application.deliver_usage import DeliverUsage
from services.runtime.channel import MeshChannel
from services.runtime.errors import AisleError
from tests.conftest import PASSWORD, free_port, run_server

pytestmark = pytest.mark.servers

WRITERS = 50
RECORDS = 10_000
WRITER = Path(__file__).with_name("usage_writer.py")


@pytest.fixture
def mortal_postgres(tmp_path: Path) -> Iterator[int]:
    """A PostgreSQL of the test's own, started again whenever it dies."""
    port = free_port()
    for _ in run_server(postgres.process(tmp_path / "postgres", port, PASSWORD), tmp_path):
        yield port


def database_of(port: int) -> str:
    own = postgres.role_password("analytics", PASSWORD)
    return f"postgresql://analytics:{own}@127.0.0.1:{port}/{postgres.DATABASE}"


class Analytics:
    """The analytics service as a process, started again whenever it is killed."""

    def __init__(self, database: str, redis_url: str, log: Path) -> None:
        self.port = free_port()
        self.kills = 0
        self._log = log
        self._env = {
            **os.environ,
            "AISLE_ANALYTICS_LISTEN_PORT": str(self.port),
            "AISLE_ANALYTICS_DATABASE_URL": database.replace("postgresql://", "postgresql+asyncpg://"),
            "AISLE_ANALYTICS_REDIS_URL": redis_url,
            "AISLE_TOKEN_KEY": "k",
            "AISLE_DRAIN_SECONDS": "0",
        }
        self._process: asyncio.subprocess.Process | None = None

    async def keep(self) -> None:
        """Run it for ever."""
        while True:
            with self._log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "services.analytics", env=self._env, stderr=log, stdout=log
                )
            try:
                await self._process.wait()
            finally:
                if self._process.returncode is None:
                    self._process.kill()
                    await self._process.wait()
            await asyncio.sleep(0.2)

    def kill(self) -> None:
        """Kill it."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            self.kills += 1


@asynccontextmanager
async def beside(*jobs: asyncio.Future[None]) -> AsyncIterator[None]:
    """Run jobs beside a block, and end them with it."""
    try:
        yield
    finally:
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)


async def write_and_be_killed(name: str, spool: Path, address: str, after: int) -> set[str]:
    """Run a writer, kill it after about so many records, and return those it acknowledged."""
    writer = await asyncio.create_subprocess_exec(
        sys.executable, str(WRITER), str(spool), address, name, stdout=asyncio.subprocess.PIPE
    )
    assert writer.stdout is not None
    said: set[str] = set()
    async for line in writer.stdout:
        said.add(line.decode().strip())
        if len(said) == after:
            writer.send_signal(signal.SIGKILL)
    await writer.wait()
    return said


async def kill_now_and_then(source: random.Random, analytics: Analytics, postgres_folder: Path) -> None:
    """Kill analytics every few seconds, and PostgreSQL three times: its keeper gives up when it dies more often."""
    for number in itertools.count():
        await asyncio.sleep(source.uniform(1, 4))
        if number in (1, 4, 7):
            pid = int((postgres_folder / "postmaster.pid").read_text().splitlines()[0])
            os.kill(pid, signal.SIGKILL)
            print("killed PostgreSQL")
        else:
            analytics.kill()


async def deliver_what_is_left(spool: Path, address: str) -> None:
    """Do what the next process of the service would."""
    deadline = time.monotonic() + 90
    async with MeshChannel("llm", "analytics", address) as channel:
        with SpoolLedger(spool) as heir:
            deliver = DeliverUsage(heir, AnalyticsUsage(channel, timeout=5.0))
            while True:
                try:
                    await deliver.once()
                    return
                except AisleError:
                    assert time.monotonic() < deadline, "analytics never came back"
                    await asyncio.sleep(0.5)


async def counted(port: int) -> tuple[list[str], list[tuple[int, int, int]]]:
    """Return the users of the stored records, and the calls, cost and timed calls of both kinds of sums."""
    connection = await asyncpg.connect(database_of(port))
    users = [row[0] for row in await connection.fetch("SELECT user_id FROM analytics.usage_records")]
    sums = await connection.fetch(
        """SELECT sum(calls)::bigint, sum(cost_micros)::bigint,
        sum((SELECT sum(held & ((1::bigint << 40) - 1)) FROM unnest(latency) AS held))::bigint
        FROM analytics.usage_days GROUP BY overall"""
    )
    await connection.close()
    return users, [tuple(row) for row in sums]


@pytest.mark.timeout(600)
async def test_what_killed_processes_acknowledged_arrives_once_at_an_analytics_that_is_killed_too(
    mortal_postgres: int, redis_url: str, tmp_path: Path
) -> None:
    source = random.Random(20261126)
    spool = tmp_path / "spool"
    analytics = Analytics(database_of(mortal_postgres), redis_url, tmp_path / "analytics.log")
    address = f"127.0.0.1:{analytics.port}"
    cuts = sorted(source.sample(range(1, RECORDS + WRITERS), WRITERS - 1))
    lives = [high - low for low, high in zip([0, *cuts], [*cuts, RECORDS + WRITERS], strict=True)]
    said: set[str] = set()
    lanes = asyncio.Semaphore(3)

    async def one(number: int, after: int) -> None:
        async with lanes:
            said.update(await write_and_be_killed(f"w{number}", spool, address, after))

    kept = asyncio.ensure_future(analytics.keep())
    async with beside(kept):
        async with beside(asyncio.ensure_future(kill_now_and_then(source, analytics, tmp_path / "postgres"))):
            await asyncio.gather(*(one(number, after) for number, after in enumerate(lives)))
        await deliver_what_is_left(spool, address)
    users, sums = await counted(mortal_postgres)
    assert len(said) >= RECORDS
    assert analytics.kills
    assert said - set(users) == set(), "every acknowledged record is stored"
    assert len(users) == len(set(users)), "no record is stored twice"
    # A writer may have died between recording and saying so.
    assert len(set(users) - said) <= WRITERS
    assert sums == [(len(users), 3 * len(users), len(users))] * 2, "no record is counted twice"
    assert not list(spool.glob("*/*.usage"))
    print(
        f"acknowledged {len(said)}, stored {len(users)}, counted {sums[0][0]}, analytics killed {analytics.kills} times"
    )
