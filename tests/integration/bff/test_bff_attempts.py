"""Attempts counted in a real PostgreSQL: exactly, over processes and restarts; the fake keeps the same promises."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from bff.auth.postgres_accounts import PostgresAccounts
from bff.auth.postgres_attempts import PostgresAttempts
from bff.auth.throttle import Attempts, Limit
from services.runtime import sql
from services.runtime.errors import Unavailable
from tests.unit.bff.fake_attempts import FakeAttempts

pytestmark = pytest.mark.servers

FIVE, WIDE = Limit("login maya 203.0.113.9", 5, 900), Limit("login maya", 8, 900)
SHORT = Limit("short", 1, 0.2)
# What one replica does: many attempts at once. It prints how many were let through.
REPLICA = """
import asyncio, sys
from bff.auth.postgres_attempts import PostgresAttempts
from bff.auth.throttle import Limit
from services.runtime import sql

async def main():
    async with sql.connect(sys.argv[1], service="bff") as database:
        attempts = PostgresAttempts(database)
        limits = [Limit("login maya", 40, 900), Limit("login from 203.0.113.9", 60, 900)]
        waits = await asyncio.gather(*(attempts.take(limits if n % 2 else limits[::-1]) for n in range(50)))
        print(sum(wait == 0 for wait in waits))

asyncio.run(main())
"""


@pytest.fixture
async def url(database_url: Callable[[str], Awaitable[str]]) -> str:
    return await database_url("bff")


@pytest.fixture
async def database(url: str) -> AsyncIterator[sql.Database]:
    async with sql.connect(url, service="bff") as database:
        await PostgresAccounts(database).prepare()
        yield database


@pytest.fixture(params=["postgres", "fake"])
def attempts(request: pytest.FixtureRequest, database: sql.Database) -> Attempts:
    return FakeAttempts() if request.param == "fake" else PostgresAttempts(database)


async def test_attempts_are_free_up_to_the_limit(attempts: Attempts) -> None:
    waits = [await attempts.take([FIVE]) for _ in range(7)]
    assert waits[:5] == [0] * 5
    assert all(890 < wait <= 900 for wait in waits[5:])


async def test_refused_attempt_counts_against_no_limit(attempts: Attempts) -> None:
    for _ in range(20):
        await attempts.take([FIVE, WIDE])
    assert [await attempts.take([WIDE]) == 0 for _ in range(4)] == [True] * 3 + [False]


async def test_attempt_given_back_was_none(attempts: Attempts) -> None:
    await attempts.give_back([FIVE])
    for _ in range(20):
        assert await attempts.take([FIVE, WIDE]) == 0
        await attempts.give_back([FIVE, WIDE])


async def test_key_starts_anew(attempts: Attempts) -> None:
    for _ in range(6):
        await attempts.take([FIVE])
    await attempts.forget([FIVE])
    assert await attempts.take([FIVE]) == 0


async def test_attempts_are_forgotten_with_time(attempts: Attempts) -> None:
    assert await attempts.take([SHORT]) == 0
    wait = await attempts.take([SHORT])
    assert 0 < wait <= 0.2
    await asyncio.sleep(wait + 0.02)
    assert await attempts.take([SHORT]) == 0


async def test_two_processes_together_let_through_exactly_what_is_free(database: sql.Database, url: str) -> None:
    async def replica() -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", REPLICA, url, stdout=PIPE, cwd=Path(__file__).parents[3]
        )
        said, _ = await process.communicate()
        return int(said)

    first = await asyncio.gather(replica(), replica())
    assert sum(first) == 40
    # One that was started later knows what the others have seen.
    assert await replica() == 0


async def test_neither_names_nor_addresses_are_stored(database: sql.Database) -> None:
    await PostgresAttempts(database).take([FIVE])
    async with database.reading() as session:
        rows = (await session.execute(text("SELECT attempts::text AS told FROM attempts"))).scalars().all()
    assert rows and not [row for row in rows if "maya" in row or "203.0" in row]


async def test_what_is_over_is_deleted(database: sql.Database) -> None:
    await PostgresAttempts(database).take([SHORT])
    await asyncio.sleep(0.25)
    await PostgresAttempts(database).take([FIVE])
    async with database.reading() as session:
        assert (await session.execute(text("SELECT count(*) FROM attempts"))).scalar_one() == 1


async def test_counts_are_unavailable_while_the_database_is_away() -> None:
    async with sql.connect("postgresql+asyncpg://bff:x@127.0.0.1:1/nothing", service="bff") as database:
        with pytest.raises(Unavailable):
            await PostgresAttempts(database).take([FIVE])
