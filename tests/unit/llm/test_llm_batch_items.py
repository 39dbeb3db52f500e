"""What asking models means for an item of a batch: nobody else is asked after a failure that may be paid."""

import asyncio
from dataclasses import replace

import pytest

from services.llm.application.complete_text import CompleteText
from services.llm.application.generate_text import GenerateText
from services.llm.application.single_flight import Flights
from services.llm.domain.errors import nobody_began
from services.llm.domain.generation import Message, Priority, Prompt, Role, Wanted
from services.llm.domain.health import HealthBook
from services.llm.domain.model import CacheMode, Policy
from services.runtime.errors import AisleError
from tests.fakes.llm_models import BASIC, CHEAP, FixedModels
from tests.fakes.llm_provider import FakeLedger, FakeProvider
from tests.fakes.llm_scenario import Scenario
from tests.fakes.llm_surroundings import FakeAnswerCache, surroundings

ITEM = Wanted(Prompt([Message(Role.USER, "Returns?")]), priority=Priority.BATCH, batch=True, record_id="item-1")


def over(first: FakeProvider, second: FakeProvider, ledger: FakeLedger) -> CompleteText:
    models = FixedModels(CHEAP, BASIC)
    providers = {"openai": first, "local": second}
    return CompleteText(
        GenerateText(surroundings(models, providers, HealthBook(), ledger, lambda: 0.0), FakeAnswerCache())
    )


@pytest.mark.parametrize("scenario", [Scenario.BROKEN, Scenario.CUT, Scenario.UNFINISHED])
async def test_an_item_is_not_sent_to_anybody_again_after_a_failure_that_may_be_paid(scenario: Scenario) -> None:
    first, second = FakeProvider(scenario), FakeProvider()
    with pytest.raises(AisleError) as caught:
        await over(first, second, FakeLedger())(ITEM)
    assert (len(first.prompts), len(second.prompts)) == (1, 0)
    assert not nobody_began(caught.value)


@pytest.mark.parametrize("scenario", [Scenario.THROTTLED, Scenario.FORBIDDEN, Scenario.GONE])
async def test_an_item_that_was_refused_at_the_door_goes_to_the_next_model(scenario: Scenario) -> None:
    first, second, ledger = FakeProvider(scenario), FakeProvider(), FakeLedger()
    answer = await over(first, second, ledger)(ITEM)
    assert answer.started.model is BASIC
    assert [record.record_id for record in ledger.records] == ["item-1", "item-1/2"]
    assert all(record.batch for record in ledger.records)


async def test_an_item_that_everybody_refused_at_the_door_was_begun_by_nobody() -> None:
    first, second = FakeProvider(Scenario.THROTTLED), FakeProvider(Scenario.GONE)
    with pytest.raises(AisleError) as caught:
        await over(first, second, FakeLedger())(ITEM)
    assert nobody_began(caught.value)


async def test_a_call_that_somebody_waits_for_does_not_hang_on_an_item_of_the_same_question() -> None:
    policy = {"default": Policy(cache=CacheMode.EXACT)}
    models, ledger = FixedModels(CHEAP, BASIC), FakeLedger()
    models.table = replace(models.table, policies=policy)
    first, second, flights = FakeProvider(Scenario.SILENT, timeout=0.05), FakeProvider(), Flights()
    around = surroundings(models, {"openai": first, "local": second}, HealthBook(), ledger, lambda: 0.0)
    complete = CompleteText(GenerateText(around, FakeAnswerCache(), flights))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(flights.run())
        await asyncio.sleep(0)
        item = asyncio.ensure_future(complete(ITEM))
        await asyncio.sleep(0)
        answer = await complete(replace(ITEM, batch=False, priority=Priority.INTERACTIVE, record_id=""))
        assert answer.started.model is BASIC
        with pytest.raises(AisleError):
            await item
        again = await complete(ITEM)
        assert again.finished.cost_micros == 0
        running.cancel()
    assert (ledger.records[-1].record_id, ledger.records[-1].batch) == ("item-1", True)


async def test_others_are_sent_to_the_next_model_as_ever() -> None:
    first, second = FakeProvider(Scenario.BROKEN), FakeProvider()
    answer = await over(first, second, FakeLedger())(replace(ITEM, batch=False, priority=Priority.INTERACTIVE))
    assert answer.started.model is BASIC
