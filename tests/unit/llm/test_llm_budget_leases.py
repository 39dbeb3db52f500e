"""Leases: nothing is spent twice, whatever is asked, cut off, settled late or lost on the way."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.llm.adapters.redis_budgets import RedisBudgets
from services.llm.domain.budget import Amount, BudgetSpent, Reservation, Rule, Scope, Subject, Window
from services.llm.domain.generation import Priority
from tests.fakes.llm_budgets import FakeBudgetRedis, JumpingLoop

# In the middle of a month and at the beginning of a minute.
START = 1_763_200_800
SCOPE = Scope("tenants/t", "free", "u1")
LIMIT = Amount(5_000, 40_000)
RULES = (
    Rule(Subject.TENANT, "*", Window.MONTH, micros=LIMIT.micros),
    Rule(Subject.USER, "*", Window.MONTH, tokens=LIMIT.tokens),
)


@dataclass(frozen=True, slots=True)
class Call:
    """A call of one process: when it comes, what it may take, what of it it takes, and when it ends."""

    house: int
    at: float
    tokens: int
    micros: int
    percent: int
    lasts: float
    # Whether the client goes away while it is still decided whether the call may be made.
    leaves: bool


calls = st.lists(
    st.builds(
        Call,
        house=st.integers(0, 2),
        at=st.floats(0, 4),
        tokens=st.integers(0, 900),
        micros=st.integers(0, 6_000),
        percent=st.integers(0, 100),
        lasts=st.floats(0, 3),
        leaves=st.booleans(),
    ),
    max_size=60,
)
faults = st.lists(st.sampled_from(["", "", "", "", "down", "lost", "late"]), max_size=40)


class Shop:
    """Three processes over one Redis, and what was truly reserved and spent."""

    def __init__(self, loop: JumpingLoop, faults: Sequence[str] = (), rules: Sequence[Rule] = RULES) -> None:
        self.redis = FakeBudgetRedis(lambda: START + loop.time())
        self.redis.faults = list(faults)
        self.faulty = bool(faults)
        self.houses = [
            RedisBudgets(
                self.redis,  # type: ignore[arg-type]
                lambda: rules,
                lambda budget, share: self.warnings.append((budget, share)),
                clock=loop.time,
                wall_clock=lambda: START + loop.time(),
            )
            for _ in range(3)
        ]
        self.out = self.spent = Amount()
        self.refused = 0
        self.warnings: list[tuple[str, float]] = []

    async def call(self, call: Call) -> None:
        await asyncio.sleep(call.at)
        house, amount = self.houses[call.house], Amount(call.tokens, call.micros)
        try:
            async with asyncio.timeout(0.0005 if call.leaves else None):
                reservation = await house.reserve(SCOPE, amount, Priority.INTERACTIVE)
        except BudgetSpent:
            self.refused += 1
            return
        except TimeoutError:
            return
        self.out = plus(self.out, amount)
        self.check()
        await asyncio.sleep(call.lasts)
        actual = Amount(call.tokens * call.percent // 100, call.micros * call.percent // 100)
        self.out = plus(self.out, Amount(-amount.tokens, -amount.micros))
        self.spent = plus(self.spent, actual)
        house.settle(reservation, actual)

    def check(self) -> None:
        """See that no more is out than there is. Tokens may be owed while Redis is away."""
        assert self.out.micros + self.spent.micros <= LIMIT.micros
        assert self.faulty or self.out.tokens + self.spent.tokens <= LIMIT.tokens


def plus(one: Amount, other: Amount) -> Amount:
    return Amount(one.tokens + other.tokens, one.micros + other.micros)


def in_jumping_time(run: Callable[[JumpingLoop], Awaitable[None]]) -> None:
    loop = JumpingLoop()
    try:
        loop.run_until_complete(run(loop))
    finally:
        loop.close()


@asynccontextmanager
async def tended(*houses: RedisBudgets) -> AsyncIterator[None]:
    jobs = [asyncio.ensure_future(house.tend()) for house in houses]
    try:
        yield
        assert not any(job.done() for job in jobs)
    finally:
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)


async def lived(shop: Shop, calls: list[Call]) -> None:
    async with tended(*shop.houses):
        async with asyncio.TaskGroup() as group:
            for call in calls:
                group.create_task(shop.call(call))
        # Whatever was lost or late has come through by now, and what was idle has gone back.
        await asyncio.sleep(60)


async def reserved(house: RedisBudgets, micros: int, tokens: int = 0) -> Reservation | None:
    try:
        return await house.reserve(SCOPE, Amount(tokens, micros), Priority.INTERACTIVE)
    except BudgetSpent:
        return None


async def money(shop: Shop) -> tuple[int, int]:
    """Return what is used and what is reserved of the tenant's money."""
    spending = (await shop.houses[0].spent(SCOPE))[0]
    return spending.used.micros, spending.reserved.micros


MONEY = (Rule(Subject.TENANT, "*", Window.MONTH, micros=100_000),)


@settings(max_examples=60, deadline=None)
@given(calls, faults)
def test_no_schedule_and_no_fault_spends_money_twice_and_none_is_lost(calls: list[Call], faults: list[str]) -> None:
    async def run(loop: JumpingLoop) -> None:
        shop = Shop(loop, faults)
        await lived(shop, calls)
        shop.redis.faults.clear()
        for spending in await shop.houses[0].spent(SCOPE):
            assert (spending.used, spending.reserved) == (shop.spent, Amount())

    in_jumping_time(run)


@pytest.mark.parametrize("steps", range(12))
def test_asker_that_leaves_at_any_step_leaves_nothing_reserved(steps: int) -> None:
    async def run(loop: JumpingLoop) -> None:
        shop = Shop(loop)
        async with tended(*shop.houses):
            asking = asyncio.ensure_future(reserved(shop.houses[0], 600))
            await asyncio.sleep(0.001)
            for _ in range(steps):
                await asyncio.sleep(0)
            gone = asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            await asyncio.sleep(10)
            assert await money(shop) == ((0, 0) if gone else (0, 600))

    in_jumping_time(run)


def test_most_calls_ask_nobody() -> None:
    async def run(loop: JumpingLoop) -> None:
        shop = Shop(loop, rules=[Rule(Subject.TENANT, "*", Window.MONTH, micros=10**9)])
        async with tended(*shop.houses):
            for _ in range(1_000):
                assert await reserved(shop.houses[0], 50) is not None
        assert shop.redis.calls < 20

    in_jumping_time(run)


def test_what_others_hold_idle_is_called_back_before_anybody_is_refused() -> None:
    async def run(loop: JumpingLoop) -> None:
        shop = Shop(loop, rules=MONEY)
        async with tended(*shop.houses):
            # The first holds a lease of eight times its need; all but that is taken by the second.
            assert await reserved(shop.houses[0], 100) is not None
            assert await reserved(shop.houses[1], 99_000) is not None
            before = loop.time()
            assert await reserved(shop.houses[2], 900) is not None
            assert loop.time() - before <= 0.11
            assert await reserved(shop.houses[2], 1) is None

    in_jumping_time(run)


def test_who_is_refused_for_good_does_not_wait() -> None:
    async def run(loop: JumpingLoop) -> None:
        shop = Shop(loop, rules=MONEY)
        async with tended(*shop.houses):
            assert await reserved(shop.houses[0], 100_000) is not None
            before = loop.time()
            with pytest.raises(BudgetSpent) as spent:
                await shop.houses[1].reserve(SCOPE, Amount(0, 1), Priority.INTERACTIVE)
            assert loop.time() - before < 0.01
            assert (spent.value.budget, spent.value.what) == ("tenants/t/tenant/tenants/t/month", "money")
            # Until the month turns: the test begins on the fifteenth of November.
            assert 15 * 86_400 < spent.value.retry_after < 16 * 86_400

    in_jumping_time(run)


def test_process_that_dies_leaves_its_lease_taken_and_nothing_is_overspent() -> None:
    async def run(loop: JumpingLoop) -> None:
        shop = Shop(loop, rules=MONEY)
        async with tended(*shop.houses[1:]):
            async with tended(shop.houses[0]):
                assert await reserved(shop.houses[0], 100) is not None
            got = [await reserved(shop.houses[1 + at % 2], 500) for at in range(400)]
            assert sum(one is not None for one in got) == (100_000 - 100 - 800) // 500
            # What a dead process held is waited for once, and no longer by everybody who is refused.
            before = loop.time()
            assert await reserved(shop.houses[1], 500) is None
            assert loop.time() - before < 0.01

    in_jumping_time(run)


def test_next_minute_has_a_budget_of_its_own_and_leases_do_not_outlive_theirs() -> None:
    async def run(loop: JumpingLoop) -> None:
        shop = Shop(loop, rules=[Rule(Subject.USER, "*", Window.MINUTE, tokens=1_000)])
        async with tended(*shop.houses):
            first = await reserved(shop.houses[0], 0, tokens=990)
            assert first is not None
            assert await reserved(shop.houses[1], 0, tokens=20) is None
            await asyncio.sleep(60)
            assert await reserved(shop.houses[1], 0, tokens=990) is not None
            # What is settled late belongs to a window that is over: it neither frees nor takes anything in this one.
            shop.houses[0].settle(first, Amount(5_000, 0))
            await asyncio.sleep(1)
            (spending,) = await shop.houses[0].spent(SCOPE)
            assert (spending.used, spending.reserved) == (Amount(), Amount(990, 0))
            assert spending.ends_in <= 60

    in_jumping_time(run)


def test_lease_lasts_a_minute_while_redis_is_away_and_nothing_beyond_it() -> None:
    async def run(loop: JumpingLoop) -> None:
        shop = Shop(loop, rules=MONEY)
        house = shop.houses[0]
        async with tended(*shop.houses):
            assert await reserved(house, 100) is not None
            shop.redis.down = True
            assert await reserved(house, 100) is not None
            for _ in range(5):
                await asyncio.sleep(0.3)
                assert await reserved(house, 100) is not None
            await asyncio.sleep(61)
            with pytest.raises(BudgetSpent) as spent:
                await house.reserve(SCOPE, Amount(0, 100), Priority.INTERACTIVE)
            assert (spent.value.what, spent.value.retry_after) == ("money", 2.0)
            # What costs nothing is not refused.
            assert await reserved(house, 0, tokens=100) is not None
            shop.redis.down = False
            await asyncio.sleep(1)
            assert await reserved(house, 100) is not None

    in_jumping_time(run)


def test_tokens_are_owed_while_redis_is_away_and_told_when_it_is_back() -> None:
    async def run(loop: JumpingLoop) -> None:
        shop = Shop(loop, rules=[Rule(Subject.USER, "*", Window.MONTH, tokens=1_000)])
        async with tended(*shop.houses):
            shop.redis.down = True
            held = [await reserved(shop.houses[0], 0, tokens=300) for _ in range(3)]
            assert all(one is not None for one in held)
            shop.redis.down = False
            await asyncio.sleep(1)
            assert await reserved(shop.houses[1], 0, tokens=300) is None

    in_jumping_time(run)


def test_rules_that_change_hold_from_the_next_call_on() -> None:
    async def run(loop: JumpingLoop) -> None:
        rules = list(MONEY)
        redis = FakeBudgetRedis(lambda: START + loop.time())
        tables: list[Sequence[Rule]] = [rules]
        house = RedisBudgets(redis, lambda: tables[-1], clock=loop.time, wall_clock=lambda: START + loop.time())  # type: ignore[arg-type]
        async with tended(house):
            early = await reserved(house, 100_000)
            assert early is not None
            assert await reserved(house, 1) is None
            tables.append([Rule(Subject.TENANT, "*", Window.MONTH, micros=100_500, tokens=10)])
            assert await reserved(house, 400, tokens=9) is not None
            assert await reserved(house, 1, tokens=2) is None
            tables.append([])
            assert await reserved(house, 10**9) is not None
            # What was reserved under rules that are gone is settled all the same.
            house.settle(early, Amount(0, 0))
            tables.append(MONEY)
            await asyncio.sleep(1)
            assert await reserved(house, 99_000) is not None

    in_jumping_time(run)


def test_warning_comes_once_for_all_and_in_each_window() -> None:
    async def run(loop: JumpingLoop) -> None:
        shop = Shop(loop, rules=[Rule(Subject.TENANT, "*", Window.MINUTE, micros=1_000)])
        async with tended(*shop.houses):
            for _ in range(2):
                for at in range(9):
                    assert await reserved(shop.houses[at % 3], 100) is not None
                await asyncio.sleep(60)
        assert shop.warnings == [("tenants/t/tenant/tenants/t/minute", 0.8)] * 2

    in_jumping_time(run)


def test_what_nobody_uses_any_more_is_forgotten() -> None:
    async def run(loop: JumpingLoop) -> None:
        shop = Shop(loop, rules=[Rule(Subject.TENANT, "*", Window.MONTH, micros=1_000)])
        house = shop.houses[0]
        async with tended(house):
            for tenant in range(5):
                taken = await house.reserve(Scope(f"tenants/{tenant}"), Amount(0, 10), Priority.INTERACTIVE)
                house.settle(taken, Amount(0, 5))
            await asyncio.sleep(2_000)
            assert (house._desks, house._plans) == ({}, {})
            # Messages go on being numbered, so that Redis does not take the next one for one it knows.
            await house.reserve(Scope("tenants/1"), Amount(0, 995), Priority.INTERACTIVE)
            with pytest.raises(BudgetSpent):
                await house.reserve(Scope("tenants/1"), Amount(0, 1), Priority.INTERACTIVE)

    in_jumping_time(run)
