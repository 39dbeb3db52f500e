"""Logs, traces and metrics: set up once, their names declared here before use."""

import json
import logging
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
from opentelemetry import context as otel_context
from opentelemetry import metrics, propagate, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    Metric,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
    ScopeMetrics,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.util.types import AttributeValue

# Names of semantic conventions come first; `aisle.*` only where they are silent.
HTTP_DURATION = "http.server.request.duration"
RPC_DURATION = "rpc.server.duration"
RPC_METHOD = "rpc.method"
RPC_SERVICE = "rpc.service"
RPC_STATUS = "rpc.grpc.status_code"
CONNECTIONS_USED = "db.client.connections.usage"
CALLER = "aisle.caller"
REQUEST_ID = "aisle.request_id"
DEGRADED = "aisle.degraded"
PROXIES = "aisle.mesh.proxies"
PROXY_STATE = "aisle.mesh.state"
ACKNOWLEDGE_DURATION = "aisle.mesh.acknowledge.duration"
QUEUE = "messaging.destination.name"
READERS = "messaging.consumer.group.name"
REFUSED_CONFIGURATIONS = "aisle.mesh.refused_configurations"

# Of a batch of events from very many requests, the first are enough.
_MOST_LINKS = 32

# Values as json.dumps writes them by default.
_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS

tracer = trace.get_tracer("aisle")
meter = metrics.get_meter("aisle")
# Bounds as the conventions advise for seconds.
HTTP_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
http_duration = meter.create_histogram(
    HTTP_DURATION,
    unit="s",
    description="Time of a request, streams to their end.",
    explicit_bucket_boundaries_advisory=HTTP_BOUNDS,
)
rpc_duration = meter.create_histogram(RPC_DURATION, unit="ms", description="Time of a call, streams to their end.")
connections_used = meter.create_up_down_counter(
    CONNECTIONS_USED, unit="connections", description="Connections to the database, by whether they are in use."
)
degraded_answers = meter.create_counter(DEGRADED, description="Answers given with a step left out.")
refused_configurations = meter.create_counter(
    REFUSED_CONFIGURATIONS, description="Configurations a proxy refused, by its node and the type of resource."
)

acknowledge_duration = meter.create_histogram(
    ACKNOWLEDGE_DURATION,
    unit="s",
    description="Time from sending a configuration to a proxy's answer, by the type of resource.",
    explicit_bucket_boundaries_advisory=HTTP_BOUNDS,
)

# Figures that are summed up where they arise, because an instrument of the SDK takes ten microseconds a time. They are
# asked for from the exporter's thread, whenever it exports.
sources: list[Callable[[], Sequence[Metric]]] = []


class JsonFormatter(logging.Formatter):
    """One JSON object a line: constant text in `message`, data in fields of its own."""

    def __init__(self, service: str) -> None:
        """Take the name that stands on every line."""
        super().__init__()
        self._service = service
        self._second, self._text = -1, ""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        line: dict[str, Any] = {
            "time": self._time(record.created),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            line["trace_id"] = f"{span.trace_id:032x}"
        line.update(getattr(record, "data", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _one_line(line)

    def _time(self, seconds: float) -> str:
        """Return a moment as text. Lines come many a second, so what stands before the milliseconds is kept."""
        whole = int(seconds)
        if whole != self._second:
            self._second, self._text = whole, datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f"{self._text}.{int((seconds - whole) * 1000):03d}+00:00"


def _one_line(line: dict[str, Any]) -> str:
    """Return a line as JSON in ASCII; what JSON does not know is written as its text."""
    try:
        text = orjson.dumps(line, default=str, option=_OPTIONS).decode()
    except (TypeError, ValueError):
        # Lone surrogates and integers of more than 64 bits: rare, and still worth a line.
        return json.dumps(line, ensure_ascii=True, default=str)
    return text if text.isascii() else json.dumps(line, ensure_ascii=True, default=str)


@contextmanager
def client_span(name: str, attributes: Mapping[str, AttributeValue]) -> Iterator[None]:
    """Record a call to somebody outside this process below the current span; nothing below one that is not recorded."""
    if not trace.get_current_span().is_recording():
        yield
        return
    with tracer.start_as_current_span(name, kind=trace.SpanKind.CLIENT, attributes=attributes):
        yield


def database_span(system: str, operation: str, collection: str) -> AbstractContextManager[None]:
    """Return the span of a call to a database whose client makes none itself."""
    named = {"db.system.name": system, "db.operation.name": operation, "db.collection.name": collection}
    return client_span(f"{system} {operation}", named)


class Consumer:
    """Tells what becomes of a queue's events: a span for each batch, in the trace of what it was made of."""

    def __init__(self, queue: str, readers: str) -> None:
        """Take the names of the queue and of whoever reads it together."""
        self._attributes = {QUEUE: queue, READERS: readers}
        self._span: trace.Span | None = None

    def began(self, traceparents: Iterable[str]) -> None:
        """Begin the span of a batch, below what left its first event; what follows in this task belongs to it."""
        self.ended()
        found = [propagate.extract({"traceparent": one}) for one in dict.fromkeys(traceparents) if one]
        sampled = [one for one in found if trace.get_current_span(one).get_span_context().trace_flags.sampled]
        if not sampled:
            return
        links = [trace.Link(trace.get_current_span(one).get_span_context()) for one in sampled[1:_MOST_LINKS]]
        name = f"{self._attributes[QUEUE]} process"
        self._span = tracer.start_span(name, sampled[0], trace.SpanKind.CONSUMER, self._attributes, links)
        # Attached and never detached: the next batch attaches what is its own.
        otel_context.attach(trace.set_span_in_context(self._span, Context()))

    def ended(self) -> None:
        """End the span of the batch."""
        if self._span is not None:
            self._span.end()
            self._span = None
            otel_context.attach(Context())


def traceparent() -> str:
    """Return by what a trace is gone on with later, empty where none is kept."""
    carrier: dict[str, str] = {}
    if trace.get_current_span().get_span_context().trace_flags.sampled:
        propagate.inject(carrier)
    return carrier.get("traceparent", "")


class _Roots(Sampler):
    """Begins a share of traces, and none with a call to somebody else.

    Such a call without a parent is a loop that asks whether there is work: a trace of it tells nobody anything.
    """

    def __init__(self, percent: float) -> None:
        self._ratio = TraceIdRatioBased(percent / 100)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: trace.SpanKind | None = None,
        attributes: Mapping[str, AttributeValue] | None = None,
        links: Sequence[trace.Link] | None = None,
        trace_state: trace.TraceState | None = None,
    ) -> SamplingResult:
        """Decide for a span without a parent."""
        if kind is trace.SpanKind.CLIENT:
            return SamplingResult(Decision.DROP)
        return self._ratio.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        """Return the name of this way to sample."""
        return f"Roots{{{self._ratio.get_description()}}}"


class _Discreet(OTLPSpanExporter):
    """Exports spans without the words of errors, which may quote what somebody wrote; their types stay."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send the spans."""
        return super().export([discreet(span) for span in spans])


def discreet(span: ReadableSpan) -> ReadableSpan:
    """Return a span without the words of the errors that passed through it."""
    failed = [event for event in span.events if event.name == "exception"]
    if not failed and not span.status.description:
        return span
    attributes = dict(span.attributes or {})
    if failed:
        attributes.setdefault("error.type", str((failed[-1].attributes or {}).get("exception.type", "_OTHER")))
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        events=[event for event in span.events if event.name != "exception"],
        links=span.links,
        kind=span.kind,
        status=trace.Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


class _Exporter(OTLPMetricExporter):
    """Exports what the SDK has collected, and what the sources say."""

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Send both together."""
        return super().export(with_sources(metrics_data), timeout_millis, **kwargs)


def with_sources(data: MetricsData) -> MetricsData:
    """Return the SDK's figures with those of the sources beside them."""
    own = [metric for source in sources for metric in source()]
    if not own or not data.resource_metrics:
        return data
    first, *rest = data.resource_metrics
    scope = ScopeMetrics(scope=InstrumentationScope("aisle"), metrics=own, schema_url="")
    return MetricsData([replace(first, scope_metrics=[*first.scope_metrics, scope]), *rest])


def setup(
    service: str, level: str, otlp_endpoint: str, *, sampled_percent: float = 100.0, metric_seconds: float = 60.0
) -> None:
    """Configure logging to stderr and, when an endpoint is given, the export of traces and metrics."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Lines say none of these, and finding them out takes a sixth of a line's time.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # how the standard library says to look for no callers
    for noisy in ("httpx2", "httpx", "openai", "botocore", "urllib3", "pymilvus"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    if otlp_endpoint:
        _export(service, otlp_endpoint, sampled_percent, metric_seconds)


def _export(service: str, endpoint: str, sampled_percent: float, metric_seconds: float) -> None:
    named = {"service.name": service, "service.namespace": "aisle", "service.instance.id": str(uuid.uuid4())}
    resource = Resource.create(named)
    traces = TracerProvider(resource=resource, sampler=ParentBased(_Roots(sampled_percent)))
    traces.add_span_processor(BatchSpanProcessor(_Discreet(endpoint=endpoint, insecure=True)))
    trace.set_tracer_provider(traces)
    reader = PeriodicExportingMetricReader(_Exporter(endpoint=endpoint, insecure=True), metric_seconds * 1000)
    metrics.set_meter_provider(MeterProvider(resource=resource, metric_readers=[reader]))
    # Commands without their arguments.
    RedisInstrumentor().instrument()


def flush() -> None:
    """Send what is still buffered; called last, after everything that could report has stopped."""
    for provider in (trace.get_tracer_provider(), metrics.get_meter_provider()):
        shutdown = getattr(provider, "shutdown", None)
        if shutdown is not None:
            shutdown()
