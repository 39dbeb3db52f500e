"""A second model beside a slow one, and a cheaper one where the budget ends."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace

import pytest

from services.llm.application.complete_text import CompleteText
from services.llm.application.generate_text import GenerateText
from services.llm.domain.errors import FailureKind, ProviderFailed
from services.llm.domain.generation import (
    CacheUse,
    Ended,
    Finished,
    FinishReason,
    GenerationEvent,
    Message,
    Prompt,
    ProviderEvent,
    Role,
    Started,
    TextDelta,
    Wanted,
)
from services.llm.domain.health import HealthBook
from services.llm.domain.latency import LatencyBook
from services.llm.domain.model import Model, ModelTable, OverBudget, Policy, Quality
from services.llm.domain.usage import TokenUsage
from services.runtime.errors import Exhausted, Unavailable
from tests.fakes.llm_models import BASIC, CHEAP, DEAR
from tests.fakes.llm_provider import FakeLedger
from tests.fakes.llm_surroundings import FakeAnswerCache, FakeBudgets, surroundings

WANTED = Wanted(Prompt([Message(Role.USER, "Tell me about tea.")], max_output_tokens=100))


@dataclass
class Slow:
    """A provider that takes its time before the first word."""

    seconds: float = 0.0
    failure: Exception | None = None
    asked: int = 0
    left: float = 0.0

    async def generate(self, model: Model, prompt: Prompt, stream: bool = True) -> AsyncGenerator[ProviderEvent, None]:
        self.asked += 1
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.left = time.monotonic()
            raise
        if self.failure is not None:
            raise self.failure
        yield TextDelta(model.name)
        yield Ended(FinishReason.STOP, TokenUsage(10, 5))


class Table:
    """A `ModelSource` with one policy."""

    def __init__(self, policy: Policy, *models: Model) -> None:
        self.table = ModelTable(2, models, {"default": policy})

    def configured(self) -> ModelTable:
        return self.table


class House:
    """The use case over two providers: "openai" runs the cheap model, "bedrock" the dear one, "local" the free one."""

    def __init__(self, policy: Policy, first: Slow, second: Slow, *models: Model, budget: int | None = None) -> None:
        self.budgets, self.ledger, self.latency = FakeBudgets(budget), FakeLedger(), LatencyBook()
        providers = {"openai": first, "bedrock": second, "local": Slow()}
        around = surroundings(
            Table(policy, *models), providers, HealthBook(), self.ledger, time.monotonic, self.budgets, self.latency
        )
        self.generate = GenerateText(around, FakeAnswerCache())

    async def events(self, wanted: Wanted = WANTED) -> list[GenerationEvent]:
        async with aclosing(self.generate(wanted)) as events:
            return [event async for event in events]


HEDGED = Policy(prefer=Quality.STANDARD, hedge=True)


def knows(house: House, seconds: float = 0.02) -> House:
    for _ in range(30):
        house.latency.note(CHEAP, seconds)
    return house


async def test_slow_model_is_outrun_by_the_next_one_and_left_at_once() -> None:
    first, second = Slow(5.0), Slow()
    house = knows(House(HEDGED, first, second, CHEAP, DEAR))
    events = await asyncio.wait_for(house.events(), 2)
    assert isinstance(events[0], Started)
    assert (events[0].model, first.left > 0) == (DEAR, True)
    by_model = {record.model: record for record in house.ledger.records}
    assert (by_model[CHEAP.name].outcome, by_model[CHEAP.name].cost_micros) == ("outrun", 0)
    assert (by_model[DEAR.name].outcome, by_model[DEAR.name].hedge) == ("ok", True)
    assert len(house.budgets.settled) == len(house.budgets.reserved) == 2


async def test_quick_model_is_not_hedged() -> None:
    first, second = Slow(), Slow()
    await knows(House(HEDGED, first, second, CHEAP, DEAR)).events()
    assert (first.asked, second.asked) == (1, 0)


async def test_nobody_is_hedged_while_nothing_is_known_or_the_policy_says_no() -> None:
    for policy, known in ((HEDGED, False), (Policy(), True)):
        first, second = Slow(0.08), Slow()
        house = House(policy, first, second, CHEAP, DEAR)
        await (knows(house) if known else house).events()
        assert second.asked == 0


async def test_second_that_fails_leaves_the_first_alone() -> None:
    first, second = Slow(0.1), Slow(0.0, ProviderFailed(FailureKind.BROKEN))
    house = knows(House(HEDGED, first, second, CHEAP, DEAR))
    events = await house.events()
    assert isinstance(events[0], Started)
    assert events[0].model is CHEAP
    assert sorted(record.outcome for record in house.ledger.records) == ["broken", "ok"]


async def test_both_failing_is_told_and_settled() -> None:
    failing = ProviderFailed(FailureKind.FORBIDDEN)
    house = knows(House(HEDGED, Slow(0.06, failing), Slow(0.06, failing), CHEAP, DEAR))
    with pytest.raises(Unavailable):
        await house.events()
    assert len(house.budgets.settled) == len(house.budgets.reserved) == len(house.ledger.records) == 2


async def test_caller_who_leaves_during_the_race_leaves_nothing_reserved() -> None:
    house = knows(House(HEDGED, Slow(5.0), Slow(5.0), CHEAP, DEAR))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.15):
            await house.events()
    assert len(house.budgets.settled) == len(house.budgets.reserved) == len(house.ledger.records) == 2


async def test_whole_answer_that_hangs_is_given_by_the_next_model() -> None:
    hasty = replace(CHEAP, first_token_seconds=0.05)
    house = House(Policy(), Slow(5.0), Slow(), hasty, DEAR)
    answer = await asyncio.wait_for(CompleteText(house.generate)(WANTED), 2)
    assert answer.text == DEAR.name


async def test_silent_stream_is_given_up_after_the_models_patience() -> None:
    hasty = replace(CHEAP, first_token_seconds=0.05)
    house = House(Policy(), Slow(5.0), Slow(), hasty, DEAR)
    events = await asyncio.wait_for(house.events(), 2)
    assert isinstance(events[-1], Finished)
    assert [record.outcome for record in house.ledger.records] == ["too slow to begin", "ok"]


CHEAPER = Policy(prefer=Quality.PREMIUM, over_budget=OverBudget.CHEAPER)
BEST = replace(DEAR, name="models/best", quality=Quality.PREMIUM)


async def test_spent_budget_is_refused_with_the_time_to_come_back() -> None:
    house = House(Policy(), Slow(), Slow(), CHEAP, budget=0)
    with pytest.raises(Exhausted) as spent:
        await house.events()
    assert (spent.value.reason, spent.value.retry_after) == ("BUDGET_SPENT", 30.0)
    assert house.ledger.records == []


async def test_spent_budget_falls_to_a_cheaper_model_where_the_policy_says_so() -> None:
    house = House(CHEAPER, Slow(), Slow(), BEST, CHEAP, BASIC, budget=0)
    events = await house.events()
    assert isinstance(events[0], Started)
    assert (events[0].model, events[0].route_reason) == (BASIC, "the budget does not hold models/best")
    assert isinstance(events[-1], Finished)
    assert "BUDGET" in events[-1].degraded


async def test_least_quality_of_the_caller_holds_even_when_the_budget_does_not() -> None:
    house = House(CHEAPER, Slow(), Slow(), BEST, BASIC, budget=0)
    with pytest.raises(Exhausted):
        await house.events(replace(WANTED, min_quality=Quality.PREMIUM))


async def test_provider_that_is_slow_for_all_is_asked_twice_for_a_few_only() -> None:
    house = House(HEDGED, Slow(0.03), Slow(), CHEAP, DEAR)
    for _ in range(30):
        house.latency.note(CHEAP, 0.001)
        await house.events(replace(WANTED, cache_use=CacheUse.OFF))
        house.latency._last[CHEAP.name].pop()
    hedged = sum(record.hedge for record in house.ledger.records)
    assert 5 <= hedged <= 6


async def test_model_that_was_outrun_is_remembered_as_slow() -> None:
    house = knows(House(HEDGED, Slow(0.5), Slow(), CHEAP, DEAR))
    before = house.latency.average(CHEAP)
    await house.events()
    assert house.latency.average(CHEAP) > before
