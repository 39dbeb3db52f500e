"""`aisle keys` and `aisle budgets` before the gateway's own administration, over real gRPC."""

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from typer.testing import CliRunner, Result

from cli import gateway
from cli.__main__ import app
from tests.unit.bff import fake_services
from tests.unit.bff.fake_shop import FakeShop


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeShop]:
    """The administration on a port of its own, in a thread with a loop of its own."""
    shop, loop = FakeShop(), asyncio.new_event_loop()
    ready: asyncio.Future[str] = loop.create_future()
    done = asyncio.Event()

    async def serve() -> None:
        async with fake_services.served(shop) as address:
            ready.set_result(address)
            await done.wait()

    async def address() -> str:
        return await ready

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(loop.run_until_complete, serve())
        where = asyncio.run_coroutine_threadsafe(address(), loop).result(10)
        monkeypatch.setattr(gateway, "egress", lambda: where)
        monkeypatch.setenv("COLUMNS", "200")
        yield shop
        loop.call_soon_threadsafe(done.set)
        running.result(10)
    loop.close()


def run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, result.output
    return result


def test_a_key_is_made_listed_and_revoked(served: FakeShop) -> None:
    made = run("keys", "create", "Search team", "--tenant", "search", "--days", "30").output
    (secret,) = re.findall(r"^sk-aisle-\S+$", made, re.MULTILINE)
    (key,) = re.findall(r"apiKeys/(\w+)", made)
    listed = run("keys", "list").output
    assert key in listed
    assert "accepted" in listed
    assert secret not in listed
    run("keys", "revoke", key)
    assert "revoked" in run("keys", "list").output


def test_a_budget_is_set_listed_and_removed(served: FakeShop) -> None:
    said = run("budgets", "set", "tenant", "search", "--window", "minute", "--tokens", "1000").output
    (budget,) = re.findall(r"✓ (\w+) holds", said)
    listed = run("budgets", "list").output
    assert "tenant search" in listed
    assert "1,000 tokens a minute" in listed
    run("budgets", "delete", budget)
    assert budget not in run("budgets", "list").output


def test_a_refusal_is_told_in_its_words(served: FakeShop) -> None:
    assert "API_KEY_NOT_FOUND" in run("keys", "revoke", "none", code=1).output
    assert "PROMPT_INVALID" in run("budgets", "set", "tenant", "search", code=1).output
