"""The BFF as a process: it starts, serves, and leaves without losing what it was asked."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from bff.auth import signing_keys
from tests.unit.bff import fake_services
from tests.unit.bff.conftest import PASSWORD, VISITOR, free_port
from tests.unit.bff.fake_shop import FakeShop

pytestmark = pytest.mark.servers


@dataclass
class Started:
    """A process of the BFF and how to ask it."""

    process: Process
    client: httpx2.AsyncClient
    shop: FakeShop


@pytest.fixture
async def started(database_url: Callable[[str], Awaitable[str]], tmp_path: Path) -> AsyncIterator[Started]:
    shop, port = FakeShop(), free_port()
    signing_keys.prepare(tmp_path / "signing-keys.json", datetime.now(UTC))
    async with fake_services.served(shop) as egress:
        environment = {
            **os.environ,
            "AISLE_BFF_LISTEN_PORT": str(port),
            "AISLE_BFF_DATABASE_URL": await database_url("bff"),
            "AISLE_BFF_SIGNING_KEYS": str(tmp_path / "signing-keys.json"),
            "AISLE_BFF_DEMO_ACCOUNTS": "true",
            "AISLE_BFF_DRAIN_SECONDS": "0.5",
            "AISLE_EGRESS_ADDRESS": egress,
            "AISLE_TOKEN_KEY": "t",
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bff", env=environment, stderr=PIPE, cwd=Path(__file__).parents[3]
        )
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=15) as client:
            await until_ready(client, process)
            yield Started(process, client, shop)
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until_ready(client: httpx2.AsyncClient, process: Process) -> None:
    async with asyncio.timeout(30):
        while process.returncode is None:
            try:
                if (await client.get("/readyz")).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            await asyncio.sleep(0.1)
    raise AssertionError("the BFF did not start")


async def test_demo_accounts_sign_in(started: Started) -> None:
    for who, role in (("maya", "shopper"), ("admin", "admin")):
        body = {"email": f"{who}@lanternandloom.example", "password": PASSWORD, "session_kept_in": "body"}
        session = (await started.client.post("/api/v1/auth/login", json=body)).json()
        assert (session["user"]["id"], session["user"]["role"]) == (who, role)
        traded = await started.client.post("/api/v1/auth/refresh", json={"refresh_token": session["refresh_token"]})
        assert traded.json()["user"] == session["user"]


async def test_leaving_finishes_what_was_asked_and_loses_nothing(started: Started) -> None:
    started.shop.gate.clear()
    question = asyncio.ensure_future(
        started.client.post("/api/v1/chat/message", json={"text": "Returns?"}, headers={"X-Visitor-Id": VISITOR})
    )
    while started.shop.deltas_sent < 1:  # noqa: ASYNC110 - the fake counts, it does not call
        await asyncio.sleep(0.02)
    started.process.send_signal(signal.SIGTERM)
    await asyncio.sleep(0.2)
    # Not ready any more, yet still answering whoever has not noticed.
    assert (await started.client.get("/readyz")).json()["status"] == "leaving"
    assert (await started.client.get("/api/v1/products/slippers")).status_code == 200
    await asyncio.sleep(0.6)
    started.shop.gate.set()
    assert (await question).json()["message"]["text"] == "Returns are free [1]."
    assert await asyncio.wait_for(started.process.wait(), 10) == 0


async def test_log_is_json_without_what_people_said(started: Started) -> None:
    await started.client.get("/api/v1/products/search?q=confidential")
    await started.client.post("/api/v1/auth/login", json={"email": "a@b.example", "password": "secret-password"})
    started.process.send_signal(signal.SIGTERM)
    assert started.process.stderr is not None
    lines = (await started.process.stderr.read()).decode().splitlines()
    parsed = [json.loads(line) for line in lines]
    assert any(line.get("path") == "/api/v1/products/search" and line["status"] == 200 for line in parsed)
    assert "confidential" not in "".join(lines) and "secret-password" not in "".join(lines)


async def test_settings_that_are_missing_are_all_named() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bff", env={"PATH": ""}, stderr=PIPE, cwd=Path(__file__).parents[3]
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    for name in (b"AISLE_BFF_DATABASE_URL", b"AISLE_BFF_SIGNING_KEYS", b"AISLE_BFF_TOKEN_KEY"):
        assert name in said
