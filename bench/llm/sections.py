"""What is measured, section by section; in each, the ways take turns."""

import asyncio
import random
import statistics
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.llm.load import Run, Shot, closed_loop, open_loop, percentile
from bench.llm.rig import Rig, Way
from bench.llm.upstream import DELTAS, PACE

WIDTHS = (1, 16, 64)
STREAMS = (1, 8, 32, 64, 128, 192, 256)
# A reader sees a stall when nothing comes for five times the pace.
STALL = 5 * PACE
# The rule of litellm-bench: of calls 95 % within this, of streams the first words within it and the end within twice.
SLO = 0.1
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """How long everything takes."""

    rounds: int
    seconds: float
    stream_seconds: float
    trial_seconds: float
    trials: int
    calls: int
    call_seconds: float


FULL = Plan(rounds=3, seconds=1.5, stream_seconds=2.6, trial_seconds=2.5, trials=4, calls=10_000, call_seconds=20.0)
QUICK = Plan(rounds=1, seconds=0.8, stream_seconds=1.4, trial_seconds=1.2, trials=3, calls=1_000, call_seconds=3.0)


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


async def unary(rig: Rig, plan: Plan) -> Figures:
    """Measure whole answers in a closed loop; the ways take turns within each round, in another order each time."""
    ways = [rig.direct, *rig.ways]
    raw: dict[str, dict[int, list[dict[str, float]]]] = {way.title: {width: [] for width in WIDTHS} for way in ways}
    memory = {way.title: way.memory() for way in ways}
    for way in ways:
        await closed_loop(lambda way=way: way.client.ask("mock"), 4, 0.5)  # type: ignore[misc]
    for turn in range(plan.rounds):
        for width in WIDTHS:
            for way in random.sample(ways, len(ways)):
                raw[way.title][width].append(await _turn(way, width, plan.seconds))
        _tell(f"  whole answers: round {turn + 1} of {plan.rounds}")
    hits = {way.title: await _hits(way, plan.seconds) for way in rig.ways if way.title.startswith("Aisle")}
    return {
        way.title: {
            "widths": {str(width): _medians(raw[way.title][width]) for width in WIDTHS},
            "memory_start": memory[way.title],
            "memory": way.memory(),
            "hit": hits.get(way.title),
        }
        for way in ways
    }


async def _turn(way: Way, width: int, seconds: float) -> dict[str, float]:
    before, proxy = way.cpu(), way.proxy_cpu()
    run = await closed_loop(lambda: way.client.ask("mock"), width, seconds)
    took, answered = run.took(), max(1, len(run.shots))
    return {
        "cpu": (way.cpu() - before) / answered * 1e3,
        "proxy": (way.proxy_cpu() - proxy) / answered * 1e3,
        "rate": (answered - run.failed) / run.seconds,
        "p50": percentile(took, 0.5) * 1e3,
        "p99": percentile(took, 0.99) * 1e3,
        "failed": float(run.failed),
    }


async def _hits(way: Way, seconds: float) -> dict[str, float]:
    """Ask the same again and again: the answer comes from the cache."""
    await way.client.ask("mock", same=True)
    before = way.cpu()
    run = await closed_loop(lambda: way.client.ask("mock", same=True), 1, seconds)
    took = run.took()
    cpu = (way.cpu() - before) / max(1, len(run.shots)) * 1e3
    return {"p50": percentile(took, 0.5) * 1e3, "p99": percentile(took, 0.99) * 1e3, "cpu": cpu}


def _medians(turns: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(turn[name] for turn in turns) for name in turns[0]}


async def streams(rig: Rig, plan: Plan) -> Figures:
    """Find how many paced streams at once go through without a stall; all ways climb together, step by step."""
    ways = [rig.direct, *rig.ways]
    found: Figures = {way.title: {"most": 0, "steps": {}} for way in ways}
    climbing = list(ways)
    for width in STREAMS:
        for way in list(climbing):
            step = await _paced(way, width, plan.stream_seconds)
            found[way.title]["steps"][str(width)] = step
            if step["ok"]:
                found[way.title]["most"] = width
            else:
                climbing.remove(way)
        _tell(f"  {width} paced streams: {len(climbing)} of {len(ways)} ways without a stall")
    return found


async def _paced(way: Way, width: int, seconds: float) -> dict[str, Any]:
    before = way.cpu()
    length = DELTAS * PACE
    run = await closed_loop(lambda: way.client.ask("mock-paced", stream=True), width, seconds, spread=length)
    chunks = sum(shot.chunks for shot in run.shots)
    longest = max((shot.longest_gap for shot in run.shots), default=float("inf"))
    stalled = sum(shot.longest_gap > STALL for shot in run.shots)
    firsts = run.firsts()
    first = percentile(firsts, 0.99)
    return {
        "ok": not (run.failed or stalled) and first <= SLO,
        "streams": len(run.shots),
        "failed": run.failed,
        "stalled": stalled,
        "longest_gap": longest * 1e3,
        "first_p50": percentile(firsts, 0.5) * 1e3,
        "first_p99": first * 1e3,
        "chunk_us": (way.cpu() - before) / max(1, chunks) * 1e6,
    }


async def slo(rig: Rig, plan: Plan) -> Figures:
    """Find the highest rates of arrivals at which the rule holds, by halving what lies between yes and no."""
    found: Figures = {}
    for way in rig.ways:
        found[way.title] = {
            "calls": await _highest(way, "mock-8k", False, plan),
            "streams": await _highest(way, "mock-31", True, plan),
        }
        _tell(f"  {way.title}: {found[way.title]['calls']:.0f} calls/s, {found[way.title]['streams']:.0f} streams/s")
    return found


async def _highest(way: Way, model: str, stream: bool, plan: Plan) -> float:
    """Return the highest rate that was kept; 0 when none was."""

    def ask() -> Awaitable[Shot]:
        return way.client.ask(model, stream)

    closed = await closed_loop(ask, 16, plan.trial_seconds / 2)
    ceiling = max(2.0, (len(closed.shots) - closed.failed) / closed.seconds)
    low, high, rate = 0.0, ceiling * 1.1, ceiling * 0.8
    for _ in range(plan.trials):
        run = await open_loop(ask, rate, plan.trial_seconds)
        if _kept(run, stream):
            low = rate
        else:
            high = rate
        rate = (low + high) / 2
        await asyncio.sleep(0.3)
    return low


def _kept(run: Run, stream: bool) -> bool:
    if run.failed or not run.shots:
        return False
    if not stream:
        return percentile(run.took(), 0.95) <= SLO
    return percentile(run.firsts(), 0.95) <= SLO and percentile(run.took(), 0.95) <= 2 * SLO


async def growth(rig: Rig, plan: Plan) -> Figures:
    """Measure what memory grows by over many calls, of which every fifth is a stream whose reader leaves."""
    found: Figures = {}
    for way in rig.ways:
        await _mixed(way, plan.calls // 5, plan.call_seconds / 4)
        before = way.memory()
        calls = await _mixed(way, plan.calls, plan.call_seconds)
        grown = way.memory() - before
        found[way.title] = {"calls": calls, "grown": grown, "per_10000": grown / max(1, calls) * 10_000}
        _tell(f"  {way.title}: {grown:+.1f} MB over {calls} calls")
    return found


async def _mixed(way: Way, calls: int, seconds: float) -> int:
    done = 0

    async def one() -> Shot:
        nonlocal done
        done += 1
        if done % 5 == 0:
            await way.client.leave("mock-31")
            return Shot(True, 0.0)
        return await way.client.ask("mock")

    clock = asyncio.get_running_loop().time
    ends = clock() + seconds

    async def caller() -> None:
        while done < calls and clock() < ends:
            await one()

    await asyncio.gather(*(caller() for _ in range(16)))
    return done


SECTIONS: dict[str, Callable[[Rig, Plan], Awaitable[Figures]]] = {
    "unary": unary,
    "streams": streams,
    "slo": slo,
    "growth": growth,
}
