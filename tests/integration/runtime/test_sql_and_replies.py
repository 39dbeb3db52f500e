"""The runtime's database pieces on real PostgreSQL: migrations, read-only sessions, remembered replies."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from aisle.analytics.v1 import analytics_service_pb2 as pb
from services.runtime import errors, sql
from services.runtime.idempotency import PostgresReplies

pytestmark = pytest.mark.servers
METHOD = "/aisle.analytics.v1.AnalyticsService/WriteEvents"
MIGRATION = """
revision = "0001"
down_revision = None
branch_labels = depends_on = None
from alembic import op
def upgrade():
    op.execute("CREATE TABLE thing (id int PRIMARY KEY)")
"""


@pytest.fixture
async def database(database_url: Callable[[str], Awaitable[str]]) -> AsyncIterator[sql.Database]:
    async with sql.connect(await database_url("analytics"), service="analytics") as opened:
        yield opened


async def test_migrations_run_once_however_many_replicas_start(database: sql.Database, tmp_path: Path) -> None:
    (tmp_path / "0001_thing.py").write_text(MIGRATION)
    await asyncio.gather(*(sql.migrate(database, "analytics", tmp_path) for _ in range(4)))
    async with database.reading() as session:
        assert (await session.execute(text("SELECT count(*) FROM analytics.thing"))).scalar_one() == 0


async def test_reading_session_cannot_write(database: sql.Database, tmp_path: Path) -> None:
    (tmp_path / "0001_thing.py").write_text(MIGRATION)
    await sql.migrate(database, "analytics", tmp_path)
    with pytest.raises(DBAPIError, match="read-only"):
        async with database.reading() as session:
            await session.execute(text("INSERT INTO thing VALUES (1)"))


@pytest.fixture
async def replies(database: sql.Database, tmp_path: Path) -> PostgresReplies:
    await sql.migrate(database, "analytics", tmp_path)
    made = PostgresReplies(database)
    await made.prepare()
    return made


async def test_replies_are_forgotten_after_a_day_while_the_process_runs(
    replies: PostgresReplies, database: sql.Database
) -> None:
    async def run() -> pb.WriteEventsResponse:
        return pb.WriteEventsResponse()

    await replies.once("bff", METHOD, pb.WriteEventsRequest(request_id=str(uuid4())), run)
    async with database.transaction() as session:
        await session.execute(text("UPDATE idempotency_replies SET claimed_at = now() - interval '25 hours'"))
    replies._forgot = float("-inf")
    await replies.once("bff", METHOD, pb.WriteEventsRequest(request_id=str(uuid4())), run)
    async with database.reading() as reader:
        assert (await reader.execute(text("SELECT count(*) FROM idempotency_replies"))).scalar_one() == 1


async def test_call_is_told_to_come_back_while_the_database_is_away() -> None:
    async with sql.connect("postgresql+asyncpg://x:x@127.0.0.1:1/x", service="analytics") as away:
        replies = PostgresReplies(away)

        async def run() -> pb.WriteEventsResponse:
            return pb.WriteEventsResponse()

        with pytest.raises(errors.Unavailable):
            await replies.once("bff", METHOD, pb.WriteEventsRequest(request_id=str(uuid4())), run)


async def test_transaction_that_lost_a_deadlock_counts_as_away(database: sql.Database) -> None:
    with pytest.raises(DBAPIError) as lost:
        async with database.transaction() as session:
            await session.execute(text("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$"))
    assert sql.is_away(lost.value)
