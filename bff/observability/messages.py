"""Between the routes of telemetry and its contract."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from aisle.telemetry.v1 import telemetry_service_pb2 as pb
from bff.inputs import last_part
from bff.observability import schemas
from bff.presentation import time_of

_KINDS: Mapping[int, schemas.SpanKind] = {
    pb.SPAN_KIND_INTERNAL: "internal",
    pb.SPAN_KIND_SERVER: "server",
    pb.SPAN_KIND_CLIENT: "client",
    pb.SPAN_KIND_PRODUCER: "producer",
    pb.SPAN_KIND_CONSUMER: "consumer",
}
_OURS = ("UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS")
_STEPS = 30
_TO_MS = {"s": 1000.0, "ms": 1.0}


@dataclass(frozen=True, slots=True)
class _Timed:
    """A histogram of times: who did what, and by what it is seen that it failed."""

    metric: str
    service: str
    name: str
    outcome: str
    failed: Callable[[str], bool]


def _is_ours(status: str) -> bool:
    return status in _OURS


def _is_server_error(status: str) -> bool:
    return len(status) == 3 and status.startswith("5")


_ROUTES = _Timed(
    "http.server.request.duration", "service.name", "http.route", "http.response.status_code", _is_server_error
)
_METHODS = _Timed("rpc.server.duration", "rpc.service", "rpc.method", "rpc.grpc.status_code", _is_ours)
_MODELS = _Timed(
    "gen_ai.client.operation.duration", "gen_ai.request.model", "gen_ai.operation.name", "error.type", bool
)
_TIMED = (_ROUTES, _METHODS, _MODELS)
# Everything else that is shown, with what is told apart.
_FIGURES: Sequence[tuple[str, tuple[str, ...]]] = (
    ("gen_ai.client.token.usage", ("gen_ai.token.type",)),
    ("aisle.llm.cost", ()),
    ("aisle.llm.saved", ()),
    ("aisle.llm.calls", ("aisle.llm.cache.outcome",)),
    ("aisle.llm.breaker.open", ("gen_ai.request.model",)),
    ("aisle.llm.turned_away", ("aisle.priority",)),
    ("aisle.llm.budget.refusals", ("aisle.budget",)),
    ("aisle.llm.usage.spool.size", ()),
    ("aisle.llm.usage.lost", ()),
    ("aisle.events.waiting", ("messaging.consumer.group.name",)),
    ("aisle.events.oldest_age", ("messaging.consumer.group.name",)),
    ("aisle.mesh.proxies", ("aisle.mesh.state",)),
    ("aisle.mesh.refused_configurations", ("type",)),
    ("aisle.mesh.acknowledge.duration", ()),
    ("aisle.limits.decisions", ("domain", "decision")),
    ("aisle.degraded", ("aisle.step",)),
    ("db.client.connections.usage", ("service.name", "state")),
)


def traces_request(query: schemas.TracesQuery) -> pb.ListTracesRequest:
    """Return what is asked for a list of traces."""
    request = pb.ListTracesRequest(
        service=query.service,
        method=query.method,
        errors_only=query.errors_only,
        page_size=query.page_size,
        page_token=query.page_token,
    )
    request.min_duration.FromNanoseconds(int(query.min_ms * 1e6))
    return request


def traces_of(reply: pb.ListTracesResponse) -> schemas.Traces:
    """Return a page of traces."""
    return schemas.Traces(
        available=True,
        elsewhere="",
        traces=[_summary(one) for one in reply.traces],
        services=list(reply.services),
        next_page_token=reply.next_page_token,
    )


def trace_of(trace: pb.Trace) -> schemas.Trace:
    """Return a trace."""
    begin = trace.summary.start_time.ToNanoseconds()
    return schemas.Trace(summary=_summary(trace.summary), spans=[_span(one, begin) for one in trace.spans])


def health_request(minutes: int) -> pb.QueryMetricsRequest:
    """Return the questions whose answers say how the platform does."""
    queries = []
    for timed in _TIMED:
        queries.append(pb.MetricQuery(metric=timed.metric, by=[timed.service, timed.name]))
        queries.append(pb.MetricQuery(metric=timed.metric, by=[timed.service, timed.name, timed.outcome]))
    queries += [pb.MetricQuery(metric=metric, by=by) for metric, by in _FIGURES]
    request = pb.QueryMetricsRequest(queries=queries, steps=_STEPS)
    request.window.FromSeconds(minutes * 60)
    return request


def health_of(reply: pb.QueryMetricsResponse) -> schemas.Health:
    """Return how the platform does, from the answers in the order of the questions."""
    answers = list(reply.answers)
    routes, methods, models = (
        _operations(timed, answers[2 * turn], answers[2 * turn + 1]) for turn, timed in enumerate(_TIMED)
    )
    figures = [_figure(answer, series) for answer in answers[2 * len(_TIMED) :] for series in answer.series]
    return schemas.Health(
        available=True,
        elsewhere="",
        start_time=time_of(reply.start_time),
        step_seconds=reply.step.ToNanoseconds() / 1e9,
        routes=routes,
        methods=methods,
        models=models,
        figures=figures,
    )


def _summary(one: pb.TraceSummary) -> schemas.TraceSummary:
    return schemas.TraceSummary(
        trace_id=last_part(one.name),
        root=one.root,
        service=one.service,
        start_time=time_of(one.start_time),
        ms=one.duration.ToNanoseconds() / 1e6,
        span_count=one.span_count,
        error_count=one.error_count,
        services=list(one.services),
    )


def _span(one: pb.Span, begin: int) -> schemas.Span:
    return schemas.Span(
        span_id=one.span_id,
        parent_span_id=one.parent_span_id,
        operation=one.operation,
        service=one.service,
        kind=_KINDS.get(one.kind, "unknown"),
        offset_ms=(one.start_time.ToNanoseconds() - begin) / 1e6,
        ms=one.duration.ToNanoseconds() / 1e6,
        failed=one.failed,
        attributes=dict(one.attributes),
        linked_traces=[last_part(name) for name in one.linked_traces],
    )


def _operations(timed: _Timed, times: pb.MetricAnswer, outcomes: pb.MetricAnswer) -> list[schemas.Operation]:
    """Return what was done within the time, most often first; what was not done in it is left out."""
    factor = _TO_MS.get(times.unit, 1.0)
    failures: dict[tuple[str, str], list[pb.MetricSeries]] = {}
    for one in outcomes.series:
        if timed.failed(one.attributes[timed.outcome]):
            key = (one.attributes[timed.service], one.attributes[timed.name])
            failures.setdefault(key, []).append(one)
    found = []
    for series in times.series:
        key = (series.attributes[timed.service], series.attributes[timed.name])
        failed = failures.get(key, [])
        if series.total.count:
            found.append(
                schemas.Operation(
                    service=key[0],
                    name=key[1],
                    count=series.total.count,
                    errors=sum(one.total.count for one in failed),
                    p50_ms=series.total.p50 * factor,
                    p95_ms=series.total.p95 * factor,
                    p99_ms=series.total.p99 * factor,
                    counts=[step.count for step in series.steps],
                    error_counts=[sum(one.steps[turn].count for one in failed) for turn in range(len(series.steps))],
                )
            )
    return found


def _figure(answer: pb.MetricAnswer, series: pb.MetricSeries) -> schemas.Figure:
    is_gauge = answer.kind == pb.METRIC_KIND_GAUGE
    return schemas.Figure(
        metric=answer.metric,
        attributes=dict(series.attributes),
        value=series.total.last if is_gauge else series.total.value,
        highest=series.total.p99 if answer.kind == pb.METRIC_KIND_HISTOGRAM else series.total.value,
        points=[step.last if is_gauge else step.value for step in series.steps],
    )
