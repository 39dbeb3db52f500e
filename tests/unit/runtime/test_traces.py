from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Decision, ParentBased
from opentelemetry.trace import SpanKind, StatusCode

from aisle.analytics.v1 import analytics_service_pb2 as analytics
from aisle.analytics.v1.analytics_service_pb2_grpc import (
    AnalyticsServiceServicer,
    AnalyticsServiceStub,
    add_AnalyticsServiceServicer_to_server,
)
from services.runtime import telemetry
from services.runtime.channel import MeshChannel
from services.runtime.errors import AisleError
from services.runtime.telemetry import _Roots, discreet

CANARY = "canary-4111-maya@lanternandloom.example"


class Traced:
    """Spans of a test."""

    def __init__(self, percent: float = 100.0) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(sampler=ParentBased(_Roots(percent)))
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = provider.get_tracer("tests")

    @property
    def spans(self) -> list[ReadableSpan]:
        return [discreet(span) for span in self._exporter.get_finished_spans()]


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> Iterator[Traced]:
    found = Traced()
    monkeypatch.setattr(telemetry, "tracer", found.tracer)
    yield found


def test_a_call_to_a_database_is_a_span_below_the_one_of_its_request(traced: Traced) -> None:
    with (
        traced.tracer.start_as_current_span("rpc", kind=SpanKind.SERVER),
        telemetry.database_span("milvus", "search", "products"),
    ):
        pass
    call, request = traced.spans
    assert call.parent is not None
    assert call.parent.span_id == request.context.span_id
    assert dict(call.attributes or {}) == {
        "db.system.name": "milvus",
        "db.operation.name": "search",
        "db.collection.name": "products",
    }


def test_a_loop_that_looks_for_work_begins_no_trace(traced: Traced) -> None:
    with telemetry.database_span("milvus", "search", "products"):
        pass
    with traced.tracer.start_as_current_span("XREADGROUP", kind=SpanKind.CLIENT):
        pass
    assert traced.spans == []


def test_nothing_is_recorded_below_a_trace_that_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Traced(percent=0)
    monkeypatch.setattr(telemetry, "tracer", found.tracer)
    with found.tracer.start_as_current_span("rpc", kind=SpanKind.SERVER), telemetry.database_span("milvus", "q", "c"):
        pass
    assert found.spans == []


def test_the_share_of_traces_is_kept_by_their_ids() -> None:
    sampler = _Roots(25)
    kept = [
        sampler.should_sample(None, number << 54, "rpc", SpanKind.SERVER).decision is Decision.RECORD_AND_SAMPLE
        for number in range(1024)
    ]
    assert sum(kept) == 256


def test_the_words_of_an_error_are_not_exported_and_its_type_is(traced: Traced) -> None:
    with pytest.raises(ValueError, match="canary"), traced.tracer.start_as_current_span("rpc", kind=SpanKind.SERVER):
        raise ValueError(f"{CANARY} is taken")
    (span,) = traced.spans
    assert CANARY not in span.to_json()
    assert (span.attributes or {})["error.type"] == "ValueError"
    assert not span.status.is_ok


class Refusing(AnalyticsServiceServicer):
    """Answers with a status."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self._code = code

    async def QueryReport(self, request: Any, context: Any) -> Any:
        await context.abort(self._code, CANARY)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (grpc.StatusCode.FAILED_PRECONDITION, StatusCode.UNSET),
        (grpc.StatusCode.NOT_FOUND, StatusCode.UNSET),
        (grpc.StatusCode.UNAVAILABLE, StatusCode.ERROR),
        (grpc.StatusCode.DEADLINE_EXCEEDED, StatusCode.ERROR),
    ],
)
async def test_a_call_that_is_refused_has_not_failed_one_that_is_lost_has(
    traced: Traced, code: grpc.StatusCode, status: StatusCode
) -> None:
    server = grpc.aio.server()
    add_AnalyticsServiceServicer_to_server(Refusing(code), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with MeshChannel("bff", "analytics", f"127.0.0.1:{port}") as channel:
        with traced.tracer.start_as_current_span("request"), pytest.raises(AisleError):
            await AnalyticsServiceStub(channel).QueryReport(
                analytics.QueryReportRequest(report=analytics.REPORT_OVERVIEW)
            )
    await server.stop(None)
    call = traced.spans[0]
    assert (call.name, call.status.status_code) == ("aisle.analytics.v1.AnalyticsService/QueryReport", status)
    assert (call.attributes or {})[telemetry.RPC_STATUS] == code.name
    assert CANARY not in call.to_json()
