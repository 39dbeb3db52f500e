"""Runs the collector: `python -m local.telemetry`."""

from contextlib import AsyncExitStack

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import add_MetricsServiceServicer_to_server
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import add_TraceServiceServicer_to_server

from aisle.telemetry.v1.telemetry_service_pb2_grpc import add_TelemetryServiceServicer_to_server
from local.telemetry.metrics import MetricStore
from local.telemetry.receiver import MetricReceiver, TraceReceiver
from local.telemetry.servicer import TelemetryServicer
from local.telemetry.settings import TelemetrySettings
from local.telemetry.traces import TraceStore
from services.runtime.paging import PageTokens
from services.runtime.serve import Service, run


async def build(settings: TelemetrySettings, stack: AsyncExitStack) -> Service:
    """Return the service with what it keeps."""
    traces, metrics = TraceStore(settings.trace_bytes), MetricStore()
    servicer = TelemetryServicer(traces, metrics, PageTokens(settings.token_key.get_secret_value()))

    def register(server: grpc.aio.Server) -> None:
        add_TelemetryServiceServicer_to_server(servicer, server)
        add_TraceServiceServicer_to_server(TraceReceiver(traces), server)  # type: ignore[no-untyped-call]
        add_MetricsServiceServicer_to_server(MetricReceiver(metrics), server)  # type: ignore[no-untyped-call]

    return Service(full_name="aisle.telemetry.v1.TelemetryService", register=register)


def main() -> None:
    """Read the settings and serve."""
    settings = TelemetrySettings.load()
    run(settings, lambda stack: build(settings, stack))


if __name__ == "__main__":
    main()
