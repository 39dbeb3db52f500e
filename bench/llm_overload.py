"""Three times more calls than can be answered: how many are, how long they take, and who is turned away.

One core for the service, another for everything else. `python -m bench.llm_overload` prints the table.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import uvloop

from bench.llm.arrivals import Outcome, Plan
from bench.llm.load import HttpClient, Run, closed_loop, percentile
from bench.llm.rig import Rig, running
from local import credentials
from local.settings import LocalSettings

WIDTH = 16
SECONDS = 10.0
# The first seconds are for finding out how much is too much; what is reported comes after.
WARM = 3.0
# Of what can be answered: how much arrives while people wait for it, and for batches beside it.
LOADS: Sequence[tuple[str, float, float]] = (
    ("0.7 × capacity, half of it batches", 0.35, 0.35),
    ("1 × capacity, people all of them", 1.0, 0.0),
    ("3 × capacity, four fifths of it batches", 0.6, 2.4),
    ("3 × capacity, people all of them", 3.0, 0.0),
)
_BATCH = {"aisle": {"priority": "batch"}}
_HEAD = (
    "load",
    "answered a second, of capacity",
    "people answered",
    "their p50 / p99",
    "batches answered",
    "refusal p50 / p99",
    "processor",
    "load late by, p99",
)


async def measure(home: Path) -> None:
    """Start the service, find what it can do, and ask for more."""
    async with running(home, with_peers=False) as rig:
        key = f"Bearer {credentials.load(home).api_key}"
        port = LocalSettings(home=home, port_offset=4200, demo=False).ports()["llm-http"]
        people = HttpClient(port, f"authorization: {key}\r\n")
        await closed_loop(lambda: people.ask("mock"), WIDTH, 2.0)
        peak = await closed_loop(lambda: people.ask("mock"), WIDTH, 5.0)
        capacity = (len(peak.shots) - peak.failed) / peak.seconds
        print(f"capacity: {capacity:.0f} answers a second, {WIDTH} callers, p99 {_peak_ms(peak):.0f} ms\n")
        print("| " + " | ".join(_HEAD) + " |\n|---" + "|--:" * (len(_HEAD) - 1) + "|")
        for title, urgent, patient in LOADS:
            kinds: list[tuple[float, dict[str, object]]] = [(capacity * urgent, {}), (capacity * patient, dict(_BATCH))]
            await _load(rig, title, capacity, Plan(port, key, kinds, SECONDS, WARM))


async def _load(rig: Rig, title: str, capacity: float, plan: Plan) -> None:
    way = next(way for way in rig.ways if way.title == "Aisle, /v1")
    cpu, began = way.cpu(), time.perf_counter()
    people, batches = await _arriving(plan)
    used = (way.cpu() - cpu) / (time.perf_counter() - began)
    answered = (len(people.answered) + len(batches.answered)) / plan.seconds
    refused = people.refused + batches.refused
    row = (
        title,
        f"{answered:.0f}, {answered / capacity:.0%}",
        _share(people),
        _ms(people.answered),
        _share(batches),
        _ms(refused) if refused else "–",
        f"{used:.0%}",
        f"{percentile(sorted(people.late + batches.late), 0.99) * 1e3:.0f} ms",
    )
    print("| " + " | ".join(row) + " |", flush=True)


async def _arriving(plan: Plan) -> tuple[Outcome, Outcome]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.llm.arrivals",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate(json.dumps(asdict(plan)).encode())
    people, batches = (Outcome(**one) for one in json.loads(said))
    return people, batches


def _share(outcome: Outcome) -> str:
    asked = len(outcome.answered) + len(outcome.refused) + outcome.unanswered
    return f"{len(outcome.answered) / asked:.1%}" if asked else "–"


def _ms(seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    return f"{percentile(ordered, 0.5) * 1e3:.0f} / {percentile(ordered, 0.99) * 1e3:.0f} ms"


def _peak_ms(run: Run) -> float:
    return percentile(run.took(), 0.99) * 1e3


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="aisle-bench-") as folder:
        uvloop.run(measure(Path(sys.argv[1] if len(sys.argv) > 1 else folder)))
