"""What every catalogue promises, the one in memory and the one in PostgreSQL."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.product.adapters.postgres_catalogue import PostgresCatalogue
from services.product.adapters.postgres_start import prepare_database
from services.product.application.ports import Catalogue, StoredVector
from services.product.domain.aspects import mentions
from services.product.domain.price import Money
from services.product.domain.product import Category, Product, ProductState, Rating
from services.product.domain.product_filter import Cursor, ProductFilter, ProductOrder, cursor
from services.product.domain.review import Review
from services.product.domain.search_document import search_document
from services.runtime import errors, sql
from services.runtime.idempotency import PostgresReplies
from tests.fakes.product_catalogue import FakeCatalogue
from tests.unit.product.shelf import product

BEGIN = datetime(2026, 3, 1, 12, 30, 15, 123_456, tzinfo=UTC)

Make = Callable[[str], Awaitable[str]]


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.servers)])
def make_database(request: pytest.FixtureRequest) -> Make | None:
    """Return what makes a database, or None for memory; the servers start only when they are asked for."""
    return request.getfixturevalue("database_url") if request.param == "postgres" else None


@pytest.fixture
async def catalogue(make_database: Make | None) -> AsyncIterator[Catalogue]:
    async with AsyncExitStack() as stack:
        made: Catalogue = FakeCatalogue()
        if make_database is not None:
            made = await postgres(await make_database("product"), stack)
        async with made.transaction() as writer:
            await writer.upsert_categories([Category("footwear", "Footwear"), Category("table", "At the table")])
        yield made


async def postgres(url: str, stack: AsyncExitStack) -> Catalogue:
    database = await stack.enter_async_context(sql.connect(url, service="product"))
    await prepare_database(database, "product", PostgresReplies(database))
    return PostgresCatalogue(database, "EUR")


def shelf() -> list[Product]:
    """Return 40 products, many of them alike in what they are ordered by."""
    made = []
    for number in range(40):
        made.append(
            product(
                f"p{number:02}",
                title=["Mug", "mug", "Été", "Zebra mug"][number % 4],
                category=["footwear", "table"][number % 2],
                brand=["Kiln", "Fold & Harbour", ""][number % 3],
                price=Money("EUR", [900, 2_500, 4_999, 250_000][number % 4]),
                list_price=Money("EUR", 300_000) if number % 5 == 0 else None,
                stock_quantity=number % 3,
                create_time=BEGIN + timedelta(microseconds=number // 3),
                state=ProductState.DRAFT if number == 39 else ProductState.ACTIVE,
            )
        )
    return made


async def stored(catalogue: Catalogue, products: list[Product]) -> None:
    async with catalogue.transaction() as writer:
        await writer.upsert(products)
        await writer.save_words([(item.id, search_document(item, "Footwear")) for item in products])


async def rate(catalogue: Catalogue, product_id: str, *stars: int) -> None:
    reviews = [review(product_id, f"r{number}", star) for number, star in enumerate(stars)]
    async with catalogue.transaction() as writer:
        await writer.upsert_reviews([(item, mentions(item.text)) for item in reviews])


def review(product_id: str, review_id: str, stars: int, body: str = "So warm.", minute: int = 0) -> Review:
    return Review(product_id, review_id, "Ada", stars, "Title", body, True, BEGIN + timedelta(minutes=minute))


async def test_product_comes_back_as_it_was_stored(catalogue: Catalogue) -> None:
    whole = product(
        brand="Fold & Harbour",
        subtitle="a “quoted” line",
        description="two\nparagraphs",
        attributes={"Größe": "42", "SKU": "X'; DROP TABLE products; --"},
        tags=("winter", "wool"),
        list_price=Money("EUR", 9_900),
        delivery_note="tomorrow",
        create_time=BEGIN,
        update_time=BEGIN,
    )
    await stored(catalogue, [whole])
    async with catalogue.reading() as reader:
        assert (await reader.products([whole.id, "nothing"])) == {whole.id: whole}
        assert (await reader.candidates([whole.id]))[whole.id].codes == ("X'; DROP TABLE products; --", whole.id)


@pytest.mark.parametrize("order", list(ProductOrder))
async def test_pages_of_any_size_are_the_whole_list_in_order(catalogue: Catalogue, order: ProductOrder) -> None:
    await stored(catalogue, shelf())
    await rate(catalogue, "p03", 5, 4)
    await rate(catalogue, "p04", 5)
    await rate(catalogue, "p05", 3, 4, 4)
    seen: list[Product] = []
    after: Cursor | None = None
    while True:
        async with catalogue.reading() as reader:
            page = await reader.page(ProductFilter(), order, after, 7)
        seen += page
        if len(page) < 7:
            break
        after = cursor(page[-1], order)
    assert len({item.id for item in seen}) == len(seen) == 39
    places = [cursor(item, order) for item in seen]
    assert places == sorted(places, reverse=order.descending)


FILTERS = [
    ProductFilter(),
    ProductFilter(categories=frozenset({"footwear"}), brands=frozenset({"Kiln", "Fold & Harbour"})),
    ProductFilter(min_price_minor=901, max_price_minor=4_999, in_stock=True),
    ProductFilter(min_rating=4.0),
    ProductFilter(reduced=True, brands=frozenset({"x' OR true --"})),
    ProductFilter(states=frozenset({ProductState.DRAFT, ProductState.ACTIVE}), reduced=True),
]


@pytest.mark.parametrize("condition", FILTERS)
async def test_filters_and_facets_agree_with_the_rules(catalogue: Catalogue, condition: ProductFilter) -> None:
    await stored(catalogue, shelf())
    await rate(catalogue, "p03", 5, 4)
    plain = FakeCatalogue()
    async with catalogue.reading() as reader:
        found = await reader.page(condition, ProductOrder.NEWEST, None, 100)
        total, counts = await reader.facet_counts(condition)
        everything = await reader.products([f"p{number:02}" for number in range(40)])
    plain.shelves.products = everything
    async with plain.reading() as rules:
        expected_total, expected = await rules.facet_counts(condition)
        assert found == await rules.page(condition, ProductOrder.NEWEST, None, 100)
    assert total == expected_total == len(found)
    assert {name: _some(values) for name, values in counts.items()} == {n: _some(v) for n, v in expected.items()}


def _some(values: object) -> dict[str, int]:
    return {key: count for key, count in dict(values).items() if count}  # type: ignore[call-overload]


async def test_failed_transaction_leaves_nothing(catalogue: Catalogue) -> None:
    with pytest.raises(errors.Conflict):
        async with catalogue.transaction() as writer:
            await writer.insert(product())
            await writer.queue(["harbour-slippers"])
            raise errors.Conflict("X", "x")
    async with catalogue.reading() as reader:
        assert await reader.size() == 0
        assert await reader.marked(["harbour-slippers"]) == []


async def test_taken_id_is_told(catalogue: Catalogue) -> None:
    async with catalogue.transaction() as writer:
        assert await writer.insert(product())
        assert not await writer.insert(product(title="Other"))


async def test_upsert_keeps_ratings_and_creation_time(catalogue: Catalogue) -> None:
    await stored(catalogue, [product(create_time=BEGIN)])
    await rate(catalogue, "harbour-slippers", 4, 5)
    async with catalogue.transaction() as writer:
        assert await writer.upsert([product(title="New", create_time=BEGIN + timedelta(days=1)), product("b")]) == 1
    async with catalogue.reading() as reader:
        now = (await reader.products(["harbour-slippers"]))["harbour-slippers"]
    assert (now.title, now.create_time, now.rating) == ("New", BEGIN, Rating(4.5, 2))


async def test_deleting_takes_reviews_words_and_vectors_along(catalogue: Catalogue) -> None:
    await stored(catalogue, [product()])
    await rate(catalogue, "harbour-slippers", 4)
    async with catalogue.transaction() as writer:
        await writer.save_vectors([StoredVector("harbour-slippers", "h", "m", [0.5, -1.0])])
        assert await writer.delete("harbour-slippers")
        assert not await writer.delete("harbour-slippers")
    async with catalogue.reading() as reader:
        assert await reader.found_by_words("slippers", ProductFilter(), 10) == {}
        assert await reader.vectors(["harbour-slippers"]) == {}
        assert (await reader.reviews("harbour-slippers", None, 10)).count == 0


async def test_vectors_come_back_as_they_were(catalogue: Catalogue) -> None:
    await stored(catalogue, [product()])
    async with catalogue.transaction() as writer:
        await writer.save_vectors([StoredVector("harbour-slippers", "h", "m", [0.5, -1.0, 0.25])])
    async with catalogue.reading() as reader:
        kept = (await reader.vectors(["harbour-slippers"]))["harbour-slippers"]
    assert (kept.passage_hash, kept.model, list(kept.values)) == ("h", "m", [0.5, -1.0, 0.25])


async def test_words_find_products_with_all_of_them_first(catalogue: Catalogue) -> None:
    await stored(catalogue, [product(), product("mug", title="Wool-white mug"), product("pot", title="Clay pot")])
    async with catalogue.reading() as reader:
        found = await reader.found_by_words("wool slippers", ProductFilter(), 10)
        assert await reader.found_by_words("the ' & | ! :*", ProductFilter(), 10) == {}
    assert max(found, key=lambda key: found[key]) == "harbour-slippers"
    assert "pot" not in found


async def test_categories_come_by_title_with_what_is_on_sale(catalogue: Catalogue) -> None:
    await stored(catalogue, [product("a"), product("b"), product("c", state=ProductState.DRAFT)])
    async with catalogue.reading() as reader:
        listed = await reader.categories()
    assert [(item.title, item.product_count) for item in listed] == [("At the table", 0), ("Footwear", 2)]


async def test_only_renamed_departments_are_told(catalogue: Catalogue) -> None:
    async with catalogue.transaction() as writer:
        renamed = await writer.upsert_categories(
            [Category("footwear", "Shoes"), Category("table", "At the table", "b")]
        )
    assert renamed == ["footwear"]


async def test_reviews_come_newest_first_page_by_page(catalogue: Catalogue) -> None:
    await stored(catalogue, [product(), product("other")])
    reviews = [review("harbour-slippers", f"r{n}", 1 + n % 5, minute=n // 2) for n in range(9)]
    async with catalogue.transaction() as writer:
        await writer.upsert_reviews([(item, mentions(item.text)) for item in reviews])
    seen: list[str] = []
    after: tuple[int, str] | None = None
    while True:
        async with catalogue.reading() as reader:
            page = await reader.reviews("harbour-slippers", after, 2)
        seen += [item.id for item in page.reviews]
        if not page.more:
            break
        last = page.reviews[-1]
        after = (int(last.create_time.timestamp()) * 1_000_000 + last.create_time.microsecond, last.id)
    assert seen == ["r8", "r7", "r6", "r5", "r4", "r3", "r2", "r1", "r0"]
    assert page.star_counts == (2, 2, 2, 2, 1)
    assert [item.aspect for item in page.aspects] == ["warmth"]


async def test_mark_is_held_by_one_and_settled_only_when_nothing_changed(catalogue: Catalogue) -> None:
    async with catalogue.transaction() as writer:
        await writer.queue(["a", "b"])
    async with catalogue.transaction() as writer:
        claims = await writer.claim(["a", "b", "c"], 10, 60)
        assert {claim.product_id for claim in claims} == {"a", "b"}
    async with catalogue.transaction() as writer:
        assert await writer.claim(["a"], 10, 60) == []
        await writer.queue(["b"])
    async with catalogue.transaction() as writer:
        await writer.settle(claims)
    async with catalogue.transaction() as writer:
        assert await writer.marked(["a", "b"]) == ["b"]
        assert [claim.product_id for claim in await writer.claim(["b"], 10, 60)] == ["b"]


async def test_released_mark_can_be_claimed_by_name_at_once(catalogue: Catalogue) -> None:
    async with catalogue.transaction() as writer:
        await writer.queue(["a"])
        await writer.release(await writer.claim(None, 10, 60), 30)
    async with catalogue.transaction() as writer:
        assert len(await writer.claim(["a"], 10, 60)) == 1


async def test_marking_everything_marks_everything(catalogue: Catalogue) -> None:
    await stored(catalogue, [product("a"), product("b", category="table")])
    async with catalogue.transaction() as writer:
        await writer.queue_categories(["table"])
        assert await writer.marked(["a", "b"]) == ["b"]
        await writer.queue_all()
        assert sorted(await writer.marked(["a", "b"])) == ["a", "b"]


async def test_locked_product_is_the_stored_one(catalogue: Catalogue) -> None:
    await stored(catalogue, [replace(product(), create_time=BEGIN)])
    async with catalogue.transaction() as writer:
        locked = await writer.locked("harbour-slippers")
        assert locked is not None
        assert locked.create_time == BEGIN
        assert await writer.locked("nothing") is None
        assert await writer.existing(["harbour-slippers", "nothing"]) == {"harbour-slippers"}
