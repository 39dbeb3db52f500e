"""What every memory of replies has to do: the one in PostgreSQL, and the one of a process without a database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import pytest

from aisle.analytics.v1 import analytics_service_pb2 as pb
from aisle.analytics.v1 import event_pb2
from services.control_plane.replies import KEEP_SECONDS, MemoryReplies
from services.runtime import errors, sql
from services.runtime.idempotency import PostgresReplies
from services.runtime.interceptors import Replies

METHOD = "/aisle.analytics.v1.AnalyticsService/WriteEvents"


@pytest.fixture
async def in_postgres(database_url: Callable[[str], Awaitable[str]]) -> AsyncIterator[Replies]:
    async with sql.connect(await database_url("analytics"), service="analytics") as database:
        async with database.engine.begin() as connection:
            await connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS analytics")
        made = PostgresReplies(database)
        await made.prepare()
        yield made


@pytest.fixture
def in_memory() -> Replies:
    return MemoryReplies()


@pytest.fixture(params=[pytest.param("in_postgres", marks=pytest.mark.servers), "in_memory"])
def replies(request: pytest.FixtureRequest) -> Replies:
    found: Replies = request.getfixturevalue(request.param)
    return found


async def test_same_request_id_takes_effect_once(replies: Replies) -> None:
    request = pb.WriteEventsRequest(request_id=str(uuid4()))
    runs = 0

    async def run() -> pb.WriteEventsResponse:
        nonlocal runs
        runs += 1
        return pb.WriteEventsResponse(accepted_count=7)

    first = await replies.once("bff", METHOD, request, run)
    second = await replies.once("bff", METHOD, request, run)
    assert (first, runs) == (second, 1)


async def test_same_request_id_with_another_body_is_refused(replies: Replies) -> None:
    one = pb.WriteEventsRequest(request_id=str(uuid4()))

    async def run() -> pb.WriteEventsResponse:
        return pb.WriteEventsResponse()

    await replies.once("bff", METHOD, one, run)
    other = pb.WriteEventsRequest(request_id=one.request_id, events=[event_pb2.Event(event_id=str(uuid4()))])
    with pytest.raises(errors.Invalid, match="was used for another request"):
        await replies.once("bff", METHOD, other, run)


async def test_concurrent_equal_requests_take_effect_once(replies: Replies) -> None:
    request = pb.WriteEventsRequest(request_id=str(uuid4()))
    runs = 0

    async def run() -> pb.WriteEventsResponse:
        nonlocal runs
        runs += 1
        await asyncio.sleep(0.2)
        return pb.WriteEventsResponse()

    outcomes = await asyncio.gather(
        *(replies.once("bff", METHOD, request, run) for _ in range(10)), return_exceptions=True
    )
    assert runs == 1
    assert outcomes == [pb.WriteEventsResponse()] * 10


async def test_failed_call_is_forgotten(replies: Replies) -> None:
    request = pb.WriteEventsRequest(request_id=str(uuid4()))

    async def fail() -> pb.WriteEventsResponse:
        raise errors.Unavailable("AWAY", "away")

    async def work() -> pb.WriteEventsResponse:
        return pb.WriteEventsResponse(accepted_count=1)

    with pytest.raises(errors.Unavailable):
        await replies.once("bff", METHOD, request, fail)
    assert await replies.once("bff", METHOD, request, work) == pb.WriteEventsResponse(accepted_count=1)


async def test_waiting_call_takes_over_when_the_first_is_given_up(replies: Replies) -> None:
    request, running = pb.WriteEventsRequest(request_id=str(uuid4())), asyncio.Event()

    async def hang() -> pb.WriteEventsResponse:
        running.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody wakes this")

    async def work() -> pb.WriteEventsResponse:
        return pb.WriteEventsResponse(accepted_count=3)

    first = asyncio.create_task(replies.once("bff", METHOD, request, hang))
    await running.wait()
    second = asyncio.create_task(replies.once("bff", METHOD, request, work))
    await asyncio.sleep(0.05)
    first.cancel()
    assert await second == pb.WriteEventsResponse(accepted_count=3)
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_memory_of_a_process_is_bounded_and_forgets_after_a_day() -> None:
    now = 0.0
    replies, runs = MemoryReplies(at_most=2, clock=lambda: now), []

    async def ask(request_id: str) -> None:
        async def run() -> pb.WriteEventsResponse:
            runs.append(request_id)
            return pb.WriteEventsResponse()

        await replies.once("bff", METHOD, pb.WriteEventsRequest(request_id=request_id), run)

    for request_id in ("a", "b", "a", "c", "b", "a"):
        await ask(request_id)
    assert runs == ["a", "b", "c", "a"]
    now = KEEP_SECONDS
    await ask("d")
    await ask("a")
    assert runs == ["a", "b", "c", "a", "d", "a"]
