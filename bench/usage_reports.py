"""How long reports about usage take over a million records, and how fast records are taken in.

Fills a PostgreSQL of its own with records of 30 days (8 models, 3 providers, 5 use cases, 12 tenants, 20,000 users, 7 %
failures, 15 % cache hits) through the store's own insert, then asks the store for reports, each many times.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg

from local import postgres
from services.analytics.adapters import migrations
from services.analytics.adapters.postgres_usage_store import PostgresUsageStore
from services.analytics.application.query_usage import QueryUsage
from services.analytics.domain.usage import Dimension, UsageFilter, UsageRecord
from services.runtime import sql
from tests.conftest import free_port, run_server

NOW = datetime(2026, 11, 26, 15, 42, tzinfo=UTC)
DAYS = 30
BATCH = 1000
PASSWORD = "only-for-the-bench"
FAILURES = ("timed out", "throttled", "broken", "unreachable")


class Clock:
    """Stands still, so that every run asks for the same interval."""

    def now(self) -> datetime:
        """Return the moment up to which there are records."""
        return NOW


def record(source: random.Random, number: int, count: int) -> UsageRecord:
    """Return one record; records are given out in the order of their time, as they would arrive."""
    moment = NOW - timedelta(days=DAYS) + timedelta(days=DAYS) * (number / count)
    model = min(int(source.expovariate(0.5)), 7)
    draw = source.random()
    outcome = source.choice(FAILURES) if draw < 0.07 else "left" if draw < 0.09 else "ok"
    cache = source.choice(("exact", "exact", "similar", "shared")) if outcome == "ok" and draw > 0.85 else "miss"
    millis = int(moment.timestamp() * 1000)
    return UsageRecord(
        id=UUID(int=(millis << 80) | (7 << 76) | (2 << 62) | number),
        time=moment,
        operation="chat",
        provider=("openai", "bedrock", "local")[model % 3],
        model=f"models/model-{model}",
        use_case=("chat_support", "recommendations", "description", "sentiment", "free")[int(source.random() * 5)],
        outcome=outcome,
        tenant=f"tenants/team-{min(int(source.expovariate(0.7)), 11)}",
        user=f"users/{int(source.random() * 20_000)}",
        prompt_version=f"v{number * 4 // count}",
        cache=cache,
        input_tokens=source.randrange(50, 4000),
        output_tokens=source.randrange(5, 800),
        cost_micros=0 if cache != "miss" else source.randrange(10, 20_000),
        saved_micros=source.randrange(10, 20_000) if cache != "miss" else 0,
        latency=int(source.lognormvariate(14, 0.7)),
        first_token=int(source.lognormvariate(12.5, 0.6)),
        route_reason="cheapest",
        attempt=1 + (draw > 0.98),
    )


def batches(count: int) -> Iterator[Sequence[UsageRecord]]:
    """Yield all records in batches."""
    source = random.Random(20261126)
    for place in range(0, count, BATCH):
        yield [record(source, number, count) for number in range(place, min(place + BATCH, count))]


async def fill(store: PostgresUsageStore, count: int) -> None:
    """Insert everything, and print how long the inserts took."""
    taken = []
    for batch in batches(count):
        started = time.perf_counter()
        await store.store(batch)
        taken.append(time.perf_counter() - started)
    per_batch = statistics.quantiles(taken, n=100)
    rate = count / sum(taken)
    print(f"inserts: {count:,} records, {rate:,.0f}/s, a batch of {BATCH}: p50 {per_batch[49] * 1000:.0f} ms, ", end="")
    print(f"p95 {per_batch[94] * 1000:.0f} ms")


async def ask(store: PostgresUsageStore, name: str, by: Sequence[Dimension], wanted: UsageFilter, times: int) -> None:
    """Ask for one report many times, and print how long it took."""
    query, taken, rows = QueryUsage(store, Clock(), 90), [], 0
    for number in range(times):
        # Another end each time: no two intervals are the same, and all have partial days.
        end = NOW - timedelta(minutes=number)
        started = time.perf_counter()
        answer = await query(end - timedelta(days=DAYS), end, by, wanted, 100)
        taken.append(time.perf_counter() - started)
        rows = len(answer.rows)
    cut = statistics.quantiles(taken, n=20)
    print(f"| {name} | {rows} | {statistics.median(taken) * 1000:.0f} | {cut[18] * 1000:.0f} |")


async def page(store: PostgresUsageStore, times: int) -> None:
    """Ask for the newest failed calls."""
    query, taken = UsageFilter(failed_only=True), []
    interval = (await QueryUsage(store, Clock(), 90)(None, None, (), UsageFilter(), 1)).interval
    for _ in range(times):
        started = time.perf_counter()
        rows = await store.page(interval, query, None, 50)
        taken.append(time.perf_counter() - started)
    cut = statistics.quantiles(taken, n=20)
    print(f"| newest failed calls | {len(rows)} | {statistics.median(taken) * 1000:.1f} | {cut[18] * 1000:.1f} |")


async def measure(port: int, count: int, times: int) -> None:
    """Fill and ask."""
    admin = await asyncpg.connect(host="127.0.0.1", port=port, user="postgres", password=PASSWORD, database="postgres")
    await admin.execute('CREATE DATABASE "usage" OWNER "analytics"')
    await admin.close()
    own = postgres.role_password("analytics", PASSWORD)
    url = f"postgresql+asyncpg://analytics:{own}@127.0.0.1:{port}/usage"
    async with sql.connect(url, service="analytics", command_timeout=60) as database:
        await sql.migrate(database, "analytics", Path(migrations.__path__[0]))
        store = PostgresUsageStore(database)
        await fill(store, count)
        print("\n| report over 30 days | rows | p50 ms | p95 ms |\n|---|---:|---:|---:|")
        await ask(store, "by model", (Dimension.MODEL,), UsageFilter(), times)
        await ask(store, "by day and model", (Dimension.DAY, Dimension.MODEL), UsageFilter(), times)
        await ask(store, "by tenant and use case", (Dimension.TENANT, Dimension.USE_CASE), UsageFilter(), times)
        await ask(store, "one tenant by model", (Dimension.MODEL,), UsageFilter(tenants=("tenants/team-3",)), times)
        await ask(store, "one user by model", (Dimension.MODEL,), UsageFilter(users=("users/77",)), times)
        await ask(store, "by user (no sums kept)", (Dimension.USER,), UsageFilter(), max(times // 10, 3))
        await page(store, times)


def main() -> None:
    """Start a server, fill it, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        for _ in run_server(postgres.process(Path(folder) / "postgres", port, PASSWORD), Path(folder)):
            asyncio.run(measure(port, given.records, given.times))


if __name__ == "__main__":
    main()
