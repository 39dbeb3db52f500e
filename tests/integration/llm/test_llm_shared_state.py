"""What replicas share over a real Redis: answers, purges, and news of health."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
import redis.asyncio as redis

from services.llm.adapters.redis_answer_cache import RedisAnswerCache
from services.llm.adapters.redis_health import RedisHealth
from services.llm.adapters.redis_line import RedisLine
from services.llm.domain.answer_cache import Question
from services.llm.domain.errors import FailureKind
from services.llm.domain.generation import Answer, CacheOutcome, Finished, FinishReason, Started, ToolCall
from services.llm.domain.health import HealthBook
from services.llm.domain.usage import TokenUsage
from services.runtime.errors import Unavailable
from tests.fakes.llm_models import CHEAP, FixedModels

pytestmark = pytest.mark.servers
ANSWER = Answer(
    Started("", CHEAP, ""),
    Finished(FinishReason.TOOL_CALLS, TokenUsage(7, 2, cached_input_tokens=1), cost_micros=9),
    "Warm tea",
    (ToolCall("c", "f", "{}"),),
)


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[redis.Redis]:
    async with redis.Redis.from_url(redis_url) as opened:
        await opened.flushdb()
        yield opened


@pytest.fixture
async def caches(client: redis.Redis) -> AsyncIterator[Sequence[RedisAnswerCache]]:
    """Two replicas' caches, each with a line of its own."""
    lines = [RedisLine(client, 5.0) for _ in range(2)]
    jobs = [asyncio.ensure_future(line.tend()) for line in lines]
    yield [RedisAnswerCache(line, FixedModels(CHEAP), client) for line in lines]
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)


def question(name: str = "q", *tags: str, seconds: float = 60.0) -> Question:
    return Question(name, "s", "", seconds, tags, "tenants/shop")


async def kept(cache: RedisAnswerCache, asked: Question) -> None:
    assert await cache.find(asked) is None
    await cache.store(asked, ANSWER)


async def test_answer_is_found_by_every_replica_as_it_was(
    caches: Sequence[RedisAnswerCache], client: redis.Redis
) -> None:
    here, there = caches
    await kept(here, question())
    assert await there.find(question()) == (ANSWER, CacheOutcome.EXACT)
    assert await there.find(question("other")) is None
    assert 0 < await client.ttl("llm:{cache}:tenants/shop:q") <= 60


async def test_answer_of_a_model_that_is_gone_is_not_given(client: redis.Redis) -> None:
    line = RedisLine(client, 5.0)
    job = asyncio.ensure_future(line.tend())
    await kept(RedisAnswerCache(line, FixedModels(CHEAP), client), question())
    assert await RedisAnswerCache(line, FixedModels(), client).find(question()) is None
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)


async def test_purge_reaches_every_replica_also_what_is_in_memory(caches: Sequence[RedisAnswerCache]) -> None:
    here, there = caches
    jobs = [asyncio.ensure_future(cache.follow()) for cache in (here, there)]
    await asyncio.sleep(0.2)
    await kept(here, question("q", "products/1", "products/2"))
    assert await there.find(question("q", "products/1", "products/2")) is not None
    assert await here.purge(["products/2"]) == 1
    await asyncio.sleep(0.2)
    assert await there.find(question("q", "products/1", "products/2")) is None
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)


async def test_answer_made_while_its_tag_was_purged_is_not_kept(caches: Sequence[RedisAnswerCache]) -> None:
    here, there = caches
    asked = question("q", "products/1")
    assert await here.find(asked) is None
    await there.purge(["products/1"])
    await here.store(asked, ANSWER)
    assert await there.find(asked) is None
    await kept(here, replace(asked, exact="q2"))


async def test_without_redis_nothing_is_found_nothing_fails_and_a_purge_says_so() -> None:
    async with redis.Redis.from_url("redis://127.0.0.1:1/0") as nowhere:
        line = RedisLine(nowhere, 0.2)
        job = asyncio.ensure_future(line.tend())
        cache = RedisAnswerCache(line, FixedModels(CHEAP), nowhere)
        assert await cache.find(question()) is None
        await cache.store(question(), ANSWER)
        with pytest.raises(Unavailable):
            await cache.purge(["products/1"])
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)


async def test_outage_found_by_one_replica_is_known_to_the_other_within_a_second(client: redis.Redis) -> None:
    carriers = [RedisHealth(client) for _ in range(2)]
    for carrier in carriers:
        carrier.book = HealthBook(carrier.tell)
    jobs = [asyncio.ensure_future(job()) for one in carriers for job in (one.publish, one.follow)]
    await asyncio.sleep(0.2)
    here, there = (one.book for one in carriers)
    assert here is not None and there is not None
    here.failed(CHEAP, FailureKind.TIMED_OUT, time.monotonic())
    await asyncio.sleep(0.5)
    assert not there.of(CHEAP, time.monotonic()).usable
    here.succeeded(CHEAP)
    await asyncio.sleep(0.5)
    assert there.of(CHEAP, time.monotonic()).usable
    for job in jobs:
        job.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)
