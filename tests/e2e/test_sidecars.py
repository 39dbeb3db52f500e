"""`aisle up --sidecars`: the same shop with a proxy beside each service, as it runs on Kubernetes."""

import json
import socket
import ssl
from collections.abc import Iterator
from uuid import uuid4

import grpc
import pytest
from websockets.sync.client import connect

from aisle.product.v1 import product_service_pb2 as product_pb
from aisle.product.v1.product_service_pb2_grpc import ProductServiceStub
from local.ports import SIDECARS, WORKLOADS
from tests.e2e import shop as shops
from tests.e2e.shop import Shop
from tests.mesh.rig import eventually

NUMBERS = {found.name: found.number for found in SIDECARS}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with shops.offset_of_our_own(*range(4000, 4900, 100)) as offset:
        running = shops.start(tmp_path_factory.mktemp("sidecars"), demo=False, offset=offset, sidecars=True)
        try:
            yield running
        finally:
            shops.stop(running)


def talk_to(opened: ssl.SSLSocket) -> None:
    """Ask for something, and fail when there is an answer."""
    opened.do_handshake()
    opened.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
    assert opened.recv(100) == b""
    raise ConnectionResetError


def test_shopper_registers_browses_and_talks(shop: Shop) -> None:
    with shop.client() as client:
        account = {"email": f"{uuid4()}@example.com", "password": "a-long-enough-password", "name": "Ada"}
        registered = client.post("/api/v1/auth/register", json=account)
        assert registered.status_code == 201, registered.text
        token = registered.json()["access_token"]
        signed_in = {"Authorization": f"Bearer {token}"}
        listed = client.get("/api/v1/products", headers=signed_in)
        assert listed.status_code == 200
        # Counted by the rate limiter, which is behind a proxy as well; a first answer may be too late to be waited for.
        eventually(lambda: "x-ratelimit-remaining" in client.get("/api/v1/products", headers=signed_in).headers, 15)
        answer = client.post("/api/v1/chat/message", json={"text": "What do you sell?"}, headers=signed_in, timeout=60)
        assert answer.status_code == 200, answer.text
        assert client.get("/api/v1/mesh", headers=signed_in).status_code == 403
    socket_url = f"ws://localhost:{shop.ports['edge']}/api/v1/chat/ws"
    with connect(socket_url, additional_headers=signed_in, proxy=None) as talk:
        assert json.loads(talk.recv(30))["type"]


def test_openai_clients_are_served(shop: Shop) -> None:
    with shop.client() as client:
        found = client.get("/v1/models", headers={"Authorization": f"Bearer {shop.api_key}"})
    assert found.status_code == 200
    assert found.json()["data"]


def test_whoever_stands_at_the_shell_calls_as_the_command_does(shop: Shop) -> None:
    with grpc.insecure_channel(shop.egress) as channel:
        ask = ProductServiceStub(channel).ListProducts
        ask(product_pb.ListProductsRequest(), metadata=[("x-aisle-caller", "cli")], timeout=5)
        with pytest.raises(grpc.RpcError) as refused:
            ask(product_pb.ListProductsRequest(), metadata=[("x-aisle-caller", "bff")], timeout=5)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_every_proxy_runs_on_what_it_should(shop: Shop) -> None:
    shown = shop.aisle("mesh", "status").stdout
    for workload in WORKLOADS:
        assert f"{workload}-local" in shown
    assert "behind" not in shown


@pytest.mark.parametrize("service", ["product", "llm-http", "bff", "limits", "mesh"])
def test_door_of_a_service_opens_to_members_of_the_mesh_only(shop: Shop, service: str) -> None:
    stranger = ssl.create_default_context()
    stranger.check_hostname, stranger.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", shop.offset + NUMBERS[f"inbound-{service}"]), timeout=5) as plain:
        # The refusal comes after the handshake: TLS 1.3 has the client's certificate looked at then.
        opened = stranger.wrap_socket(plain, do_handshake_on_connect=False)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            talk_to(opened)


def test_no_key_is_written_where_logs_are(shop: Shop) -> None:
    for log in (shop.home / "logs").glob("*.log"):
        assert "PRIVATE KEY" not in log.read_text(errors="replace")
