"""Traces as proxies tell of them: a real Envoy that sends to a collector of the mesh."""

import copy
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import httpx2
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

from tests.mesh.rig import Mesh, eventually, free_port

pytestmark = pytest.mark.servers

OUTSIDE = "a" * 32
CANARY = "canary-5105105105105100"
# Envoy keeps spans for five seconds before it sends a few of them.
SENT_WITHIN = 15.0


class Collector(TraceServiceServicer):
    """Keeps what it is sent, by service."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, Any]] = []
        self.port = free_port()
        self._server = grpc.server(ThreadPoolExecutor(4))
        add_TraceServiceServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]
        self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        self._server.start()

    def Export(self, request: ExportTraceServiceRequest, context: Any) -> ExportTraceServiceResponse:
        for told in request.resource_spans:
            service = next(one.value.string_value for one in told.resource.attributes if one.key == "service.name")
            self.spans += [(service, span) for scope in told.scope_spans for span in scope.spans]
        return ExportTraceServiceResponse()

    def of(self, trace_id: str) -> list[tuple[str, Any]]:
        return [(service, span) for service, span in self.spans if span.trace_id.hex() == trace_id]

    def stop(self) -> None:
        self._server.stop(None)


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.stop()


@pytest.fixture
def edge(mesh: Mesh) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=f"http://{mesh.edge}", trust_env=False) as client:
        eventually(lambda: client.get("/api/hello").status_code == 200)
        # The test before may have had a collector.
        eventually(lambda: "x-trace-id" not in asked(client).headers)
        yield client


def traced(
    mesh: Mesh, registered: dict[str, Any], collector: Collector, percent: float, *, outside: bool = False
) -> None:
    changed = copy.deepcopy(registered)
    if outside:
        changed["tracing"] = {"collector": {"host": "localhost", "port": collector.port}, "sampled_percent": percent}
    else:
        place = {"address": "127.0.0.1", "port": collector.port}
        changed["services"]["telemetry"] = {"protocol": "grpc", "endpoints": [place]}
        changed["tracing"] = {"service": "telemetry", "sampled_percent": percent}
    mesh.write_registry(changed)


def asked(edge: httpx2.Client) -> httpx2.Response:
    lies = {
        "traceparent": f"00-{OUTSIDE}-{'b' * 16}-01",
        "baggage": "a=b",
        "x-envoy-force-trace": "true",
        "connection": "close",
    }
    return edge.get(f"/api/hello?token={CANARY}", headers=lies)


@pytest.mark.parametrize("outside", [False, True], ids=["in the mesh", "outside of it"])
def test_the_edge_begins_the_trace_and_tells_its_id_back(
    mesh: Mesh, edge: httpx2.Client, registered: dict[str, Any], collector: Collector, outside: bool
) -> None:
    traced(mesh, registered, collector, 100, outside=outside)
    eventually(lambda: "x-trace-id" in asked(edge).headers)
    answer = asked(edge)
    trace_id = answer.headers["x-trace-id"]
    _, seen, _, flags = answer.json()["headers"]["traceparent"].split("-")
    assert (seen, flags) == (trace_id, "01")
    assert trace_id != OUTSIDE
    found = eventually(lambda: collector.of(trace_id), SENT_WITHIN)
    assert [service for service, _ in found] == ["edge"]
    assert found[0][1].name == "GET /api/"
    assert CANARY not in str(collector.spans)
    assert "/api/hello" in str(found)


def test_what_the_edge_answers_itself_tells_its_trace_too(
    mesh: Mesh, edge: httpx2.Client, registered: dict[str, Any], collector: Collector
) -> None:
    traced(mesh, registered, collector, 100)
    eventually(lambda: "x-trace-id" in asked(edge).headers)
    answer = edge.post("/api/hello", content=b"x" * (2 << 20))
    assert (answer.status_code, len(answer.headers["x-trace-id"])) == (413, 32)


def test_what_is_not_kept_is_so_for_everybody_whatever_outsiders_ask(
    mesh: Mesh, edge: httpx2.Client, registered: dict[str, Any], collector: Collector
) -> None:
    traced(mesh, registered, collector, 0)
    eventually(lambda: asked(edge).json()["headers"].get("traceparent", "").endswith("-00"))
    _, seen, _, _ = asked(edge).json()["headers"]["traceparent"].split("-")
    assert seen != OUTSIDE


def test_without_a_collector_nobody_outside_names_a_trace_either(edge: httpx2.Client) -> None:
    def untraced() -> bool:
        answer = asked(edge)
        seen = set(answer.json()["headers"])
        return "x-trace-id" not in answer.headers and not {"traceparent", "baggage", "x-envoy-force-trace"} & seen

    # The test before may have had one, and connections stay with the listener they were opened at.
    eventually(untraced)
