"""Budgets over a real Redis: many replicas at the edge of one, and a Redis that is killed, stopped, and comes back."""

import asyncio
import json
import os
import random
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis.asyncio as redis

from services.llm.adapters.budget_script import SCRIPT, heading, month_starts
from services.llm.adapters.redis_budgets import RedisBudgets
from services.llm.domain.budget import Amount, BudgetSpent, Rule, Scope, Subject, Window
from services.llm.domain.generation import Priority
from services.runtime.errors import Unavailable
from tests.conftest import free_port
from tests.fakes.llm_budgets import FakeBudgetRedis
from tests.integration.llm.redis_process import RedisProcess, reserved, spend, tended

pytestmark = pytest.mark.servers
MONEY = [Rule(Subject.TENANT, "*", Window.MONTH, micros=100_000)]


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[redis.Redis]:
    async with redis.Redis.from_url(redis_url) as opened:
        yield opened


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisProcess]:
    server = RedisProcess(tmp_path, free_port())
    server.start()
    yield server
    server.kill()


def tenant() -> str:
    return f"tenants/t{uuid.uuid4().hex[:8]}"


async def test_replicas_that_race_never_spend_more_than_there_is_and_nearly_all_of_it(redis_url: str) -> None:
    for seed in range(2):
        limit = 60_000
        assert limit * 0.95 <= await spend(redis_url, tenant(), limit, 4, seed) <= limit


def test_processes_that_race_never_spend_more_than_there_is_and_nearly_all_of_it(redis_url: str) -> None:
    environment = {**os.environ, "REDIS_URL": redis_url, "REPLICAS": "2"}
    command = [sys.executable, "-m", "tests.integration.llm.redis_process"]
    racers = [
        subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        for run in range(2):
            whose, limit = tenant(), 60_000
            for seed, racer in enumerate(racers):
                assert racer.stdin is not None
                racer.stdin.write(json.dumps({"tenant": whose, "limit": limit, "seed": 10 * run + seed}) + "\n")
                racer.stdin.flush()
            spent = sum(int(racer.stdout.readline()) for racer in racers if racer.stdout is not None)
            assert limit * 0.95 <= spent <= limit
    finally:
        for racer in racers:
            racer.communicate(timeout=20)


async def test_books_are_even_once_all_have_left(client: redis.Redis, redis_url: str) -> None:
    whose, limit = tenant(), 60_000
    spent = await spend(redis_url, whose, limit, 4, 3)
    rules = [Rule(Subject.TENANT, "*", Window.MONTH, micros=limit)]
    (spending,) = await RedisBudgets(client, lambda: rules).spent(Scope(whose))
    assert (spending.used.micros, spending.reserved.micros) == (spent, 0)


async def test_keys_of_a_tenant_share_a_node_and_do_not_stay_for_ever(client: redis.Redis) -> None:
    whose = tenant()
    rules = [*MONEY, Rule(Subject.USER, "*", Window.MINUTE, tokens=100)]
    house = RedisBudgets(client, lambda: rules)
    async with tended(house):
        assert await reserved(house, Scope(whose, "free", "u1"), Amount(1, 1)) is not None
    keys = [key.decode() async for key in client.scan_iter(match=f"*{whose}*")]
    assert len(keys) == 3
    assert all(f"{{{whose}}}" in key for key in keys)
    assert all([await client.ttl(key) > 0 for key in keys])


async def test_killed_redis_refuses_money_within_the_lease_and_is_used_again_when_it_is_back(
    own_redis: RedisProcess,
) -> None:
    whose = Scope(tenant())
    async with redis.Redis.from_url(own_redis.url) as client:
        house = RedisBudgets(client, lambda: MONEY)
        async with tended(house):
            got = [await reserved(house, whose, Amount(1, 100))]
            await asyncio.to_thread(own_redis.kill)
            away = [await reserved(house, whose, Amount(1, 100)) for _ in range(100)]
            # A lease of eight was taken beside the first.
            assert [one is not None for one in away] == [True] * 8 + [False] * 92
            with pytest.raises(Unavailable):
                await house.spent(whose)
            await asyncio.to_thread(own_redis.start)
            before = time.monotonic()
            for _ in range(200):
                if await reserved(house, whose, Amount(1, 100)) is not None:
                    break
                await asyncio.sleep(0.05)
            print(f"used again {time.monotonic() - before:.2f} s after Redis was back")
            for held in (*got, *away):
                if held is not None:
                    house.settle(held, Amount(1, 90))
        (spending,) = await house.spent(whose)
        assert (spending.used.micros, spending.reserved.micros) == (9 * 90, 100)


async def test_stopped_redis_counts_nothing_twice_when_it_goes_on(own_redis: RedisProcess) -> None:
    whose = Scope(tenant())
    async with redis.Redis.from_url(own_redis.url) as client:
        house = RedisBudgets(client, lambda: MONEY)
        async with tended(house):
            first = await reserved(house, whose, Amount(1, 1_500))
            assert first is not None
            own_redis.pause()
            house.settle(first, Amount(1, 700))
            # These wait in the socket, are given up, and are carried out all the same when Redis goes on.
            assert await reserved(house, whose, Amount(1, 90_000)) is None
            await asyncio.sleep(1.5)
            own_redis.go_on()
            for _ in range(100):
                if (second := await reserved(house, whose, Amount(1, 99_000))) is not None:
                    break
                await asyncio.sleep(0.05)
            assert second is not None
            house.settle(second, Amount(1, 0))
        (spending,) = await house.spent(whose)
        assert (spending.used.micros, spending.reserved.micros) == (700, 0)


async def test_fake_redis_says_what_the_real_one_says(client: redis.Redis) -> None:
    script = client.register_script(SCRIPT)
    for seed in range(20):
        chance, whose = random.Random(seed), tenant()
        seconds, micros = await client.time()
        if seconds % 60 > 55:
            # A minute that turns between the two would be another window for each.
            await asyncio.sleep(60 - seconds % 60)
            seconds, micros = await client.time()
        offset = seconds + micros / 1e6 - time.monotonic()
        fake = FakeBudgetRedis(lambda offset=offset: offset + time.monotonic())  # type: ignore[misc]
        keys = [f"{{{whose}}}{name}" for name in ("said", "a", "b", "c")]
        windows = [0, 0, 0]
        for number in range(1, 40):
            if number > 1 and chance.random() < 0.1:
                number -= 1
            words = message(chance, number, windows)
            if chance.random() < 0.1:
                words[0] = 0
            real, made_up = await script(keys=keys, args=words), fake.run(keys, words)
            # A reply may be a millisecond off in when a window turns.
            assert [real[at] for at in range(len(real)) if at % 6 != 1 or at >= 18] == [
                made_up[at] for at in range(len(made_up)) if at % 6 != 1 or at >= 18
            ]
            windows = [real[0], real[6], real[12]]


def message(chance: random.Random, number: int, windows: list[int]) -> list[int]:
    """Return a message about three budgets, two of a month and one of a minute, with a few requests."""
    words = heading(number, time.time())
    for place, window in enumerate(windows):
        told = window if chance.random() < 0.9 else month_starts(time.time())[0]
        changes = [chance.randint(-20, 20) if chance.random() < 0.3 else 0 for _ in range(6)]
        needs = [chance.randint(0, 30), chance.randint(0, 30), chance.choice((0, 8, 16))]
        words += [60 if place == 2 else 0, told, chance.choice((-1, 0, 5_000)), 3_000, *changes, *needs]
    asks = chance.randint(0, 4)
    words.append(asks)
    for _ in range(asks):
        places = chance.sample((1, 2, 3), chance.randint(1, 3))
        words += [len(places), int(chance.random() < 0.1)]
        for place in places:
            words += [place, chance.randint(0, 400), chance.randint(0, 400)]
    return words


async def test_window_is_that_of_redis_whatever_the_clock_here_says(client: redis.Redis) -> None:
    house = RedisBudgets(client, lambda: MONEY, wall_clock=lambda: time.time() + 20 * 86_400)
    other = RedisBudgets(client, lambda: MONEY)
    whose = Scope(tenant())
    async with tended(house, other):
        assert await reserved(house, whose, Amount(1, 99_500)) is not None
        with pytest.raises(BudgetSpent) as spent:
            await other.reserve(whose, Amount(1, 600), Priority.INTERACTIVE)
    left = month_starts(time.time())[2] - time.time()
    assert abs(spent.value.retry_after - left) < 2
