"""What the platform tells of itself, as a collector answers it."""

from typing import Any

from aisle.telemetry.v1 import telemetry_service_pb2 as pb
from aisle.telemetry.v1 import telemetry_service_pb2_grpc as telemetry_grpc
from services.runtime.errors import NotFound
from tests.unit.bff.fake_shop import CREATED, FakeShop

TRACE = "0af7651916cd43dd8448eb211c80319c"


def a_summary() -> pb.TraceSummary:
    made = pb.TraceSummary(
        name=f"traces/{TRACE}",
        root="GET /api/",
        service="edge",
        start_time=CREATED,
        span_count=2,
        error_count=1,
        services=["bff", "edge"],
    )
    made.duration.FromMilliseconds(120)
    return made


def a_trace() -> pb.Trace:
    root = pb.Span(span_id="a1", operation="GET /api/", service="edge", kind=pb.SPAN_KIND_SERVER, start_time=CREATED)
    root.duration.FromMilliseconds(120)
    inner = pb.Span(
        span_id="a2",
        parent_span_id="a1",
        operation="GET /api/v1/products",
        service="bff",
        kind=pb.SPAN_KIND_SERVER,
        failed=True,
        attributes={"http.route": "/api/v1/products"},
        linked_traces=[f"traces/{'1' * 32}"],
    )
    inner.start_time.FromNanoseconds(CREATED.ToNanoseconds() + 5_000_000)
    inner.duration.FromMilliseconds(100)
    return pb.Trace(summary=a_summary(), spans=[root, inner])


def an_answer(query: pb.MetricQuery) -> pb.MetricAnswer:
    """Answer for calls of one method, one in four of which failed, and with nothing for all else."""
    answer = pb.MetricAnswer(metric=query.metric)
    if query.metric == "rpc.server.duration":
        answer.unit, answer.kind = "ms", pb.METRIC_KIND_HISTOGRAM
        method = {"rpc.service": "aisle.product.v1.ProductService", "rpc.method": "GetProduct"}
        told = [({}, 4.0)] if len(query.by) == 2 else [({query.by[2]: "OK"}, 3.0), ({query.by[2]: "UNAVAILABLE"}, 1.0)]
        for more, count in told:
            total = pb.MetricSum(count=count, value=40, p50=8, p95=20, p99=30)
            answer.series.add(attributes={**method, **more}, total=total, steps=[total, pb.MetricSum()])
    if query.metric == "aisle.events.waiting":
        answer.kind = pb.METRIC_KIND_GAUGE
        told_of = {"messaging.consumer.group.name": "analytics"}
        total = pb.MetricSum(value=9, last=3, count=2)
        answer.series.add(attributes=told_of, total=total, steps=[pb.MetricSum(last=9), pb.MetricSum(last=3)])
    return answer


class FakeTelemetry(telemetry_grpc.TelemetryServiceServicer):
    """Knows one trace and one method."""

    def __init__(self, shop: FakeShop) -> None:
        self.shop = shop

    async def ListTraces(self, request: Any, context: Any) -> Any:
        self.shop.note("ListTraces", request)
        return pb.ListTracesResponse(traces=[a_summary()], services=["bff", "edge"], next_page_token="more")

    async def GetTrace(self, request: Any, context: Any) -> Any:
        if request.name != f"traces/{TRACE}":
            raise NotFound("TRACE_NOT_FOUND", "{name} is not kept here, or not any more.", name=request.name)
        return a_trace()

    async def QueryMetrics(self, request: Any, context: Any) -> Any:
        self.shop.note("QueryMetrics", request)
        reply = pb.QueryMetricsResponse(answers=[an_answer(query) for query in request.queries], start_time=CREATED)
        reply.step.FromSeconds(30)
        return reply
