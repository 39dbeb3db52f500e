"""Snapshots: what belongs together, what changed, and what is never published."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import pytest

from services.control_plane.snapshot import (
    CLUSTERS,
    ENDPOINTS,
    LISTENERS,
    ROUTES,
    Resource,
    Snapshot,
    SnapshotCache,
    build,
)
from services.control_plane.topology import Topology
from tests.unit.control_plane.topologies import FRONT, SHOP, TELLER, moved, topology

ALL = build(topology())


def without(snapshot: Snapshot, type_url: str, name: str) -> Snapshot:
    kept: Mapping[str, Resource] = {key: found for key, found in snapshot.resources[type_url].items() if key != name}
    return Snapshot({**snapshot.resources, type_url: kept}, snapshot.references)


def test_same_topology_is_the_same_version_whatever_the_order() -> None:
    other = build(topology(TELLER, moved(SHOP, 1002, 1001), FRONT))
    assert other.versions == ALL.versions


def test_moved_endpoint_changes_the_version_of_endpoints_only() -> None:
    other = build(topology(FRONT, moved(SHOP, 2001), TELLER))
    assert {kind for kind in ALL.versions if ALL.versions[kind] != other.versions[kind]} == {ENDPOINTS}


def test_topology_gives_a_snapshot_that_fits_together() -> None:
    assert ALL.problems() == []


@pytest.mark.parametrize(
    ("type_url", "name", "problem"),
    [
        (ENDPOINTS, "shop", "ClusterLoadAssignment shop is referred to and missing"),
        (ROUTES, "edge", "RouteConfiguration edge is referred to and missing"),
        (CLUSTERS, "teller", "Cluster teller is referred to and missing"),
    ],
)
def test_missing_resource_is_a_problem(type_url: str, name: str, problem: str) -> None:
    assert problem in without(ALL, type_url, name).problems()


def test_resource_nobody_refers_to_is_a_problem() -> None:
    torn = Snapshot(ALL.resources, {**ALL.references, ROUTES: frozenset({"edge"})})
    assert torn.problems() == ["RouteConfiguration egress is not referred to"]


def test_bridge_keeps_what_is_about_to_go() -> None:
    bridge = build(topology(FRONT, SHOP)).bridging(ALL.resources[CLUSTERS], ALL.resources[ENDPOINTS])
    assert set(bridge.resources[CLUSTERS]) == {"front", "shop", "teller"}
    assert set(bridge.resources[ENDPOINTS]) == {"front", "shop", "teller"}
    assert bridge.resources[LISTENERS] == ALL.resources[LISTENERS]


def test_torn_snapshot_is_refused_and_the_last_good_one_stays(caplog: pytest.LogCaptureFixture) -> None:
    cache = SnapshotCache()
    assert cache.publish(ALL)
    assert not cache.publish(without(ALL, ENDPOINTS, "shop"))
    assert cache.current is ALL
    assert "snapshot refused" in caplog.text


def test_unchanged_snapshot_is_not_news() -> None:
    cache = SnapshotCache()
    cache.publish(ALL)
    assert not cache.publish(build(topology()))
    assert cache.current is ALL


async def test_waiting_for_another_snapshot_ends_with_the_next_one() -> None:
    cache = SnapshotCache()
    waiting = asyncio.ensure_future(cache.other_than(None))
    await asyncio.sleep(0)
    cache.publish(ALL)
    assert await waiting is ALL
    waiting = asyncio.ensure_future(cache.other_than(ALL))
    await asyncio.sleep(0)
    assert not waiting.done()
    changed = build(topology(FRONT, moved(SHOP, 2001), TELLER))
    cache.publish(changed)
    assert await waiting is changed


async def test_cache_follows_the_topology_and_is_ready_with_the_first() -> None:
    async def topologies() -> AsyncIterator[Topology]:
        yield topology()
        yield replace(topology(), services=(FRONT, moved(SHOP, 2001), TELLER))

    cache = SnapshotCache()
    with pytest.raises(LookupError):
        await cache.ready()
    await cache.follow(topologies())
    await cache.ready()
    assert cache.current is not None
    assert cache.current.versions[ENDPOINTS] != ALL.versions[ENDPOINTS]
