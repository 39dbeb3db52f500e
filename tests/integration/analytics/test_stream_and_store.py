"""Events through real Redis into real PostgreSQL, and the reports over them."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis.asyncio as redis
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from services.analytics.adapters import migrations
from services.analytics.adapters.postgres_event_store import PostgresEventStore
from services.analytics.adapters.redis_event_stream import FIELD, KEY, READERS, RedisEventStream
from services.analytics.application.store_events import StoreEvents
from services.analytics.domain.event import Event, EventType
from services.analytics.domain.report import Interval, Report
from services.analytics.servicer.events import decode_event, encode_event
from services.runtime import sql, telemetry
from services.runtime.errors import Unavailable

pytestmark = pytest.mark.servers
NOW = datetime.now(UTC).replace(hour=12, microsecond=0)
MONTH = Interval(NOW - timedelta(days=30), NOW + timedelta(hours=1))


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[redis.Redis]:
    async with redis.Redis.from_url(redis_url) as opened:
        await opened.flushall()
        yield opened


@pytest.fixture
async def store(database_url: Callable[[str], Awaitable[str]]) -> AsyncIterator[PostgresEventStore]:
    async with sql.connect(await database_url("analytics"), service="analytics") as database:
        await sql.migrate(database, "analytics", Path(migrations.__path__[0]))
        yield PostgresEventStore(database)


def stream_of(client: redis.Redis, consumer: str = "one") -> RedisEventStream:
    return RedisEventStream(client, consumer, encode_event, decode_event)


def event(kind: EventType, session: str = "s1", **changes: object) -> Event:
    values: dict[str, object] = {
        "id": uuid4(), "type": kind, "shopper": "maya", "session": session, "product": "", "query": "",
        "result_count": 0, "quantity": 0, "value_minor": 0, "currency": "EUR", "placement": "", "time": NOW,
    }  # fmt: skip
    return Event(**{**values, **changes})  # type: ignore[arg-type]


async def test_what_a_dead_consumer_had_taken_is_given_to_another(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.analytics.adapters.redis_event_stream.ABANDONED_MS", 0)
    dead, alive = stream_of(client, "dead"), stream_of(client, "alive")
    await dead.append([event(EventType.PAGE_VIEW)])
    await dead.take(10)  # makes the group
    taken = await dead.take(10)
    again = await alive.take(10)
    assert [d.event for d in again] == [d.event for d in taken]
    await alive.acknowledge([d.receipt for d in again])
    assert await alive.pending() == 0


async def test_trimming_keeps_what_is_not_acknowledged(client: redis.Redis) -> None:
    stream = stream_of(client)
    await stream.append([event(EventType.PAGE_VIEW) for _ in range(300)])
    await stream.take(1)
    taken = await stream.take(250)
    await stream.acknowledge([d.receipt for d in taken[:200]])
    await stream.trim()
    entries: Any = await client.xrange(KEY)
    left = [entry[0].decode() for entry in entries]
    assert {d.receipt for d in taken[200:]} <= set(left)


async def test_how_far_every_group_is_behind_is_told(client: redis.Redis) -> None:
    reader = InMemoryMetricReader()
    meter = MeterProvider(metric_readers=[reader]).get_meter("aisle")
    stream = RedisEventStream(client, "one", encode_event, decode_event, meter)
    await client.xgroup_create(KEY, "others", id="0", mkstream=True)
    await stream.take(1)
    await stream.append([event(EventType.PAGE_VIEW) for _ in range(5)])
    taken = await stream.take(3)
    await stream.acknowledge([d.receipt for d in taken[:2]])
    await stream.trim()
    found = json.loads(reader.get_metrics_data().to_json())  # type: ignore[union-attr]
    points = {
        metric["name"]: {p["attributes"][READERS]: p["value"] for p in metric["data"]["data_points"]}
        for metric in found["resource_metrics"][0]["scope_metrics"][0]["metrics"]
    }
    assert points["aisle.events.waiting"] == {"analytics": 3, "others": 5}
    ages = points["aisle.events.oldest_age"]
    assert ages.keys() == {"analytics", "others"}
    assert all(0 <= age < 60 for age in ages.values())


async def test_the_trace_of_an_event_goes_on_where_it_is_stored(
    client: redis.Redis, store: PostgresEventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "tracer", provider.get_tracer("tests"))
    stream = stream_of(client)
    await stream.take(1)
    with telemetry.tracer.start_as_current_span("request"):
        await stream.append([event(EventType.PAGE_VIEW)])
    with telemetry.tracer.start_as_current_span("another"):
        await stream.append([event(EventType.PAGE_VIEW)])
    assert await StoreEvents(stream, store, 10)() == 2
    spans = {span.name: span for span in exporter.get_finished_spans()}
    batch = spans[f"{KEY} process"]
    assert batch.context.trace_id == spans["request"].context.trace_id
    assert [link.context.trace_id for link in batch.links] == [spans["another"].context.trace_id]


async def test_unreadable_entry_does_not_stop_the_ones_after_it(client: redis.Redis, store: PostgresEventStore) -> None:
    stream = stream_of(client)
    await client.xadd(KEY, {FIELD: b"\xff\xff not a message"})
    good = event(EventType.PAGE_VIEW)
    await stream.append([good])
    move = StoreEvents(stream, store, 10)
    moved = await move() + await move()
    assert moved == 2
    assert await stream.pending() == 0


async def test_stored_twice_counts_once(store: PostgresEventStore) -> None:
    same = event(EventType.PAGE_VIEW)
    assert (await store.store([same]), await store.store([same])) == (1, 0)


async def test_reports_count_what_happened(store: PostgresEventStore) -> None:
    lamp, rug = "products/lamp", "products/rug"
    await store.store(
        [
            event(EventType.SEARCH, query="light", result_count=4),
            event(EventType.SEARCH, query="gnome", result_count=0),
            event(EventType.PRODUCT_VIEW, product=lamp),
            event(EventType.ADD_TO_CART, product=lamp, quantity=2),
            event(EventType.PURCHASE, product=lamp, quantity=2, value_minor=9800),
            event(EventType.PRODUCT_VIEW, session="s2", product=rug, shopper="leo"),
        ]
    )
    overview = await store.count(Report.OVERVIEW, MONTH, 1)
    assert dict(zip(overview.columns, overview.rows[0], strict=True)) == {
        "visitors": 2, "sessions": 2, "product_views": 2, "searches": 2, "add_to_carts": 1, "purchases": 1,
        "revenue_minor": 9800, "conversion": 0.5,
    }  # fmt: skip
    assert (await store.count(Report.TOP_PRODUCTS, MONTH, 10)).rows[0] == [lamp, 1, 1, 2, 9800]
    assert (await store.count(Report.EMPTY_SEARCHES, MONTH, 10)).rows == [["gnome", 1]]
    funnel = await store.count(Report.FUNNEL, MONTH, 10)
    assert funnel.rows == [["visit", 2], ["product_view", 2], ["add_to_cart", 1], ["purchase", 1]]
    assert (await store.count(Report.DAILY, MONTH, 10)).rows[0][1:] == [2, 2, 1, 9800]


async def test_absurd_values_do_not_make_reports_impossible(store: PostgresEventStore) -> None:
    sold = [event(EventType.PURCHASE, product="products/lamp", value_minor=2**63 - 1) for _ in range(2)]
    await store.store(sold)
    for report in (Report.OVERVIEW, Report.DAILY, Report.TOP_PRODUCTS):
        table = await store.count(report, MONTH, 10)
        assert table.rows[0][list(table.columns).index("revenue_minor")] == 2**63 - 1


async def test_refusing_redis_is_unavailable() -> None:
    async with redis.Redis.from_url("redis://127.0.0.1:1/0") as nowhere:
        with pytest.raises(Unavailable):
            await stream_of(nowhere).append([event(EventType.PAGE_VIEW)])
