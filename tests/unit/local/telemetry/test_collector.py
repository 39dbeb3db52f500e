"""The collector as processes and proxies send to it, and as staff asks it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import grpc
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ResourceMetrics, ScopeMetrics
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans
from pydantic import SecretStr

from aisle.telemetry.v1 import telemetry_service_pb2 as pb
from aisle.telemetry.v1.telemetry_service_pb2_grpc import TelemetryServiceStub
from local.telemetry.__main__ import build
from local.telemetry.settings import TelemetrySettings
from services.runtime.channel import MeshChannel
from services.runtime.errors import Denied, Invalid, NotFound
from services.runtime.interceptors import Caller, MeshInterceptor
from tests.unit.local.telemetry.test_trace_store import span

ADMIN = Caller(subject="ada", role="admin")


def attribute(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def resource(service: str) -> Resource:
    return Resource(attributes=[attribute("service.name", service), attribute("service.instance.id", service)])


@pytest.fixture
async def address() -> AsyncIterator[str]:
    settings = TelemetrySettings(listen_port=1, token_key=SecretStr("k"))
    async with AsyncExitStack() as stack:
        service = await build(settings, stack)
        server = grpc.aio.server(interceptors=[MeshInterceptor("telemetry.aisle")])
        service.register(server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        yield f"127.0.0.1:{port}"
        await server.stop(None)


@pytest.fixture
async def channel(address: str) -> AsyncIterator[MeshChannel]:
    async with MeshChannel("bff", "telemetry", address) as channel:
        yield channel


async def send_traces(address: str, *traces: int) -> None:
    told = [
        ResourceSpans(resource=resource("bff"), scope_spans=[ScopeSpans(spans=[span(trace) for trace in traces])]),
        ResourceSpans(
            resource=resource("product"), scope_spans=[ScopeSpans(spans=[span(trace, 2, parent=1) for trace in traces])]
        ),
    ]
    async with grpc.aio.insecure_channel(address) as channel:
        await TraceServiceStub(channel).Export(ExportTraceServiceRequest(resource_spans=told))  # type: ignore[no-untyped-call]


async def test_spans_of_several_processes_become_one_trace(address: str, channel: MeshChannel) -> None:
    await send_traces(address, 7)
    trace = await TelemetryServiceStub(channel).GetTrace(pb.GetTraceRequest(name=f"traces/{7:032x}"), caller=ADMIN)
    assert [(one.service, one.parent_span_id) for one in trace.spans] == [("bff", ""), ("product", f"{1:016x}")]
    assert trace.summary.span_count == 2


async def test_words_of_an_error_are_not_kept(address: str, channel: MeshChannel) -> None:
    told = span(7, failed=True)
    told.attributes.extend([attribute("grpc.message", "somebody's own words"), attribute("grpc.status_code", "9")])
    sent = [ResourceSpans(resource=resource("chat-proxy"), scope_spans=[ScopeSpans(spans=[told])])]
    async with grpc.aio.insecure_channel(address) as outside:
        await TraceServiceStub(outside).Export(ExportTraceServiceRequest(resource_spans=sent))  # type: ignore[no-untyped-call]
    trace = await TelemetryServiceStub(channel).GetTrace(pb.GetTraceRequest(name=f"traces/{7:032x}"), caller=ADMIN)
    assert dict(trace.spans[0].attributes) == {"grpc.status_code": "9"}


async def test_traces_come_in_pages(address: str, channel: MeshChannel) -> None:
    await send_traces(address, *range(1, 8))
    stub, token, seen = TelemetryServiceStub(channel), "", []
    for _ in range(4):
        page = await stub.ListTraces(pb.ListTracesRequest(page_size=2, page_token=token), caller=ADMIN)
        seen += [int(one.name.removeprefix("traces/"), 16) for one in page.traces]
        token = page.next_page_token
    assert seen == [7, 6, 5, 4, 3, 2, 1]
    assert token == ""


async def test_a_token_of_another_list_is_refused(address: str, channel: MeshChannel) -> None:
    await send_traces(address, 1, 2, 3)
    stub = TelemetryServiceStub(channel)
    page = await stub.ListTraces(pb.ListTracesRequest(page_size=1), caller=ADMIN)
    with pytest.raises(Invalid):
        await stub.ListTraces(pb.ListTracesRequest(errors_only=True, page_token=page.next_page_token), caller=ADMIN)


async def test_a_trace_nobody_sent_is_not_found(channel: MeshChannel) -> None:
    with pytest.raises(NotFound):
        await TelemetryServiceStub(channel).GetTrace(pb.GetTraceRequest(name=f"traces/{1:032x}"), caller=ADMIN)


async def test_only_staff_may_look(channel: MeshChannel) -> None:
    with pytest.raises(Denied):
        await TelemetryServiceStub(channel).ListTraces(pb.ListTracesRequest(), caller=Caller("", "maya", "shopper"))


async def test_metrics_are_summed_up_as_asked(address: str, channel: MeshChannel) -> None:
    metric = Metric(name="aisle.llm.calls", unit="{call}")
    metric.sum.is_monotonic = True
    async with grpc.aio.insecure_channel(address) as plain:
        stub = MetricsServiceStub(plain)  # type: ignore[no-untyped-call]
        for count in (5, 9):
            del metric.sum.data_points[:]
            metric.sum.data_points.add(as_int=count, attributes=[attribute("aisle.outcome", "ok")])
            scopes = [ScopeMetrics(metrics=[metric])]
            told = [ResourceMetrics(resource=resource("llm"), scope_metrics=scopes)]
            await stub.Export(ExportMetricsServiceRequest(resource_metrics=told))
    query = pb.MetricQuery(metric="aisle.llm.calls", by=["aisle.outcome", "service.name"])
    request = pb.QueryMetricsRequest(queries=[query, pb.MetricQuery(metric="nothing")], steps=3)
    reply = await TelemetryServiceStub(channel).QueryMetrics(request, caller=ADMIN)
    (series,) = reply.answers[0].series
    assert dict(series.attributes) == {"aisle.outcome": "ok", "service.name": "llm"}
    assert (series.total.value, len(series.steps)) == (4, 3)
    assert (reply.answers[1].kind, len(reply.answers[1].series)) == (pb.METRIC_KIND_UNSPECIFIED, 0)
