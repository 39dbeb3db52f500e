"""Logs, traces and metrics: set up once, their names declared here before use."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

# Names of semantic conventions come first; `aisle.*` only where they are silent.
RPC_DURATION = "rpc.server.duration"
RPC_METHOD = "rpc.method"
RPC_SERVICE = "rpc.service"
RPC_STATUS = "rpc.grpc.status_code"
CALLER = "aisle.caller"
REQUEST_ID = "aisle.request_id"
DEGRADED = "aisle.degraded"

tracer = trace.get_tracer("aisle")
meter = metrics.get_meter("aisle")
rpc_duration = meter.create_histogram(RPC_DURATION, unit="ms", description="Time of a call, streams to their end.")
degraded_answers = meter.create_counter(DEGRADED, description="Answers given with a step left out.")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: constant text in `message`, data in fields of its own."""

    def __init__(self, service: str) -> None:
        """Take the name that stands on every line."""
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
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
        return json.dumps(line, ensure_ascii=True, default=str)


def setup(service: str, level: str, otlp_endpoint: str) -> None:
    """Configure logging to stderr and, when an endpoint is given, the export of traces and metrics."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("httpx2", "httpx", "openai", "botocore", "urllib3", "pymilvus"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    if not otlp_endpoint:
        return
    resource = Resource.create({"service.name": service, "service.namespace": "aisle"})
    traces = TracerProvider(resource=resource)
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=otlp_endpoint, insecure=True)))
    trace.set_tracer_provider(traces)
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=otlp_endpoint, insecure=True))
    metrics.set_meter_provider(MeterProvider(resource=resource, metric_readers=[reader]))


def flush() -> None:
    """Send what is still buffered; called last, after everything that could report has stopped."""
    for provider in (trace.get_tracer_provider(), metrics.get_meter_provider()):
        shutdown = getattr(provider, "shutdown", None)
        if shutdown is not None:
            shutdown()
