"""What a trace costs a unary call through the runtime: `python -m bench.tracing`. Both ends are in this process."""

import asyncio
import sys
import time
from typing import Any

import grpc
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from aisle.analytics.v1 import analytics_service_pb2 as pb
from aisle.analytics.v1.analytics_service_pb2_grpc import (
    AnalyticsServiceServicer,
    AnalyticsServiceStub,
    add_AnalyticsServiceServicer_to_server,
)
from services.runtime import telemetry
from services.runtime.channel import MeshChannel
from services.runtime.interceptors import Caller, MeshInterceptor

CALLS, ROUNDS = 2000, 7
ADMIN = Caller(subject="ada", role="admin")
MODES = {"nobody traces": None, "not kept": 0.0, "kept": 1.0}


class Analytics(AnalyticsServiceServicer):
    """Answers at once."""

    async def QueryReport(self, request: Any, context: Any) -> Any:
        """Return nothing."""
        return pb.QueryReportResponse()


class Nowhere(SpanExporter):
    """Takes spans and forgets them."""

    def export(self, spans: Any) -> SpanExportResult:
        """Forget."""
        return SpanExportResult.SUCCESS


async def measured(share: float | None) -> float:
    """Return the processor time of one call in microseconds, the least of several rounds."""
    if share is not None:
        provider = TracerProvider(sampler=ParentBased(TraceIdRatioBased(share)))
        provider.add_span_processor(BatchSpanProcessor(Nowhere()))
        telemetry.tracer = provider.get_tracer("bench")
    server = grpc.aio.server(interceptors=[MeshInterceptor("analytics.aisle")])
    add_AnalyticsServiceServicer_to_server(Analytics(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    rounds = []
    async with MeshChannel("bff", "analytics", f"127.0.0.1:{port}") as channel:
        stub, request = AnalyticsServiceStub(channel), pb.QueryReportRequest(report=pb.REPORT_OVERVIEW)
        for _ in range(ROUNDS):
            began = time.process_time()
            for _ in range(CALLS):
                with telemetry.tracer.start_as_current_span("request", kind=trace.SpanKind.SERVER):
                    await stub.QueryReport(request, caller=ADMIN)
            rounds.append((time.process_time() - began) / CALLS * 1e6)
    await server.stop(None)
    return min(rounds)


def main() -> None:
    """Print a line for each mode; a mode as argument measures that one in a process of its own."""
    for name in sys.argv[1:] or MODES:
        sys.stdout.write(f"{name}: {asyncio.run(measured(MODES[name])):.0f} us\n")


if __name__ == "__main__":
    main()
