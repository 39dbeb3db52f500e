"""What a caller gets while providers answer, fail and fall silent."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

from services.llm.application.complete_text import CompleteText
from services.llm.application.generate_text import GenerateText
from services.llm.domain.generation import (
    Continued,
    Finished,
    FinishReason,
    GenerationEvent,
    Message,
    Priority,
    Prompt,
    Restarted,
    Role,
    Started,
    TextDelta,
    Wanted,
)
from services.llm.domain.health import HealthBook
from services.llm.domain.model import Model, Quality
from services.llm.domain.usage import TokenUsage
from services.runtime.errors import Exhausted, Invalid, Unavailable
from tests.fakes.llm_models import BASIC, CHEAP, DEAR, FixedModels
from tests.fakes.llm_provider import FakeLedger, FakeProvider
from tests.fakes.llm_scenario import Scenario
from tests.fakes.llm_surroundings import FakeAnswerCache, surroundings

WANTED = Wanted(Prompt([Message(Role.USER, "Tell me about tea.")]), min_quality=Quality.STANDARD)


class House:
    """The use case with fakes all around: `first` runs the cheap model, `second` the dear one."""

    def __init__(
        self, first: Scenario, second: Scenario = Scenario.ANSWER, models: tuple[Model, ...] = (CHEAP, DEAR)
    ) -> None:
        self.first, self.second = FakeProvider(first, timeout=0.05), FakeProvider(second, timeout=0.05)
        self.ledger, self.health, self.now = FakeLedger(), HealthBook(), 100.0
        providers = {"openai": self.first, "bedrock": self.second, "local": self.first}
        around = surroundings(FixedModels(*models), providers, self.health, self.ledger, lambda: self.now)
        self.generate = GenerateText(around, FakeAnswerCache())

    async def events(self, wanted: Wanted = WANTED) -> list[GenerationEvent]:
        async with aclosing(self.generate(wanted)) as events:
            return [event async for event in events]


async def test_answer_begins_with_its_model_and_ends_with_usage() -> None:
    events = await House(Scenario.ANSWER).events()
    assert events[1:] == [
        TextDelta("Warm "),
        TextDelta("tea"),
        Finished(FinishReason.STOP, TokenUsage(7, 2), (), cost_micros=2),
    ]
    assert isinstance(events[0], Started)
    assert events[0].model is CHEAP


@pytest.mark.parametrize(
    "failure",
    [Scenario.THROTTLED, Scenario.BROKEN, Scenario.FORBIDDEN, Scenario.GONE, Scenario.SILENT, Scenario.TOO_LONG],
)
async def test_failure_before_the_first_token_is_invisible_but_marked(failure: Scenario) -> None:
    house = House(failure)
    started, *_, finished = await house.events()
    assert isinstance(started, Started)
    assert (started.model, started.route_reason) == (DEAR, "next in price after models/cheap")
    assert isinstance(finished, Finished)
    assert finished.degraded == ("PREFERRED_PROVIDER",)
    assert [record.model for record in house.ledger.records] == ["models/cheap", "models/dear"]


@pytest.mark.parametrize("failure", [Scenario.CUT, Scenario.STALLED])
async def test_failure_after_the_first_token_goes_on_with_another_model_and_says_nothing_twice(
    failure: Scenario,
) -> None:
    house = House(failure)
    events = await house.events()
    continued = events[2]
    assert isinstance(continued, Continued)
    assert (events[1], continued.attempt, continued.model) == (TextDelta("Warm "), 2, DEAR)
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "Warm tea"
    asked = house.second.prompts[0][1].messages
    assert [turn.role for turn in asked] == [Role.USER, Role.ASSISTANT, Role.USER]
    assert asked[1].text == "Warm "
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert (finished.degraded, finished.attempts) == (("PREFERRED_PROVIDER", "RECOVERED"), 2)


async def test_answer_that_nobody_can_go_on_with_is_a_typed_error() -> None:
    house, said = House(Scenario.CUT, Scenario.BROKEN), []
    with pytest.raises(Unavailable) as caught:
        async for event in house.generate(WANTED):
            said.append(event)
    assert caught.value.reason == "PROVIDER_UNAVAILABLE"
    assert said[1:] == [TextDelta("Warm ")]


async def test_caller_that_accepts_it_is_told_to_begin_anew_when_going_on_is_refused() -> None:
    house = House(Scenario.CUT, Scenario.REFUSES_TO_GO_ON)
    events = await house.events(replace(WANTED, accepts_restart=True))
    restarted = next(event for event in events if isinstance(event, Restarted))
    assert (restarted.model, restarted.discard_bytes) == (DEAR, len("Warm "))
    after = events[events.index(restarted) :]
    assert "".join(event.text for event in after if isinstance(event, TextDelta)) == "Warm tea"


async def test_caller_that_does_not_accept_it_never_hears_a_second_beginning() -> None:
    with pytest.raises(Unavailable):
        await House(Scenario.CUT, Scenario.REFUSES_TO_GO_ON).events()


async def test_whole_answers_are_begun_anew_unseen() -> None:
    house = House(Scenario.CUT, Scenario.REFUSES_TO_GO_ON)
    answer = await CompleteText(house.generate)(WANTED)
    assert (answer.text, answer.started.model) == ("Warm tea", DEAR)


async def test_everybody_failing_is_unavailable_and_says_how() -> None:
    with pytest.raises(Unavailable) as caught:
        await House(Scenario.BROKEN, Scenario.THROTTLED).events()
    assert caught.value.message == "No provider could answer: models/cheap was broken; models/dear was throttled."


async def test_refused_request_is_not_tried_elsewhere() -> None:
    house = House(Scenario.REFUSED)
    with pytest.raises(Invalid) as caught:
        await house.events()
    assert (caught.value.reason, house.second.prompts) == ("PROVIDER_REFUSED", [])
    assert "tea" not in caught.value.message


async def test_prompt_too_long_for_everybody_is_the_callers_fault() -> None:
    with pytest.raises(Invalid) as caught:
        await House(Scenario.TOO_LONG, Scenario.TOO_LONG).events()
    assert caught.value.reason == "CONTEXT_TOO_LONG"


async def test_model_that_failed_is_not_asked_while_it_rests() -> None:
    house = House(Scenario.THROTTLED)
    await house.events()
    started, *_, finished = await house.events()
    assert isinstance(started, Started)
    assert (started.route_reason, len(house.first.prompts)) == ("models/cheap cannot answer now", 1)
    assert isinstance(finished, Finished)
    assert finished.degraded == ("PREFERRED_PROVIDER",)
    house.now += 8
    house.first.scenario = Scenario.ANSWER
    assert (await house.events())[-1] == Finished(FinishReason.STOP, TokenUsage(7, 2), (), cost_micros=2)


async def test_uncounted_answer_has_estimated_usage() -> None:
    house = House(Scenario.UNCOUNTED)
    finished = (await house.events())[-1]
    assert isinstance(finished, Finished)
    assert finished.usage == TokenUsage(9, 3, estimated=True)


async def test_caller_who_leaves_stops_the_provider_and_is_still_accounted_for() -> None:
    house = House(Scenario.ENDLESS)
    async with aclosing(house.generate(WANTED)) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                break
    assert house.first.left.is_set()
    record = house.ledger.records[0]
    assert (record.outcome, record.usage.estimated, record.usage.output_tokens > 0) == ("left", True, True)
    assert house.health.of(CHEAP, house.now).usable


async def test_deadline_of_the_caller_stops_the_provider() -> None:
    house = House(Scenario.ENDLESS)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await house.events()
    await asyncio.wait_for(house.first.left.wait(), 1)


async def test_provider_is_asked_for_no_more_than_fits() -> None:
    house = House(Scenario.ANSWER, models=(BASIC,))
    await house.events(Wanted(Prompt([Message(Role.USER, "x" * 400)], max_output_tokens=5_000)))
    assert house.first.prompts[0][1].max_output_tokens == 896


async def test_record_of_a_failed_call_names_the_failure_and_charges_nothing() -> None:
    house = House(Scenario.BROKEN)
    await house.events()
    failed, answered = house.ledger.records
    assert (failed.outcome, failed.cost_micros, failed.first_token_seconds) == ("broken", 0, 0.0)
    assert (answered.outcome, answered.cost_micros, answered.degraded) == ("ok", 8, ("PREFERRED_PROVIDER",))


async def test_call_beyond_the_places_is_turned_away_and_costs_nothing() -> None:
    house = House(Scenario.ANSWER)
    crowd = house.generate._a.admission
    for _ in range(1024):
        crowd.enter(Priority.INTERACTIVE, "")
    with pytest.raises(Exhausted) as refused:
        await house.events()
    assert refused.value.reason == "OVERLOADED"
    assert (house.first.prompts, house.ledger.records) == ([], [])
    crowd.leave()
    assert await house.events()
    assert crowd.running == 1023
