"""What the use cases promise, over fakes: nothing stored is lost or written twice, and what is away is told."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.product.application.change_product import ProductUpdate
from services.product.application.index_products import IndexProducts
from services.product.application.ports import TextDelta
from services.product.application.write_copy import CopyEvent, CopyFinished, CopyWanted
from services.product.domain.copy_brief import Draft, Tone
from services.product.domain.copy_check import Finding
from services.product.domain.picture import Picture, is_key
from services.product.domain.price import Money
from services.product.domain.product import NEVER, Category, Product, ProductState, Rating
from services.product.domain.product_filter import Cursor, ProductFilter, ProductOrder
from services.product.domain.review import Review
from services.product.servicer.use_cases import Ports, UseCases, use_cases
from services.runtime import errors
from tests.fakes.product_catalogue import FakeCatalogue
from tests.fakes.product_copywriter import FakeCopywriter
from tests.fakes.product_embedder import FakeEmbedder
from tests.fakes.product_media_store import FakeMediaStore
from tests.fakes.product_search_index import FakeSearchIndex
from tests.unit.product.shelf import product

WEBP = b"RIFF\x00\x00\x00\x00WEBPVP8 "


class Ticking:
    """A clock that moves a minute with every look."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        self._now += timedelta(minutes=1)
        return self._now


class Fixed:
    """Always the same ending."""

    def suffix(self) -> str:
        return "x7k2m"


@dataclass
class Rig:
    """The use cases over fakes."""

    catalogue: FakeCatalogue = field(default_factory=FakeCatalogue)
    index: FakeSearchIndex = field(default_factory=FakeSearchIndex)
    embedder: FakeEmbedder = field(default_factory=FakeEmbedder)
    writer: FakeCopywriter = field(default_factory=FakeCopywriter)
    media: FakeMediaStore = field(default_factory=FakeMediaStore)

    def __post_init__(self) -> None:
        self.indexing = IndexProducts(self.catalogue, self.index, self.embedder)
        ports = Ports(self.catalogue, self.index, self.embedder, self.writer, self.media, Ticking(), Fixed())
        self.do: UseCases = use_cases(ports, self.indexing, "EUR")
        for key in ("footwear", "table"):
            self.catalogue.shelves.categories[key] = Category(key, key.title())


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def found(rig: Rig, query: str, condition: ProductFilter | None = None) -> list[str]:
    page = await rig.do.search_products(query, condition or ProductFilter(), None, 24, staff=False)
    return [item.product.id for item in page.results]


async def test_created_product_gets_a_readable_id_and_is_found(rig: Rig) -> None:
    created = await rig.do.create_product(replace(product(), id=""))
    assert created.id == "harbour-wool-slippers-x7k2m"
    assert created.create_time > NEVER
    assert await found(rig, "slippers") == [created.id]


async def test_taken_id_is_refused(rig: Rig) -> None:
    await rig.do.create_product(product())
    with pytest.raises(errors.AlreadyExists) as caught:
        await rig.do.create_product(product())
    assert caught.value.reason == "PRODUCT_ALREADY_EXISTS"


async def test_unknown_category_is_refused_and_nothing_is_stored(rig: Rig) -> None:
    with pytest.raises(errors.NotFound) as caught:
        await rig.do.import_products([product("a"), product("b", category="cellar")])
    assert caught.value.reason == "CATEGORY_NOT_FOUND"
    assert rig.catalogue.shelves.products == {}
    assert rig.catalogue.shelves.marks == {}


async def update(rig: Rig, wanted: Product, *mask: str) -> Product:
    return await rig.do.update_product(ProductUpdate(wanted, mask, set()))


async def test_stale_etag_is_refused_and_the_current_one_is_not(rig: Rig) -> None:
    stored = await rig.do.create_product(product())
    changed = await update(rig, replace(product(title="New"), etag=stored.etag), "title")
    assert changed.etag != stored.etag
    with pytest.raises(errors.Conflict) as caught:
        await update(rig, replace(product(title="Newer"), etag=stored.etag), "title")
    assert caught.value.reason == "ETAG_STALE"


async def test_change_that_changes_nothing_keeps_the_update_time(rig: Rig) -> None:
    stored = await rig.do.create_product(product())
    assert await update(rig, replace(product(), etag=""), "title") == stored


async def test_price_change_embeds_nothing_and_reaches_the_index(rig: Rig) -> None:
    await rig.do.create_product(product())
    rig.embedder.embedded.clear()
    await update(rig, replace(product(), price=Money("EUR", 100), etag=""), "price")
    assert rig.embedder.embedded == []
    assert rig.index.entries["harbour-slippers"].product.price.minor == 100


async def test_title_change_embeds_again(rig: Rig) -> None:
    await rig.do.create_product(product())
    rig.embedder.embedded.clear()
    await update(rig, replace(product(title="Felt mules"), etag=""), "title")
    assert len(rig.embedder.embedded) == 1


async def test_change_of_a_product_that_is_not_there_is_refused(rig: Rig) -> None:
    with pytest.raises(errors.NotFound):
        await update(rig, product(), "title")
    with pytest.raises(errors.NotFound):
        await rig.do.delete_product("nothing", "")


async def test_deleted_product_leaves_the_index(rig: Rig) -> None:
    await rig.do.create_product(product())
    await rig.do.delete_product("harbour-slippers", "")
    assert rig.index.entries == {}
    assert rig.catalogue.shelves.marks == {}


async def test_import_counts_new_replaced_and_indexed(rig: Rig) -> None:
    await rig.do.import_products([product("a")])
    done = await rig.do.import_products([product("a", title="Other"), product("b")])
    assert (done.created, done.updated, done.indexed) == (1, 1, 2)


async def test_product_named_twice_in_an_import_is_refused(rig: Rig) -> None:
    with pytest.raises(errors.Invalid) as caught:
        await rig.do.import_products([product("a"), product("b"), product("a")])
    assert caught.value.violations[0].field == "products[2].name"


async def test_import_without_embeddings_is_found_by_words_and_marked_for_later(rig: Rig) -> None:
    rig.embedder.away = True
    done = await rig.do.import_products([product("a"), product("b")])
    assert (done.created, done.indexed) == (2, 0)
    assert await found(rig, "slippers") == ["a", "b"]
    assert rig.catalogue.shelves.marks.keys() == {"a", "b"}
    rig.embedder.away = False
    assert await rig.indexing.pending()
    assert rig.catalogue.shelves.marks == {}
    assert await found(rig, "toasty feet") == ["a", "b"]


async def test_changes_without_the_index_are_caught_up_later(rig: Rig) -> None:
    await rig.do.import_products([product("a"), product("b")])
    rig.index.away = True
    await update(rig, replace(product("a", title="Clay pot"), etag=""), "title")
    await rig.do.delete_product("b", "")
    rig.index.away = False
    await rig.indexing.pending()
    assert rig.index.entries.keys() == {"a"}
    assert rig.index.entries["a"].product.title == "Clay pot"
    assert rig.catalogue.shelves.marks == {}


async def test_product_that_changes_while_it_is_indexed_stays_marked(rig: Rig) -> None:
    await rig.do.import_products([product("a")])
    await change_behind_the_back(rig)
    async with rig.catalogue.transaction() as writer:
        claims = await writer.claim(["a"], 1, 60)
        await writer.queue(["a"])
        await writer.settle(claims)
    assert rig.catalogue.shelves.marks.keys() == {"a"}
    await rig.indexing.pending()
    assert rig.catalogue.shelves.marks == {}


async def change_behind_the_back(rig: Rig) -> None:
    async with rig.catalogue.transaction() as writer:
        await writer.queue(["a"])


async def test_lost_index_is_filled_again_from_kept_vectors(rig: Rig) -> None:
    await rig.do.import_products([product("a"), product("b")])
    rig.embedder.embedded.clear()
    rig.index.entries.clear()
    rig.index.made = False
    await rig.indexing.reconcile()
    while await rig.indexing.pending():
        pass
    assert rig.index.entries.keys() == {"a", "b"}
    assert rig.embedder.embedded == []


async def test_index_that_lost_products_is_filled_again_once_that_is_sure(rig: Rig) -> None:
    await rig.do.import_products([product("a"), product("b")])
    await rig.indexing.reconcile()
    assert await rig.indexing.pending()
    del rig.index.entries["a"]
    await rig.indexing.reconcile()
    assert rig.catalogue.shelves.marks == {}
    await rig.indexing.reconcile()
    assert rig.catalogue.shelves.marks.keys() == {"a", "b"}


async def test_index_that_is_only_behind_is_not_taken_for_lost(rig: Rig) -> None:
    await rig.index.ensure()
    rig.index.away = True
    await rig.do.import_products([product("a")])
    rig.index.away = False
    before = dict(rig.catalogue.shelves.marks)
    for _ in range(3):
        await rig.indexing.reconcile()
    assert rig.catalogue.shelves.marks == before


async def test_renamed_department_is_indexed_again(rig: Rig) -> None:
    await rig.do.import_products([product("a")])
    await rig.do.import_categories([Category("footwear", "Things for feet"), Category("table", "Table")])
    assert rig.catalogue.shelves.marks.keys() == {"a"}
    await rig.indexing.pending()
    assert "Things for feet" in rig.index.entries["a"].document.text


async def test_search_without_vectors_says_so(rig: Rig) -> None:
    await rig.do.import_products([product("a")])
    rig.embedder.away = True
    page = await rig.do.search_products("slippers", ProductFilter(), None, 24, staff=False)
    assert (len(page.results), list(page.degraded)) == (1, ["VECTORS"])


async def test_search_without_the_index_asks_the_database_and_says_so(rig: Rig) -> None:
    await rig.do.import_products([product("a"), product("mug", title="Garden mug", category="table")])
    rig.index.away = True
    page = await rig.do.search_products("slippers", ProductFilter(), None, 24, staff=False)
    assert [item.product.id for item in page.results] == ["a"]
    assert list(page.degraded) == ["VECTORS", "SEARCH_INDEX"]


async def test_the_catalogue_has_the_last_word_over_a_stale_index(rig: Rig) -> None:
    await rig.do.import_products([product("a")])
    rig.index.away = True
    await update(rig, replace(product("a"), stock_quantity=0, etag=""), "stock_quantity")
    rig.index.away = False
    assert await found(rig, "slippers", ProductFilter(in_stock=True)) == []


async def test_query_of_hidden_characters_is_refused(rig: Rig) -> None:
    with pytest.raises(errors.Invalid):
        await found(rig, "\u200b \x00")


async def test_shoppers_never_see_drafts(rig: Rig) -> None:
    await rig.do.import_products([product("a", state=ProductState.DRAFT), product("b")])
    drafts = ProductFilter(states=frozenset({ProductState.DRAFT}))
    with pytest.raises(errors.NotFound):
        await rig.do.get_product("a", staff=False)
    assert [item.id for item in await rig.do.get_products(["a", "b"], staff=False)] == ["b"]
    with pytest.raises(errors.Denied):
        await rig.do.list_products(drafts, ProductOrder.NEWEST, None, 24, staff=False)
    with pytest.raises(errors.Denied):
        await rig.do.search_products("slippers", drafts, None, 24, staff=False)
    assert (await rig.do.get_product("a", staff=True)).id == "a"


shelves = st.lists(
    st.builds(
        lambda n, cents, stars, count, title: replace(
            product(f"p{n:03}", title=title, price=Money("EUR", cents)),
            rating=Rating(stars, count),
            create_time=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=cents),
        ),
        st.integers(0, 999),
        st.integers(0, 5),
        st.sampled_from([0.0, 3.5, 4.7]),
        st.integers(0, 3),
        st.sampled_from(["Mug", "mug", "Été", "Zebra"]),
    ),
    max_size=25,
    unique_by=lambda item: item.id,
)


@settings(max_examples=40, deadline=None)
@given(shelves, st.sampled_from(ProductOrder), st.integers(1, 7))
async def test_all_pages_together_are_the_whole_list_once(
    stored: list[Product], order: ProductOrder, size: int
) -> None:
    rig = Rig()
    rig.catalogue.shelves.products = {item.id: item for item in stored}
    seen: list[str] = []
    after: Cursor | None = None
    while True:
        page = await rig.do.list_products(ProductFilter(), order, after, size, staff=False)
        seen += [item.id for item in page.products]
        assert page.total_size == len(stored)
        after = page.after
        if after is None:
            break
    assert len(seen) == len(set(seen)) == len(stored)


def review(review_id: str, rating: int, body: str, product_id: str = "a") -> Review:
    return Review(product_id, review_id, "Ada", rating, "", body, True, NEVER)


async def test_reviews_set_ratings_stars_and_aspects(rig: Rig) -> None:
    await rig.do.import_products([product("a")])
    await rig.do.import_reviews([review("r1", 5, "So warm and soft."), review("r2", 2, "Not warm. Too small.")])
    page = await rig.do.list_reviews("a", None, 1, staff=False)
    assert (page.star_counts, page.average, page.more) == ((0, 1, 0, 0, 1), 3.5, True)
    warmth = next(item for item in page.aspects if item.aspect == "warmth")
    assert (warmth.positive_count, warmth.negative_count) == (1, 1)
    assert (await rig.do.get_product("a", staff=False)).rating == Rating(3.5, 2)


async def test_review_sent_twice_counts_once(rig: Rig) -> None:
    await rig.do.import_products([product("a")])
    for stars in (5, 3):
        await rig.do.import_reviews([review("r1", stars, "Fine.")])
    assert (await rig.do.list_reviews("a", None, 10, staff=False)).star_counts == (0, 0, 1, 0, 0)


async def test_reviews_of_unknown_products_are_refused(rig: Rig) -> None:
    with pytest.raises(errors.NotFound):
        await rig.do.import_reviews([review("r1", 5, "Fine.", "nothing")])
    with pytest.raises(errors.NotFound):
        await rig.do.list_reviews("nothing", None, 10, staff=True)


async def test_picture_that_is_not_what_it_says_is_refused_and_none_is_stored(rig: Rig) -> None:
    good, bad = Picture("a/1.webp", WEBP, "image/webp"), Picture("a/2.webp", b"<script>", "image/webp")
    with pytest.raises(errors.Invalid) as caught:
        await rig.do.upload_images([good, bad])
    assert caught.value.violations[0].field == "uploads[1].content"
    assert rig.media.pictures == {}
    assert await rig.do.upload_images([good]) == 1


@pytest.mark.parametrize(
    "key", ["../x", "a/../b", "/etc/passwd", "a//b", "a/.b", "A.webp", "a/" + "b" * 200, "a\n", ""]
)
def test_keys_that_lead_elsewhere_are_no_keys(key: str) -> None:
    assert not is_key(key)


async def written(rig: Rig, **wanted: object) -> list[CopyEvent]:
    asked = {"product_id": "", "draft": None, "tone": Tone.WARM, "keywords": [], "target_words": 20} | wanted
    return [event async for event in rig.do.write_copy(CopyWanted(**asked))]  # type: ignore[arg-type]


MUG = Draft(title="Garden mug", attributes={"Material": "stoneware"})


async def test_text_of_a_model_is_streamed_then_checked_then_finished() -> None:
    rig = Rig(
        writer=FakeCopywriter("A garden mug of porcelain for your tea and for quiet mornings outside on the bench.")
    )
    events = await written(rig, draft=MUG)
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert events[-1] == CopyFinished(text, "models/writer", [])
    found_rules = [event.rule for event in events if isinstance(event, Finding)]
    assert found_rules == ["UNSUPPORTED_CLAIM"]


async def test_without_a_model_the_text_is_composed_from_the_facts(rig: Rig) -> None:
    events = await written(rig, draft=MUG)
    finished = events[-1]
    assert isinstance(finished, CopyFinished)
    assert (finished.model, list(finished.degraded)) == ("", ["LLM"])
    assert "stoneware" in finished.text
    deltas = [event.text for event in events if isinstance(event, TextDelta)]
    assert len(deltas) > 5
    assert "".join(deltas) == finished.text
    assert [event for event in events if isinstance(event, Finding) and event.rule == "UNSUPPORTED_CLAIM"] == []


async def test_model_that_stops_in_the_middle_is_told() -> None:
    rig = Rig(writer=FakeCopywriter("A garden mug for quiet mornings", breaks_after=3))
    events = await written(rig, draft=MUG, target_words=3)
    assert events[-1] == CopyFinished("A garden mug", "models/writer", ["LLM"])
    assert "INCOMPLETE" in [event.rule for event in events if isinstance(event, Finding)]


async def test_leaving_the_stream_stops_the_writer() -> None:
    rig = Rig(writer=FakeCopywriter("A garden mug for quiet mornings"))
    events = rig.do.write_copy(CopyWanted("", MUG, Tone.WARM, [], 20))
    await anext(events)
    await events.aclose()
    assert rig.writer.closed


async def test_copy_of_an_unknown_product_or_of_nothing_is_refused(rig: Rig) -> None:
    with pytest.raises(errors.NotFound):
        await written(rig, product_id="nothing")
    with pytest.raises(errors.Invalid):
        await written(rig, draft=Draft())
