"""The BFF between a real Envoy's edge and egress: what streams still streams, what is refused is still explained."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from bff import upstreams
from bff.app import Application
from bff.auth import signing_keys
from bff.server import DrainingServer
from bff.settings import BffSettings
from services.runtime.errors import Unavailable
from tests.mesh.rig import Mesh, registry
from tests.unit.bff import fake_services
from tests.unit.bff.conftest import PASSWORD, VISITOR, free_port
from tests.unit.bff.fake_accounts import FakeAccounts
from tests.unit.bff.fake_attempts import FakeAttempts
from tests.unit.bff.fake_mesh import REASON
from tests.unit.bff.fake_shop import FakeShop
from tests.unit.bff.keys import KEYS

pytestmark = pytest.mark.servers

AS_VISITOR = {"X-Visitor-Id": VISITOR}


@dataclass
class Shop:
    """The fake services behind Envoy, and the way in through its edge."""

    services: FakeShop
    edge: str
    client: httpx2.AsyncClient


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    services, port = FakeShop(), free_port()
    async with fake_services.served(services) as address:
        names = ("product", "llm", "chat", "recommendation", "analytics", "mesh")
        stated = registry({name: [int(address.rpartition(":")[2])] for name in names}, port)
        stated["edge_routes"].append({"prefix": "/", "service": "bff"})
        mesh = await asyncio.to_thread(Mesh, tmp_path, stated)
        try:
            await asyncio.to_thread(mesh.wait_until_ready)
            async with served_bff(mesh, port), httpx2.AsyncClient(base_url=f"http://{mesh.edge}", timeout=20) as client:
                await until_ready(client)
                yield Shop(services, mesh.edge, client)
        finally:
            await asyncio.to_thread(mesh.stop)


class served_bff:
    """Serves a BFF while its block runs."""

    def __init__(self, mesh: Mesh, port: int, **more: Any) -> None:
        keys = mesh.registry_file.with_name("signing-keys.json")
        signing_keys.write(keys, KEYS)
        given: dict[str, Any] = {
            "listen_port": port,
            "egress_address": mesh.egress,
            "token_key": SecretStr("t"),
            "database_url": SecretStr("postgresql+asyncpg://nobody@127.0.0.1:1/nothing"),
            "signing_keys": keys,
            "envoy_admin_address": f"127.0.0.1:{mesh.admin_port}",
            **more,
        }
        self._settings = BffSettings(**given)

    async def __aenter__(self) -> None:
        self._connected = upstreams.connect(self._settings.egress_address)
        application = Application(self._settings, await self._connected.__aenter__(), FakeAccounts(), FakeAttempts())
        await application.sign_in.prepare_demo(PASSWORD)
        self._server = DrainingServer(application, self._settings)
        self._serving = asyncio.ensure_future(self._server.serve())

    async def __aexit__(self, *failure: Any) -> None:
        self._server.should_exit = True
        await self._serving
        await self._connected.__aexit__(*failure)


async def until_ready(client: httpx2.AsyncClient) -> None:
    async with asyncio.timeout(20):
        while True:
            with suppress(httpx2.TransportError):
                if (await client.get("/readyz")).status_code == 200:
                    return
            await asyncio.sleep(0.1)


async def admin_of(shop: Shop) -> dict[str, str]:
    body = {"email": "admin@lanternandloom.example", "password": PASSWORD}
    session = (await shop.client.post("/api/v1/auth/login", json=body)).json()
    return {"Authorization": f"Bearer {session['access_token']}"}


async def test_answers_come_through_both_ways_of_envoy(shop: Shop) -> None:
    assert (await shop.client.get("/readyz")).json()["upstreams"]["product"] in ("serving", "unknown")
    product = await shop.client.get("/api/v1/products/slippers", headers=AS_VISITOR)
    assert product.json()["title"] == "Slippers"
    assert shop.services.callers[-2][1] == f"visitor:{VISITOR}"
    mesh = (await shop.client.get("/api/v1/mesh", headers=await admin_of(shop))).json()
    assert mesh["degraded"] == []
    assert mesh["proxies"][0]["types"][0]["refusal_reason"] == REASON


async def test_without_the_control_plane_the_mesh_is_what_envoy_goes_on_with(shop: Shop) -> None:
    shop.services.failures["GetMeshStatus"] = Unavailable("AWAY", "Away.")
    mesh = (await shop.client.get("/api/v1/mesh", headers=await admin_of(shop))).json()
    assert (mesh["degraded"], mesh["proxies"]) == (["CONTROL_PLANE"], [])
    replicas = {service["name"]: service["replicas"] for service in mesh["services"]}
    assert replicas.keys() >= {"product", "chat", "llm", "mesh", "bff"}
    assert [(one["version"], one["answers"]) for one in replicas["product"]] == [("stable", True)]


async def test_words_of_the_chat_come_one_by_one(shop: Shop) -> None:
    shop.services.gate.clear()
    async with connect(f"ws://{shop.edge}/api/v1/chat/ws?visitor={VISITOR}") as socket:
        frame = {"type": "send", "request_id": str(uuid.uuid4()), "text": "Returns?"}
        await socket.send(json.dumps(frame))
        kinds: list[str] = []
        while not kinds or kinds[-1] != "delta":
            kinds.append(json.loads(await asyncio.wait_for(socket.recv(), 5))["type"])
        # The first word is through two proxies and the BFF while the second is still to be written.
        assert shop.services.deltas_sent == 1
        await socket.send("garbage")
        with pytest.raises(ConnectionClosed):
            while True:
                await asyncio.wait_for(socket.recv(), 5)
        assert socket.close_code == 4400
    await asyncio.wait_for(shop.services.stream_ended.wait(), 5)


async def test_words_of_a_description_come_one_by_one(shop: Shop) -> None:
    shop.services.gate.clear()
    headers = {**await admin_of(shop), "Accept": "text/event-stream"}
    url, body = "/api/v1/products/generate-description", {"product_id": "socks"}
    async with shop.client.stream("POST", url, json=body, headers=headers) as answer:
        lines = answer.aiter_lines()
        assert [await anext(lines), await anext(lines)] == ["event: delta", 'data: {"text":"Warm "}']
    await asyncio.wait_for(shop.services.stream_ended.wait(), 5)


async def test_bad_input_is_refused_on_this_side_of_a_failure(shop: Shop) -> None:
    headers = {"Content-Type": "application/json", **AS_VISITOR}
    for answer in (
        await shop.client.get(f"/api/v1/products/search?q={'x' * 20_000}"),
        await shop.client.get("/api/v1/products/search?q="),
        await shop.client.get("/api/v1/products/nothing"),
        await shop.client.post("/api/v1/events", content=b"{", headers=headers),
        await shop.client.post("/api/v1/events", content=b" " * (3 << 20), headers=headers),
        await shop.client.get("/api/v1/auth/me", headers={"Authorization": "Bearer forged"}),
    ):
        assert 400 <= answer.status_code < 500
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        assert answer.json()["status"] == answer.status_code and answer.json()["detail"]
