"""Tokens of another issuer at a real Envoy, which knows that issuer's keys from the BFF alone."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from pydantic import SecretStr

from bff.auth.external_routes import CALLBACK
from tests.fakes.oidc_provider import AUDIENCE, CLIENT, SECRET, Key, Provider, provided
from tests.integration.bff.test_bff_behind_envoy import served_bff, until_ready
from tests.mesh.rig import Mesh, registry
from tests.unit.bff import fake_services
from tests.unit.bff.conftest import free_port
from tests.unit.bff.fake_shop import FakeShop

pytestmark = pytest.mark.servers

ORIGIN = "http://shop.test"


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with provided(free_port(), f"{ORIGIN}{CALLBACK}") as provider:
        yield provider


@pytest.fixture
async def client(tmp_path: Path, provider: Provider) -> AsyncIterator[httpx2.AsyncClient]:
    port = free_port()
    async with fake_services.served(FakeShop()) as address:
        names = ("product", "llm", "chat", "recommendation", "analytics", "mesh")
        stated = registry({name: [int(address.rpartition(":")[2])] for name in names}, port)
        stated["edge_routes"].append({"prefix": "/", "service": "bff"})
        theirs = {"issuer": provider.url, "audiences": [AUDIENCE], "path": "/.well-known/oidc-jwks.json"}
        stated["issuers"] = [{**theirs, "service": "bff", "role_claim": "roles", "keys_seconds": 1}]
        mesh = await asyncio.to_thread(Mesh, tmp_path, stated)
        told = {
            "public_origins": ORIGIN,
            "oidc_issuer": provider.url,
            "oidc_client_id": CLIENT,
            "oidc_client_secret": SecretStr(SECRET),
            "oidc_audience": AUDIENCE,
            "oidc_admin_role": "shop-staff",
        }
        try:
            await asyncio.to_thread(mesh.wait_until_ready)
            async with (
                served_bff(mesh, port, **told),
                httpx2.AsyncClient(base_url=f"http://{mesh.edge}", timeout=20) as client,
            ):
                await until_ready(client)
                yield client
        finally:
            await asyncio.to_thread(mesh.stop)


async def status(client: httpx2.AsyncClient, token: str, path: str = "/api/v1/products") -> int:
    return (await client.get(path, headers={"Authorization": f"Bearer {token}"})).status_code


async def until_taken(client: httpx2.AsyncClient, token: str) -> None:
    """Wait until Envoy has the keys."""
    async with asyncio.timeout(20):
        while True:
            if await status(client, token) == 200:
                return
            await asyncio.sleep(0.2)


async def test_envoy_and_the_bff_take_tokens_of_another_issuer(client: httpx2.AsyncClient, provider: Provider) -> None:
    await until_taken(client, provider.access_token())
    keys = "/api/v1/gateway/keys"
    assert await status(client, provider.access_token(), keys) == 403
    assert await status(client, provider.access_token(roles=["shop-staff"]), keys) == 200
    stranger = Key("stranger")
    for bad in (
        stranger.sign(provider.claims(AUDIENCE)),
        Key("first").sign(provider.claims(AUDIENCE)),
        provider.access_token(aud="another"),
        provider.access_token(iss="https://evil.example"),
        provider.access_token(exp=1),
    ):
        # Envoy says 403 to a token that is good for somebody else.
        assert await status(client, bad) in (401, 403)
