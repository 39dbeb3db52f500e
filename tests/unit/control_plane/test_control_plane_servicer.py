"""What people are told of the mesh: every proxy, what it runs on, what it refused and why."""

from pathlib import Path
from typing import Any

import grpc
import pytest

from aisle.mesh.v1 import mesh_service_pb2 as pb
from aisle.mesh.v1.mesh_service_pb2_grpc import MeshAdminServiceStub, add_MeshAdminServiceServicer_to_server
from services.control_plane.ads import AdsServer
from services.control_plane.servicer import MeshServicer
from services.control_plane.snapshot import CLUSTERS, SnapshotCache, build
from services.control_plane.sources.delivery_book import DeliveryBook
from services.control_plane.topology import Endpoint, Health, Protocol, Service
from services.runtime.errors import Conflict
from services.runtime.interceptors import MeshInterceptor
from tests.unit.control_plane.proxy import answer_to, request
from tests.unit.control_plane.test_control_plane_ads import Client
from tests.unit.control_plane.topologies import topology

ADMIN = (("x-aisle-caller", "cli"), ("x-aisle-role", "admin"))


async def ask(cache: SnapshotCache, metadata: Any = ADMIN, refusal: str | None = None) -> pb.MeshStatus:
    """Return what the service says while one proxy is connected that asked for clusters, and refused them or not."""
    server = grpc.aio.server(interceptors=[MeshInterceptor("control_plane.aisle")])
    ads = AdsServer(cache)
    ads.register(server)
    add_MeshAdminServiceServicer_to_server(MeshServicer(cache, ads, DeliveryBook(None)), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            if refusal is not None:
                client = Client(channel)
                await client.send(request(CLUSTERS))
                await client.send(answer_to(await client.next(), refusal=refusal))
                await client.is_silent()
            found: pb.MeshStatus = await MeshAdminServiceStub(channel).GetMeshStatus(
                pb.GetMeshStatusRequest(), metadata=metadata
            )
            return found
    finally:
        await server.stop(None)


def filled() -> SnapshotCache:
    cache = SnapshotCache()
    cache.publish(build(topology()))
    cache.services = topology().services
    return cache


async def test_status_names_versions_services_and_endpoints() -> None:
    cache = filled()
    assert cache.current is not None
    found = await ask(cache)
    assert {one.type: one.version for one in found.versions}["Cluster"] == cache.current.versions[CLUSTERS]
    assert found.HasField("publish_time")
    assert {one.name: [end.address for end in one.endpoints] for one in found.services} == {
        "front": ["127.0.0.1:1004"],
        "shop": ["127.0.0.1:1001", "127.0.0.1:1002"],
        "teller": ["127.0.0.1:1003"],
    }
    assert (list(found.proxies), list(found.problems)) == ([], [])


async def test_status_tells_what_is_registered_of_a_replica_and_where_it_stands() -> None:
    cache = filled()
    leaving = Endpoint("::1", 1001, "v2", "eu-1a", Health.DRAINING)
    cache.services = (Service("shop", Protocol.GRPC, (leaving,)),)
    ((one,),) = [service.endpoints for service in (await ask(cache)).services]
    assert (one.address, one.version, one.zone, one.health) == (
        "[::1]:1001",
        "v2",
        "eu-1a",
        pb.ENDPOINT_HEALTH_DRAINING,
    )


async def test_status_shows_what_a_proxy_refused_and_why() -> None:
    cache = filled()
    assert cache.current is not None
    found = await ask(cache, refusal='Proto constraint validation failed: name: "shop" connect_timeout: ...')
    (proxy,) = found.proxies
    assert (proxy.node_id, proxy.variant) == ("proxy-1", pb.PROTOCOL_VARIANT_STATE_OF_THE_WORLD)
    assert proxy.HasField("connect_time")
    assert not proxy.in_sync
    (clusters,) = proxy.types
    assert clusters.refused_version == cache.current.versions[CLUSTERS]
    assert list(clusters.refused_resources) == ["shop"]
    assert "connect_timeout" in clusters.refusal_reason
    assert clusters.HasField("refuse_time")


async def test_status_before_there_is_a_snapshot_is_empty() -> None:
    found = await ask(SnapshotCache())
    assert not found.HasField("publish_time")
    assert list(found.versions) == []


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ((), grpc.StatusCode.PERMISSION_DENIED),
        ((("x-aisle-caller", "chat"), ("x-aisle-role", "admin")), grpc.StatusCode.PERMISSION_DENIED),
        ((("x-aisle-caller", "bff"), ("x-aisle-role", "shopper")), grpc.StatusCode.PERMISSION_DENIED),
        ((("x-aisle-caller", "bff"),), grpc.StatusCode.UNAUTHENTICATED),
    ],
)
async def test_status_is_for_admins_only(metadata: Any, code: grpc.StatusCode) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(filled(), metadata)
    assert caught.value.code() == code


CANARY = "services: {shop: {weights: {stable: 9, v9: 1}}, ghost: {max_calls: 1}}"
WAITING = ["ghost: no such service is registered", "shop: no replica runs version 'v9'"]


def servicer(path: Path) -> MeshServicer:
    cache = filled()
    return MeshServicer(cache, AdsServer(cache), DeliveryBook(path))


async def test_file_that_is_only_checked_is_told_apart_from_the_one_that_holds(tmp_path: Path) -> None:
    asked = servicer(tmp_path / "delivery.yaml")
    told = await asked.ApplyDelivery(pb.ApplyDeliveryRequest(text=CANARY, validate_only=True), None)
    assert (list(told.delivery.problems), told.delivery.text) == ([], "")
    assert sorted(told.problems) == WAITING
    done = await asked.ApplyDelivery(pb.ApplyDeliveryRequest(text=CANARY), None)
    assert sorted(done.problems) == sorted(done.delivery.problems) == WAITING
    assert done.differences == told.differences
    assert [(one.service, one.field, one.before, one.after) for one in told.differences] == [
        ("ghost", "max_calls", "", "1"),
        ("shop", "weights", "", "stable 9, v9 1"),
    ]


async def test_file_that_was_broken_by_hand_is_told(tmp_path: Path) -> None:
    path = tmp_path / "delivery.yaml"
    asked = servicer(path)
    path.write_text("services: [")
    found = await asked.GetDelivery(pb.GetDeliveryRequest(), None)
    (problem,) = found.problems
    assert problem.startswith("the file is not usable and changes nothing: not YAML")
    mended = await asked.ApplyDelivery(pb.ApplyDeliveryRequest(text="services: {}", etag=found.etag), None)
    assert list(mended.delivery.problems) == []


async def test_status_tells_what_the_sources_say_that_cannot_be_used() -> None:
    cache = filled()
    mesh = MeshServicer(cache, AdsServer(cache), DeliveryBook(None), lambda: ["shop: 0.0.0.0:1 is left out"])
    found = await mesh.GetMeshStatus(pb.GetMeshStatusRequest(), None)
    assert list(found.source_problems) == ["shop: 0.0.0.0:1 is left out"]


async def test_file_that_is_as_wanted_already_is_no_conflict(tmp_path: Path) -> None:
    asked = servicer(tmp_path / "delivery.yaml")
    seen = (await asked.GetDelivery(pb.GetDeliveryRequest(), None)).etag
    first = await asked.ApplyDelivery(pb.ApplyDeliveryRequest(text=CANARY, etag=seen), None)
    again = await asked.ApplyDelivery(pb.ApplyDeliveryRequest(text=CANARY, etag=seen), None)
    assert again.delivery == first.delivery
    with pytest.raises(Conflict, match="Somebody changed"):
        await asked.ApplyDelivery(pb.ApplyDeliveryRequest(text="services: {}", etag=seen), None)
