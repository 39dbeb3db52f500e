"""The gateway beside LiteLLM's proxy: one mock upstream, one load, one core for the gateway, interleaved rounds.

Run as `python -m bench.llm_gateways` (`make bench-llm`). LiteLLM is installed into an environment of its own under
.state; without it its rows are missing, and said so. Processor time is what to trust on a shared machine.
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
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import uvloop

from aisle.llm.v1 import llm_service_pb2 as pb
from aisle.llm.v1.llm_service_pb2_grpc import LlmServiceStub
from local import redis

ROOT = Path(__file__).parent.parent
LITELLM, LITELLM_VERSION = ROOT / ".state" / "bench-litellm", "1.106.2"
MOCK, LLM_GRPC, LLM_HTTP, PEER, REDIS = 21901, 21902, 21903, 21904, 21905
KEY = "sk-bench-0123456789abcdef0123456789abcdef"
ANSWER = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "mock",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "x" * 1200}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 120, "completion_tokens": 300, "total_tokens": 420},
    }
).encode()
TABLE = """
version: 2
policies: {default: {prefer: basic, cache: exact}, free: {prefer: basic, cache: exact}}
budgets:
- {subject: tenant, window: month, dollars: 100000, tokens: 100000000000}
- {subject: api_key, window: minute, tokens: 100000000}
models:
- {name: models/mock, display_name: Mock, provider: openai, provider_id: mock, kind: text, quality: standard,
   context_tokens: 100000, price: {input: 1, output: 5, date: "2026-11-01"}, tools: true, structured_output: true}
"""
Ask = Callable[[int], Awaitable[None]]


class Mock(asyncio.Protocol):
    """The upstream: answers at once, whole."""

    nothing = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
    reply = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(ANSWER) + ANSWER

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.held = transport, b""

    def data_received(self, data: bytes) -> None:
        self.held += data
        while (end := self.held.find(b"\r\n\r\n")) >= 0:
            head = self.held[:end].lower()
            at = head.find(b"content-length:")
            size = int(head[at + 15 :].split(b"\r\n")[0]) if at >= 0 else 0
            if len(self.held) < end + 4 + size:
                return
            self.held = self.held[end + 4 + size :]
            self.transport.write(self.nothing if head.startswith(b"get") else self.reply)  # type: ignore[attr-defined]


@dataclass
class Gateway:
    """One way through one gateway, and what was measured of it."""

    name: str
    pid: int
    connect: Callable[[], Awaitable[Ask]]
    cpu: dict[int, list[float]] = field(default_factory=dict)
    wall: dict[int, list[float]] = field(default_factory=dict)
    rates: dict[int, list[float]] = field(default_factory=dict)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4 // 1024


def body(number: int, model: str) -> dict[str, Any]:
    text = f"Question {number}: what goes with a teapot of this kind, and is it warm enough for the winter? " * 3
    return {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 300, "temperature": 0}


async def http_client(port: int, model: str) -> Ask:
    """Return a client over kept connections, one per caller at a time."""
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(number: int) -> None:
        try:
            await once(number)
        except asyncio.IncompleteReadError:
            # A server may close what was idle between two rounds.
            idle.clear()
            await once(number)

    async def once(number: int) -> None:
        reader, writer = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", port)
        said = json.dumps(body(number, model)).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n"
        writer.write(f"{head}content-type: application/json\r\ncontent-length: {len(said)}\r\n\r\n".encode() + said)
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(answer.decode() + (await reader.read(500)).decode())
        at = answer.lower().index(b"content-length:")
        await reader.readexactly(int(answer[at + 15 :].split(b"\r\n")[0]))
        idle.append((reader, writer))

    return ask


async def grpc_client(port: int) -> Ask:
    """Return a client over one channel."""
    stub = LlmServiceStub(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))

    async def ask(number: int) -> None:
        said = body(number, "")["messages"][0]["content"]
        request = pb.GenerateTextRequest(
            messages=[pb.ChatMessage(role=pb.CHAT_ROLE_USER, text=said)], max_output_tokens=300, temperature=0
        )
        await stub.CompleteText(
            pb.CompleteTextRequest(generation=request), metadata=(("x-aisle-caller", "chat"),), timeout=30
        )

    return ask


async def measure(gateway: Gateway, ask: Ask, width: int, seconds: float, first: int) -> int:
    """Ask in a closed loop of `width` callers for so long; return how many answers came."""
    walls: list[float] = []
    number = first
    before, began = cpu_seconds(gateway.pid), time.perf_counter()

    async def caller() -> None:
        nonlocal number
        while time.perf_counter() - began < seconds:
            number += 1
            asked = time.perf_counter()
            await ask(number)
            walls.append(time.perf_counter() - asked)

    await asyncio.gather(*(caller() for _ in range(width)))
    took = time.perf_counter() - began
    gateway.cpu.setdefault(width, []).append((cpu_seconds(gateway.pid) - before) / len(walls) * 1000)
    gateway.rates.setdefault(width, []).append(len(walls) / took)
    gateway.wall.setdefault(width, []).extend(walls)
    return len(walls)


@contextmanager
def process(command: list[str], core: int, environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        started = subprocess.Popen(
            ["taskset", "-c", str(core), *command], env={**os.environ, **environment}, stdout=out, stderr=out, cwd=ROOT
        )
    try:
        yield started
    finally:
        started.terminate()
        started.wait(20)


async def until_open(port: int, seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.2)
            else:
                writer.close()
                return


def aisle_environment(folder: Path) -> dict[str, str]:
    (folder / "models.yaml").write_text(TABLE)
    return {
        "AISLE_LLM_LISTEN_PORT": str(LLM_GRPC),
        "AISLE_LLM_HTTP_PORT": str(LLM_HTTP),
        "AISLE_LLM_API_KEYS": KEY,
        "AISLE_TOKEN_KEY": "t",
        "AISLE_LLM_LOCAL_URL": "",
        "AISLE_LLM_OPENAI_BASE_URL": f"http://127.0.0.1:{MOCK}/v1",
        "AISLE_LLM_MODELS_FILE": str(folder / "models.yaml"),
        "AISLE_LLM_REDIS_URL": redis.url(REDIS, "bench"),
        "AISLE_LLM_SPOOL_DIR": str(folder / "spool"),
        "AISLE_EGRESS_ADDRESS": "127.0.0.1:1",
    }


def litellm_command(folder: Path) -> list[str]:
    parameters = {"model": "openai/mock", "api_base": f"http://127.0.0.1:{MOCK}/v1", "api_key": "x"}
    config = {"model_list": [{"model_name": "mock", "litellm_params": parameters}]}
    (folder / "litellm.yaml").write_text(json.dumps({**config, "general_settings": {"master_key": KEY}}))
    binary = str(LITELLM / "bin" / "litellm")
    return [binary, "--config", str(folder / "litellm.yaml"), "--port", str(PEER), "--num_workers", "1"]


def install_litellm() -> bool:
    """Install the peer, once. Returns whether it is there."""
    if not (LITELLM / "bin" / "litellm").exists():
        print(f"Installing LiteLLM {LITELLM_VERSION} …", flush=True)
        uv = str(Path(sys.executable).with_name("uv"))
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(LITELLM)], check=False)
        target = ["--python", str(LITELLM / "bin" / "python"), f"litellm[proxy]=={LITELLM_VERSION}"]
        subprocess.run([uv, "pip", "install", "--quiet", *target], check=False)
    return (LITELLM / "bin" / "litellm").exists()


async def run(rounds: int, seconds: float) -> str:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "redis").mkdir()
        server = redis.process(folder / "redis", REDIS, "bench")
        if server.prepare is not None:
            await server.prepare()
        stack.enter_context(process(list(server.command), 1, dict(server.env), folder / "redis.log"))
        mock = [sys.executable, "-m", "bench.llm_gateways", "--mock"]
        upstream = stack.enter_context(process(mock, 1, {}, folder / "mock.log"))
        await until_open(REDIS)
        aisle = stack.enter_context(
            process([sys.executable, "-m", "services.llm"], 0, aisle_environment(folder), folder / "aisle.log")
        )
        await until_open(MOCK)
        await until_open(LLM_HTTP)
        gateways = [
            Gateway("upstream itself", upstream.pid, lambda: http_client(MOCK, "mock")),
            Gateway("Aisle, gRPC", aisle.pid, lambda: grpc_client(LLM_GRPC)),
            Gateway("Aisle, /v1", aisle.pid, lambda: http_client(LLM_HTTP, "mock")),
        ]
        if install_litellm():
            environment = {"LITELLM_TELEMETRY": "False", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
            peer = stack.enter_context(process(litellm_command(folder), 0, environment, folder / "litellm.log"))
            await until_open(PEER, 120)
            gateways.append(Gateway(f"LiteLLM {LITELLM_VERSION}, /v1", peer.pid, lambda: http_client(PEER, "mock")))
        else:
            print("LiteLLM is not there: its row is missing.")
        asks = [(gateway, await gateway.connect()) for gateway in gateways]
        memory = {gateway.name: rss_mb(gateway.pid) for gateway in gateways}
        number = 0
        for _, ask in asks:
            await ask(number := number + 1)
        for turn in range(rounds):
            for width in (1, 16, 64):
                for gateway, ask in asks:
                    number += 1 + await measure(gateway, ask, width, seconds, number)
            print(f"round {turn + 1} of {rounds}", file=sys.stderr, flush=True)
        return table(gateways, memory)


def table(gateways: list[Gateway], memory: dict[str, int]) -> str:
    lines = [
        "| way | CPU ms a call, c=1 / 16 / 64 | answers/s, c=16 / 64 | p50 / p99 ms, c=1 | c=16 | c=64 | RSS MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in gateways:
        cpu = " / ".join(f"{statistics.median(one.cpu[width]):.2f}" for width in (1, 16, 64))
        rates = " / ".join(f"{statistics.median(one.rates[width]):.0f}" for width in (16, 64))
        walls = [_percentiles(one.wall[width]) for width in (1, 16, 64)]
        lines.append(f"| {one.name} | {cpu} | {rates} | {' | '.join(walls)} | {memory[one.name]} → {rss_mb(one.pid)} |")
    return "\n".join(lines)


def _percentiles(walls: list[float]) -> str:
    ordered = sorted(walls)
    return f"{ordered[len(ordered) // 2] * 1000:.1f} / {ordered[int(len(ordered) * 0.99)] * 1000:.1f}"


async def serve_mock() -> None:
    server = await asyncio.get_running_loop().create_server(Mock, "127.0.0.1", MOCK)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--mock", action="store_true", help="be the upstream")
    given = parser.parse_args()
    if given.mock:
        uvloop.run(serve_mock())
        return
    os.sched_setaffinity(0, {1})
    print(uvloop.run(run(given.rounds, given.seconds)))


if __name__ == "__main__":
    main()
