"""What every `Budgets` promises, in memory and over a real Redis."""

import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
import redis.asyncio as redis

from services.llm.adapters.redis_budgets import RedisBudgets
from services.llm.domain.budget import Amount, BudgetSpent, Rule, Scope, Subject, Window
from services.llm.domain.generation import Priority
from tests.fakes.llm_budgets import MemoryBudgets
from tests.integration.llm.redis_process import tended

Make = Callable[[Sequence[Rule]], "MemoryBudgets | RedisBudgets"]
NOW = Priority.INTERACTIVE


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.servers)])
async def make(request: pytest.FixtureRequest) -> AsyncIterator[Make]:
    if request.param == "memory":
        yield lambda rules: MemoryBudgets(rules, time.time)
        return
    url = request.getfixturevalue("redis_url")
    tables: list[Sequence[Rule]] = [()]
    async with redis.Redis.from_url(url) as client:
        house = RedisBudgets(client, lambda: tables[-1])

        def with_rules(rules: Sequence[Rule]) -> RedisBudgets:
            # Another table takes the place of the one before, as when the file is read again.
            tables.append(list(rules))
            return house

        async with tended(house):
            yield with_rules


def scope(user: str = "u1") -> Scope:
    return Scope(f"tenants/t{uuid.uuid4().hex[:8]}", "free", user, "apiKeys/k")


async def test_nothing_is_asked_where_no_budget_is_configured(make: Make) -> None:
    budgets = make([Rule(Subject.USER, "*", Window.MONTH, tokens=1)])
    held = await budgets.reserve(Scope("tenants/x"), Amount(10**9, 10**9), NOW)
    assert not held.taken
    budgets.settle(held, Amount(1, 1))


@pytest.mark.parametrize("subject", list(Subject))
async def test_each_subject_has_a_budget_of_its_own(make: Make, subject: Subject) -> None:
    budgets, whose = make([Rule(subject, "*", Window.MONTH, micros=1_000)]), scope()
    await budgets.reserve(whose, Amount(1, 900), NOW)
    with pytest.raises(BudgetSpent) as spent:
        await budgets.reserve(whose, Amount(1, 200), NOW)
    assert (spent.value.what, f"/{subject.value}/" in spent.value.budget) == ("money", True)
    await budgets.reserve(scope(), Amount(1, 900), NOW)


async def test_what_was_not_used_can_be_spent_again(make: Make) -> None:
    budgets, whose = make([Rule(Subject.TENANT, "*", Window.MONTH, micros=1_000)]), scope()
    held = await budgets.reserve(whose, Amount(1, 900), NOW)
    budgets.settle(held, Amount(1, 100))
    budgets.settle(held, Amount(1, 100))
    await budgets.reserve(whose, Amount(1, 900), NOW)
    with pytest.raises(BudgetSpent):
        await budgets.reserve(whose, Amount(1, 1), NOW)


async def test_what_was_used_beyond_is_counted(make: Make) -> None:
    budgets, whose = make([Rule(Subject.TENANT, "*", Window.MONTH, tokens=1_000)]), scope()
    budgets.settle(await budgets.reserve(whose, Amount(100, 0), NOW), Amount(950, 0))
    with pytest.raises(BudgetSpent) as spent:
        await budgets.reserve(whose, Amount(100, 0), NOW)
    assert spent.value.what == "tokens"


async def test_all_budgets_of_a_call_or_none(make: Make) -> None:
    rules = [Rule(Subject.TENANT, "*", Window.MONTH, micros=1_000), Rule(Subject.USER, "*", Window.MINUTE, tokens=10)]
    budgets, whose = make(rules), scope()
    with pytest.raises(BudgetSpent) as spent:
        await budgets.reserve(whose, Amount(11, 500), NOW)
    assert 0 < spent.value.retry_after <= 60
    await budgets.reserve(whose, Amount(10, 1_000), NOW)


async def test_call_that_takes_nothing_is_never_refused(make: Make) -> None:
    budgets, whose = make([Rule(Subject.TENANT, "*", Window.MONTH, tokens=10, micros=0)]), scope()
    await budgets.reserve(whose, Amount(10, 0), NOW)
    await budgets.reserve(whose, Amount(0, 0), NOW)
    with pytest.raises(BudgetSpent):
        await budgets.reserve(whose, Amount(0, 1), NOW)


async def test_rule_that_names_somebody_goes_before_the_rule_for_each_limit_by_limit(make: Make) -> None:
    rules = [
        Rule(Subject.USER, "*", Window.MONTH, tokens=10, micros=50),
        Rule(Subject.USER, "u1", Window.MONTH, tokens=1_000),
    ]
    budgets = make(rules)
    await budgets.reserve(scope("u1"), Amount(900, 50), NOW)
    with pytest.raises(BudgetSpent):
        await budgets.reserve(scope("u1"), Amount(900, 51), NOW)
    with pytest.raises(BudgetSpent):
        await budgets.reserve(scope("u2"), Amount(11, 0), NOW)
