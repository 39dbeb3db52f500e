"""Logs, traces and metrics: set up once, their names declared here before use."""

import json
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    Metric,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
    ScopeMetrics,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

# Names of semantic conventions come first; `aisle.*` only where they are silent.
RPC_DURATION = "rpc.server.duration"
RPC_METHOD = "rpc.method"
RPC_SERVICE = "rpc.service"
RPC_STATUS = "rpc.grpc.status_code"
CALLER = "aisle.caller"
REQUEST_ID = "aisle.request_id"
DEGRADED = "aisle.degraded"

# Values as json.dumps writes them by default.
_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS

tracer = trace.get_tracer("aisle")
meter = metrics.get_meter("aisle")
rpc_duration = meter.create_histogram(RPC_DURATION, unit="ms", description="Time of a call, streams to their end.")
degraded_answers = meter.create_counter(DEGRADED, description="Answers given with a step left out.")

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


def setup(service: str, level: str, otlp_endpoint: str) -> None:
    """Configure logging to stderr and, when an endpoint is given, the export of traces and metrics."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Lines say none of these, and finding them out takes a sixth of a line's time.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # how the standard library says to look for no callers
    for noisy in ("httpx2", "httpx", "openai", "botocore", "urllib3", "pymilvus"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    if not otlp_endpoint:
        return
    resource = Resource.create({"service.name": service, "service.namespace": "aisle"})
    traces = TracerProvider(resource=resource)
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=otlp_endpoint, insecure=True)))
    trace.set_tracer_provider(traces)
    reader = PeriodicExportingMetricReader(_Exporter(endpoint=otlp_endpoint, insecure=True))
    metrics.set_meter_provider(MeterProvider(resource=resource, metric_readers=[reader]))


def flush() -> None:
    """Send what is still buffered; called last, after everything that could report has stopped."""
    for provider in (trace.get_tracer_provider(), metrics.get_meter_provider()):
        shutdown = getattr(provider, "shutdown", None)
        if shutdown is not None:
            shutdown()
