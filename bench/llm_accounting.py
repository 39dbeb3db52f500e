"""What accounting and telemetry cost one call: the spool, the metrics, the log line and the span of an attempt.

Each figure is the least of several repeats, in microseconds of wall time. Spans go to a real OTLP collector in another
process, and are counted in processor time, so that what other threads do for them is in the figure.
"""

import argparse
import asyncio
import io
import json
import logging
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable, Sequence
from pathlib import Path

import grpc
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

from services.llm.adapters.analytics_usage import request_of
from services.llm.adapters.attempt_spans import AttemptSpans
from services.llm.adapters.call_metrics import CallMetrics
from services.llm.adapters.ledgers import Ledgers
from services.llm.adapters.otlp_spans import OtlpSpans
from services.llm.adapters.spool_ledger import SpoolLedger
from services.llm.adapters.telemetry_ledger import TelemetryLedger
from services.llm.application.deliver_usage import DeliverUsage
from services.llm.domain.generation import Ended, FinishReason
from services.llm.domain.usage import TokenUsage, UsageRecord
from services.runtime.telemetry import JsonFormatter

ENDED = Ended(FinishReason.STOP, None, "gpt-small-2026-08-01", "resp-1")
RECORD = UsageRecord(
    operation="chat",
    model="models/gpt-small",
    provider="openai",
    use_case="chat_support",
    outcome="ok",
    usage=TokenUsage(812, 230, False, 512, 0, 0, 40),
    cost_micros=4321,
    seconds=1.234567,
    first_token_seconds=0.23456,
    route_reason="cheapest that meets the quality",
    tenant="tenants/shop",
    user="users/1234567",
    prompt_version="v12",
    cache="miss",
    chunks=60,
)
# The processor time a call may take in all.
CALL_MICROSECONDS = 900.0


def least(run: Callable[[], object], times: int) -> float:
    """Return the microseconds of one run."""
    return min(timeit.repeat(run, number=times, repeat=7)) / times * 1e6


def row(what: str, microseconds: float) -> None:
    """Print a line of the table."""
    print(f"| {what} | {microseconds:.1f} | {microseconds / CALL_MICROSECONDS:.1%} |")


def ledgers(times: int) -> None:
    """Measure the ledgers."""
    log = logging.getLogger("aisle.llm.usage")
    log.propagate = False
    log.setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder, SpoolLedger(Path(folder), max_bytes=1 << 34) as spool:
        row("spool: the record is with the kernel", least(lambda: spool.record(RECORD), times))
        metrics = CallMetrics()
        row("metrics: all eight of a call", least(lambda: metrics.count(RECORD), times))
        told = TelemetryLedger()
        row("telemetry without its log line", least(lambda: told.record(RECORD), times))
        handler = logging.StreamHandler(io.StringIO())
        handler.setFormatter(JsonFormatter("llm"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        row("telemetry with its log line", least(lambda: told.record(RECORD), times))
        both = Ledgers(spool, told)
        row("both ledgers, log line included", least(lambda: both.record(RECORD), times))


class Wire:
    """A sink that does what a call does before it is on the wire."""

    async def deliver(self, records: Sequence[bytes]) -> None:
        """Make the request and its bytes."""
        request_of(records).SerializeToString()


def relay(times: int) -> None:
    """Measure the way from the disk to the wire, per record."""
    taken = []
    for _ in range(5):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder, SpoolLedger(Path(folder)) as spool:
            for _ in range(times):
                spool.record(RECORD)
            began = time.process_time()
            asyncio.run(DeliverUsage(spool, Wire()).drain(60))
            taken.append((time.process_time() - began) / times * 1e6)
    row("relay, per record: read, checked, on the wire, removed", min(taken))


def formatter(times: int) -> None:
    """Compare the formatter with the standard library's writer of JSON."""
    record = logging.makeLogRecord(
        {"msg": "upstream call", "levelname": "INFO", "data": {"model": "m", "n": 1, "x": 1.5}}
    )
    ours = JsonFormatter("llm")
    row("format of one line", least(lambda: ours.format(record), times))
    line = json.loads(ours.format(record))
    row("json.dumps of the same line alone", least(lambda: json.dumps(line, ensure_ascii=True, default=str), times))


def instruments(times: int) -> None:
    """Show why the SDK's instruments are not used for calls."""
    meter = MeterProvider(metric_readers=[InMemoryMetricReader()]).get_meter("bench")
    histogram = meter.create_histogram("h")
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "aisle.use_case": "x"}
    row("one measurement with the SDK's histogram", least(lambda: histogram.record(1.0, attributes), times))


def sdk_spans(times: int) -> None:
    """Show why attempts are no spans of the SDK: what it takes to make one, and to translate it for export."""
    held: list[ReadableSpan] = []

    class Keep(SpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            held.append(span)

    provider = TracerProvider()
    provider.add_span_processor(Keep())
    tracer = provider.get_tracer("bench")
    attributes = {f"gen_ai.attribute.{number}": "a value of usual length" for number in range(10)}

    def make() -> None:
        tracer.start_span("chat models/gpt-small", None, trace.SpanKind.CLIENT, attributes).end()

    row("SDK: span of ten attributes, made", least(make, times // 4))
    batch = held[:512]
    row("SDK: the same, translated for export", least(lambda: encode_spans(batch), 5) / len(batch))


def spans(times: int) -> None:
    """Measure the span of an attempt: nobody traces, and with export to a collector in another process."""
    nobody = AttemptSpans()
    row("span, nobody traces", least(lambda: nobody.attempt("chat", RECORD.model).end(RECORD, ENDED), times))
    collector = subprocess.Popen([sys.executable, "-m", "bench.llm_accounting", "--collect"], stdout=subprocess.PIPE)
    assert collector.stdout is not None
    asyncio.run(exported(int(collector.stdout.readline())))
    collector.terminate()
    collector.wait()


async def exported(port: int) -> None:
    """Make and export spans."""
    trace.set_tracer_provider(TracerProvider())
    taken = []
    async with OtlpSpans(f"127.0.0.1:{port}", {"service.name": "llm"}) as exporter:
        tracing = AttemptSpans(exporter)
        with trace.get_tracer("bench").start_as_current_span("rpc"):
            for _ in range(7):
                began = time.process_time()
                for _ in range(4096):
                    tracing.attempt("chat", RECORD.model).end(RECORD, ENDED)
                made = time.process_time() - began
                await exporter.flush()
                taken.append((made / 4096 * 1e6, (time.process_time() - began) / 4096 * 1e6))
    row("span, made", min(made for made, _ in taken))
    row("span, made and exported: processor time of all threads", min(both for _, both in taken))


def collect() -> None:
    """Take spans in and throw them away."""
    from concurrent.futures import ThreadPoolExecutor

    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
        TraceServiceServicer,
        add_TraceServiceServicer_to_server,
    )

    class Collector(TraceServiceServicer):
        def Export(self, request: pb.ExportTraceServiceRequest, context: object) -> pb.ExportTraceServiceResponse:
            return pb.ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(1), options=(("grpc.max_receive_message_length", -1),))
    add: Callable[..., None] = add_TraceServiceServicer_to_server
    add(Collector(), server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    server.wait_for_termination()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20_000)
    parser.add_argument("--collect", action="store_true", help="be the collector that spans are sent to")
    given = parser.parse_args()
    if given.collect:
        collect()
        return
    print("| what | µs | of 0.9 ms |\n|---|---:|---:|")
    ledgers(given.times)
    relay(given.times)
    formatter(given.times)
    instruments(given.times)
    sdk_spans(given.times)
    spans(given.times)


if __name__ == "__main__":
    main()
