"""The contract's questions, answered from what is kept."""

import time
from itertools import islice
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent

from aisle.telemetry.v1 import telemetry_service_pb2 as pb
from aisle.telemetry.v1.telemetry_service_pb2_grpc import TelemetryServiceServicer
from local.telemetry.metrics import Answer, Kind, MetricStore, Question, Sum
from local.telemetry.receiver import texts
from local.telemetry.traces import Kept, TraceStore, Wanted, failed, place
from services.runtime.errors import NotFound
from services.runtime.paging import PageTokens, page_size

_DEFAULT_PAGE, _LARGEST_PAGE = 50, 200
_DEFAULT_WINDOW, _DEFAULT_STEPS = 900.0, 30
_KINDS = {
    Kind.COUNTER: pb.METRIC_KIND_COUNTER,
    Kind.GAUGE: pb.METRIC_KIND_GAUGE,
    Kind.HISTOGRAM: pb.METRIC_KIND_HISTOGRAM,
}
_SIDES = {
    Sent.SPAN_KIND_INTERNAL: pb.SPAN_KIND_INTERNAL,
    Sent.SPAN_KIND_SERVER: pb.SPAN_KIND_SERVER,
    Sent.SPAN_KIND_CLIENT: pb.SPAN_KIND_CLIENT,
    Sent.SPAN_KIND_PRODUCER: pb.SPAN_KIND_PRODUCER,
    Sent.SPAN_KIND_CONSUMER: pb.SPAN_KIND_CONSUMER,
}


class TelemetryServicer(TelemetryServiceServicer):
    """Answers from memory."""

    def __init__(self, traces: TraceStore, metrics: MetricStore, tokens: PageTokens) -> None:
        """Take what is kept, and what makes page tokens."""
        self._traces = traces
        self._metrics = metrics
        self._tokens = tokens

    async def ListTraces(self, request: pb.ListTracesRequest, context: Any) -> pb.ListTracesResponse:
        """List traces, newest first."""
        duration = request.min_duration.ToNanoseconds()
        wanted = Wanted(request.service, request.method, duration, request.errors_only)
        cursor = self._tokens.read(request)
        before = (int(cursor[0]), str(cursor[1])) if cursor is not None else None
        size = page_size(request.page_size, _DEFAULT_PAGE, _LARGEST_PAGE)
        found = list(islice(self._traces.newest(wanted, before), size + 1))
        more = len(found) > size
        return pb.ListTracesResponse(
            traces=[_summary(kept) for kept in found[:size]],
            next_page_token=self._tokens.make(place(found[size - 1]), request) if more else "",
            services=sorted(self._traces.services()),
        )

    async def GetTrace(self, request: pb.GetTraceRequest, context: Any) -> pb.Trace:
        """Return a trace with all that is known of it."""
        kept = self._traces.find(request.name.removeprefix("traces/"))
        if kept is None:
            raise NotFound("TRACE_NOT_FOUND", "{name} is not kept here, or not any more.", name=request.name)
        spans = sorted(((service, Sent.FromString(raw)) for service, raw in kept.spans), key=_begin)
        return pb.Trace(summary=_summary(kept), spans=[_span(service, span) for service, span in spans])

    async def QueryMetrics(self, request: pb.QueryMetricsRequest, context: Any) -> pb.QueryMetricsResponse:
        """Sum up metrics over a while that ends now."""
        window = request.window.ToNanoseconds() / 1e9 or _DEFAULT_WINDOW
        steps = request.steps or _DEFAULT_STEPS
        end = time.time()
        questions = [Question(one.metric, tuple(one.by), tuple(sorted(one.where.items()))) for one in request.queries]
        answers = [self._metrics.answer(question, end - window, end, steps) for question in questions]
        return pb.QueryMetricsResponse(
            answers=[_answer(answer) for answer in answers],
            start_time=_time(int((end - window) * 1e9)),
            step=_duration(int(window / steps * 1e9)),
        )


def _summary(kept: Kept) -> pb.TraceSummary:
    return pb.TraceSummary(
        name=f"traces/{kept.trace_id}",
        root=kept.title,
        service=kept.root_service,
        start_time=_time(kept.start),
        duration=_duration(kept.end - kept.start),
        span_count=len(kept.spans),
        error_count=kept.errors,
        services=sorted(kept.services),
    )


def _begin(one: tuple[str, Sent]) -> int:
    return one[1].start_time_unix_nano


def _span(service: str, span: Sent) -> pb.Span:
    return pb.Span(
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex(),
        operation=span.name,
        service=service,
        kind=_SIDES.get(span.kind, pb.SPAN_KIND_UNSPECIFIED),
        start_time=_time(span.start_time_unix_nano),
        duration=_duration(span.end_time_unix_nano - span.start_time_unix_nano),
        failed=failed(span),
        attributes=texts(span.attributes),
        linked_traces=sorted({f"traces/{link.trace_id.hex()}" for link in span.links}),
    )


def _answer(answer: Answer) -> pb.MetricAnswer:
    return pb.MetricAnswer(
        metric=answer.metric,
        unit=answer.unit,
        kind=_KINDS[answer.kind] if answer.kind is not None else pb.METRIC_KIND_UNSPECIFIED,
        series=[
            pb.MetricSeries(
                attributes=line.attributes,
                total=_sum(line.total),
                steps=[_sum(step) for step in line.steps],
            )
            for line in answer.lines
        ],
    )


def _sum(one: Sum) -> pb.MetricSum:
    return pb.MetricSum(
        value=one.value,
        count=one.count,
        p50=one.quantile(0.5),
        p95=one.quantile(0.95),
        p99=one.quantile(0.99),
        last=one.last,
    )


def _time(nanoseconds: int) -> Timestamp:
    found = Timestamp()
    found.FromNanoseconds(nanoseconds)
    return found


def _duration(nanoseconds: int) -> Duration:
    found = Duration()
    found.FromNanoseconds(max(nanoseconds, 0))
    return found
