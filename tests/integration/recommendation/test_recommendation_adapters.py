"""The recommendation service's adapters on real servers, held to what its fakes do."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import redis.asyncio as redis
from pymilvus import AsyncMilvusClient, DataType

from aisle.analytics.v1 import event_pb2
from services.recommendation.adapters import migrations
from services.recommendation.adapters.milvus_similar_items import MilvusSimilarItems
from services.recommendation.adapters.postgres_history import PostgresHistory
from services.recommendation.adapters.redis_answer_cache import RedisAnswerCache
from services.recommendation.adapters.redis_interaction_stream import FIELD, KEY, RedisInteractionStream
from services.recommendation.application.ports import AnswerCache, History
from services.recommendation.domain.interaction import Interaction, Kind
from services.recommendation.domain.shelf import Placement, Question, Recommended, Shelf, ShelfId, Shelves
from services.recommendation.servicer import interaction_of
from services.runtime import sql
from services.runtime.errors import Unavailable
from tests.fakes.recommendation import FakeAnswerCache, FakeHistory

pytestmark = pytest.mark.servers
NOW = datetime.now(UTC).replace(microsecond=0)


def act(session: str, product: str, kind: Kind = Kind.VIEW, shopper: str = "maya", days: int = 1) -> Interaction:
    return Interaction(uuid4(), shopper, session, product, kind, NOW - timedelta(days=days))


@pytest.fixture(params=["fake", "real"])
async def history(
    request: pytest.FixtureRequest, database_url: Callable[[str], Awaitable[str]]
) -> AsyncIterator[History]:
    if request.param == "fake":
        yield FakeHistory()
        return
    async with sql.connect(await database_url("recommendation"), service="recommendation") as database:
        await sql.migrate(database, "recommendation", Path(migrations.__path__[0]))
        yield PostgresHistory(database)


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[redis.Redis]:
    async with redis.Redis.from_url(redis_url) as opened:
        await opened.flushall()
        yield opened


@pytest.fixture(params=["fake", "real"])
def cache(request: pytest.FixtureRequest, client: redis.Redis) -> AnswerCache:
    return FakeAnswerCache() if request.param == "fake" else RedisAnswerCache(client, 60)


async def test_history_keeps_an_act_once_and_tells_the_latest_first(history: History) -> None:
    old, new = act("s1", "products/a", days=3), act("s1", "products/b")
    assert await history.record([old, new]) == 2
    assert await history.record([old]) == 0
    assert list(await history.of_shopper("maya", 10)) == [new, old]
    assert list(await history.of_shopper("leo", 10)) == []


async def test_history_counts_visits_that_hold_both(history: History) -> None:
    await history.record(
        [
            *[act(f"s{n}", p) for n in range(3) for p in ("products/a", "products/b")],
            act("s0", "products/a", Kind.PURCHASE),
            act("s0", "products/c", Kind.ADD_TO_CART),
            act("s9", "products/b"),
        ]
    )
    seen = await history.seen_together("products/a", chosen_only=False, limit=10)
    assert [(t.product, t.visits, t.own_visits) for t in seen.found] == [("products/b", 3, 4), ("products/c", 1, 1)]
    assert seen.visits == 3
    chosen = await history.seen_together("products/a", chosen_only=True, limit=10)
    assert [t.product for t in chosen.found] == ["products/c"]


async def test_history_weighs_a_purchase_more_than_a_look(history: History) -> None:
    await history.record(
        [act("s1", "products/bought", Kind.PURCHASE), act("s1", "products/seen"), act("s2", "products/old", days=90)]
    )
    popular = await history.popular(NOW - timedelta(days=30), 10)
    assert list(popular.items()) == [("products/bought", 5.0), ("products/seen", 1.0)]


async def test_cache_returns_what_was_kept_until_its_shopper_acts(cache: AnswerCache) -> None:
    asked = Question(Placement.HOME, "maya", "", (), 6)
    answer = Shelves([Shelf(ShelfId.POPULAR, "Title", "", [Recommended("products/a", "why")])], ("LLM",))
    assert await cache.find(asked) is None
    await cache.keep(asked, answer)
    assert await cache.find(asked) == answer
    assert await cache.find(Question(Placement.HOME, "leo", "", (), 6)) is None
    await cache.forget(["leo"])
    assert await cache.find(asked) == answer
    await cache.forget(["maya"])
    assert await cache.find(asked) is None


async def test_stream_delivers_acts_and_passes_over_what_says_nothing(client: redis.Redis) -> None:
    stream = RedisInteractionStream(client, "one", interaction_of)
    view = event_pb2.Event(
        event_id=str(uuid4()), type=event_pb2.EVENT_TYPE_PRODUCT_VIEW, shopper="maya", product="products/a"
    )
    search = event_pb2.Event(event_id=str(uuid4()), type=event_pb2.EVENT_TYPE_SEARCH, shopper="maya")
    for content in (view.SerializeToString(), search.SerializeToString(), b"\xff"):
        await client.xadd(KEY, {FIELD: content})
    assert await stream.take(10) == []  # the group is made on the first call
    taken = await stream.take(10)
    assert [d.interaction.product if d.interaction else None for d in taken] == ["products/a", None, None]
    await stream.acknowledge([d.receipt for d in taken])
    assert await stream.take(10) == []


async def test_alike_reads_the_product_services_vectors(milvus_uri: str) -> None:
    name = f"items_{uuid4().hex[:8]}"
    milvus = AsyncMilvusClient(uri=milvus_uri)
    schema = AsyncMilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=80)
    schema.add_field("meaning", DataType.FLOAT_VECTOR, dim=4)
    schema.add_field("embedded", DataType.BOOL)
    indexes = AsyncMilvusClient.prepare_index_params()
    indexes.add_index("meaning", index_type="FLAT", metric_type="COSINE")
    await milvus.create_collection(name, schema=schema, index_params=indexes, timeout=10)
    vectors: dict[str, list[float]] = {
        "a": [1, 0, 0, 0],
        "near": [0.9, 0.1, 0, 0],
        "far": [0, 0, 1, 0],
        "unknown": [1, 0, 0, 0],
    }
    rows = [{"id": k, "meaning": v, "embedded": k != "unknown"} for k, v in vectors.items()]
    await milvus.upsert(name, rows, timeout=10)
    found = await MilvusSimilarItems(milvus, name).alike(["products/a", "products/missing"], 10)
    await milvus.drop_collection(name, timeout=10)
    await milvus.close()
    assert list(found) == ["products/a"]
    assert list(found["products/a"]) == ["products/near", "products/far"]


async def test_milvus_that_is_away_is_unavailable() -> None:
    milvus = AsyncMilvusClient(uri="http://127.0.0.1:1")
    with pytest.raises(Unavailable):
        await MilvusSimilarItems(milvus, "items").alike(["products/a"], 3)
    await milvus.close()
