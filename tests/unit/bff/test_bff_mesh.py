"""The admin's side of the mesh."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from aisle.mesh.v1 import mesh_service_pb2 as pb
from bff.mesh.envoy import answering
from bff.mesh.messages import status_of
from services.runtime.errors import Denied, Precondition, Unavailable
from tests.unit.bff.conftest import VISITOR, Bff
from tests.unit.bff.fake_mesh import REASON
from tests.unit.bff.fake_shop import FakeShop
from tests.unit.bff.test_bff_bad_input import problem_of

TEXT = "services: {product: {weights: {stable: 90, v2: 10}}}"


def host(port: int, address: str = "127.0.0.1", **health: bool) -> dict[str, object]:
    return {
        "address": {"socket_address": {"address": address, "port_value": port}},
        "health_status": {"eds_health_status": "HEALTHY", **health},
    }


@pytest.fixture
async def envoy(bff: Bff) -> AsyncIterator[str]:
    """Envoy's admin listener: of the product's two replicas the canary does not answer."""
    clusters = [
        {"name": "product", "host_statuses": [host(50051)]},
        {"name": "product@v2", "host_statuses": [host(50052, failed_active_health_check=True)]},
        {"name": "control_plane", "host_statuses": [host(18000)]},
        {"name": "six", "host_statuses": [host(1, "::1")]},
        {"name": "empty"},
    ]
    body = json.dumps({"cluster_statuses": clusters}).encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        object.__setattr__(bff.settings, "envoy_admin_address", address)
        yield address


@pytest.fixture
def no_envoy(bff: Bff) -> None:
    object.__setattr__(bff.settings, "envoy_admin_address", "127.0.0.1:1")


async def test_replicas_carry_what_their_registration_and_envoy_say(bff: Bff, envoy: str) -> None:
    answer = (await bff.client.get("/api/v1/mesh", headers=await bff.signed_in("admin"))).json()
    assert answer["services"] == [
        {
            "name": "product",
            "replicas": [
                {
                    "address": "127.0.0.1:50051",
                    "version": "stable",
                    "zone": "a",
                    "registered": "unknown",
                    "answers": True,
                },
                {
                    "address": "127.0.0.1:50052",
                    "version": "v2",
                    "zone": "",
                    "registered": "draining",
                    "answers": False,
                },
            ],
        }
    ]
    assert (answer["degraded"], answer["problems"]) == ([], ["route product: no cluster"])
    assert answer["source_problems"] == ["product: 0.0.0.0:1 is left out"]
    assert answer["versions"] == [{"type": "Cluster", "version": "c2", "resource_count": 9, "workload": ""}]


@pytest.mark.usefixtures("no_envoy")
async def test_refusal_is_told_in_the_proxys_words(bff: Bff) -> None:
    answer = (await bff.client.get("/api/v1/mesh", headers=await bff.signed_in("admin"))).json()
    first, second = answer["proxies"]
    assert (first["node_id"], first["variant"], first["in_sync"]) == ("edge-1", "delta", False)
    (state,) = first["types"]
    assert (state["refused_version"], state["refusal_reason"]) == ("c2", REASON)
    assert (state["acknowledged_version"], state["refused_resources"]) == ("c1", ["product"])
    assert (second["variant"], second["in_sync"], second["types"][0]["pending"]) == ("unknown", True, True)
    assert second.get("connect_time") is None
    assert (answer["degraded"], answer["services"][0]["replicas"][0]["answers"]) == (["ENVOY"], None)


async def test_without_the_control_plane_envoys_view_is_left(bff: Bff, shop: FakeShop, envoy: str) -> None:
    shop.failures["GetMeshStatus"] = Unavailable("AWAY", "Away.")
    answer = (await bff.client.get("/api/v1/mesh", headers=await bff.signed_in("admin"))).json()
    assert (answer["degraded"], answer.get("delivery"), answer["proxies"]) == (["CONTROL_PLANE"], None, [])
    product = next(one for one in answer["services"] if one["name"] == "product")
    assert [(one["version"], one["answers"]) for one in product["replicas"]] == [("stable", True), ("v2", False)]
    assert "control_plane" not in [one["name"] for one in answer["services"]]


@pytest.mark.usefixtures("no_envoy")
async def test_without_both_there_is_nothing_to_tell(bff: Bff, shop: FakeShop) -> None:
    shop.failures["GetMeshStatus"] = Unavailable("AWAY", "Away.")
    answer = await bff.client.get("/api/v1/mesh", headers=await bff.signed_in("admin"))
    assert answer.status_code == 503


@pytest.mark.usefixtures("no_envoy")
async def test_mesh_without_a_delivery_file_is_told_without_one(bff: Bff, shop: FakeShop) -> None:
    shop.failures["GetDelivery"] = Precondition("DELIVERY_NOT_CONFIGURED", "There is none.")
    answer = (await bff.client.get("/api/v1/mesh", headers=await bff.signed_in("admin"))).json()
    assert (answer.get("delivery"), len(answer["services"])) == (None, 1)


@pytest.mark.usefixtures("no_envoy")
async def test_refused_question_is_not_taken_for_an_absence(bff: Bff, shop: FakeShop) -> None:
    shop.failures["GetMeshStatus"] = Denied("CALLER_DENIED", "Not you.")
    answer = await bff.client.get("/api/v1/mesh", headers=await bff.signed_in("admin"))
    problem_of(answer, 403, "CALLER_DENIED")


async def test_ipv6_replica_has_the_address_of_its_registration(envoy: str) -> None:
    assert (await answering(envoy))["six"] == {"[::1]:1": ("stable", True)}


@pytest.mark.usefixtures("no_envoy")
async def test_delivery_is_told_then_applied_then_read(bff: Bff, shop: FakeShop) -> None:
    admin = await bff.signed_in("admin")
    before = (await bff.client.get("/api/v1/mesh", headers=admin)).json()["delivery"]
    body = {"text": TEXT, "etag": before["etag"]}
    told = (await bff.client.put("/api/v1/mesh/delivery?validate_only=true", json=body, headers=admin)).json()
    assert told == {
        "delivery": before,
        "changes": ["product: weights: none -> stable 90, v2 10"],
        "differences": [{"service": "product", "field": "weights", "before": "", "after": "stable 90, v2 10"}],
        "problems": ["product: no replica runs version 'v3'"],
    }
    assert shop.last("ApplyDelivery").validate_only
    done = (await bff.client.put("/api/v1/mesh/delivery", json=body, headers=admin)).json()
    assert (done["changes"], done["delivery"]["text"]) == (told["changes"], TEXT)
    assert not shop.last("ApplyDelivery").validate_only
    assert shop.last("ApplyDelivery").request_id
    after = (await bff.client.get("/api/v1/mesh", headers=admin)).json()["delivery"]
    assert after == done["delivery"]
    (product,) = after["services"]
    assert product["weights"] == [{"version": "stable", "weight": 90}, {"version": "v2", "weight": 10}]
    assert (product["shadow_version"], product["shadow_percent"]) == ("v3", 12.5)
    assert after["problems"] == ["product: no replica runs version 'v3'"]


async def test_delivery_that_was_changed_meanwhile_is_not_overwritten(bff: Bff) -> None:
    admin = await bff.signed_in("admin")
    answer = await bff.client.put("/api/v1/mesh/delivery", json={"text": TEXT, "etag": "old"}, headers=admin)
    problem_of(answer, 409, "DELIVERY_CHANGED")


@pytest.mark.parametrize(
    "body",
    [
        {"text": TEXT},
        {"text": 1, "etag": ""},
        {"text": "a\x00b", "etag": ""},
        {"text": "#" * 262_145, "etag": ""},
        {"text": TEXT, "etag": "e" * 65},
        {"text": TEXT, "etag": "", "force": True},
    ],
)
async def test_bad_delivery_is_refused_before_it_is_sent(bff: Bff, shop: FakeShop, body: dict[str, object]) -> None:
    answer = await bff.client.put("/api/v1/mesh/delivery", json=body, headers=await bff.signed_in("admin"))
    assert answer.status_code == 422
    assert "ApplyDelivery" not in [name for name, _ in shop.asked]


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("PUT", "/delivery")])
async def test_only_the_admin_comes_in(bff: Bff, method: str, path: str) -> None:
    for headers, status in (({"X-Visitor-Id": VISITOR}, 401), (await bff.signed_in("maya"), 403)):
        answer = await bff.client.request(method, f"/api/v1/mesh{path}", headers=headers)
        assert answer.status_code == status


def test_certificate_of_a_proxy_is_told_where_it_has_one() -> None:
    shown = pb.CertificateStatus(identity="spiffe://aisle.local/ns/aisle/sa/chat", serial="0f")
    shown.begin_time.FromJsonString("2026-11-26T09:00:00Z")
    shown.expire_time.FromJsonString("2026-11-26T10:00:00Z")
    proxies = [pb.ProxyStatus(node_id="chat-1", workload="chat", certificate=shown), pb.ProxyStatus(node_id="one")]
    first, second = status_of(pb.MeshStatus(proxies=proxies), None, {}).proxies
    assert first.certificate is not None
    assert (first.workload, first.certificate.identity) == ("chat", "spiffe://aisle.local/ns/aisle/sa/chat")
    assert (first.certificate.expire_time - first.certificate.begin_time).total_seconds() == 3600
    assert second.certificate is None
