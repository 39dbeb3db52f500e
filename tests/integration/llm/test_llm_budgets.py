"""Budgets over a real Redis: many replicas at the edge of one, and a Redis that goes away."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Sequence

import pytest
import redis.asyncio as redis

from services.llm.adapters.redis_budgets import RedisBudgets
from services.llm.domain.budget import Amount, BudgetSpent, Reservation, Rule, Scope, Subject, Window
from services.llm.domain.generation import Priority

pytestmark = pytest.mark.servers


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[redis.Redis]:
    async with redis.Redis.from_url(redis_url) as opened:
        yield opened


def scope() -> Scope:
    return Scope(f"tenants/t{uuid.uuid4().hex[:8]}", "free", "u1", "")


def replicas(client: redis.Redis, rules: Sequence[Rule], count: int = 1) -> list[RedisBudgets]:
    return [RedisBudgets(client, lambda: rules) for _ in range(count)]


async def reserve(budgets: RedisBudgets, whose: Scope, amount: Amount) -> Reservation | None:
    try:
        return await budgets.reserve(whose, amount, Priority.INTERACTIVE)
    except BudgetSpent:
        return None


async def test_replicas_that_race_never_spend_more_than_there_is_and_nearly_all_of_it(client: redis.Redis) -> None:
    chance = random.Random(7)
    for _ in range(5):
        whose, limit = scope(), 50_000
        houses = replicas(client, [Rule(Subject.TENANT, "*", Window.MONTH, micros=limit)], 4)
        amounts = [Amount(10, chance.randint(50, 300)) for _ in range(800)]
        calls = [reserve(houses[at % 4], whose, amount) for at, amount in enumerate(amounts)]
        got = [one.amount.micros for one in await asyncio.gather(*calls) if one is not None]
        assert limit * 0.95 <= sum(got) <= limit
        for house in houses:
            await house.give_back()
        assert (await houses[0].spent(whose))[0][1].micros == sum(got)


async def test_what_was_not_used_can_be_spent_again(client: redis.Redis) -> None:
    whose = scope()
    (budgets,) = replicas(client, [Rule(Subject.TENANT, "*", Window.MONTH, micros=1000)])
    first = await reserve(budgets, whose, Amount(1, 900))
    assert first is not None
    assert await reserve(budgets, whose, Amount(1, 200)) is None
    budgets.settle(first, Amount(1, 100))
    assert await reserve(budgets, whose, Amount(1, 900)) is not None


async def test_what_was_used_beyond_is_noted(client: redis.Redis) -> None:
    whose = scope()
    (budgets,) = replicas(client, [Rule(Subject.TENANT, "*", Window.MONTH, tokens=1000)])
    first = await reserve(budgets, whose, Amount(100, 0))
    assert first is not None
    budgets.settle(first, Amount(950, 0))
    await budgets.give_back()
    assert (await budgets.spent(whose))[0][1].tokens == 950
    assert await reserve(budgets, whose, Amount(100, 0)) is None


async def test_all_budgets_of_a_call_or_none(client: redis.Redis) -> None:
    whose = scope()
    rules = [
        Rule(Subject.TENANT, "*", Window.MONTH, micros=1000),
        Rule(Subject.USER, "*", Window.MINUTE, tokens=10),
    ]
    (budgets,) = replicas(client, rules)
    with pytest.raises(BudgetSpent) as spent:
        await budgets.reserve(whose, Amount(11, 500), Priority.INTERACTIVE)
    assert (spent.value.what, "user/u1/minute" in spent.value.budget) == ("tokens", True)
    assert 0 < spent.value.retry_after <= 60
    await budgets.give_back()
    assert [amount for _, amount in await budgets.spent(whose)] == [Amount(), Amount()]


async def test_rule_for_one_goes_before_the_rule_for_each(client: redis.Redis) -> None:
    whose = scope()
    rules = [Rule(Subject.USER, "*", Window.MONTH, tokens=10), Rule(Subject.USER, "u1", Window.MONTH, tokens=1000)]
    (budgets,) = replicas(client, rules)
    assert await reserve(budgets, whose, Amount(900, 0)) is not None
    assert await reserve(budgets, Scope(whose.tenant, "free", "u2"), Amount(11, 0)) is None


async def test_scope_without_a_budget_asks_nobody() -> None:
    async with redis.Redis.from_url("redis://127.0.0.1:1/0") as nowhere:
        (budgets,) = replicas(nowhere, [Rule(Subject.USER, "*", Window.MONTH, tokens=10)])
        assert await reserve(budgets, Scope("tenants/shop"), Amount(10**9, 10**9)) is not None


async def test_lease_lasts_while_redis_is_away_and_nothing_beyond_it(client: redis.Redis, redis_url: str) -> None:
    whose, rules = scope(), [Rule(Subject.TENANT, "*", Window.MONTH, micros=10**6)]
    own = redis.Redis.from_url(redis_url)
    budgets = RedisBudgets(own, lambda: rules)
    assert await reserve(budgets, whose, Amount(1, 100)) is not None
    await own.connection_pool.disconnect()
    own.connection_pool = redis.ConnectionPool.from_url("redis://127.0.0.1:1/0")
    got = [await reserve(budgets, whose, Amount(1, 100)) is not None for _ in range(20)]
    assert got == [True] * 8 + [False] * 12
    await own.aclose()


async def test_warning_comes_once_for_all_replicas(client: redis.Redis) -> None:
    whose = scope()
    heard: list[str] = []
    rules = [Rule(Subject.TENANT, "*", Window.MONTH, micros=1000)]
    for _ in range(9):
        house = RedisBudgets(client, lambda: rules, heard.append)
        assert await reserve(house, whose, Amount(1, 100)) is not None
    assert len(heard) == 1
