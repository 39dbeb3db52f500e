"""Snapshots: what belongs together, what changed, and what is never published."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from itertools import pairwise

import pytest

from services.control_plane.snapshot import (
    ANYBODY,
    CLUSTERS,
    ENDPOINTS,
    ROUTES,
    Resource,
    Snapshot,
    SnapshotCache,
    build,
    rebuild_all,
)
from services.control_plane.topology import Endpoint, Issuer, Protocol, Service, Topology
from tests.unit.control_plane.topologies import FRONT, SHOP, TELLER, moved, topology

ALL = build(topology())


def without(snapshot: Snapshot, type_url: str, name: str) -> Snapshot:
    kept: Mapping[str, Resource] = {key: found for key, found in snapshot.resources[type_url].items() if key != name}
    return Snapshot({**snapshot.resources, type_url: kept})


def test_same_topology_is_the_same_version_whatever_the_order() -> None:
    other = build(topology(TELLER, moved(SHOP, 1002, 1001), FRONT))
    assert other.versions == ALL.versions


def test_moved_endpoint_changes_the_version_of_endpoints_only() -> None:
    other = build(topology(FRONT, moved(SHOP, 2001), TELLER))
    assert {kind for kind in ALL.versions if ALL.versions[kind] != other.versions[kind]} == {ENDPOINTS}


@pytest.mark.parametrize("shop", [moved(SHOP, 2001), moved(SHOP), moved(SHOP, 1001, 1002, 1003), SHOP])
def test_snapshot_made_from_the_one_before_is_the_same_to_the_byte(shop: Service) -> None:
    after = topology(FRONT, shop, TELLER)
    assert rebuild_all(after, topology(), {ANYBODY: ALL}) == {ANYBODY: build(after)}


def test_snapshot_with_another_service_is_made_from_scratch() -> None:
    after = topology(FRONT, SHOP)
    assert rebuild_all(after, topology(), {ANYBODY: ALL}) == {ANYBODY: build(after)}


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
    torn = without(ALL, CLUSTERS, "teller")
    assert "ClusterLoadAssignment teller is not referred to" in torn.problems()


@pytest.mark.parametrize("asked", ["counter", "keys"])
def test_service_that_filters_ask_has_to_be_there(asked: str) -> None:
    counter = Service("counter", Protocol.GRPC, (Endpoint("127.0.0.1", 1010),))
    keys = Service("keys", Protocol.HTTP, (Endpoint("127.0.0.1", 1011),))
    issuer = Issuer("https://issuer.example", ("shop",), "keys", "/jwks.json")
    guarded = build(replace(topology(FRONT, SHOP, TELLER, counter, keys), rate_limiter="counter", issuers=(issuer,)))
    assert guarded.problems() == []
    assert f"Cluster {asked} is referred to and missing" in without(guarded, CLUSTERS, asked).problems()


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
    waiting = asyncio.ensure_future(cache.other_than({}))
    await asyncio.sleep(0)
    cache.publish(ALL)
    seen = await waiting
    assert seen == {ANYBODY: ALL}
    waiting = asyncio.ensure_future(cache.other_than(seen))
    await asyncio.sleep(0)
    assert not waiting.done()
    changed = build(topology(FRONT, moved(SHOP, 2001), TELLER))
    cache.publish(changed)
    assert await waiting == {ANYBODY: changed}


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


def test_versions_that_come_and_go_are_as_good_as_made_anew() -> None:
    canary = Endpoint("127.0.0.1", 1009, "v2", "b")
    before = topology()
    with_canary = topology(FRONT, replace(SHOP, endpoints=(*SHOP.endpoints, canary)), TELLER)
    moved_canary = topology(FRONT, replace(SHOP, endpoints=(*SHOP.endpoints, replace(canary, port=1010))), TELLER)
    known: Mapping[str, Snapshot] = {ANYBODY: ALL}
    for earlier, later in pairwise((before, with_canary, moved_canary, before)):
        known = rebuild_all(later, earlier, known)
        assert known == {ANYBODY: build(later)}
