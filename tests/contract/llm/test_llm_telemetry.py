"""What telemetry says about calls: the same as OpenTelemetry's own SDK would, and not a word of anybody's."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from enum import IntEnum, StrEnum
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, Metric, MetricsData
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from services.llm.adapters import genai_names as names
from services.llm.adapters.attempt_spans import AttemptSpans
from services.llm.adapters.call_metrics import CallMetrics
from services.llm.adapters.ledgers import Ledgers
from services.llm.adapters.otlp_spans import OtlpSpans
from services.llm.adapters.telemetry_ledger import TelemetryLedger
from services.llm.domain.generation import Ended, FinishReason
from services.llm.domain.usage import TokenUsage, UsageRecord
from services.runtime import telemetry

RECORD = UsageRecord(
    operation="chat",
    model="models/small",
    provider="bedrock",
    use_case="chat_support",
    outcome="ok",
    usage=TokenUsage(100, 20, cached_input_tokens=40),
    cost_micros=7,
    seconds=1.5,
    first_token_seconds=0.3,
    cache="miss",
    chunks=5,
    attempt=2,
)
ENDED = Ended(FinishReason.STOP, None, "small-2026-08-01", "resp-1")


def points(metrics: Sequence[Metric], name: str) -> list[Any]:
    return [point for metric in metrics if metric.name == name for point in metric.data.data_points]


@given(
    st.lists(st.floats(0.0, 200.0), min_size=1, max_size=50), st.lists(st.integers(0, 10**8), min_size=1, max_size=9)
)
def test_histograms_are_those_the_sdk_would_export(seconds: list[float], tokens: list[int]) -> None:
    reader = InMemoryMetricReader()
    meter = MeterProvider(metric_readers=[reader]).get_meter("aisle")
    duration = meter.create_histogram("d", explicit_bucket_boundaries_advisory=list(names.SECOND_BOUNDS))
    read = meter.create_histogram("t", explicit_bucket_boundaries_advisory=list(names.TOKEN_BOUNDS))
    ours = CallMetrics()
    for place, value in enumerate(seconds):
        count = tokens[place % len(tokens)]
        duration.record(value)
        read.record(count)
        ours.count(replace(RECORD, seconds=value, usage=TokenUsage(count, 1)))
    data = reader.get_metrics_data()
    assert data is not None
    theirs: dict[str, Any] = {metric.name: metric for metric in data.resource_metrics[0].scope_metrics[0].metrics}
    found = ours.collected()
    inputs = [point for point in points(found, names.TOKEN_USAGE) if point.attributes[names.TOKEN_TYPE] == "input"]
    for mine, their in ((points(found, names.DURATION), "d"), (inputs, "t")):
        (one,), (other,) = mine, theirs[their].data.data_points
        assert list(one.bucket_counts) == list(other.bucket_counts)
        assert (one.count, one.min, one.max) == (other.count, other.min, other.max)
        assert one.sum == pytest.approx(other.sum)
        assert list(one.explicit_bounds) == list(other.explicit_bounds)


def test_calls_are_described_by_the_conventions() -> None:
    ours = CallMetrics()
    ours.count(RECORD)
    found = ours.collected()
    (duration,) = points(found, names.DURATION)
    assert duration.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "aws.bedrock",
        "gen_ai.request.model": "models/small",
        "aisle.use_case": "chat_support",
        "aisle.outcome": "ok",
        "aisle.llm.cache.outcome": "miss",
    }
    (first,) = points(found, "gen_ai.client.operation.time_to_first_chunk")
    (gaps,) = points(found, "gen_ai.client.operation.time_per_output_chunk")
    assert (first.sum, gaps.count, gaps.sum) == (0.3, 4, pytest.approx(1.2))
    assert {point.attributes["gen_ai.token.type"]: point.sum for point in points(found, names.TOKEN_USAGE)} == {
        "input": 100,
        "output": 20,
    }
    assert [point.value for point in points(found, "aisle.llm.cost")] == [7]


def test_failed_calls_are_series_of_their_own() -> None:
    ours = CallMetrics()
    ours.count(RECORD)
    ours.count(replace(RECORD, outcome="timed out", seconds=0.001, first_token_seconds=0.0))
    by_error = {point.attributes.get("error.type"): point.sum for point in points(ours.collected(), names.DURATION)}
    assert by_error == {None: 1.5, "timed_out": 0.001}


def test_answers_from_the_cache_say_nothing_about_models() -> None:
    ours = CallMetrics()
    ours.count(replace(RECORD, cache="exact", saved_micros=9, cost_micros=0))
    found = ours.collected()
    assert points(found, names.DURATION) == points(found, names.TOKEN_USAGE) == []
    (calls,), (saved,) = points(found, names.CALLS), points(found, names.SAVED)
    assert (calls.value, calls.attributes[names.CACHE_OUTCOME], saved.value) == (1, "exact", 9)


def test_whole_answers_have_no_first_chunk() -> None:
    ours = CallMetrics()
    ours.count(replace(RECORD, streamed=False))
    assert points(ours.collected(), names.FIRST_CHUNK) == []


def test_exporters_get_our_figures_beside_those_of_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "sources", [])
    TelemetryLedger().record(RECORD)
    reader = InMemoryMetricReader()
    MeterProvider(metric_readers=[reader]).get_meter("aisle").create_counter("other").add(1)
    data = reader.get_metrics_data()
    assert data is not None
    exported = telemetry.with_sources(data)
    scopes = exported.resource_metrics[0].scope_metrics
    assert {metric.name for scope in scopes for metric in scope.metrics} >= {"other", names.DURATION, names.COST}
    assert telemetry.with_sources(MetricsData([])) == MetricsData([])


def test_every_ledger_gets_every_record_the_most_important_first() -> None:
    heard: list[tuple[str, UsageRecord]] = []

    class Hearing:
        def __init__(self, name: str) -> None:
            self._name = name

        def record(self, record: UsageRecord) -> None:
            heard.append((self._name, record))

    Ledgers(Hearing("spool"), Hearing("telemetry")).record(RECORD)
    assert heard == [("spool", RECORD), ("telemetry", RECORD)]


class Collector(TraceServiceServicer):
    """Takes spans in as a collector does."""

    def __init__(self) -> None:
        self.requests: list[pb.ExportTraceServiceRequest] = []
        self.second = asyncio.Event()

    async def Export(self, request: pb.ExportTraceServiceRequest, context: object) -> pb.ExportTraceServiceResponse:
        self.requests.append(request)
        if len(self.requests) == 2:
            self.second.set()
        return pb.ExportTraceServiceResponse()

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@pytest.fixture
async def collector() -> AsyncIterator[tuple[Collector, str]]:
    server, taken = grpc.aio.server(), Collector()
    add: Any = add_TraceServiceServicer_to_server
    add(taken, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield taken, f"127.0.0.1:{port}"
    await server.stop(None)


def said(span: Span) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for attribute in span.attributes:
        kind = attribute.value.WhichOneof("value")
        value = getattr(attribute.value, str(kind))
        found[attribute.key] = [one.string_value for one in value.values] if kind == "array_value" else value
    return found


async def test_a_span_per_attempt_below_the_span_of_the_rpc(collector: tuple[Collector, str]) -> None:
    taken, endpoint = collector
    tracer = TracerProvider().get_tracer("test")
    async with OtlpSpans(endpoint, {"service.name": "llm"}) as exporter:
        spans = AttemptSpans(exporter)
        with tracer.start_as_current_span("rpc") as rpc:
            first, second = spans.attempt("chat", "models/large"), spans.attempt("chat", "models/small")
            traceparent = second.traceparent
        # A stream whose client left is closed outside the context of its RPC.
        first.end(replace(RECORD, model="models/large", outcome="timed out", attempt=1))
        second.end(RECORD, ENDED)
        second.end(RECORD, ENDED)
    failed, good = taken.spans
    context = rpc.get_span_context()
    for span in (failed, good):
        assert span.trace_id == context.trace_id.to_bytes(16, "big")
        assert span.parent_span_id == context.span_id.to_bytes(8, "big")
        assert span.kind == Span.SPAN_KIND_CLIENT
        assert span.end_time_unix_nano >= span.start_time_unix_nano > 0
    assert (failed.name, failed.status.code, said(failed)["error.type"]) == (
        "chat models/large",
        Status.STATUS_CODE_ERROR,
        "timed_out",
    )
    assert traceparent == f"00-{context.trace_id:032x}-{good.span_id.hex()}-01"
    assert said(good) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "aws.bedrock",
        "gen_ai.request.model": "models/small",
        "gen_ai.response.model": "small-2026-08-01",
        "gen_ai.response.id": "resp-1",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 40,
        "aisle.llm.attempt": 2,
        "aisle.use_case": "chat_support",
        "aisle.outcome": "ok",
    }
    (resource,) = taken.requests[0].resource_spans
    assert resource.resource.attributes[0].value.string_value == "llm"


async def test_an_attempt_that_nobody_ends_is_a_failed_span(collector: tuple[Collector, str]) -> None:
    taken, endpoint = collector
    async with OtlpSpans(endpoint, {}) as exporter:
        rpc, failing = TracerProvider().get_tracer("test").start_as_current_span("rpc"), pytest.raises(KeyError)
        with rpc, failing, AttemptSpans(exporter).attempt("embeddings", "models/e"):
            raise KeyError
    (span,) = taken.spans
    assert said(span)["error.type"] == "KeyError"


async def test_traces_that_are_not_sampled_have_no_spans(collector: tuple[Collector, str]) -> None:
    taken, endpoint = collector
    async with OtlpSpans(endpoint, {}) as exporter:
        with TracerProvider(sampler=ALWAYS_OFF).get_tracer("test").start_as_current_span("rpc"):
            AttemptSpans(exporter).attempt("chat", "models/small").end(RECORD)
        AttemptSpans(exporter).attempt("chat", "models/small").end(RECORD)
    assert taken.spans == []


async def test_without_a_collector_nothing_is_traced_and_nothing_fails() -> None:
    with TracerProvider().get_tracer("test").start_as_current_span("rpc"), AttemptSpans().attempt("chat", "m") as span:
        span.end(RECORD, ENDED)
    assert span.traceparent == ""


async def test_a_collector_that_is_away_costs_spans_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    async with OtlpSpans("127.0.0.1:1", {}) as exporter:
        with TracerProvider().get_tracer("test").start_as_current_span("rpc"):
            AttemptSpans(exporter).attempt("chat", "models/small").end(RECORD)
        await exporter.flush()
    assert "spans were lost" in caplog.messages


async def test_spans_leave_while_the_process_lives(collector: tuple[Collector, str]) -> None:
    taken, endpoint = collector
    async with OtlpSpans(endpoint, {}) as exporter:
        job = asyncio.ensure_future(exporter())
        with TracerProvider().get_tracer("test").start_as_current_span("rpc"):
            for _ in range(600):
                AttemptSpans(exporter).attempt("chat", "models/small").end(RECORD)
        await taken.second.wait()
        job.cancel()
    assert len(taken.spans) == 600


class FinishReasonText(StrEnum):
    STOP = "stop"


class Level(IntEnum):
    LOW = 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.floats(allow_nan=False, width=16),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=8), _JSON, max_size=5), st.text())
def test_log_lines_hold_the_data_in_one_line_of_ascii(data: dict[str, Any], message: str) -> None:
    record = logging.makeLogRecord({"msg": "%s", "args": (message,), "levelname": "INFO", "data": data})
    line = telemetry.JsonFormatter("llm").format(record)
    assert line.isascii()
    assert "\n" not in line
    read = json.loads(line)
    assert read == {**read, "message": message, "service": "llm", **json.loads(json.dumps(data))}


@pytest.mark.parametrize(
    "value",
    [
        "\ud800",
        2**80,
        {1, 2},
        ValueError("x"),
        logging.INFO,
        b"bytes",
        {3: "number"},
        (1, 2),
        FinishReasonText.STOP,
        Level.LOW,
    ],
)
def test_log_lines_are_what_the_standard_library_writes(value: Any) -> None:
    record = logging.makeLogRecord(
        {"msg": "m", "levelname": "INFO", "created": 1_795_000_000.5, "data": {"value": value}}
    )
    read = json.loads(telemetry.JsonFormatter("llm").format(record))
    assert read["value"] == json.loads(json.dumps(value, default=str))
    assert read["time"] == "2026-11-18T11:06:40.500+00:00"
