"""The admin's side of telemetry."""

import pytest

from tests.unit.bff.conftest import Bff
from tests.unit.bff.fake_shop import FakeShop
from tests.unit.bff.fake_telemetry import TRACE

CONSOLE = "https://console.example/traces/{xray_id}"


async def test_traces_are_listed_as_they_are_asked_for(bff: Bff, shop: FakeShop) -> None:
    asked = {"service": "bff", "method": "products", "min_ms": "2.5", "errors_only": "true", "page_size": "5"}
    answer = await bff.client.get("/api/v1/traces", params=asked, headers=await bff.signed_in("admin"))
    request = shop.last("ListTraces")
    assert (request.service, request.method, request.errors_only, request.page_size) == ("bff", "products", True, 5)
    assert request.min_duration.ToMicroseconds() == 2500
    body = answer.json()
    assert (body["available"], body["services"], body["next_page_token"]) == (True, ["bff", "edge"], "more")
    (trace,) = body["traces"]
    assert (trace["trace_id"], trace["root"], trace["ms"], trace["error_count"]) == (TRACE, "GET /api/", 120, 1)


async def test_a_trace_tells_its_spans_from_its_begin_on(bff: Bff) -> None:
    answer = await bff.client.get(f"/api/v1/traces/{TRACE}", headers=await bff.signed_in("admin"))
    root, inner = answer.json()["spans"]
    assert (root["offset_ms"], root["parent_span_id"], root["kind"]) == (0, "", "server")
    assert (inner["offset_ms"], inner["ms"], inner["failed"], inner["parent_span_id"]) == (5, 100, True, "a1")
    assert inner["linked_traces"] == ["1" * 32]


@pytest.mark.parametrize("trace_id", ["1" * 32, "no-trace", TRACE.upper()])
async def test_a_trace_nobody_keeps_is_not_found(bff: Bff, trace_id: str) -> None:
    answer = await bff.client.get(f"/api/v1/traces/{trace_id}", headers=await bff.signed_in("admin"))
    assert (answer.status_code, answer.json()["reason"]) == (404, "TRACE_NOT_FOUND")


async def test_health_tells_rates_failures_and_times(bff: Bff, shop: FakeShop) -> None:
    answer = await bff.client.get("/api/v1/metrics", params={"minutes": 30}, headers=await bff.signed_in("admin"))
    assert shop.last("QueryMetrics").window.ToSeconds() == 1800
    body = answer.json()
    (method,) = body["methods"]
    assert (method["count"], method["errors"], method["p95_ms"]) == (4, 1, 20)
    assert (method["counts"], method["error_counts"]) == ([4, 0], [1, 0])
    assert body["routes"] == []
    (queue,) = body["figures"]
    assert (queue["value"], queue["highest"], queue["points"]) == (3, 9, [9, 3])


async def test_where_no_collector_answers_it_is_said_where_to_look(bff: Bff) -> None:
    object.__setattr__(bff.settings, "traces_elsewhere", CONSOLE)
    headers = await bff.signed_in("admin")
    for address in ("/api/v1/traces", "/api/v1/metrics"):
        body = (await bff.client.get(address, headers=headers)).json()
        assert (body["available"], body["elsewhere"]) == (False, CONSOLE)
    assert (await bff.client.get(f"/api/v1/traces/{TRACE}", headers=headers)).status_code == 404
