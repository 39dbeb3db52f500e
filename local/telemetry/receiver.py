"""OTLP over gRPC: what our processes and proxies send, put where it is kept."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceServicer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceServicer
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from local.telemetry.metrics import Kind, MetricStore, Series, Value
from local.telemetry.traces import TraceStore

# Of the resource, what tells one series from another.
_TOLD_APART = ("service.name", "service.instance.id")
_LONGEST_VALUE = 500
# The words of an error, which Envoy notes by itself: they may be somebody's own, and are kept nowhere.
_WORDS = "grpc.message"
# Processes that are remembered to have reported before.
_MOST_PROCESSES = 1000


class TraceReceiver(TraceServiceServicer):
    """Takes spans."""

    def __init__(self, store: TraceStore) -> None:
        """Take where they are kept."""
        self._store = store

    async def Export(self, request: ExportTraceServiceRequest, context: Any) -> ExportTraceServiceResponse:
        """Keep the spans."""
        for told in request.resource_spans:
            service = texts(told.resource.attributes).get("service.name", "unknown")
            for scope in told.scope_spans:
                for span in scope.spans:
                    _leave_out_words(span)
                    self._store.add(service, span)
        return ExportTraceServiceResponse()


class MetricReceiver(MetricsServiceServicer):
    """Takes metrics."""

    def __init__(self, store: MetricStore, clock: Callable[[], float] = time.time) -> None:
        """Take where they are kept, and what says the time: clocks of other processes need not agree with ours."""
        self._store = store
        self._clock = clock
        # When each process reported first: a series that appears later began to count since.
        self._heard: dict[str, float] = {}

    async def Export(self, request: ExportMetricsServiceRequest, context: Any) -> ExportMetricsServiceResponse:
        """Keep the metrics."""
        now = self._clock()
        for told in request.resource_metrics:
            common = _common(told.resource)
            if len(self._heard) >= _MOST_PROCESSES:
                self._heard.clear()
            self._heard.setdefault(common.get("service.instance.id", ""), now)
            for scope in told.scope_metrics:
                for metric in scope.metrics:
                    self._keep(metric, common, now)
        self._store.forget(now)
        return ExportMetricsServiceResponse()

    def _keep(self, metric: Metric, common: Mapping[str, str], now: float) -> None:
        """Keep the points of a metric, as of now."""
        if metric.HasField("histogram"):
            for told in metric.histogram.data_points:
                value = Value(told.sum, told.count, tuple(told.bucket_counts))
                self._add(metric, Kind.HISTOGRAM, told, common, value, now, tuple(told.explicit_bounds))
        elif metric.HasField("sum"):
            # What may go down as well tells how something is, as a gauge does.
            kind = Kind.COUNTER if metric.sum.is_monotonic else Kind.GAUGE
            for point in metric.sum.data_points:
                self._add(metric, kind, point, common, Value(_number(point)), now)
        elif metric.HasField("gauge"):
            for point in metric.gauge.data_points:
                self._add(metric, Kind.GAUGE, point, common, Value(_number(point)), now)

    def _add(
        self,
        metric: Metric,
        kind: Kind,
        point: Any,
        common: Mapping[str, str],
        value: Value,
        now: float,
        bounds: tuple[float, ...] = (),
    ) -> None:
        attributes = {**texts(point.attributes), **common}
        is_new = self._heard[common.get("service.instance.id", "")] < now
        since = now if is_new else point.start_time_unix_nano / 1e9
        fresh = Series(attributes, kind, metric.unit, bounds, since)
        series = self._store.series(metric.name, attributes, fresh)
        if series is not None:
            series.add(now, value)


def _leave_out_words(span: Span) -> None:
    kept = [one for one in span.attributes if one.key != _WORDS]
    if len(kept) < len(span.attributes):
        del span.attributes[:]
        span.attributes.extend(kept)


def texts(attributes: Iterable[KeyValue]) -> dict[str, str]:
    """Return attributes with their values as text."""
    return {one.key: text(one.value)[:_LONGEST_VALUE] for one in attributes}


def text(value: AnyValue) -> str:
    """Return a value as text."""
    kind = value.WhichOneof("value")
    if kind is None:
        return ""
    if kind == "array_value":
        return ", ".join(text(one) for one in value.array_value.values)
    if kind == "bool_value":
        return str(value.bool_value).lower()
    return str(getattr(value, kind))


def _number(point: Any) -> float:
    return float(point.as_int if point.WhichOneof("value") == "as_int" else point.as_double)


def _common(resource: Resource) -> dict[str, str]:
    told = texts(resource.attributes)
    return {name: told[name] for name in _TOLD_APART if name in told}
