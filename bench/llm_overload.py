"""Three times more calls than can be answered: how many are, how long they take, and who is turned away.

One core for the service, another for everything else. `python -m bench.llm_overload` prints the table.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.llm.load import HttpClient, Run, closed_loop, open_loop, percentile
from bench.llm.rig import Rig, running
from local import credentials
from local.settings import LocalSettings

WIDTH = 16
SECONDS = 10.0
# Of what can be answered: how much arrives while people wait for it, and for batches beside it.
LOADS: Sequence[tuple[str, float, float]] = (
    ("0.7 × capacity, half of it batches", 0.35, 0.35),
    ("3 × capacity, four fifths of it batches", 0.6, 2.4),
    ("3 × capacity, people all of them", 3.0, 0.0),
)
_BATCH = {"aisle": {"priority": "batch"}}


async def measure(home: Path) -> None:
    """Start the service, find what it can do, and ask for more."""
    async with running(home, with_peers=False) as rig:
        key = f"authorization: Bearer {credentials.load(home).api_key}\r\n"
        port = LocalSettings(home=home, port_offset=4200, demo=False).ports()["llm-http"]
        people, batch = HttpClient(port, key), HttpClient(port, key, _BATCH)
        await closed_loop(lambda: people.ask("mock"), WIDTH, 2.0)
        peak = await closed_loop(lambda: people.ask("mock"), WIDTH, 5.0)
        capacity = (len(peak.shots) - peak.failed) / peak.seconds
        print(f"capacity: {capacity:.0f} answers a second, {WIDTH} callers, p99 {_ms(peak, 0.99):.0f} ms\n")
        print(
            "| load | answered a second, of capacity | people answered | their p50 / p99 | batches answered |", end=" "
        )
        print("refusal p50 / p99 | processor |\n|---|--:|--:|--:|--:|--:|--:|")
        for title, urgent, patient in LOADS:
            await _load(rig, title, capacity, (people, capacity * urgent), (batch, capacity * patient))


async def _load(
    rig: Rig, title: str, capacity: float, urgent: tuple[HttpClient, float], patient: tuple[HttpClient, float]
) -> None:
    # The first seconds are for finding out; what is reported comes after.
    await _both(urgent, patient, 3.0)
    way = next(way for way in rig.ways if way.title == "Aisle, /v1")
    cpu, began = way.cpu(), time.perf_counter()
    people, batches = await _both(urgent, patient, SECONDS)
    used = (way.cpu() - cpu) / (time.perf_counter() - began)
    answered = sum(len(run.shots) - run.failed for run in (people, batches)) / SECONDS
    refused = sorted(shot.seconds for run in (people, batches) for shot in run.shots if not shot.ok)
    shown = f"{percentile(refused, 0.5) * 1e3:.1f} / {percentile(refused, 0.99) * 1e3:.1f} ms" if refused else "–"
    print(
        f"| {title} | {answered:.0f}, {answered / capacity:.0%} | {_share(people)} | "
        f"{_ms(people, 0.5):.0f} / {_ms(people, 0.99):.0f} ms | {_share(batches)} | {shown} | {used:.0%} |",
        flush=True,
    )


async def _both(urgent: tuple[HttpClient, float], patient: tuple[HttpClient, float], seconds: float) -> list[Run]:
    runs = [open_loop(lambda one=one: one.ask("mock"), rate, seconds) for one, rate in (urgent, patient) if rate]  # type: ignore[misc]
    done = await asyncio.gather(*runs)
    return [*done, Run()][:2]


def _share(run: Run) -> str:
    return f"{(len(run.shots) - run.failed) / len(run.shots):.1%}" if run.shots else "–"


def _ms(run: Run, share: float) -> float:
    return percentile(run.took(), share) * 1e3


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="aisle-bench-") as folder:
        asyncio.run(measure(Path(sys.argv[1] if len(sys.argv) > 1 else folder)))
