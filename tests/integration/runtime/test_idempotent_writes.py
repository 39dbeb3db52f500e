"""One effect for one request id: asked at once by two processes, and by those who come after a process was killed."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from uuid import uuid4

import pytest
from google.protobuf.message import Message
from sqlalchemy import text

from aisle.analytics.v1 import analytics_service_pb2 as pb
from aisle.analytics.v1 import event_pb2
from services.runtime import errors, sql
from services.runtime.idempotency import PostgresReplies, afterwards

pytestmark = pytest.mark.servers

METHOD = "/aisle.analytics.v1.AnalyticsService/WriteEvents"
# A replica of a service whose call adds a row and answers with its number. What it is told: where, the request id, how
# many calls at once, whether to stand still between the effect and the reply, and whether both are stored together.
REPLICA = """
import asyncio, sys
from sqlalchemy import text
from aisle.analytics.v1 import analytics_service_pb2 as pb
from services.runtime import sql
from services.runtime.idempotency import PostgresReplies

url, method, request_id, calls, halts, atomic = sys.argv[1:]

async def main():
    async with sql.connect(url, service="analytics") as database:
        replies = PostgresReplies(database, [method] if atomic == "yes" else [], claim_seconds=2)
        request = pb.WriteEventsRequest(request_id=request_id)

        async def run():
            async with database.transaction() as session:
                number = (await session.execute(text("INSERT INTO effects DEFAULT VALUES RETURNING id"))).scalar_one()
            if halts == "yes":
                print("effect", flush=True)
                await asyncio.sleep(3600)
            await asyncio.sleep(0.2)
            return pb.WriteEventsResponse(accepted_count=number)

        outcomes = await asyncio.gather(*(replies.once("bff", method, request, run) for _ in range(int(calls))))
        print(*(outcome.accepted_count for outcome in outcomes), flush=True)

asyncio.run(main())
"""


@pytest.fixture
async def url(database_url: Callable[[str], Awaitable[str]]) -> str:
    return await database_url("analytics")


@pytest.fixture
async def database(url: str) -> AsyncIterator[sql.Database]:
    async with sql.connect(url, service="analytics") as database:
        async with database.engine.begin() as connection:
            await connection.execute(text('CREATE SCHEMA "analytics"'))
            await connection.execute(text("CREATE TABLE effects (id serial PRIMARY KEY)"))
        await PostgresReplies(database).prepare()
        yield database


@pytest.fixture
def replies(database: sql.Database) -> PostgresReplies:
    return PostgresReplies(database, [METHOD])


async def replica(url: str, request_id: str, calls: int, halts: bool = False, atomic: bool = True) -> Process:
    told = (url, METHOD, request_id, str(calls), "yes" if halts else "no", "yes" if atomic else "no")
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", REPLICA, *told, stdout=PIPE, cwd=Path(__file__).parents[3]
    )


async def effects(database: sql.Database) -> list[int]:
    async with database.reading() as session:
        return list((await session.execute(text("SELECT id FROM effects ORDER BY id"))).scalars())


def counted(reply: Message) -> int:
    assert isinstance(reply, pb.WriteEventsResponse)
    return reply.accepted_count


def adding(database: sql.Database) -> Callable[[], Awaitable[pb.WriteEventsResponse]]:
    async def run() -> pb.WriteEventsResponse:
        async with database.transaction() as session:
            number = (await session.execute(text("INSERT INTO effects DEFAULT VALUES RETURNING id"))).scalar_one()
        return pb.WriteEventsResponse(accepted_count=number)

    return run


async def test_fifty_equal_calls_of_two_processes_have_one_effect_and_equal_replies(
    database: sql.Database, url: str
) -> None:
    request_id = str(uuid4())
    started = [await replica(url, request_id, 25) for _ in range(2)]
    told = [(await process.communicate())[0].split() for process in started]
    numbers = [int(number) for said in told for number in said]
    made = await effects(database)
    assert len(made) == 1
    assert numbers == made * 50


async def test_call_whose_process_was_killed_before_its_reply_completes_once(
    database: sql.Database, replies: PostgresReplies, url: str
) -> None:
    request = pb.WriteEventsRequest(request_id=str(uuid4()))
    process = await replica(url, request.request_id, 1, halts=True)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"effect\n"
    waiting = asyncio.ensure_future(replies.once("bff", METHOD, request, adding(database)))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    process.kill()
    await process.wait()
    first = await waiting
    assert await effects(database) == [counted(first)]
    assert await replies.once("bff", METHOD, request, adding(database)) == first
    assert await effects(database) == [counted(first)]


async def test_call_that_only_claims_keeps_others_out_while_it_runs_and_no_longer_than_its_process(
    database: sql.Database, url: str
) -> None:
    request = pb.WriteEventsRequest(request_id=str(uuid4()))
    process = await replica(url, request.request_id, 1, halts=True, atomic=False)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"effect\n"
    replies = PostgresReplies(database, claim_seconds=2)
    waiting = asyncio.ensure_future(replies.once("bff", METHOD, request, adding(database)))
    # Twice as long as a claim that nobody renews.
    await asyncio.sleep(4)
    assert not waiting.done()
    process.kill()
    await process.wait()
    # What was done before the kill stays, and is done again: such methods have to bear it.
    assert [counted(await waiting)] == (await effects(database))[1:]
    assert counted(await replies.once("bff", METHOD, request, adding(database))) == 2


async def test_other_body_under_the_same_id_is_refused_and_changes_nothing(
    database: sql.Database, replies: PostgresReplies
) -> None:
    one = pb.WriteEventsRequest(request_id=str(uuid4()))
    other = pb.WriteEventsRequest(request_id=one.request_id, events=[event_pb2.Event(event_id=str(uuid4()))])
    asked = [one, other] * 10
    outcomes = await asyncio.gather(
        *(replies.once("bff", METHOD, request, adding(database)) for request in asked), return_exceptions=True
    )
    assert len(await effects(database)) == 1
    refused = [isinstance(outcome, errors.Invalid) for outcome in outcomes]
    assert refused in ([False, True] * 10, [True, False] * 10)


async def test_call_that_fails_leaves_nothing_of_what_it_did(database: sql.Database, replies: PostgresReplies) -> None:
    request = pb.WriteEventsRequest(request_id=str(uuid4()))
    add, done = adding(database), []

    async def fail() -> pb.WriteEventsResponse:
        await add()

        async def later() -> None:
            done.append("later")

        await afterwards(later)
        raise errors.Unavailable("AWAY", "away")

    with pytest.raises(errors.Unavailable):
        await replies.once("bff", METHOD, request, fail)
    assert (await effects(database), done) == ([], [])
    assert counted(await replies.once("bff", METHOD, request, add))


async def test_what_follows_is_done_after_the_effect_is_certain_and_once(
    database: sql.Database, replies: PostgresReplies
) -> None:
    request = pb.WriteEventsRequest(request_id=str(uuid4()))
    seen: list[int] = []
    add = adding(database)

    async def run() -> pb.WriteEventsResponse:
        reply = await add()

        async def look() -> None:
            # Another connection sees it: it is committed.
            async with database.engine.connect() as other:
                seen.append((await other.execute(text("SELECT count(*) FROM effects"))).scalar_one())

        await afterwards(look)
        assert not seen
        return reply

    await asyncio.gather(*(replies.once("bff", METHOD, request, run) for _ in range(5)))
    assert seen == [1]

    async def at_once() -> None:
        seen.append(9)

    await afterwards(at_once)
    assert seen == [1, 9]


async def test_call_sees_what_it_has_written_itself(database: sql.Database, replies: PostgresReplies) -> None:
    add = adding(database)

    async def run() -> pb.WriteEventsResponse:
        await add()
        return pb.WriteEventsResponse(accepted_count=len(await effects(database)))

    request = pb.WriteEventsRequest(request_id=str(uuid4()))
    assert counted(await replies.once("bff", METHOD, request, run)) == 1


async def test_more_calls_than_connections_do_not_wait_for_each_other(
    database: sql.Database, replies: PostgresReplies
) -> None:
    requests = [pb.WriteEventsRequest(request_id=str(uuid4())) for _ in range(40)] * 2
    outcomes = await asyncio.gather(*(replies.once("bff", METHOD, one, adding(database)) for one in requests))
    assert outcomes[:40] == outcomes[40:]
    assert len(await effects(database)) == 40
