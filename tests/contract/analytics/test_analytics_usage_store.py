"""What a usage store promises, on the fake and on PostgreSQL."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from services.analytics.adapters import migrations
from services.analytics.adapters.postgres_usage_store import PostgresUsageStore
from services.analytics.application.ports import UsageStore
from services.analytics.domain.report import Interval
from services.analytics.domain.usage import Dimension, Group, UsageFilter, UsageRecord, figures
from services.runtime import sql
from tests.fakes.analytics_usage_store import FakeUsageStore

NOON = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
MONTH = Interval(NOON - timedelta(days=30), NOON + timedelta(hours=1))
ALL = UsageFilter()


@pytest.fixture
async def postgres(database_url: Callable[[str], Awaitable[str]]) -> AsyncIterator[UsageStore]:
    async with sql.connect(await database_url("analytics"), service="analytics") as database:
        await sql.migrate(database, "analytics", Path(migrations.__path__[0]))
        yield PostgresUsageStore(database)


@pytest.fixture
def fake() -> UsageStore:
    return FakeUsageStore()


@pytest.fixture(params=["fake", pytest.param("postgres", marks=pytest.mark.servers)])
def store(request: pytest.FixtureRequest) -> UsageStore:
    chosen: UsageStore = request.getfixturevalue(request.param)
    return chosen


def call(**changes: object) -> UsageRecord:
    usual = UsageRecord(
        uuid4(), NOON, "chat", "openai", "models/small", "chat_support", "ok", "tenants/shop", "maya", "", "v1", "miss",
        input_tokens=100, output_tokens=20, cached_input_tokens=40, cost_micros=300, latency=2_000_000,
        first_token=400_000, route_reason="cheapest",
    )  # fmt: skip
    return replace(usual, **changes)  # type: ignore[arg-type]


def by_keys(groups: "list[Group] | tuple[Group, ...]") -> dict[tuple[str, ...], list[Group]]:
    found: dict[tuple[str, ...], list[Group]] = {}
    for group in groups:
        found.setdefault(group.keys, []).append(group)
    return found


async def test_a_record_sent_twice_counts_once(store: UsageStore) -> None:
    one, other = call(), call()
    assert await store.store([one, other, one]) == 2
    assert await store.store([other, one]) == 0
    total = figures(await store.groups(MONTH, (), ALL, 1))
    assert (total.calls, total.sums.cost_micros) == (2, 600)


async def test_batches_that_share_records_do_not_deadlock_or_count_twice(store: UsageStore) -> None:
    records = [call(model=f"models/{number % 7}") for number in range(300)]
    shuffled = [random.Random(seed).sample(records, 300) for seed in range(4)]
    new = await asyncio.gather(*(store.store(batch) for batch in shuffled))
    assert sum(new) == 300
    assert figures(await store.groups(MONTH, (), ALL, 1)).calls == 300


async def test_failed_left_and_outrun_calls_count_apart_and_in_no_latency(store: UsageStore) -> None:
    await store.store(
        [
            call(),
            call(outcome="timed out", latency=1, first_token=0, cost_micros=0),
            call(outcome="broken", latency=1),
            call(outcome="broken", latency=1),
            call(outcome="left", latency=1),
            call(outcome="outrun", latency=1, hedge=True),
        ]
    )
    total = figures(await store.groups(MONTH, (), ALL, 1))
    assert (total.calls, total.ok, total.failed, total.left, total.outrun) == (6, 1, 3, 1, 1)
    assert list(total.failures.items()) == [("broken", 2), ("timed out", 1)]
    assert total.sums.hedges == 1
    assert total.latency_p50 == pytest.approx(2.0, rel=0.07)
    assert total.first_token_p50 == pytest.approx(0.4, rel=0.07)


async def test_answers_from_the_cache_count_no_tokens_and_in_no_latency(store: UsageStore) -> None:
    hits = [call(cache=kind, cost_micros=0, saved_micros=300, latency=500) for kind in ("exact", "similar", "shared")]
    await store.store([call(), *hits, call(cache="")])
    total = figures(await store.groups(MONTH, (), ALL, 1))
    assert total.hits == {"exact": 1, "similar": 1, "shared": 1}
    assert (total.ok, total.misses) == (5, 1)
    assert (total.sums.input_tokens, total.sums.cost_micros, total.sums.saved_micros) == (200, 600, 900)
    assert total.latency_p50 == pytest.approx(2.0, rel=0.07)


async def test_calls_of_batches_say_nothing_about_speed(store: UsageStore) -> None:
    await store.store([call(), call(batch=True, latency=3_600_000_000)])
    assert figures(await store.groups(MONTH, (), ALL, 1)).latency_p95 == pytest.approx(2.0, rel=0.07)


async def test_attempts_and_degraded_answers_are_shares_of_answers(store: UsageStore) -> None:
    await store.store(
        [call(), call(outcome="broken"), call(attempt=2, degraded=("PREFERRED_PROVIDER",)), call(cache="exact")]
    )
    total = figures(await store.groups(MONTH, (), ALL, 1))
    assert total.attempts_per_answer == 1.5
    assert total.degraded_share == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("dimension", "change", "values"),
    [
        (Dimension.MODEL, "model", ("models/small", "models/large")),
        (Dimension.PROVIDER, "provider", ("openai", "bedrock")),
        (Dimension.USE_CASE, "use_case", ("chat_support", "description")),
        (Dimension.USER, "user", ("maya", "leo")),
        (Dimension.TENANT, "tenant", ("tenants/shop", "tenants/search")),
        (Dimension.API_KEY, "api_key", ("", "apiKeys/one")),
        (Dimension.PROMPT_VERSION, "prompt_version", ("v1", "v2")),
    ],
)
async def test_usage_is_grouped_and_filtered_by_each_dimension(
    store: UsageStore, dimension: Dimension, change: str, values: tuple[str, str]
) -> None:
    days = [NOON - timedelta(days=number) for number in range(3)]
    await store.store([call(time=day, **{change: values[0]}) for day in days])
    await store.store([call(time=day, cost_micros=7, **{change: values[1]}) for day in days[:2]])
    found = by_keys(list(await store.groups(MONTH, (dimension,), ALL, 10)))
    assert {keys: figures(groups).sums.cost_micros for keys, groups in found.items()} == {
        (values[0],): 900,
        (values[1],): 14,
    }
    wanted = UsageFilter(**{f"{change}s": (values[1],)})  # type: ignore[arg-type]
    assert figures(await store.groups(MONTH, (), wanted, 10)).calls == 2
    assert len(await store.page(MONTH, wanted, None, 10)) == 2


async def test_days_are_days_in_utc_and_come_oldest_first(store: UsageStore) -> None:
    midnight = datetime(2026, 3, 9, tzinfo=UTC)
    await store.store([call(time=midnight), call(time=midnight - timedelta(microseconds=1)), call(time=NOON)])
    found = by_keys(list(await store.groups(MONTH, (Dimension.DAY, Dimension.MODEL), ALL, 2)))
    assert sorted(found) == [("2026-03-08", "models/small"), ("2026-03-09", "models/small")]


async def test_whole_days_and_their_edges_are_counted_once_each(store: UsageStore) -> None:
    start = datetime(2026, 3, 1, 7, 30, tzinfo=UTC)
    records = [call(time=start + timedelta(hours=number), cost_micros=1) for number in range(24 * 5)]
    await store.store(records)
    for hours in (1, 10, 17, 24, 40.5, 41, 90):
        for begin in (start, start + timedelta(hours=16.5), datetime(2026, 3, 2, tzinfo=UTC)):
            interval = Interval(begin, begin + timedelta(hours=hours))
            expected = sum(interval.start <= record.time < interval.end for record in records)
            assert figures(await store.groups(interval, (), ALL, 1)).calls == expected


async def test_groups_beyond_the_limit_are_the_cheapest(store: UsageStore) -> None:
    users = [call(user=f"u{number}", cost_micros=number) for number in range(6)]
    models = [replace(record, id=uuid4(), model=f"models/{record.user}", user="") for record in users]
    await store.store([*users, *models])
    found = by_keys(list(await store.groups(MONTH, (Dimension.USER,), UsageFilter(models=("models/small",)), 2)))
    assert sorted(found) == [("u4",), ("u5",)]
    assert all(figures(groups).latency_p50 > 0 for groups in found.values())
    assert sorted(by_keys(list(await store.groups(MONTH, (Dimension.MODEL,), ALL, 2)))) == [
        ("models/small",),
        ("models/u5",),
    ]


async def test_percentiles_are_right_within_a_few_percent(store: UsageStore) -> None:
    source = random.Random(7)
    taken = sorted(int(source.lognormvariate(14, 0.8)) for _ in range(2000))
    await store.store([call(latency=latency, time=NOON - timedelta(hours=n % 80)) for n, latency in enumerate(taken)])
    total = figures(await store.groups(MONTH, (), ALL, 1))
    assert total.latency_p50 == pytest.approx(taken[1000] / 1e6, rel=0.04)
    assert total.latency_p95 == pytest.approx(taken[1900] / 1e6, rel=0.04)


async def test_pages_hold_every_record_once_newest_first(store: UsageStore) -> None:
    records = [call(time=NOON - timedelta(seconds=number // 3), outcome="broken") for number in range(25)]
    await store.store([*records, call()])
    wanted, after = UsageFilter(failed_only=True), None
    seen: list[UsageRecord] = []
    while page := await store.page(MONTH, wanted, after, 7):
        seen += page
        after = page[-1].time, page[-1].id
    assert seen == sorted(records, key=lambda record: (record.time, record.id), reverse=True)


async def test_a_record_comes_back_as_it_was_given(store: UsageStore) -> None:
    full = call(
        api_key="apiKeys/one", cache_write_tokens=3, cache_write_1h_tokens=4, reasoning_tokens=5, estimated=True,
        saved_micros=6, degraded=("RECOVERED", "BUDGET"), attempt=3, hedge=True, batch=True, price_date="2026-11-01",
    )  # fmt: skip
    await store.store([full])
    assert list(await store.page(MONTH, ALL, None, 2)) == [full]


async def test_old_records_are_forgotten_oldest_first(store: UsageStore) -> None:
    await store.store([call(time=NOON - timedelta(days=number)) for number in range(6)])
    assert await store.forget(NOON - timedelta(days=2), date(2026, 1, 1), 2) == 2
    assert await store.forget(NOON - timedelta(days=2), date(2026, 1, 1), 5) == 1
    left = await store.page(MONTH, ALL, None, 10)
    assert [record.time for record in left] == [NOON - timedelta(days=number) for number in range(3)]
