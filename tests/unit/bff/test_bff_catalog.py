"""The catalogue's routes: what pages get, and what the catalogue is asked for it."""

import asyncio
import json
import uuid
from typing import Any

import pytest

from aisle.product.v1 import product_pb2
from aisle.product.v1 import product_service_pb2 as pb
from services.runtime.errors import Unavailable
from tests.unit.bff.conftest import VISITOR, Bff
from tests.unit.bff.fake_shop import FakeShop

A_PRODUCT = {
    "title": "Mug",
    "category_id": "table",
    "price": {"currency": "EUR", "minor": 1250},
    "attributes": {"dishwasher": True, "volume": 300, "colours": ["red", "blue"], "material": "clay"},
}


async def test_product_has_the_shape_pages_know(bff: Bff) -> None:
    product = (await bff.client.get("/api/v1/products/slippers")).json()
    assert product == {
        "id": "slippers",
        "title": "Slippers",
        "subtitle": "",
        "description": "",
        "category": {"id": "footwear", "title": "Footwear", "tint": "sand"},
        "brand": "Harbour",
        "price": {"currency": "EUR", "minor": 4990},
        "list_price": {"currency": "EUR", "minor": 6000},
        "stock_quantity": 3,
        "attributes": {"material": "wool"},
        "tags": [],
        "images": [{"uri": "/media/slippers.webp?expires=1&signature=2", "alt_text": "", "width": 0, "height": 0}],
        "rating": {"average": 4.25, "review_count": 8},
        "state": "active",
        "create_time": "2025-10-09T08:53:20Z",
        "update_time": "2025-10-09T08:53:20Z",
        "etag": "e1",
        "delivery_note": "",
    }


async def test_list_passes_every_condition_on(bff: Bff, shop: FakeShop) -> None:
    answer = await bff.client.get(
        "/api/v1/products",
        params={
            "page_size": 5000,
            "page_token": "t",
            "category": ["footwear", "bath"],
            "brand": ["Harbour"],
            "min_price": 100,
            "max_price": 900,
            "in_stock": "true",
            "min_rating": 4.5,
            "reduced": "true",
            "order": "-price",
        },
    )
    assert answer.status_code == 200
    page = answer.json()
    assert [product["id"] for product in page["products"]] == ["slippers", "socks", "lamp"]
    assert (page["next_page_token"], page["total_size"]) == ("more", 3)
    # A value is what the filter takes: the id of a category, and a brand as it is.
    assert page["facets"] == [
        {"field": "brand", "values": [{"value": "Salt/Rope", "label": "Salt/Rope", "count": 3}]},
        {"field": "category", "values": [{"value": "footwear", "label": "Footwear", "count": 3}]},
    ]
    assert shop.last("ListProducts") == pb.ListProductsRequest(
        page_size=1000,
        page_token="t",
        order=pb.PRODUCT_ORDER_PRICE_DESCENDING,
        filter=pb.ProductFilter(
            categories=["categories/footwear", "categories/bath"],
            brands=["Harbour"],
            min_price_minor=100,
            max_price_minor=900,
            in_stock=True,
            min_rating=4.5,
            reduced=True,
        ),
    )


async def test_search_says_how_products_were_found_and_what_was_left_out(bff: Bff) -> None:
    page = (await bff.client.get("/api/v1/products/search", params={"q": "warm feet"})).json()
    assert page["products"][0]["match"] == ["words", "meaning"]
    assert (page["degraded"], page["understood_as"], page["total_size"]) == (["VECTORS"], "u", 2)
    assert [product["id"] for product in page["products"]] == ["slippers", "lamp"]


async def test_page_of_what_was_found_can_be_ordered(bff: Bff) -> None:
    page = (await bff.client.get("/api/v1/products/search", params={"q": "warm", "order": "title"})).json()
    assert [product["id"] for product in page["products"]] == ["lamp", "slippers"]


async def test_departments_are_asked_for_once_for_many_pages(bff: Bff, shop: FakeShop) -> None:
    for _ in range(3):
        await bff.client.get("/api/v1/products/slippers")
    assert [method for method, _ in shop.asked].count("ListCategories") == 1


async def test_products_are_shown_while_departments_are_away(bff: Bff, shop: FakeShop) -> None:
    shop.failures["ListCategories"] = Unavailable("X", "away")
    product = (await bff.client.get("/api/v1/products/slippers")).json()
    assert product["category"] == {"id": "footwear", "title": "Footwear", "tint": ""}


async def test_draft_is_there_for_staff_only(bff: Bff) -> None:
    assert (await bff.client.get("/api/v1/products/secret")).status_code == 404
    answer = await bff.client.get("/api/v1/products/secret", headers=await bff.signed_in("admin"))
    assert answer.json()["state"] == "draft"


async def test_only_staff_lists_drafts(bff: Bff, shop: FakeShop) -> None:
    refused = await bff.client.get("/api/v1/products", params={"state": "draft"})
    assert (refused.status_code, refused.json()["reason"]) == (403, "ROLE_TOO_LOW")
    await bff.client.get("/api/v1/products", params={"state": "draft"}, headers=await bff.signed_in("admin"))
    assert list(shop.last("ListProducts").filter.states) == [product_pb2.PRODUCT_STATE_DRAFT]
    await bff.client.get("/api/v1/products", params={"state": "all"}, headers=await bff.signed_in("admin"))
    assert len(shop.last("ListProducts").filter.states) == 3


async def test_user_and_request_id_travel_with_the_call(bff: Bff, shop: FakeShop) -> None:
    answer = await bff.client.get(
        "/api/v1/products/slippers", headers={"X-Visitor-Id": VISITOR, "X-Request-Id": "from-the-edge"}
    )
    assert answer.headers["x-request-id"] == "from-the-edge"
    assert shop.callers[0] == ("bff", f"visitor:{VISITOR}", "anonymous")
    assert shop.request_ids[0] == "from-the-edge"
    await bff.client.get("/api/v1/products/slippers", headers=await bff.signed_in("maya"))
    assert shop.callers[-1] == ("bff", "maya", "shopper")


async def test_creating_keeps_facts_as_text_and_the_key_as_request_id(bff: Bff, shop: FakeShop) -> None:
    key = str(uuid.uuid4())
    headers = {**await bff.signed_in("admin"), "Idempotency-Key": key}
    answer = await bff.client.post("/api/v1/products", json={"id": "mug", **A_PRODUCT}, headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (201, "/api/v1/products/mug")
    request = shop.last("CreateProduct")
    assert (request.request_id, request.product.category) == (key, "categories/table")
    assert (request.product.price.units, request.product.price.nanos) == (12, 500_000_000)
    assert dict(request.product.attributes) == {
        "dishwasher": "yes",
        "volume": "300",
        "colours": "red, blue",
        "material": "clay",
    }


async def test_taken_id_is_a_conflict(bff: Bff) -> None:
    answer = await bff.client.post(
        "/api/v1/products", json={"id": "socks", **A_PRODUCT}, headers=await bff.signed_in("admin")
    )
    assert (answer.status_code, answer.json()["reason"]) == (409, "PRODUCT_ALREADY_EXISTS")


async def test_patch_changes_exactly_what_was_given(bff: Bff, shop: FakeShop) -> None:
    body = {"title": "New", "list_price": None, "category_id": "bath", "state": "draft", "etag": "e1"}
    answer = await bff.client.patch("/api/v1/products/socks", json=body, headers=await bff.signed_in("admin"))
    assert answer.status_code == 200
    request = shop.last("UpdateProduct")
    assert list(request.update_mask.paths) == ["category", "list_price", "state", "title"]
    assert not request.product.HasField("list_price")
    assert (request.product.etag, request.product.category) == ("e1", "categories/bath")


async def test_stale_etag_is_a_conflict(bff: Bff) -> None:
    answer = await bff.client.patch(
        "/api/v1/products/socks", json={"title": "New", "etag": "old"}, headers=await bff.signed_in("admin")
    )
    assert (answer.status_code, answer.json()["reason"]) == (409, "ETAG_STALE")


@pytest.mark.parametrize("body", [{}, {"etag": "e1"}, {"title": None}, {"price": None}, {"colour": "red"}])
async def test_patch_that_changes_nothing_or_nonsense_is_refused(bff: Bff, body: dict[str, Any]) -> None:
    answer = await bff.client.patch("/api/v1/products/socks", json=body, headers=await bff.signed_in("admin"))
    assert answer.status_code == 422


async def test_deleting_answers_without_a_body(bff: Bff, shop: FakeShop) -> None:
    headers = await bff.signed_in("admin")
    answer = await bff.client.delete("/api/v1/products/socks", headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await bff.client.delete("/api/v1/products/socks", headers=headers)).status_code == 404


async def test_reviews_come_with_what_all_of_them_say(bff: Bff) -> None:
    page = (await bff.client.get("/api/v1/products/slippers/reviews")).json()
    assert page["reviews"][0]["id"] == "r1"
    assert page["star_counts"] == [0, 0, 0, 0, 1]
    assert page["aspects"][0] == {
        "aspect": "warmth",
        "positive_count": 1,
        "negative_count": 0,
        "quote": "Very.",
        "review_id": "r1",
    }


async def test_categories_are_listed(bff: Bff) -> None:
    found = (await bff.client.get("/api/v1/categories")).json()["categories"]
    assert found == [{"id": "footwear", "title": "Footwear", "blurb": "b", "tint": "sand", "product_count": 3}]


async def test_description_comes_whole_as_json(bff: Bff, shop: FakeShop) -> None:
    body = {"product_id": "socks", "draft": {"title": "Socks", "attributes": {"wool": True}}, "tone": "lively"}
    answer = await bff.client.post(
        "/api/v1/products/generate-description", json=body, headers=await bff.signed_in("admin")
    )
    assert answer.json() == {
        "text": "Warm wool.",
        "model": "tiny",
        "degraded": ["LLM"],
        "findings": [{"rule": "TOO_SHORT", "message": "Say more.", "excerpt": "Warm"}],
    }
    asked = shop.last("WriteProductCopy")
    assert (asked.product, asked.tone, asked.draft.title) == ("products/socks", pb.COPY_TONE_LIVELY, "Socks")


async def test_description_streams_as_it_is_written(running: Bff, shop: FakeShop) -> None:
    shop.gate.clear()
    headers = {**await running.signed_in("admin"), "Accept": "text/event-stream"}
    url, body = "/api/v1/products/generate-description", {"product_id": "socks"}
    async with running.client.stream("POST", url, json=body, headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.aiter_lines()
        first = [await anext(lines), await anext(lines)]
        # The first words are here while the rest is still to be written.
        assert first == ["event: delta", 'data: {"text":"Warm "}']
        shop.gate.set()
        events = [line.removeprefix("event: ") async for line in lines if line.startswith("event: ")]
    assert events == ["delta", "finding", "finished"]


async def test_leaving_a_description_stops_its_writing(running: Bff, shop: FakeShop) -> None:
    shop.gate.clear()
    headers = {**await running.signed_in("admin"), "Accept": "text/event-stream"}
    url, body = "/api/v1/products/generate-description", {"product_id": "socks"}
    async with running.client.stream("POST", url, json=body, headers=headers) as answer:
        await anext(answer.aiter_lines())
        assert not shop.stream_ended.is_set()
    await asyncio.wait_for(shop.stream_ended.wait(), 3)


async def test_description_that_cannot_begin_is_a_plain_problem(bff: Bff, shop: FakeShop) -> None:
    shop.failures["WriteProductCopy"] = Unavailable("COPYWRITER_UNAVAILABLE", "Nobody can write.", 3)
    headers = {**await bff.signed_in("admin"), "Accept": "text/event-stream"}
    answer = await bff.client.post(
        "/api/v1/products/generate-description", json={"product_id": "socks"}, headers=headers
    )
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")
    assert json.loads(answer.content)["reason"] == "COPYWRITER_UNAVAILABLE"
