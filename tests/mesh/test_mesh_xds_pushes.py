"""Whatever is pushed to a real Envoy under load, in both variants: no request fails, and poison is never applied."""

import asyncio
import logging
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.control_plane.snapshot import ENDPOINTS, Snapshot, short
from tests.mesh.pushing import Rig, rig
from tests.mesh.snapshots import kind_of_poison, poisoned

pytestmark = pytest.mark.servers

LONG = os.environ.get("AISLE_LONG") == "1"
PUSHES = 1000 if LONG else 100
# So many different ones, which follow each other in any order.
POOL = 200 if LONG else 25
POISONED = 200 if LONG else 24
PAUSE = 0.05
VARIANTS = pytest.mark.parametrize("delta", [False, True], ids=["state-of-the-world", "delta"])


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.ERROR)
    yield


def percentile(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


async def push(made: Rig, snapshots: list[Snapshot]) -> list[float]:
    """Publish snapshots, twenty a second, and return how long each took to be everywhere."""
    times = []
    for snapshot in snapshots:
        began = time.perf_counter()
        await made.publish(snapshot)
        times.append(await made.until(made.in_sync))
        await asyncio.sleep(max(0.0, PAUSE - (time.perf_counter() - began)))
    return times


@VARIANTS
@pytest.mark.timeout(600)
async def test_no_request_fails_while_random_snapshots_are_pushed(delta: bool, tmp_path: Path) -> None:
    # All of them listen at one address, and the kernel spreads calls over them.
    async with rig(tmp_path, delta, seed=7, envoys=10 if LONG else 1) as made:
        # Made before, because making one takes longer than the time between two.
        pool = [made.worlds.snapshot() for _ in range(POOL)]
        snapshots = random.Random(7).choices(pool, k=PUSHES)
        async with made.traffic() as traffic:
            began = time.perf_counter()
            times = await push(made, snapshots)
        took = time.perf_counter() - began
    print(
        f"{'delta' if delta else 'sotw'}: {PUSHES} snapshots in {took:.1f} s, {traffic.answered.total()} answered, "
        f"{len(traffic.failures)} failed, convergence p50 {1000 * percentile(times, 0.5):.0f} ms "
        f"p99 {1000 * percentile(times, 0.99):.0f} ms max {1000 * max(times):.0f} ms"
    )
    assert traffic.failures == []
    assert traffic.answered.total() > PUSHES


@VARIANTS
@pytest.mark.timeout(600)
async def test_poisoned_snapshots_are_refused_shown_and_never_applied(
    delta: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shown = []
    async with rig(tmp_path, delta, seed=11) as made, made.traffic() as traffic:
        pool = [await asyncio.to_thread(made.worlds.snapshot) for _ in range(8)]
        for number in range(POISONED):
            # An Envoy whose cluster is replaced while the endpoints for it are refused is left with a cluster without
            # any. So poisoned endpoints come to clusters that stay.
            snapshot = pool[number % len(pool)]
            if kind_of_poison(number) == ENDPOINTS:
                await made.publish(snapshot)
                await made.until(made.in_sync)
            bad, type_url, name = poisoned(snapshot, number)
            await made.publish(bad)

            def refused(kind: str = short(type_url), bad_name: str = name) -> bool:
                (found,) = made.proxies()
                return bad_name in found.types[kind].refused_resources

            shown.append(await made.until(refused, within=5))
            (found,) = made.proxies()
            state = found.types[short(type_url)]
            assert found.node == "proxy-0"
            assert state.reason
            assert state.refused
            record = next(one for one in reversed(caplog.records) if one.message == "configuration refused")
            assert (record.data["node"], record.data["resources"]) == ("proxy-0", state.refused_resources)  # type: ignore[attr-defined]
            await made.publish(snapshot)
            await made.until(made.in_sync)
    print(
        f"{'delta' if delta else 'sotw'}: {POISONED} poisoned, shown after p50 {1000 * percentile(shown, 0.5):.0f} ms "
        f"max {1000 * max(shown):.0f} ms, {traffic.answered.total()} answered, {len(traffic.failures)} failed"
    )
    assert traffic.failures == []
