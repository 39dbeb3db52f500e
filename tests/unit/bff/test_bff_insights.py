"""Events in, reports out, and recommendations with their cards."""

import uuid
from typing import Any

from aisle.analytics.v1 import analytics_service_pb2 as pb
from aisle.analytics.v1 import event_pb2
from aisle.recommendation.v1 import recommendation_service_pb2 as recommendation
from bff.insights.messages import overview_of
from services.runtime.errors import Unavailable
from tests.unit.bff.conftest import VISITOR, Bff
from tests.unit.bff.fake_shop import FakeShop
from tests.unit.bff.test_bff_bad_input import problem_of

AS_VISITOR = {"X-Visitor-Id": VISITOR}


async def test_events_are_stamped_with_who_sent_them(bff: Bff, shop: FakeShop) -> None:
    event = {
        "event_id": str(uuid.uuid4()),
        "type": "add_to_cart",
        "session_id": "s1",
        "product_id": "socks",
        "quantity": 2,
        "value": {"currency": "EUR", "minor": 990},
        "placement": "basket",
        "event_time": "2026-02-03T04:05:06.789+01:00",
    }
    search = {"event_id": str(uuid.uuid4()), "type": "search", "session_id": "s1", "query": "wool", "result_count": 0}
    answer = await bff.client.post("/api/v1/events", json={"events": [event, search]}, headers=AS_VISITOR)
    assert (answer.status_code, answer.json()) == (202, {"accepted_count": 2})
    first, second = shop.last("WriteEvents").events
    assert first.shopper == second.shopper == f"visitor:{VISITOR}"
    assert (first.type, first.product, first.value_minor) == (event_pb2.EVENT_TYPE_ADD_TO_CART, "products/socks", 990)
    assert first.event_time.ToJsonString() == "2026-02-03T03:05:06.789Z"
    assert (second.query, second.HasField("event_time")) == ("wool", False)


async def test_browser_cannot_make_up_revenue(bff: Bff, shop: FakeShop) -> None:
    event = {"event_id": str(uuid.uuid4()), "type": "purchase", "session_id": "s1", "product_id": "socks"}
    answer = await bff.client.post("/api/v1/events", json={"events": [event]}, headers=AS_VISITOR)
    problem_of(answer, 403, "PURCHASE_NOT_ACCEPTED")
    assert "WriteEvents" not in [name for name, _ in shop.asked]


async def test_event_outside_the_calendar_is_refused(bff: Bff) -> None:
    for moment in ("9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00"):
        event = {"event_id": str(uuid.uuid4()), "type": "search", "session_id": "s1", "event_time": moment}
        answer = await bff.client.post("/api/v1/events", json={"events": [event]}, headers=AS_VISITOR)
        assert answer.status_code == 422, answer.text


async def test_overview_sets_this_interval_beside_the_one_before(bff: Bff, shop: FakeShop) -> None:
    overview = (await bff.client.get("/api/v1/analytics/overview?days=7", headers=await bff.signed_in("admin"))).json()
    assert overview["current"]["revenue"] == {"currency": "EUR", "minor": 990}
    assert (overview["current"]["conversion"], overview["previous"]["visitors"]) == (0.5, 4)
    assert overview["pending_count"] == 1
    assert shop.last("QueryReport").report == pb.REPORT_OVERVIEW


def test_overview_survives_absurd_revenue() -> None:
    reply = pb.QueryReportResponse(columns=["revenue_minor"], rows=[pb.Row(values=[pb.Value(integer=2**63 - 1)])])
    assert overview_of(reply, "EUR").current.revenue.minor == 10**15


async def test_top_products_come_with_their_titles(bff: Bff) -> None:
    report = (await bff.client.get("/api/v1/analytics/top-products", headers=await bff.signed_in("admin"))).json()
    assert (report["columns"], report["rows"]) == (["product", "views"], [["socks", 9]])
    assert report["products"] == {"socks": {"title": "Socks", "image_uri": "/media/socks.webp?expires=1&signature=2"}}


async def test_top_products_come_without_titles_while_the_catalogue_is_away(bff: Bff, shop: FakeShop) -> None:
    shop.failures["BatchGetProducts"] = Unavailable("X", "away")
    report = (await bff.client.get("/api/v1/analytics/top-products", headers=await bff.signed_in("admin"))).json()
    assert (report["rows"], report["products"]) == ([["socks", 9]], {})


async def test_report_by_day_has_a_row_for_each_day_asked_for(bff: Bff, shop: FakeShop) -> None:
    headers = await bff.signed_in("admin")
    report = (await bff.client.get("/api/v1/analytics/daily?days=90", headers=headers)).json()
    assert report["rows"] == [["2026-01-01", 2]]
    assert shop.last("QueryReport").limit == 91
    await bff.client.get("/api/v1/analytics/top-searches", headers=headers)
    assert shop.last("QueryReport").limit == 20


async def test_impossible_reports_are_refused(bff: Bff) -> None:
    headers = await bff.signed_in("admin")
    problem_of(await bff.client.get("/api/v1/analytics/weather", headers=headers), 404)
    problem_of(await bff.client.get("/api/v1/analytics/daily?days=366", headers=headers), 422)
    problem_of(await bff.client.get("/api/v1/analytics/daily?limit=0", headers=headers), 422)


async def test_models_are_listed(bff: Bff) -> None:
    models = (await bff.client.get("/api/v1/analytics/models", headers=await bff.signed_in("admin"))).json()["models"]
    assert models[0] == {
        "id": "tiny",
        "display_name": "Tiny",
        "provider": "local",
        "kind": "text",
        "quality": "basic",
        "available": True,
        "context_tokens": 2048,
    }
    assert models[1]["kind"] == "embedding"


async def test_recommendations_come_with_cards_and_without_what_has_gone(bff: Bff, shop: FakeShop) -> None:
    asked: dict[str, Any] = {"placement": "product", "product_id": "slippers", "basket": ["lamp"], "page_size": 6}
    answer = (await bff.client.get("/api/v1/recommendations", params=asked, headers=AS_VISITOR)).json()
    (shelf,) = answer["shelves"]
    assert (shelf["id"], shelf["anchor_product_id"]) == ("similar", "slippers")
    assert [(item["product"]["id"], item["reason"]) for item in shelf["items"]] == [("socks", "Because.")]
    assert (answer["degraded"], answer["cached"]) == (["LLM"], True)
    assert shop.last("RecommendProducts") == recommendation.RecommendProductsRequest(
        placement=recommendation.PLACEMENT_PRODUCT,
        shopper=f"visitor:{VISITOR}",
        product="products/slippers",
        basket=["products/lamp"],
        page_size=6,
    )
    # All cards in one call, each product once.
    assert list(shop.last("BatchGetProducts").names) == ["products/socks", "products/vanished", "products/secret"]
