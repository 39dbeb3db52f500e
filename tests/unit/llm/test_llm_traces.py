"""Every call to a model leaves a span, and every refusal of a budget is counted."""

from contextlib import aclosing
from dataclasses import dataclass, field, replace

import pytest

from services.llm.application.generate_text import GenerateText
from services.llm.domain.generation import Ended, Message, Prompt, Role, Wanted
from services.llm.domain.health import HealthBook
from services.llm.domain.model import Quality
from services.llm.domain.usage import UsageRecord
from services.runtime.errors import Exhausted
from tests.fakes.llm_models import CHEAP, DEAR, FixedModels
from tests.fakes.llm_provider import FakeLedger, FakeProvider
from tests.fakes.llm_scenario import Scenario
from tests.fakes.llm_surroundings import FakeAnswerCache, FakeBudgets, surroundings

WANTED = Wanted(Prompt([Message(Role.USER, "Tell me about tea.")]), min_quality=Quality.STANDARD)


@dataclass
class Spans:
    """`CallSpans` that keeps what was begun and how it ended; and `Refusals`."""

    begun: list[tuple[str, str]] = field(default_factory=list)
    ended: list[tuple[UsageRecord, Ended | None]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)

    def attempt(self, operation: str, model: str) -> "Spans":
        self.begun.append((operation, model))
        return self

    def end(self, record: UsageRecord, ended: Ended | None = None) -> None:
        self.ended.append((record, ended))

    def budget_refused(self, budget: str, what: str) -> None:
        self.refused.append((budget, what))


def house(first: Scenario, spans: Spans, budgets: FakeBudgets | None = None) -> GenerateText:
    providers = {"openai": FakeProvider(first), "bedrock": FakeProvider()}
    table = FixedModels(CHEAP, DEAR)
    around = surroundings(table, providers, HealthBook(), FakeLedger(), lambda: 1.0, budgets)
    return GenerateText(replace(around, spans=spans, refusals=spans), FakeAnswerCache())


async def ask(generate: GenerateText, events: int = 99) -> None:
    async with aclosing(generate(WANTED)) as stream:
        async for _ in stream:
            events -= 1
            if not events:
                return


async def test_a_span_for_each_model_that_was_asked_with_how_it_ended() -> None:
    spans = Spans()
    await ask(house(Scenario.CUT, spans))
    assert spans.begun == [("chat", CHEAP.name), ("chat", DEAR.name)]
    assert [(record.model, record.outcome, ended is not None) for record, ended in spans.ended] == [
        (CHEAP.name, "broken", False),
        (DEAR.name, "ok", True),
    ]


async def test_span_of_a_call_whose_reader_left_is_ended_too() -> None:
    spans = Spans()
    await ask(house(Scenario.ANSWER, spans), events=2)
    assert [record.outcome for record, _ in spans.ended] == ["left"]


async def test_refusal_of_a_budget_is_counted() -> None:
    spans = Spans()
    with pytest.raises(Exhausted):
        await ask(house(Scenario.ANSWER, spans, FakeBudgets(0)))
    assert spans.refused == [("other", "money")]


def test_models_that_rest_are_named() -> None:
    from services.llm.domain.errors import FailureKind

    health = HealthBook()
    for _ in range(5):
        health.failed(CHEAP, FailureKind.BROKEN, 10.0)
    assert health.resting(10.0) == [CHEAP.name]
    assert health.resting(10_000.0) == []
