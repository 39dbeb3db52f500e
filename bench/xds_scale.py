"""What a thousand connected proxies cost one control plane on one core, and how soon a change is at all of them.

    python -m bench.xds_scale [--proxies 1000] [--services 12] [--changes 20]

The control plane is a process of its own, pinned to a core; the proxies are gRPC streams in another process, which
answer as Envoy does. Each change moves one endpoint of one service. Prints a table for both variants.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import psutil

from services.control_plane.ads import SERVICE
from services.control_plane.ads.wire import CLASSES
from services.control_plane.snapshot import CLUSTERS, ENDPOINTS, LISTENERS, ROUTES
from tests.mesh.rig import free_port

ROOT = Path(__file__).parents[1]
# As many streams on a connection as a server allows by default; each Envoy has its own, but so many sockets in one
# client process would measure the client.
PER_CHANNEL = 100


@dataclass
class Tally:
    """What all proxies of a run have seen."""

    received: int = 0
    messages: int = 0
    started: float = 0.0
    # Seconds from the change to the acknowledgement of each proxy.
    acknowledged: list[float] = field(default_factory=list)


class Proxy:
    """One stream, spoken in one of the variants; acknowledges all it is sent."""

    def __init__(self, channel: grpc.aio.Channel, name: str, delta: bool, services: list[str], tally: Tally) -> None:
        method = "DeltaAggregatedResources" if delta else "StreamAggregatedResources"
        untyped: Any = channel
        self._call: Any = untyped.stream_stream(f"/{SERVICE}/{method}")()
        self._delta, self._tally = delta, tally
        self._node = CLASSES["Node"](id=name)
        self._names = {ENDPOINTS: services, ROUTES: ["edge", "egress"]}
        self._read = CLASSES["DeltaResponse" if delta else "Response"].FromString

    async def _subscribe(self) -> None:
        for type_url in (CLUSTERS, ENDPOINTS, LISTENERS, ROUTES):
            names = self._names.get(type_url, [])
            if self._delta:
                request = CLASSES["DeltaRequest"](type_url=type_url, node=self._node, resource_names_subscribe=names)
            else:
                request = CLASSES["Request"](type_url=type_url, node=self._node, resource_names=names)
            await self._call.write(request.SerializeToString())

    async def run(self, arrived: Callable[[], None]) -> None:
        await self._subscribe()
        while True:
            message = await self._call.read()
            if not isinstance(message, bytes):  # the end of the stream
                return
            response = self._read(message)
            self._tally.received += len(message)
            self._tally.messages += 1
            await self._call.write(self._answer(response))
            self._tally.acknowledged.append(time.perf_counter() - self._tally.started)
            arrived()

    def _answer(self, response: Any) -> bytes:
        kind, nonce = response.type_url, response.nonce
        if self._delta:
            return bytes(CLASSES["DeltaRequest"](type_url=kind, response_nonce=nonce).SerializeToString())
        names, version = self._names.get(kind, []), response.version_info
        request = CLASSES["Request"](type_url=kind, response_nonce=nonce, version_info=version, resource_names=names)
        return bytes(request.SerializeToString())


def registry(services: list[str], replicas: int, moved: int) -> dict[str, Any]:
    """Return a registry in which the first service's first replica has moved so many times."""
    entries: dict[str, Any] = {
        name: {
            "protocol": "grpc",
            "endpoints": [{"address": f"10.0.{number}.{replica + 1}", "port": 50051} for replica in range(replicas)],
        }
        for number, name in enumerate(services)
    }
    entries[services[0]]["endpoints"][0]["port"] = 50100 + moved
    return {
        "edge": {"address": "127.0.0.1", "port": 8080},
        "egress": {"address": "127.0.0.1", "port": 15001},
        "services": entries,
        "edge_routes": [],
    }


class ControlPlane:
    """The control plane as a process on one core."""

    def __init__(self, home: Path, first: dict[str, Any]) -> None:
        self.port = free_port()
        self._file = home / "registry.yaml"
        self.write(first)
        settings = {
            "AISLE_CONTROL_PLANE_LISTEN_PORT": str(self.port),
            "AISLE_CONTROL_PLANE_REGISTRY": str(self._file),
            "AISLE_CONTROL_PLANE_POLL_SECONDS": "0.02",
            "AISLE_CONTROL_PLANE_GRACE_SECONDS": "0",
            "AISLE_LOG_LEVEL": "WARNING",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "services.control_plane"], cwd=ROOT, env={**os.environ, **settings}
        )
        self.watched = psutil.Process(self.process.pid)
        self.watched.cpu_affinity([0])

    def write(self, content: dict[str, Any]) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps(content))
        fresh.replace(self._file)

    def cpu(self) -> float:
        times = self.watched.cpu_times()
        return float(times.user + times.system)

    def memory(self) -> float:
        return float(self.watched.memory_info().rss) / (1 << 20)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


async def connected(port: int, count: int, delta: bool, services: list[str], tally: Tally) -> list[Proxy]:
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [
        grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) for _ in range(-(-count // PER_CHANNEL))
    ]
    await asyncio.gather(*(channel.channel_ready() for channel in channels))
    return [Proxy(channels[n // PER_CHANNEL], f"proxy-{n}", delta, services, tally) for n in range(count)]


async def measure(args: argparse.Namespace, delta: bool) -> dict[str, Any]:
    services = [f"service-{number}" for number in range(args.services)]
    with tempfile.TemporaryDirectory() as home:
        plane = ControlPlane(Path(home), registry(services, args.replicas, 0))
        try:
            return await _measured(args, delta, services, plane)
        finally:
            plane.stop()


async def _measured(args: argparse.Namespace, delta: bool, services: list[str], plane: ControlPlane) -> dict[str, Any]:
    tally, done, expected = Tally(), asyncio.Event(), 4 * args.proxies

    def arrived() -> None:
        if len(tally.acknowledged) >= expected:
            done.set()

    empty = plane.memory()
    proxies = await connected(plane.port, args.proxies, delta, services, tally)
    idle = plane.memory()
    async with asyncio.TaskGroup() as group:
        tally.started, cpu = time.perf_counter(), plane.cpu()
        running = [group.create_task(proxy.run(arrived)) for proxy in proxies]
        async with asyncio.timeout(120):
            await done.wait()
        first = {"seconds": max(tally.acknowledged), "cpu": plane.cpu() - cpu, "bytes": tally.received}
        expected = args.proxies
        rounds = [await _change(args, services, plane, tally, done, moved) for moved in range(1, args.changes + 1)]
        result = {"first": first, "rounds": rounds, "empty": empty, "idle": idle, "full": plane.memory()}
        for task in running:
            task.cancel()
    return result


async def _change(
    args: argparse.Namespace, services: list[str], plane: ControlPlane, tally: Tally, done: asyncio.Event, moved: int
) -> dict[str, Any]:
    await asyncio.sleep(0.3)
    done.clear()
    tally.acknowledged.clear()
    tally.received = 0
    cpu, tally.started = plane.cpu(), time.perf_counter()
    plane.write(registry(services, args.replicas, moved))
    async with asyncio.timeout(60):
        await done.wait()
    await asyncio.sleep(0.3)
    return {"times": sorted(tally.acknowledged), "cpu": plane.cpu() - cpu, "bytes": tally.received}


def report(name: str, result: dict[str, Any], proxies: int) -> str:
    """Return a line of the table."""
    times = sorted(time for one in result["rounds"] for time in one["times"])
    last = [one["times"][-1] for one in result["rounds"]]
    cells = [
        name,
        f"{result['first']['seconds']:.2f} s, {result['first']['cpu']:.2f} s CPU",
        f"{1000 * times[len(times) // 2]:.0f} ms",
        f"{1000 * times[int(len(times) * 0.99)]:.0f} ms",
        f"{1000 * statistics.median(last):.0f} ms",
        f"{1000 * statistics.median(one['cpu'] for one in result['rounds']):.0f} ms",
        f"{statistics.median(one['bytes'] for one in result['rounds']) / proxies:.0f} B",
        f"{result['full']:.0f} MB ({(result['full'] - result['empty']) / proxies * 1024:.0f} kB a proxy)",
    ]
    return " | ".join(cells)


def main() -> None:
    """Measure both variants and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--proxies", type=int, default=1000)
    parser.add_argument("--services", type=int, default=12)
    parser.add_argument("--replicas", type=int, default=3)
    parser.add_argument("--changes", type=int, default=20)
    args = parser.parse_args()
    with suppress(AttributeError, OSError):
        os.sched_setaffinity(0, {1})
    print(f"{args.proxies} proxies, {args.services} services of {args.replicas} replicas, {args.changes} changes")
    print("variant | all connected and served | p50 | p99 | last | CPU a change | bytes a proxy | memory")
    for name, delta in (("state of the world", False), ("delta", True)):
        print(report(name, asyncio.run(measure(args, delta)), args.proxies), flush=True)


if __name__ == "__main__":
    main()
