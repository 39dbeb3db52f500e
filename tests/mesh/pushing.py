"""A control plane inside the test, a real Envoy that follows it, and traffic through that Envoy."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc

from aisle.analytics.v1 import analytics_service_pb2 as analytics_pb
from aisle.analytics.v1.analytics_service_pb2_grpc import AnalyticsServiceStub
from services.control_plane.ads import AdsServer, ProxyStatus
from services.control_plane.snapshot import Snapshot, SnapshotCache
from services.control_plane.topology import Address, Endpoint
from tests.mesh.rig import GrpcBackend, free_port, start_envoy
from tests.mesh.snapshots import Worlds

ASK = analytics_pb.QueryReportRequest(report=analytics_pb.REPORT_OVERVIEW)
# How often the test looks whether a proxy has arrived; convergence is measured no finer.
LOOK = 0.002


class Traffic:
    """Calls without pause from a number of callers."""

    def __init__(self) -> None:
        self.answered: Counter[str] = Counter()
        self.failures: list[str] = []
        self._running = True

    async def run(self, address: str, callers: int) -> None:
        async with grpc.aio.insecure_channel(address) as channel, asyncio.TaskGroup() as group:
            # Envoy opens its door a moment after it has all of its configuration.
            await channel.channel_ready()
            for _ in range(callers):
                group.create_task(self._call(AnalyticsServiceStub(channel)))

    async def _call(self, stub: AnalyticsServiceStub) -> None:
        while self._running:
            try:
                reply = await stub.QueryReport(ASK, timeout=5, wait_for_ready=False)
                self.answered[reply.columns[0]] += 1
            except grpc.aio.AioRpcError as failure:
                self.failures.append(f"{failure.code().name}: {failure.details()}")
            await asyncio.sleep(0.001)

    def stop(self) -> None:
        self._running = False


class Rig:
    """The control plane, Envoy and the worlds it is told of."""

    def __init__(self, worlds: Worlds, egress: str) -> None:
        self.cache = SnapshotCache()
        self.ads = AdsServer(self.cache)
        self.worlds = worlds
        self.egress = egress

    def proxies(self) -> tuple[ProxyStatus, ...]:
        return self.ads.status()

    async def publish(self, snapshot: Snapshot) -> None:
        assert self.cache.publish(snapshot) or self.cache.current is not None

    async def until(self, condition: Callable[[], bool], within: float = 10.0) -> float:
        """Wait for a condition and return how long it took."""
        began = time.perf_counter()
        while not condition():
            assert time.perf_counter() - began < within, f"not within {within} s: {self.proxies()}"
            await asyncio.sleep(LOOK)
        return time.perf_counter() - began

    def in_sync(self) -> bool:
        """Return whether every proxy runs on the current snapshot."""
        found = self.proxies()
        return bool(found) and all(one.in_sync for one in found)

    @asynccontextmanager
    async def traffic(self, callers: int = 4) -> AsyncIterator[Traffic]:
        """Let calls flow while the block runs."""
        flowing = Traffic()
        async with asyncio.TaskGroup() as group:
            group.create_task(flowing.run(self.egress, callers))
            await self.until(lambda: flowing.answered.total() > 50)
            try:
                yield flowing
            finally:
                flowing.stop()


@asynccontextmanager
async def rig(home: Path, delta: bool, seed: int, envoys: int = 1) -> AsyncIterator[Rig]:
    """Start everything; the first snapshot is there and Envoy serves it."""
    backends = (GrpcBackend("first"), GrpcBackend("second"))
    addresses = tuple(Endpoint("127.0.0.1", one.port) for one in backends)
    edge, egress = Address("127.0.0.1", free_port()), Address("127.0.0.1", free_port())
    made = Rig(Worlds(edge, egress, addresses, seed), f"127.0.0.1:{egress.port}")
    server = grpc.aio.server()
    made.ads.register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await made.publish(await asyncio.to_thread(made.worlds.snapshot))
    processes = []
    for number in range(envoys):
        folder = home / f"envoy-{number}"
        folder.mkdir()
        processes.append(start_envoy(folder, free_port(), port, delta=delta, node=f"proxy-{number}"))
    try:
        await made.until(lambda: len(made.proxies()) == envoys and made.in_sync(), within=30)
        yield made
    finally:
        for process in processes:
            os.kill(process.pid, signal.SIGTERM)
            await asyncio.to_thread(process.wait)
        await server.stop(None)
        for backend in backends:
            await asyncio.to_thread(backend.stop)
