"""Who runs where: gateways on one core; the load, the upstream and the databases on another."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from bench.llm import peers
from bench.llm.load import Client, GrpcClient, HttpClient
from local import credentials, stack
from local.process import Process, tcp_probe
from local.settings import ROOT, LocalSettings
from local.supervisor import Supervisor

GATEWAYS, OTHERS = 0, 1
OFFSET = 4200
UPSTREAM, PEERS = 26101, (26102, 26103)
# Of `make up`, what a call to a model touches. Usage records travel to analytics, and from there into PostgreSQL.
_PARTS = ("postgres", "redis", "limits-redis", "control-plane", "limits", "envoy", "analytics", "llm")
_ON_THE_WAY = ("envoy", "limits", "llm")
# Nobody waits for these: records are on disk before they travel. The load and what calls do wait for go first.
_NOBODY_WAITS = ("postgres", "analytics")
# As in the packaged table, with a model of the upstream and budgets on every subject.
_TABLE = """
version: 2
policies:
  default: {prefer: basic, over_budget: cheaper, cache: exact, cache_seconds: 300}
  free: {prefer: basic, over_budget: cheaper, cache: exact, cache_seconds: 300}
budgets:
- {subject: tenant, window: month, dollars: 100000, tokens: 100000000000}
- {subject: use_case, window: month, dollars: 100000}
- {subject: api_key, window: minute, tokens: 1000000000}
- {subject: user, window: minute, tokens: 1000000000}
models:
"""
# Everything is counted, and nothing reaches its limit.
_LIMITS = """
version: 1
edge: {generate: {user: 60000000/minute, key: 60000000/minute, address: 60000000/minute}}
"""
_MODEL = """- {{name: models/{0}, display_name: Mock, provider: openai, provider_id: {0}, kind: text, quality: standard,
   context_tokens: 100000, price: {{input: 1, output: 5, date: "2026-11-01"}}, tools: true, structured_output: true}}
"""


@dataclass(frozen=True, slots=True)
class Way:
    """A way from the load to the upstream, and the processes that are on it."""

    title: str
    client: Client
    processes: Sequence[psutil.Process]
    # Counted apart as well, where it is one of several.
    proxy: psutil.Process | None = None

    def cpu(self) -> float:
        """Return the processor seconds the processes on the way took since their beginning."""
        return sum(cpu_seconds(process) for process in self.processes)

    def proxy_cpu(self) -> float:
        """Return the processor seconds of the proxy alone, 0 where there is none."""
        return cpu_seconds(self.proxy) if self.proxy is not None else 0.0

    def memory(self) -> float:
        """Return the megabytes that are resident."""
        return sum(float(process.memory_info().rss) for process in self.processes) / 1e6


def cpu_seconds(process: psutil.Process) -> float:
    """Return the processor seconds of a process, to the nanosecond where the kernel counts them."""
    total = 0
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except (OSError, IndexError):
            continue
    return total / 1e9


@dataclass(frozen=True, slots=True)
class Rig:
    """Everything that runs, and what is not there."""

    ways: Sequence[Way]
    direct: Way
    databases: Sequence[psutil.Process]
    missing: Sequence[str]


@asynccontextmanager
async def running(home: Path, with_peers: bool = True) -> AsyncIterator[Rig]:
    """Start all of it; stop it at the end."""
    os.sched_setaffinity(0, {OTHERS})
    settings = LocalSettings(home=home, port_offset=OFFSET, demo=False)
    secrets = credentials.load(home)
    there, missing = peers.present(UPSTREAM, PEERS, settings.folder("run")) if with_peers else ([], [])
    processes = [_upstream(), *_ours(settings, secrets), *(_pinned(peer.process, GATEWAYS) for peer in there)]
    supervisor = Supervisor(processes, settings.folder("logs"), lambda watched: None)
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(supervisor.run(ready.set))
        await ready.wait()
        found = {name: _process(watched.child) for name, watched in supervisor.watched.items()}
        yield _rig(settings, secrets, found, there, missing)
        supervisor.stop()


def _ours(settings: LocalSettings, secrets: credentials.Credentials) -> list[Process]:
    table = settings.folder("run") / "models.yaml"
    table.write_text(_TABLE + "".join(_MODEL.format(name) for name in peers.MODELS))
    told = {
        "AISLE_LLM_LOCAL_URL": "",
        "AISLE_LLM_OPENAI_BASE_URL": f"http://127.0.0.1:{UPSTREAM}/v1",
        "AISLE_LLM_MODELS_FILE": str(table),
    }
    limits = settings.folder("run") / "limits.yaml"
    limits.write_text(_LIMITS)
    kept = [process for process in stack.processes(settings, secrets) if process.name in _PARTS]
    ours = []
    for process in kept:
        process = replace(process, after=[name for name in process.after if name in _PARTS])
        if process.name == "llm":
            process = replace(process, env={**process.env, **told})
        if process.name == "limits":
            process = replace(process, env={**process.env, "AISLE_LIMITS_FILE": str(limits)})
        if process.name in _NOBODY_WAITS:
            process = replace(process, command=["nice", "-n", "15", *process.command])
        ours.append(_pinned(process, GATEWAYS if process.name in _ON_THE_WAY else OTHERS))
    return ours


def _upstream() -> Process:
    command = [sys.executable, "-m", "bench.llm.upstream", str(UPSTREAM)]
    ready = tcp_probe(UPSTREAM)
    return _pinned(Process(name="upstream", title="Upstream", command=command, ready=ready, port=UPSTREAM, cwd=ROOT), 1)


def _pinned(process: Process, core: int) -> Process:
    return replace(process, command=["taskset", "-c", str(core), *process.command])


def _process(child: asyncio.subprocess.Process | None) -> psutil.Process:
    assert child is not None
    return psutil.Process(child.pid)


def _rig(
    settings: LocalSettings,
    secrets: credentials.Credentials,
    found: dict[str, psutil.Process],
    there: Sequence[peers.Peer],
    missing: Sequence[str],
) -> Rig:
    ports, llm, envoy, limits = settings.ports(), found["llm"], found["envoy"], found["limits"]
    key = f"authorization: Bearer {secrets.api_key}\r\n"
    ways = [
        Way("Aisle, gRPC", GrpcClient(ports["llm"]), [llm]),
        Way("Aisle, gRPC through Envoy", GrpcClient(ports["egress"]), [llm, envoy], envoy),
        Way("Aisle, /v1", HttpClient(ports["llm-http"], key), [llm]),
        Way("Aisle, /v1 through Envoy", HttpClient(ports["edge"], key), [llm, envoy, limits], envoy),
        *(Way(peer.title, HttpClient(peer.process.port, peer.headers), [found[peer.process.name]]) for peer in there),
    ]
    direct = Way("the upstream itself", HttpClient(UPSTREAM, ""), [found["upstream"]])
    return Rig(ways, direct, [found["redis"], found["postgres"]], missing)
