"""What the supervisor knows about a process, and the probes that tell whether one is ready."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import httpx2
from grpc_health.v1 import health_pb2, health_pb2_grpc

# Raises or returns False while the process is not ready.
Probe = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the stack."""

    name: str
    title: str
    command: Sequence[str]
    ready: Probe
    # 0 when nobody connects to it.
    port: int
    env: Mapping[str, str] = field(default_factory=dict)
    # Names of processes that must be ready before this one starts.
    after: Sequence[str] = ()
    stop_signal: signal.Signals = signal.SIGTERM
    # Seconds it may take to stop by itself.
    stop_within: float = 10.0
    # Seconds it may take to become ready.
    ready_within: float = 60.0
    cwd: Path | None = None
    # Runs once before the first start, for example to create a database cluster.
    prepare: Callable[[], Awaitable[None]] | None = None
    # Runs each time it became ready, for example to create roles.
    provision: Callable[[], Awaitable[None]] | None = None


def tcp_probe(port: int) -> Probe:
    """Ready when something accepts connections."""

    async def probe() -> bool:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True

    return probe


def http_probe(url: str) -> Probe:
    """Ready when a GET answers 200."""

    async def probe() -> bool:
        async with httpx2.AsyncClient(timeout=2.0, trust_env=False) as client:
            return bool((await client.get(url)).status_code == 200)

    return probe


def both_probes(first: Probe, second: Probe) -> Probe:
    """Ready when both are."""

    async def probe() -> bool:
        return await first() and await second()

    return probe


def grpc_probe(port: int, service: str = "", authority: str = "") -> Probe:
    """Ready when the standard health service says SERVING; an authority asks through Envoy."""

    async def probe() -> bool:
        options = [("grpc.enable_http_proxy", 0), *([("grpc.default_authority", authority)] if authority else [])]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            reply = await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=2.0)
            return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)

    return probe


PROBE_ERRORS = (OSError, TimeoutError, httpx2.HTTPError, grpc.aio.AioRpcError)
