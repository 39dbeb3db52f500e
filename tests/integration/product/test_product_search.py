"""Search over the real index: words, meaning, filters, pages, and what is left when something is away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from aisle.product.v1 import product_service_pb2 as pb
from services.runtime import errors
from tests.integration.product.conftest import Shop
from tests.integration.product.shelf import STAFF, names, product, search, stocked

pytestmark = pytest.mark.servers


@pytest.fixture
async def stocked_shop(shop: Shop) -> Shop:
    await shop_index(shop)
    done = await stocked(shop.stub)
    assert (done.created_count, done.updated_count, done.indexed_count) == (5, 0, 5)
    return shop


async def shop_index(shop: Shop) -> None:
    """Make the collection, as the background does first of all."""
    reconcile = shop.service.background[0].__self__.reconcile  # type: ignore[attr-defined]
    await reconcile()


async def test_words_of_the_title_come_first(stocked_shop: Shop) -> None:
    reply = await search(stocked_shop.stub, "wool slippers")
    assert names(reply)[0] == "harbour-slippers"
    assert pb.MATCH_KIND_WORDS in reply.results[0].match_kinds
    assert list(reply.degraded) == []


async def test_meaning_finds_what_words_do_not(stocked_shop: Shop) -> None:
    reply = await search(stocked_shop.stub, "toasty feet")
    assert names(reply)[0] == "harbour-slippers"
    assert list(reply.results[0].match_kinds) == [pb.MATCH_KIND_MEANING]
    assert reply.understood_as == "footwear"


async def test_article_number_finds_its_product(stocked_shop: Shop) -> None:
    assert names(await search(stocked_shop.stub, "fh-100"))[0] == "harbour-slippers"


async def test_nonsense_finds_nothing(stocked_shop: Shop) -> None:
    reply = await search(stocked_shop.stub, "zxqv wrtlm")
    assert (names(reply), reply.total_size, list(reply.facets)) == ([], 0, [])


async def test_filter_keeps_its_own_facet_wide(stocked_shop: Shop) -> None:
    condition = pb.ProductFilter(categories=["categories/footwear"], in_stock=True)
    reply = await search(stocked_shop.stub, "warm boots slippers tea", filter=condition)
    assert names(reply) == ["harbour-slippers"]
    facets = {facet.field: {value.value: value.count for value in facet.values} for facet in reply.facets}
    assert facets["category"].keys() >= {"categories/footwear", "categories/table"}
    assert facets["brand"] == {"Fold & Harbour": 1}


async def test_hostile_filter_is_only_a_value(stocked_shop: Shop) -> None:
    with pytest.raises(errors.Invalid):
        await search(stocked_shop.stub, "tea", filter=pb.ProductFilter(brands=["x\x00"]))
    for brand in ('x" or state == 2 or brand == "', "a\nb", "\\"):
        reply = await search(stocked_shop.stub, "tea", filter=pb.ProductFilter(brands=[brand]))
        assert names(reply) == []
        assert list(reply.degraded) == []


async def test_pages_of_a_search_together_are_the_whole(stocked_shop: Shop) -> None:
    whole = names(await search(stocked_shop.stub, "tea wool leather speaker"))
    assert len(whole) > 3
    paged, token = [], ""
    while True:
        reply = await search(stocked_shop.stub, "tea wool leather speaker", page_size=2, page_token=token)
        paged += names(reply)
        token = reply.next_page_token
        if not token:
            break
    assert paged == whole


async def test_token_of_another_query_is_refused(stocked_shop: Shop) -> None:
    reply = await search(stocked_shop.stub, "tea wool leather", page_size=1)
    with pytest.raises(errors.Invalid) as caught:
        await search(stocked_shop.stub, "speaker", page_size=1, page_token=reply.next_page_token)
    assert caught.value.reason == "PAGE_TOKEN_MISMATCH"


async def test_without_embeddings_words_answer_and_say_so(stocked_shop: Shop) -> None:
    stocked_shop.llm.away = True
    reply = await search(stocked_shop.stub, "slippers")
    assert names(reply)[0] == "harbour-slippers"
    assert list(reply.degraded) == ["VECTORS"]


async def test_without_the_index_the_database_answers_and_says_so(stocked_shop: Shop) -> None:
    from pymilvus import MilvusClient

    MilvusClient(uri=stocked_shop.settings.milvus_uri).drop_collection(stocked_shop.settings.milvus_collection)
    reply = await search(stocked_shop.stub, "slippers of wool")
    assert names(reply)[0] == "harbour-slippers"
    assert list(reply.degraded) == ["VECTORS", "SEARCH_INDEX"]
    narrowed = await search(stocked_shop.stub, "tea", filter=pb.ProductFilter(max_price_minor=2_000))
    assert names(narrowed) == ["garden-mug"]


async def test_lost_index_is_rebuilt_without_embedding_again(stocked_shop: Shop) -> None:
    from pymilvus import MilvusClient

    MilvusClient(uri=stocked_shop.settings.milvus_uri).drop_collection(stocked_shop.settings.milvus_collection)
    stocked_shop.llm.embedded.clear()
    background = asyncio.create_task(stocked_shop.service.background[0]())
    try:
        await eventually(lambda: search(stocked_shop.stub, "toasty feet"), ["harbour-slippers"])
    finally:
        background.cancel()
    assert stocked_shop.llm.embedded == ["toasty feet"] * len(stocked_shop.llm.embedded)


async def test_product_stored_without_embeddings_is_found_by_words_at_once_and_by_meaning_later(shop: Shop) -> None:
    await shop_index(shop)
    shop.llm.away = True
    done = await stocked(shop.stub)
    assert (done.created_count, done.indexed_count) == (5, 0)
    assert names(await search(shop.stub, "slippers"))[:1] == ["harbour-slippers"]
    shop.llm.away = False
    assert "harbour-slippers" not in names(await search(shop.stub, "toasty feet"))
    background = asyncio.create_task(shop.service.background[0]())
    try:
        await eventually(lambda: search(shop.stub, "toasty feet"), ["harbour-slippers"])
    finally:
        background.cancel()


async def test_price_change_is_filtered_by_at_once_and_embeds_nothing(stocked_shop: Shop) -> None:
    stocked_shop.llm.embedded.clear()
    cheaper = product("river-teapot", "River teapot", cents=900)
    request = pb.UpdateProductRequest(product=cheaper, update_mask=FieldMask(paths=["price", "stock_quantity"]))
    await stocked_shop.stub.UpdateProduct(request, caller=STAFF)
    assert stocked_shop.llm.embedded == []
    reply = await search(stocked_shop.stub, "teapot", filter=pb.ProductFilter(max_price_minor=1_000))
    assert names(reply) == ["river-teapot"]


async def test_deleted_product_is_not_found(stocked_shop: Shop) -> None:
    await stocked_shop.stub.DeleteProduct(pb.DeleteProductRequest(name="products/garden-mug"), caller=STAFF)
    assert "garden-mug" not in names(await search(stocked_shop.stub, "garden mug"))


async def eventually(ask: Callable[[], Awaitable[Any]], first: list[str]) -> None:
    for _ in range(150):
        if names(await ask())[: len(first)] == first:
            return
        await asyncio.sleep(0.1)
    pytest.fail("it never was found")
