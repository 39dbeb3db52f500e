"""What asking the rate limiter costs: the same request through Envoy counted and not counted, in turns in one run.

Envoy, limiter and Redis on one core; the load and what answers behind Envoy on the other. The difference between the
two ways is the limiter's part. `python -m bench.limiter` prints the table.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx2
import psutil
import uvloop

from bench.llm.load import percentile
from bench.llm.rig import GATEWAYS, OTHERS, cpu_seconds
from tests.mesh.limits_rig import Limiter
from tests.mesh.rig import Mesh, eventually, free_port, registry

ROUNDS, SECONDS = 5, 2.0
WIDTHS = (1, 16, 64)
COUNTED, FREE = "/counted/", "/free/"
# Everything is counted, and nothing reaches its limit.
LIMITS = """
version: 1
edge: {generate: {key: 60000000/minute, address: 60000000/minute}}
"""
# One process on the way each, by what stands in its command line.
PARTS = {"Envoy": "envoy.json", "limiter": "services.limits", "Redis": "redis-server"}
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok"


class Behind(asyncio.Protocol):
    """Answers requests without a body, whatever they ask."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        self._transport = cast(asyncio.WriteTransport, transport)
        self._tail = b""

    def data_received(self, data: bytes) -> None:
        """Answer as many requests as have come to their end."""
        *heads, self._tail = (self._tail + data).split(b"\r\n\r\n")
        self._transport.write(_ANSWER * len(heads))


class Asking(asyncio.Protocol):
    """One kept connection, one request at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        self._transport = cast(asyncio.WriteTransport, transport)
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[int] | None = None

    def ask(self, request: bytes) -> "asyncio.Future[int]":
        """Send; the result is the status, once the whole answer is there."""
        self._buffer = b""
        self._answer = self._loop.create_future()
        self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        """Gather the answer, whose length is in its head."""
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end or self._answer is None:
            return
        at = head.lower().find(b"content-length:")
        if len(body) >= int(head[at + 15 :].split(b"\r\n", 1)[0]):
            answer, self._answer = self._answer, None
            answer.set_result(int(head[9:12]))

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Say that no answer came."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(0)


@dataclass(frozen=True, slots=True)
class Turn:
    """What one way did in one turn: seconds of each request in order, requests a second, processor seconds by part."""

    took: Sequence[float]
    rate: float
    cpu: Mapping[str, float]

    def figures(self) -> list[float]:
        """Return what the table shows: two percentiles and the rate, then microseconds of each part."""
        each = [used / len(self.took) * 1e6 for used in self.cpu.values()]
        return [percentile(self.took, 0.5) * 1e3, percentile(self.took, 0.99) * 1e3, self.rate, *each]


async def _turn(port: int, path: str, width: int, parts: Mapping[str, psutil.Process]) -> Turn:
    """Ask in a closed loop. Fails when anything but a good answer comes: what passed for free measures nothing."""
    request = f"GET {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer sk-bench\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    connections = [(await loop.create_connection(Asking, "127.0.0.1", port))[1] for _ in range(width)]
    took: list[float] = []
    before = {name: cpu_seconds(process) for name, process in parts.items()}
    began = time.perf_counter()

    async def caller(connection: Asking) -> None:
        while time.perf_counter() - began < SECONDS:
            asked = time.perf_counter()
            status = await connection.ask(request)
            took.append(time.perf_counter() - asked)
            assert status == 200, status

    await asyncio.gather(*map(caller, connections))
    rate = len(took) / (time.perf_counter() - began)
    used = {name: cpu_seconds(process) - before[name] for name, process in parts.items()}
    for connection in connections:
        connection.close()
    return Turn(sorted(took), rate, used)


async def _width(port: int, width: int, parts: Mapping[str, psutil.Process]) -> None:
    found: dict[str, list[list[float]]] = {FREE: [], COUNTED: []}
    for path in found:
        await _turn(port, path, width, parts)
    for _ in range(ROUNDS):
        for path, turns in found.items():
            turns.append((await _turn(port, path, width, parts)).figures())
    free, counted = ([statistics.median(one) for one in zip(*turns, strict=True)] for turns in found.values())
    _row(width, "not counted", free)
    _row(width, "counted", counted)
    added = [after - before for before, after in zip(free, counted, strict=True)]
    total = sum(added[3:])
    print(f"| {width} | **added** | {added[0]:.2f} ms | {added[1]:.2f} ms | | | | | **{total:.0f} µs** |", flush=True)


def _row(width: int, way: str, figures: Sequence[float]) -> None:
    p50, p99, rate, *each = figures
    cpu = " | ".join(f"{used:.0f} µs" for used in (*each, sum(each)))
    print(f"| {width} | {way} | {p50:.2f} ms | {p99:.2f} ms | {rate:.0f} | {cpu} |", flush=True)


def _registry(behind: int, limiter: int) -> dict[str, Any]:
    told = registry({}, behind)
    return {
        **told,
        # The guard of each Envoy is not what is measured.
        "edge": {**told["edge"], "requests_per_second": 1_000_000},
        "services": {
            "bff": told["services"]["bff"],
            "limits": {"protocol": "grpc", "endpoints": [{"address": "127.0.0.1", "port": limiter}]},
        },
        "rate_limiter": "limits",
        "edge_routes": [
            {"prefix": COUNTED, "service": "bff", "shown": "key", "rate_class": "generate"},
            {"prefix": FREE, "service": "bff", "shown": "nothing"},
        ],
    }


def _parts() -> dict[str, psutil.Process]:
    """Find the processes, and give them their core."""
    running = {process: " ".join(process.cmdline()) for process in psutil.Process().children(recursive=True)}
    parts = {name: next(one for one, line in running.items() if mark in line) for name, mark in PARTS.items()}
    for process in parts.values():
        for thread in process.threads():
            os.sched_setaffinity(thread.id, {GATEWAYS})
    os.sched_setaffinity(0, {OTHERS})
    return parts


async def measure(home: Path) -> None:
    """Start everything, ask both ways, and print."""
    port = free_port()
    server = await asyncio.get_running_loop().create_server(Behind, "127.0.0.1", port)
    limiter = await asyncio.to_thread(Limiter, home, LIMITS)
    mesh = Mesh(home, _registry(port, limiter.proxy_port))
    try:
        await asyncio.to_thread(mesh.wait_until_ready)
        await asyncio.to_thread(eventually, lambda: _answers(mesh), 20)
        parts = _parts()
        names = " | ".join(f"{name}, CPU" for name in parts)
        print(f"| callers | way | p50 | p99 | requests/s | {names} | together |\n|--:|---" + "|--:" * 7 + "|")
        for width in WIDTHS:
            await _width(int(mesh.edge.rpartition(":")[2]), width, parts)
    finally:
        await asyncio.to_thread(mesh.stop)
        limiter.stop()
        server.close()


def _answers(mesh: Mesh) -> bool:
    return httpx2.get(f"http://{mesh.edge}{COUNTED}", trust_env=False).status_code == 200


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="aisle-bench-") as folder:
        uvloop.run(measure(Path(sys.argv[1] if len(sys.argv) > 1 else folder)))
