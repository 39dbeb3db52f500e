"""One connection for many who ask at once, to a real Redis: each gets its own answer, also when others get none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import ResponseError

from services.llm.adapters.redis_line import REST_SECONDS, RedisLine, Script

pytestmark = pytest.mark.servers


@asynccontextmanager
async def tended(url: str, patience: float = 5.0) -> AsyncIterator[RedisLine]:
    client = Redis.from_url(url)
    line = RedisLine(client, patience)
    job = asyncio.ensure_future(line.tend())
    yield line
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)
    await client.aclose()


@pytest.fixture
async def line(redis_url: str) -> AsyncIterator[RedisLine]:
    async with tended(redis_url) as made:
        yield made


async def test_everybody_gets_the_answer_to_their_own_question(line: RedisLine) -> None:
    keys = [uuid4().hex for _ in range(1000)]
    await asyncio.gather(*(line.ask("SET", key, key[::-1]) for key in keys))
    found = await asyncio.gather(*(line.ask("GET", key) for key in keys))
    assert found == [key[::-1].encode() for key in keys]


async def test_refused_command_is_told_to_whoever_asked_and_to_nobody_else(line: RedisLine) -> None:
    key = uuid4().hex
    outcomes = await asyncio.gather(
        line.ask("SET", key, "1"), line.ask("NONSENSE"), line.ask("GET", key), return_exceptions=True
    )
    assert isinstance(outcomes[1], ResponseError)
    assert [outcomes[0], outcomes[2]] == [b"OK", b"1"]


async def test_script_redis_does_not_know_yet_is_told_to_it(line: RedisLine) -> None:
    nonce = uuid4().hex
    script = Script(f"-- {nonce}\nreturn {{KEYS[1], ARGV[1]}}")
    assert await line.ask("SCRIPT", "EXISTS", script.digest) == [0]
    found = await asyncio.gather(*(line.run(script, ["k"], [n]) for n in range(5)))
    assert found == [[b"k", str(n).encode()] for n in range(5)]


async def test_whoever_left_before_it_was_asked_asks_nothing_and_answers_stay_in_order(line: RedisLine) -> None:
    key = uuid4().hex
    gone = asyncio.ensure_future(line.ask("SET", key, "gone"))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    assert await line.ask("GET", key) is None
    # These leave while Redis is at work.
    slow = [asyncio.ensure_future(line.ask("SET", f"{key}:{n}", "x" * 100_000)) for n in range(200)]
    await asyncio.sleep(0.002)
    for one in slow[::2]:
        one.cancel()
    assert await line.ask("ECHO", key) == key.encode()
    assert [one.result() for one in slow[1::2]] == [b"OK"] * 100


async def test_connection_that_died_meanwhile_costs_nobody_an_answer(line: RedisLine, redis_url: str) -> None:
    mine = await line.ask("CLIENT", "ID")
    async with Redis.from_url(redis_url) as other:
        assert await other.client_kill_filter(_id=mine) == 1
    assert await asyncio.gather(*(line.ask("ECHO", str(n)) for n in range(10))) == [str(n).encode() for n in range(10)]


async def test_redis_that_does_not_answer_is_said_in_time_left_alone_and_asked_again() -> None:
    answers = False

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while said := await reader.read(1 << 16):
            if b"PING" in said and answers:
                writer.write(b"+PONG\r\n")
            elif b"PING" not in said:
                writer.write(b"+OK\r\n" * said.count(b"*"))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    loop = asyncio.get_running_loop()
    async with server, tended(f"redis://127.0.0.1:{port}/0?protocol=2", patience=0.2) as line:
        began = loop.time()
        told = await asyncio.gather(*(line.ask("PING") for _ in range(5)), return_exceptions=True)
        assert all(isinstance(one, Disconnected) for one in told)
        assert 0.2 <= loop.time() - began < 2.0
        with pytest.raises(Disconnected, match="a moment ago"):
            await line.ask("PING")
        answers = True
        await asyncio.sleep(REST_SECONDS)
        assert await line.ask("PING") == b"PONG"
