"""What every search index promises, the one in memory and the one in Milvus."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest

from services.product.adapters.milvus_search_index import MilvusSearchIndex, expression
from services.product.application.ports import IndexEntry, SearchIndex
from services.product.domain.price import Money
from services.product.domain.product import Product, ProductState, Rating
from services.product.domain.product_filter import ProductFilter
from services.product.domain.search_document import search_document
from services.runtime.errors import Unavailable
from tests.fakes.product_llm import DIMENSION, vector_of
from tests.fakes.product_search_index import FakeSearchIndex
from tests.unit.product.shelf import product

SLIPPERS = replace(product(brand="Fold & Harbour"), rating=Rating(4.5, 8))
MUG = product(
    "mug", title="Garden mug", category="table", brand='Kiln "North"', price=Money("EUR", 900), stock_quantity=0
)
BOOTS = product("boots", title="Town boots", state=ProductState.DRAFT, list_price=Money("EUR", 9_900))


@pytest.fixture(params=["memory", pytest.param("milvus", marks=pytest.mark.servers)])
async def index(request: pytest.FixtureRequest) -> AsyncIterator[SearchIndex]:
    if request.param == "memory":
        fake = FakeSearchIndex()
        await fake.ensure()
        yield fake
        return
    uri = request.getfixturevalue("milvus_uri")
    real = MilvusSearchIndex(uri, "", f"items_{uuid4().hex[:8]}", DIMENSION, "FLAT")
    assert await real.ensure()
    yield real
    await real.close()


def entry(item: Product, *, embedded: bool = True) -> IndexEntry:
    document = search_document(item, "Footwear")
    return IndexEntry(item, document, vector_of(document.passage) if embedded else None)


async def filled(index: SearchIndex) -> SearchIndex:
    await index.upsert([entry(SLIPPERS), entry(MUG), entry(BOOTS)])
    return index


async def test_index_is_made_once(index: SearchIndex) -> None:
    assert not await index.ensure()
    assert await index.size() == 0


async def test_words_and_meaning_find_what_has_them(index: SearchIndex) -> None:
    await filled(index)
    assert list(await index.by_words("slipper", ProductFilter(), 10)) == ["harbour-slippers"]
    assert "mug" in await index.by_words("garden mugs", ProductFilter(), 10)
    nearest = await index.by_meaning(vector_of("toasty feet wool"), ProductFilter(), 10)
    assert max(nearest, key=lambda key: nearest[key]) == "harbour-slippers"
    assert all(-1.001 <= cosine <= 1.001 for cosine in nearest.values())


async def test_unknown_words_find_nothing(index: SearchIndex) -> None:
    await filled(index)
    for query in ("zxqv", "the", "?!", "'\"\\"):
        assert await index.by_words(query, ProductFilter(), 10) == {}


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        (ProductFilter(), {"harbour-slippers", "mug"}),
        (ProductFilter(categories=frozenset({"table"})), {"mug"}),
        (ProductFilter(brands=frozenset({'Kiln "North"', "None"})), {"mug"}),
        (ProductFilter(min_price_minor=901), {"harbour-slippers"}),
        (ProductFilter(max_price_minor=900), {"mug"}),
        (ProductFilter(in_stock=True), {"harbour-slippers"}),
        (ProductFilter(min_rating=4.5), {"harbour-slippers"}),
        (ProductFilter(states=frozenset({ProductState.DRAFT})), {"boots"}),
        (ProductFilter(states=frozenset(ProductState), reduced=True), {"boots"}),
        (ProductFilter(brands=frozenset({'x" or state > 0 or brand == "'})), set()),
    ],
)
async def test_filters_keep_what_they_say(index: SearchIndex, condition: ProductFilter, kept: set[str]) -> None:
    await filled(index)
    assert set(await index.by_meaning(vector_of("things"), condition, 10)) == kept
    assert set(await index.by_words("slippers mug boots", condition, 10)) == kept


async def test_entry_is_replaced_not_doubled(index: SearchIndex) -> None:
    await filled(index)
    await index.upsert([entry(replace(MUG, title="Clay pot"))])
    assert await index.size() == 3
    assert "mug" in await index.by_words("pot", ProductFilter(), 10)
    assert await index.by_words("garden", ProductFilter(), 10) == {}


async def test_entry_without_a_vector_is_found_by_words_only(index: SearchIndex) -> None:
    await index.upsert([entry(SLIPPERS, embedded=False)])
    assert list(await index.by_words("slippers", ProductFilter(), 10)) == ["harbour-slippers"]
    assert await index.by_meaning(vector_of("slippers"), ProductFilter(), 10) == {}


async def test_deleted_entries_are_gone_and_unknown_ones_no_error(index: SearchIndex) -> None:
    await filled(index)
    await index.delete(["mug", "nothing"])
    assert await index.size() == 2


async def test_job_that_asks_all_the_time_stops_whenever_it_is_told_to(index: SearchIndex) -> None:
    async def ask() -> None:
        while True:
            await index.size()
            await asyncio.sleep(0)

    some_moments = random.Random(7)
    for _ in range(100):
        job = asyncio.create_task(ask())
        await asyncio.sleep(some_moments.uniform(0, 0.02))
        job.cancel()
        ended, _ = await asyncio.wait([job], timeout=2)
        assert ended and job.cancelled()


@pytest.mark.servers
async def test_vector_of_another_size_is_kept_out(milvus_uri: str) -> None:
    real = MilvusSearchIndex(milvus_uri, "", f"items_{uuid4().hex[:8]}", DIMENSION, "FLAT")
    await real.ensure()
    document = search_document(SLIPPERS, "")
    await real.upsert(
        [IndexEntry(SLIPPERS, document, [1.0] * 3), IndexEntry(MUG, document, [float("nan")] * DIMENSION)]
    )
    assert await real.by_meaning(vector_of("slippers"), ProductFilter(), 10) == {}
    with pytest.raises(Unavailable):
        await real.by_meaning([1.0] * 3, ProductFilter(), 10)
    await real.close()


async def test_server_that_is_away_is_unavailable_and_not_waited_for_twice() -> None:
    away = MilvusSearchIndex("http://127.0.0.1:9", "", "items", DIMENSION, "FLAT")
    for _ in range(2):
        with pytest.raises(Unavailable):
            await away.by_words("mug", ProductFilter(), 10)
    await away.close()


def test_values_that_no_product_can_have_mean_nothing_is_found() -> None:
    assert expression(ProductFilter(brands=frozenset({"a\nb"}))) is None
