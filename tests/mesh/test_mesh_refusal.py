"""A configuration that Envoy refuses: it stays on the last good one, and we know what it refused and why."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import grpc
import httpx2
import pytest
from envoy_data_plane.envoy.config.cluster.v3 import Cluster

from services.control_plane.ads import AdsServer, TypeStatus
from services.control_plane.snapshot import CLUSTERS, Snapshot, SnapshotCache, build, resource
from services.control_plane.topology import Address
from tests.mesh.rig import free_port, start_envoy
from tests.unit.control_plane.topologies import topology

pytestmark = pytest.mark.servers

GOOD = build(replace(topology(), edge=Address("127.0.0.1", free_port()), egress=Address("127.0.0.1", free_port())))


def poisoned(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot with a cluster that no Envoy accepts: connecting may take no time at all."""
    cluster = Cluster(name="shop", connect_timeout=timedelta(0))
    needs = snapshot.resources[CLUSTERS]["shop"].refers_to
    clusters = {**snapshot.resources[CLUSTERS], "shop": resource("shop", cluster, needs)}
    return Snapshot({**snapshot.resources, CLUSTERS: clusters})


class Refusing:
    """Envoy with a control plane that lives in the test."""

    def __init__(self, ads: AdsServer, cache: SnapshotCache, admin_port: int) -> None:
        self.ads = ads
        self.cache = cache
        self._admin = f"http://127.0.0.1:{admin_port}"

    def clusters(self) -> TypeStatus | None:
        found = [status.types.get("Cluster") for status in self.ads.status()]
        return found[0] if found else None

    async def until(self, condition: Callable[[TypeStatus], bool]) -> TypeStatus:
        for _ in range(200):
            found = self.clusters()
            if found is not None and condition(found):
                return found
            await asyncio.sleep(0.05)
        raise AssertionError(f"it did not come to this: {self.clusters()}")

    async def stat(self, name: str) -> int:
        async with httpx2.AsyncClient(trust_env=False) as client:
            lines = (await client.get(f"{self._admin}/stats?filter=^{name}$")).text.splitlines()
        return int(lines[0].rpartition(":")[2]) if lines else 0


@pytest.fixture
async def refusing(tmp_path: Path) -> AsyncIterator[Refusing]:
    cache = SnapshotCache()
    cache.publish(GOOD)
    ads = AdsServer(cache)
    server = grpc.aio.server()
    ads.register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    admin_port = free_port()
    process = start_envoy(tmp_path, admin_port, port)
    try:
        yield Refusing(ads, cache, admin_port)
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)
        await server.stop(None)


async def test_refusal_has_a_reason_keeps_the_last_good_and_does_not_loop(refusing: Refusing) -> None:
    good = GOOD.versions[CLUSTERS]
    await refusing.until(lambda found: found.acknowledged == good)
    bad = poisoned(GOOD)
    assert refusing.cache.publish(bad)
    found = await refusing.until(lambda found: bool(found.refused))
    assert (found.acknowledged, found.refused) == (good, bad.versions[CLUSTERS])
    assert "shop" in found.reason
    await asyncio.sleep(0.5)
    assert await refusing.stat("cluster_manager.cds.update_rejected") == 1
    refusing.cache.publish(GOOD)
    healed = await refusing.until(lambda found: not found.refused)
    assert healed.acknowledged == good
