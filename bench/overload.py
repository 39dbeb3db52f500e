"""More requests than can be answered, through Envoy: how many are, how long they take, and what a refusal costs.

What is behind the edge answers one request after another, each with four milliseconds of work on its one core, as the
processes of the shop do. Envoy and the load have the other core. `python -m bench.overload` prints the table: first as
it is when everything is let in, then with the usual time of an answer stated in the registry: closely, by somebody who
knows that no two answers are made at once, and loosely. The first load of each is a calm one.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil

from bench.limiter import Asking
from bench.llm.arrivals import Outcome, Plan
from bench.llm.load import percentile
from bench.llm.rig import GATEWAYS, OTHERS
from tests.mesh.rig import Mesh, eventually, free_port, registry

WORK_SECONDS = 0.004
SECONDS, PATIENCE = 5.0, 1.0
# A changed listener takes the place of the old one, whose connections have this long to end.
CHANGED_SECONDS = 8.0
LOADS = (0.3, 1.0, 5.0)
# One caller finds out what is unloaded, a few what the peak is: before and after each load, for machines are shared.
ALONE, FEW, FINDING_SECONDS = 1, 4, 1.5
AT_ONCE = (
    {"usual_seconds": 0.004, "least": 2, "most": 2},
    {"usual_seconds": 0.006, "least": 2, "most": 64},
    {"usual_seconds": 0.02, "least": 8, "most": 64},
)
_ASK = b"GET /page HTTP/1.1\r\nhost: bench\r\n\r\n"
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok"
_HEAD = (
    "let in",
    "load",
    "peak/s",
    "unloaded p50 / p99",
    "answered/s, of the peak",
    "answered p50 / p99",
    "refused, without an answer",
    "refusal p50 / p99",
    "Envoy's memory",
)


class Working(asyncio.Protocol):
    """Answers a request at a time, after work that nothing else can be done beside."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        self._transport, self._received = transport, bytearray()

    def data_received(self, data: bytes) -> None:
        """Answer once a request has come to its end."""
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        at = self._received.lower().find(b"content-length:", 0, max(end, 0))
        length = int(self._received[at + 15 : self._received.find(b"\r", at)]) if at >= 0 else 0
        if end < 0 or len(self._received) < end + 4 + length:
            return
        health = self._received.startswith(b"GET /healthz")
        self._received.clear()
        until = time.thread_time() + (0 if health else WORK_SECONDS)
        while time.thread_time() < until:
            pass
        assert isinstance(self._transport, asyncio.WriteTransport)
        self._transport.write(_ANSWER)


async def work(port: int) -> None:
    """Be what is behind the edge."""
    server = await asyncio.get_running_loop().create_server(Working, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


async def measure(home: Path) -> None:
    """Start everything, find the peak, and ask for more than that."""
    os.sched_setaffinity(0, {OTHERS})
    port = free_port()
    command = ["taskset", "-c", str(GATEWAYS), sys.executable, "-m", "bench.overload", "--work", str(port)]
    behind = await asyncio.create_subprocess_exec(*command)
    mesh = Mesh(home, _registry(port, at_once=None))
    try:
        await asyncio.to_thread(mesh.wait_until_ready)
        await asyncio.to_thread(eventually, lambda: _answers(mesh), 20)
        edge = int(mesh.edge.rpartition(":")[2])
        envoy = next(
            one for one in psutil.Process().children(recursive=True) if "envoy.json" in " ".join(one.cmdline())
        )
        print("| " + " | ".join(_HEAD) + " |\n|---" + "|--:" * (len(_HEAD) - 1) + "|")
        for title, at_once in (("everything", None), *((json.dumps(one), one) for one in AT_ONCE)):
            told = mesh.registry_file.read_text()
            mesh.write_registry(json.dumps({**json.loads(told), "edge_routes": _routes(at_once)}))
            await asyncio.sleep(CHANGED_SECONDS)
            for load in LOADS:
                before = await _found(edge)
                # The first seconds are for finding out; what is reported comes after.
                await _arriving(edge, before.peak * load, 2.0)
                came = await _arriving(edge, before.peak * load)
                await asyncio.sleep(3)
                after = await _found(edge)
                both = _Found((before.peak + after.peak) / 2, [*before.unloaded, *after.unloaded])
                print(_row(title, load, both, came, envoy), flush=True)
    finally:
        await asyncio.to_thread(mesh.stop)
        behind.terminate()
        await behind.wait()


@dataclass(frozen=True, slots=True)
class _Found:
    """What can be answered a second, and the seconds an answer takes when nobody else asks."""

    peak: float
    unloaded: Sequence[float]


async def _found(port: int) -> _Found:
    alone, few = await _closed(port, ALONE), await _closed(port, FEW)
    return _Found(len(few) / FINDING_SECONDS, alone)


async def _closed(port: int, width: int) -> list[float]:
    loop = asyncio.get_running_loop()
    connections = [(await loop.create_connection(Asking, "127.0.0.1", port))[1] for _ in range(width)]
    took: list[float] = []
    ends = time.perf_counter() + FINDING_SECONDS

    async def caller(connection: Asking) -> None:
        while (asked := time.perf_counter()) < ends:
            if await connection.ask(_ASK) == 200:
                took.append(time.perf_counter() - asked)

    await asyncio.gather(*map(caller, connections))
    for connection in connections:
        connection.close()
    return took


def _row(title: str, load: float, known: _Found, found: Outcome, envoy: psutil.Process) -> str:
    rate = len(found.answered) / (SECONDS + (PATIENCE if found.unanswered else 0.0))
    cells = (
        title,
        f"{load:g} × peak",
        f"{known.peak:.0f}",
        _ms(known.unloaded),
        f"{rate:.0f}, {rate / known.peak:.0%}",
        _ms(found.answered),
        f"{len(found.refused)}, {found.unanswered}",
        _ms(found.refused),
        f"{envoy.memory_info().rss / 1e6:.0f} MB",
    )
    return "| " + " | ".join(cells) + " |"


async def _arriving(port: int, rate: float, seconds: float = SECONDS) -> Outcome:
    plan = Plan(port, "Bearer bench", [(rate, {})], seconds, patience=PATIENCE, path="/page")
    command = [sys.executable, "-m", "bench.llm.arrivals"]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    said, _ = await process.communicate(json.dumps(asdict(plan)).encode())
    return Outcome(**json.loads(said)[0])


def _ms(seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    return f"{percentile(ordered, 0.5) * 1e3:.1f} / {percentile(ordered, 0.99) * 1e3:.1f} ms" if ordered else "–"


def _routes(at_once: dict[str, float] | None) -> list[dict[str, Any]]:
    return [{"prefix": "/", "service": "bff", "shown": "nothing", "timeout": 10, "at_once": at_once}]


def _registry(port: int, at_once: dict[str, float] | None) -> dict[str, Any]:
    told = registry({}, port)
    return {**told, "services": {"bff": told["services"]["bff"]}, "edge_routes": _routes(at_once)}


def _answers(mesh: Mesh) -> bool:
    return httpx2.get(f"http://{mesh.edge}/", trust_env=False).status_code == 200


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        asyncio.run(work(int(sys.argv[2])))
    else:
        with tempfile.TemporaryDirectory(prefix="aisle-bench-") as folder:
            asyncio.run(measure(Path(folder)))
