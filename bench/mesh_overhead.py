"""What the mesh costs: the same unary call direct, through one Envoy, and from proxy to proxy by mutual TLS.

A bare echo stands behind all three, so that the way is most of what is measured. `python -m bench.mesh_overhead` prints
the table of ways in turns; client and echo on one core, the proxies on the other.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import grpc
import psutil
import uvloop

from aisle.analytics.v1 import analytics_service_pb2 as pb
from aisle.analytics.v1.analytics_service_pb2_grpc import (
    AnalyticsServiceServicer,
    AnalyticsServiceStub,
    add_AnalyticsServiceServicer_to_server,
)
from bench.llm.load import percentile
from bench.llm.rig import cpu_seconds
from services.runtime import health
from tests.mesh.rig import Mesh, free_port, registry
from tests.mesh.sidecars_rig import Sidecars

ROUNDS, SECONDS = 5, 2.0
WIDTHS = (1, 16, 64)
NAMED = (("x-aisle-caller", "bff"), ("x-aisle-role", "admin"))
ASK = pb.QueryReportRequest(report=pb.REPORT_OVERVIEW)


class _Echo(AnalyticsServiceServicer):
    async def QueryReport(self, request: pb.QueryReportRequest, context: object) -> pb.QueryReportResponse:
        return pb.QueryReportResponse()


async def _calls(stub: AnalyticsServiceStub, width: int) -> tuple[list[float], float]:
    """Call in a closed loop; return the seconds of each call, in order, and calls a second."""
    took: list[float] = []
    began = time.perf_counter()

    async def caller() -> None:
        while time.perf_counter() - began < SECONDS:
            asked = time.perf_counter()
            await stub.QueryReport(ASK, timeout=5, metadata=NAMED)
            took.append(time.perf_counter() - asked)

    await asyncio.gather(*(caller() for _ in range(width)))
    return sorted(took), len(took) / (time.perf_counter() - began)


async def measure(home: Path) -> None:
    """Start the mesh, call both ways, and print."""
    server = grpc.aio.server()
    add_AnalyticsServiceServicer_to_server(_Echo(), server)
    state = health.Health(["analytics"], {})
    health.add_to_server(state, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await state.serving()
    (home / "shared").mkdir()
    mesh = Mesh(home / "shared", registry({"analytics": [port]}, free_port()))
    sidecars = Sidecars(home, port)
    try:
        await asyncio.to_thread(mesh.wait_until_ready)
        await asyncio.to_thread(sidecars.wait_until_ready)
        proxies = [one for one in psutil.Process().children(recursive=True) if "envoy" in one.name()]
        for proxy in proxies:
            proxy.cpu_affinity([0])
        psutil.Process().cpu_affinity([1])
        async with (
            grpc.aio.insecure_channel(f"127.0.0.1:{port}") as direct,
            grpc.aio.insecure_channel(mesh.egress) as through,
            grpc.aio.insecure_channel(sidecars.address("egress", "bff")) as between,
        ):
            ways = {
                "direct": AnalyticsServiceStub(direct),
                "through one Envoy": AnalyticsServiceStub(through),
                "from proxy to proxy, mutual TLS": AnalyticsServiceStub(between),
            }
            print("| callers | way | p50 | p99 | calls a second | proxies' CPU a call |\n|--:|---|--:|--:|--:|--:|")
            for width in WIDTHS:
                await _width(ways, width, proxies)
    finally:
        mesh.stop()
        sidecars.stop()
        await server.stop(None)


async def _width(ways: dict[str, AnalyticsServiceStub], width: int, proxies: list[psutil.Process]) -> None:
    found: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in ways}
    for stub in ways.values():
        await _calls(stub, width)
    for _ in range(ROUNDS):
        for name, stub in ways.items():
            before = sum(map(cpu_seconds, proxies))
            took, rate = await _calls(stub, width)
            used = (sum(map(cpu_seconds, proxies)) - before) / len(took)
            found[name].append((percentile(took, 0.5), percentile(took, 0.99), rate, used))
    for name, rounds in found.items():
        p50, p99, rate, used = (statistics.median(one) for one in zip(*rounds, strict=True))
        cpu = f"{used * 1e6:.0f} µs" if name != "direct" else "–"
        print(f"| {width} | {name} | {p50 * 1e3:.2f} ms | {p99 * 1e3:.1f} ms | {rate:.0f} | {cpu} |", flush=True)


if __name__ == "__main__":
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    with tempfile.TemporaryDirectory(prefix="aisle-bench-") as folder:
        uvloop.run(measure(Path(sys.argv[1] if len(sys.argv) > 1 else folder)))
