"""A BFF before a fake shop, in process for plain requests and on a real port for streams and sockets."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from bff import upstreams
from bff.app import Application
from bff.auth import signing_keys
from bff.auth.accounts import Account
from bff.auth.passwords import Passwords
from bff.auth.sign_in import DEMO_ACCOUNTS
from bff.server import DrainingServer
from bff.settings import BffSettings
from tests.unit.bff import fake_services
from tests.unit.bff.fake_accounts import FakeAccounts
from tests.unit.bff.fake_attempts import FakeAttempts
from tests.unit.bff.fake_shop import FakeShop
from tests.unit.bff.keys import KEYS

MEDIA_KEY = "media-key"
VISITOR = "00000000-0000-4000-8000-000000000001"
PASSWORD = "lantern-and-loom"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Bff:
    """A BFF that runs, and how to ask it."""

    application: Application
    settings: BffSettings
    client: httpx2.AsyncClient
    accounts: FakeAccounts
    attempts: FakeAttempts
    running: DrainingServer | None = None

    @property
    def server(self) -> DrainingServer:
        """Return the server of a BFF on a real port."""
        assert self.running is not None
        return self.running

    async def signed_in(self, who: str) -> dict[str, str]:
        """Return the header of a demo account."""
        body = {"email": f"{who}@lanternandloom.example", "password": PASSWORD}
        answer = await self.client.post("/api/v1/auth/login", json=body)
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.fixture
def shop() -> FakeShop:
    return FakeShop()


@pytest.fixture
async def address(shop: FakeShop) -> AsyncIterator[str]:
    async with fake_services.served(shop) as address:
        yield address


@pytest.fixture
def settings(address: str, tmp_path: Path) -> BffSettings:
    media, static = tmp_path / "media", tmp_path / "static"
    (media / "products").mkdir(parents=True)
    (media / "products" / "a.webp").write_bytes(b"RIFF-picture")
    (tmp_path / "secret.webp").write_bytes(b"secret")
    (static / "assets").mkdir(parents=True)
    keys = tmp_path / "signing-keys.json"
    signing_keys.write(keys, KEYS)
    (static / "index.html").write_text("<!doctype html><title>Shop</title>")
    (static / "theme.js").write_text("// theme")
    (static / "assets" / "app-1.js").write_text("export {}" + " " * 2000)
    (static / "assets" / "app-1.js.gz").write_bytes(gzip.compress(b"export {}" + b" " * 2000))
    given: dict[str, Any] = {
        "listen_port": free_port(),
        "egress_address": address,
        "token_key": SecretStr("t"),
        "database_url": SecretStr("postgresql+asyncpg://nobody@127.0.0.1:1/nothing"),
        "signing_keys": keys,
        "static_dir": str(static),
        "media_dir": str(media),
        "media_signing_key": SecretStr(MEDIA_KEY),
        "drain_seconds": 0.2,
        "grace_seconds": 2.0,
    }
    return BffSettings(**given)


@pytest.fixture(scope="session")
def password_hash() -> str:
    """Hashed once: doing it for each test would take longer than the tests."""
    return asyncio.run(Passwords().hash(PASSWORD))


@pytest.fixture
async def accounts(password_hash: str) -> FakeAccounts:
    accounts = FakeAccounts()
    for demo in DEMO_ACCOUNTS:
        await accounts.add(Account(demo.id, demo.email, demo.name, demo.role, password_hash))
    return accounts


@pytest.fixture
def attempts() -> FakeAttempts:
    return FakeAttempts()


@pytest.fixture
async def bff(settings: BffSettings, accounts: FakeAccounts, attempts: FakeAttempts) -> AsyncIterator[Bff]:
    """A BFF in this process, asked without a network in between."""
    async with upstreams.connect(settings.egress_address) as services:
        application = Application(settings, services, accounts, attempts)
        transport = httpx2.ASGITransport(app=application.asgi, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://shop.test") as client:
            yield Bff(application, settings, client, accounts, attempts)


@pytest.fixture
async def running(settings: BffSettings, accounts: FakeAccounts, attempts: FakeAttempts) -> AsyncIterator[Bff]:
    """A BFF on a real port."""
    async with upstreams.connect(settings.egress_address) as services:
        application = Application(settings, services, accounts, attempts)
        server = DrainingServer(application, settings)
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(server.serve())
            while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
            base = f"http://127.0.0.1:{settings.listen_port}"
            async with httpx2.AsyncClient(base_url=base, timeout=20) as client:
                yield Bff(application, settings, client, accounts, attempts, server)
            server.should_exit = True
