"""One request of a browser, followed by the id its answer carried to everything it caused."""

import asyncio
import time
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from google.protobuf.duration_pb2 import Duration

from aisle.telemetry.v1 import telemetry_service_pb2 as pb
from aisle.telemetry.v1.telemetry_service_pb2_grpc import TelemetryServiceStub
from checks.metrics.catalogue import load
from services.runtime.channel import MeshChannel
from services.runtime.interceptors import Caller
from tests.e2e.shop import Shop

# Proxies send what they know every five seconds.
PATIENCE = 40.0
CANARY = "canary-5105105105105100"


def searched(client: httpx2.Client) -> httpx2.Response:
    """Search for what nobody has asked, which needs the catalogue, both indexes and the model that knows words."""
    lie = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-00"}
    answer = client.get("/api/v1/products/search", params={"q": f"warm slippers {uuid4().hex} {CANARY}"}, headers=lie)
    assert answer.status_code == 200, answer.text
    return answer


def completed(shop: Shop, client: httpx2.Client) -> httpx2.Response:
    """Ask a model directly, which counts in Redis what the key may spend."""
    body = {"model": "auto", "messages": [{"role": "user", "content": f"Say hello, {CANARY}."}], "max_tokens": 4}
    key = {"Authorization": f"Bearer {shop.api_key}"}
    answer = client.post("/v1/chat/completions", json=body, headers=key, timeout=120)
    assert answer.status_code == 200, answer.text
    return answer


def whole(admin: httpx2.Client, trace_id: str, wanted: set[str]) -> list[dict[str, Any]]:
    """Return the spans of a trace once all that is wanted has arrived."""
    deadline = time.monotonic() + PATIENCE
    spans: list[dict[str, Any]] = []
    while time.monotonic() < deadline:
        answer = admin.get(f"/api/v1/traces/{trace_id}")
        spans = answer.json()["spans"] if answer.status_code == 200 else []
        if wanted <= layers(spans) and len(roots_of(spans)) == 1:
            return spans
        time.sleep(0.5)
    missing = wanted - layers(spans)
    pytest.fail(
        f"not in the trace after {PATIENCE:.0f} s: {missing}; there is {layers(spans)}, begun by {roots_of(spans)}"
    )


def roots_of(spans: list[dict[str, Any]]) -> list[str]:
    """Return the services of spans whose parent is not there, or not yet."""
    known = {span["span_id"] for span in spans}
    return [span["service"] for span in spans if span["parent_span_id"] not in known]


def layers(spans: list[dict[str, Any]]) -> set[str]:
    """Return who took part: services, and the databases and models they asked."""
    found = {span["service"] for span in spans}
    for span in spans:
        attributes = span["attributes"]
        found |= {attributes[key] for key in ("db.system", "db.system.name") if key in attributes}
        if span["kind"] == "client" and "gen_ai.request.model" in attributes:
            found.add("provider")
    return found


@pytest.mark.parametrize("ask", ["search", "shelf", "completion"])
def test_one_trace_leads_from_the_edge_to_everything_a_request_caused(shop: Shop, ask: str) -> None:
    with shop.signed_in("shopper") as shopper, shop.signed_in("admin") as admin:
        match ask:
            case "search":
                answer = searched(shopper)
                wanted = {"edge", "egress", "bff", "product", "llm", "postgresql", "milvus", "provider"}
            case "shelf":
                answer = shopper.get("/api/v1/recommendations", params={"placement": "home"})
                wanted = {"edge", "egress", "bff", "recommendation", "product", "postgresql", "redis"}
            case _:
                answer = completed(shop, shopper)
                wanted = {"edge", "llm", "redis", "provider"}
        trace_id = answer.headers["x-trace-id"]
        assert trace_id != "a" * 32, "outsiders do not name traces"
        spans = whole(admin, trace_id, wanted)
        assert roots_of(spans) == ["edge"], "all of it hangs together"
        assert CANARY not in str(spans), "what people write is in no span"
        listed = admin.get("/api/v1/traces", params={"service": "edge", "page_size": 200}).json()["traces"]
        assert trace_id in [trace["trace_id"] for trace in listed]


def test_an_error_of_the_edge_itself_tells_its_trace_as_well(shop: Shop) -> None:
    with shop.client() as anybody:
        answer = anybody.post("/api/v1/events", content=b"x" * (2 << 20), headers={"content-type": "application/json"})
        assert answer.status_code == 413
        assert len(answer.headers["x-trace-id"]) == 32


def test_the_edge_writes_a_line_for_each_request_without_what_follows_its_address(shop: Shop) -> None:
    with shop.client() as anybody:
        answer = anybody.get("/api/v1/products/search", params={"q": CANARY})
        trace_id = answer.headers["x-trace-id"]
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        text = (shop.home / "logs" / "envoy.log").read_text()
        if trace_id in text:
            break
        time.sleep(0.5)
    assert trace_id in text
    assert CANARY not in text


def told(shop: Shop, metrics: set[str]) -> set[str]:
    """Return which of these metrics the collector was told of within the hour."""

    async def ask() -> set[str]:
        queries = [pb.MetricQuery(metric=metric) for metric in sorted(metrics)]
        request = pb.QueryMetricsRequest(queries=queries, window=Duration(seconds=3600), steps=1)
        async with MeshChannel("cli", "telemetry", shop.egress) as channel:
            reply = await TelemetryServiceStub(channel).QueryMetrics(
                request, caller=Caller(subject="ada", role="admin")
            )
        return {answer.metric for answer in reply.answers if answer.series}

    return asyncio.run(ask())


def test_every_metric_of_the_catalogue_that_a_quiet_shop_has_is_emitted(shop: Shop) -> None:
    # These tell of what went wrong: tests/integration/observability makes it happen.
    quiet = {"aisle.mesh.refused_configurations", "aisle.llm.budget.refusals", "aisle.degraded", "aisle.llm.spans.lost"}
    quiet |= {"aisle.llm.usage.lost", "aisle.llm.usage.refused", "aisle.llm.breaker.open"}
    with shop.signed_in("shopper") as shopper:
        searched(shopper)
        body = {
            "model": "auto",
            "messages": [{"role": "user", "content": "Count to ten."}],
            "max_tokens": 16,
            "stream": True,
        }
        key = {"Authorization": f"Bearer {shop.api_key}"}
        assert shopper.post("/v1/chat/completions", json=body, headers=key, timeout=120).status_code == 200
    wanted = {metric.name for metric in load().own} - quiet
    deadline = time.monotonic() + PATIENCE
    while (missing := wanted - told(shop, wanted)) and time.monotonic() < deadline:
        time.sleep(1)
    assert not missing
