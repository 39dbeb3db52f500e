"""Accounts in a real PostgreSQL keep what the port promises; the fake keeps the same promises."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from bff.auth.accounts import Account, Accounts
from bff.auth.postgres_accounts import PostgresAccounts
from services.runtime import sql
from services.runtime.errors import Unavailable
from tests.unit.bff.fake_accounts import FakeAccounts

pytestmark = pytest.mark.servers

MAYA = Account("maya", "Maya@Example.org", "Maya", "shopper", "$argon2id$hash")
NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=14)


@pytest.fixture
async def database(database_url: Callable[[str], Awaitable[str]]) -> AsyncIterator[sql.Database]:
    async with sql.connect(await database_url("bff"), service="bff") as database:
        yield database


@pytest.fixture(params=["postgres", "fake"])
async def accounts(request: pytest.FixtureRequest, database: sql.Database) -> Accounts:
    if request.param == "fake":
        return FakeAccounts()
    prepared = PostgresAccounts(database)
    await prepared.prepare()
    return prepared


async def test_account_is_found_by_id_and_by_email_in_any_case(accounts: Accounts) -> None:
    assert await accounts.add(MAYA)
    assert await accounts.get("maya") == MAYA
    assert await accounts.find("mAYA@eXAMPLE.ORG") == MAYA
    assert await accounts.get("nobody") is None
    assert await accounts.find("nobody@example.org") is None


async def test_email_is_taken_in_any_case(accounts: Accounts) -> None:
    assert await accounts.add(MAYA)
    assert not await accounts.add(Account("other", "MAYA@example.org", "M", "shopper", "h"))
    assert await accounts.get("other") is None


async def test_password_is_replaced(accounts: Accounts) -> None:
    await accounts.add(MAYA)
    await accounts.set_password("maya", "new")
    found = await accounts.get("maya")
    assert found is not None and found.password_hash == "new"


async def test_refresh_token_is_traded_for_its_successor(accounts: Accounts) -> None:
    await accounts.add(MAYA)
    await accounts.grant("maya", b"first", LATER)
    assert await accounts.exchange(b"first", b"second", LATER, NOW) == MAYA
    assert await accounts.exchange(b"second", b"third", LATER, NOW) == MAYA
    assert await accounts.exchange(b"unknown", b"x", LATER, NOW) is None


async def test_token_traded_twice_ends_its_family_and_no_other(accounts: Accounts) -> None:
    await accounts.add(MAYA)
    await accounts.grant("maya", b"first", LATER)
    await accounts.grant("maya", b"phone", LATER)
    await accounts.exchange(b"first", b"second", LATER, NOW)
    assert await accounts.exchange(b"first", b"stolen", LATER, NOW) is None
    assert await accounts.exchange(b"second", b"third", LATER, NOW) is None
    assert await accounts.exchange(b"phone", b"phone-2", LATER, NOW) == MAYA


async def test_same_trade_may_be_asked_again_for_a_moment(accounts: Accounts) -> None:
    await accounts.add(MAYA)
    await accounts.grant("maya", b"first", LATER)
    moment = timedelta(seconds=10)
    for after in (0, 3, 9):
        assert await accounts.exchange(b"first", b"second", LATER, NOW + timedelta(seconds=after), moment) == MAYA
    assert await accounts.exchange(b"second", b"third", LATER, NOW + timedelta(seconds=9), moment) == MAYA
    # Its successor was traded: whoever comes with the first one now is not the one who was answered.
    assert await accounts.exchange(b"first", b"second", LATER, NOW + timedelta(seconds=9), moment) is None
    assert await accounts.exchange(b"third", b"fourth", LATER, NOW, moment) is None


@pytest.mark.parametrize(("after", "new"), [(10, b"second"), (1, b"another")])
async def test_trade_asked_again_late_or_for_something_else_ends_the_family(
    accounts: Accounts, after: int, new: bytes
) -> None:
    await accounts.add(MAYA)
    await accounts.grant("maya", b"first", LATER)
    await accounts.exchange(b"first", b"second", LATER, NOW)
    moment = timedelta(seconds=10)
    assert await accounts.exchange(b"first", new, LATER, NOW + timedelta(seconds=after), moment) is None
    assert await accounts.exchange(b"second", b"third", LATER, NOW, moment) is None


async def test_trades_of_one_browser_at_once_all_get_the_same(database: sql.Database) -> None:
    accounts = PostgresAccounts(database)
    await accounts.prepare()
    await accounts.add(MAYA)
    await accounts.grant("maya", b"first", LATER)
    trades = (accounts.exchange(b"first", b"second", LATER, NOW, timedelta(seconds=10)) for _ in range(8))
    assert await asyncio.gather(*trades) == [MAYA] * 8
    assert await accounts.exchange(b"second", b"third", LATER, NOW) == MAYA


async def test_ended_session_is_traded_no_more_and_others_are(accounts: Accounts) -> None:
    await accounts.add(MAYA)
    await accounts.grant("maya", b"laptop", LATER)
    await accounts.grant("maya", b"phone", LATER)
    await accounts.exchange(b"laptop", b"laptop-2", LATER, NOW)
    await accounts.revoke(b"laptop-2")
    await accounts.revoke(b"unknown")
    assert await accounts.exchange(b"laptop-2", b"laptop-3", LATER, NOW) is None
    assert await accounts.exchange(b"phone", b"phone-2", LATER, NOW) == MAYA


async def test_expired_token_is_not_traded(accounts: Accounts) -> None:
    await accounts.add(MAYA)
    await accounts.grant("maya", b"old", NOW - timedelta(seconds=1))
    assert await accounts.exchange(b"old", b"new", LATER, NOW) is None


async def test_two_trades_at_once_have_one_winner_and_end_the_family(database: sql.Database) -> None:
    accounts = PostgresAccounts(database)
    await accounts.prepare()
    await accounts.add(MAYA)
    await accounts.grant("maya", b"first", LATER)
    won = await asyncio.gather(*(accounts.exchange(b"first", bytes([n]), LATER, NOW) for n in range(8)))
    assert [account for account in won if account is not None] == [MAYA]
    assert await accounts.exchange(bytes([won.index(MAYA)]), b"next", LATER, NOW) is None


async def test_replicas_may_migrate_at_once(database: sql.Database) -> None:
    await asyncio.gather(*(PostgresAccounts(database).prepare() for _ in range(3)))
    async with database.reading() as session:
        tables = await session.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'bff'"))
        assert {row.tablename for row in tables} >= {"accounts", "refresh_tokens"}


async def test_accounts_are_unavailable_while_the_database_is_away() -> None:
    async with sql.connect("postgresql+asyncpg://bff:x@127.0.0.1:1/nothing", service="bff") as database:
        with pytest.raises(Unavailable):
            await PostgresAccounts(database).find("maya@example.org")
