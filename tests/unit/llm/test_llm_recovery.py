"""Answers that break off: whatever the point and whatever the next model does, whole or a typed error."""

import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import pytest

from services.llm.application.complete_text import CompleteText
from services.llm.application.generate_text import GenerateText
from services.llm.domain.errors import FailureKind, PromptRefused, ProviderFailed
from services.llm.domain.generation import (
    Continued,
    Ended,
    Finished,
    FinishReason,
    Message,
    Prompt,
    ProviderEvent,
    Restarted,
    Role,
    TextDelta,
    ToolCall,
    Wanted,
)
from services.llm.domain.health import HealthBook
from services.llm.domain.model import Model, Quality
from services.llm.domain.recovery import Diverged, Seam, Style
from services.llm.domain.usage import TokenUsage
from services.runtime.errors import Unavailable
from tests.fakes.llm_models import CHEAP, DEAR, FixedModels
from tests.fakes.llm_provider import FakeLedger
from tests.fakes.llm_surroundings import FakeAnswerCache, FakeBudgets, surroundings

WANTED = Wanted(Prompt([Message(Role.USER, "Tell me about tea.")]), min_quality=Quality.STANDARD)
WORDS = (
    "Tea is a drink made by pouring hot water over leaves. It has been drunk for four thousand years, and is, after "
    "water, what people drink the most. Green, black and white tea come from one plant; how they are dried differs. "
)
FAILURES = (FailureKind.BROKEN, FailureKind.TIMED_OUT, FailureKind.UNREACHABLE, FailureKind.THROTTLED)


@dataclass
class Teller:
    """A provider that knows the whole answer, stops where it is told to, and goes on in its own way."""

    answer: str
    cut_at: int | None = None
    failure: FailureKind = FailureKind.BROKEN
    piece: int = 7
    # "exact", "repeats the end", "repeats all", "begins anew" or "refuses".
    goes_on: str = "exact"
    calls: list[ToolCall] = field(default_factory=list)

    async def generate(self, model: Model, prompt: Prompt, stream: bool = True) -> AsyncGenerator[ProviderEvent, None]:
        text = self._text(prompt)
        left = len(text) if self.cut_at is None else min(self.cut_at, len(text))
        for start in range(0, left, self.piece):
            yield TextDelta(text[start : min(start + self.piece, left)])
        if self.cut_at is not None:
            raise ProviderFailed(self.failure)
        for call in self.calls:
            yield call
        reason = FinishReason.TOOL_CALLS if self.calls else FinishReason.STOP
        yield Ended(reason, TokenUsage(9, len(text.split())))

    def _text(self, prompt: Prompt) -> str:
        said = next((turn.text for turn in reversed(prompt.messages) if turn.role is Role.ASSISTANT), None)
        if said is None:
            return self.answer
        if self.goes_on == "refuses":
            raise PromptRefused("no_prefill")
        rest = self.answer[len(said) :]
        if self.goes_on == "repeats the end":
            return said[-40:] + rest
        if self.goes_on == "repeats all":
            return self.answer
        return "Tea was never a drink. " + self.answer[::-1] if self.goes_on == "begins anew" else rest


def house(first: Teller, second: Teller, prefill: bool, budgets: FakeBudgets, ledger: FakeLedger) -> GenerateText:
    models = FixedModels(CHEAP, replace(DEAR, prefill=prefill))
    around = surroundings(models, {"openai": first, "bedrock": second}, HealthBook(), ledger, lambda: 0.0, budgets)
    return GenerateText(around, FakeAnswerCache())


async def heard(generate: GenerateText, wanted: Wanted) -> tuple[str, bool, int]:
    """Return what a client ends up with, whether the answer ended well, and the calls it was given."""
    text, ended, calls = "", False, 0
    async with aclosing(generate(wanted)) as events:
        async for event in events:
            assert not ended, "nothing comes after the end"
            if isinstance(event, Restarted):
                assert wanted.accepts_restart
                assert event.discard_bytes == len(text.encode())
                text = ""
            elif isinstance(event, TextDelta):
                text += event.text
            elif isinstance(event, ToolCall):
                calls += 1
            ended = isinstance(event, Finished)
    return text, ended, calls


async def test_ten_thousand_random_breaks_end_whole_or_as_a_typed_error() -> None:
    chance, whole, refused = random.Random(11), 0, 0
    for _ in range(10_000):
        budgets, ledger = FakeBudgets(10**12), FakeLedger()
        answer = WORDS * chance.randint(1, 2)
        first = Teller(answer, chance.randint(0, len(answer)), chance.choice(FAILURES), chance.randint(1, 30))
        second = Teller(
            answer,
            piece=chance.randint(1, 30),
            goes_on=chance.choice(("exact", "exact", "repeats the end", "repeats all", "refuses")),
        )
        if chance.random() < 0.1:
            second.cut_at = chance.randint(0, 100)
        wanted = replace(WANTED, accepts_restart=chance.random() < 0.5)
        generate = house(first, second, prefill=second.goes_on == "exact", budgets=budgets, ledger=ledger)
        try:
            text, ended, _ = await heard(generate, wanted)
            assert ended
            assert text == answer, (first.cut_at, second.goes_on)
            whole += 1
        except Unavailable as refusal:
            assert refusal.reason == "PROVIDER_UNAVAILABLE"
            refused += 1
        # Whatever happened: every reservation is settled, every call has one record, and nothing is left set aside.
        assert len(budgets.settled) == len(budgets.reserved) == len(ledger.records)
        assert 10**12 - (budgets.left or 0) == sum(record.cost_micros for record in ledger.records)
    assert (whole + refused, whole > 8_000, refused > 100) == (10_000, True, True)


async def test_answer_that_begins_anew_is_never_glued_to_the_first_half() -> None:
    second = Teller("Tea is a drink made by boiling something else entirely, as everybody here knows.")
    second.goes_on = "repeats all"
    generate = house(Teller(WORDS, 60), second, False, FakeBudgets(), FakeLedger())
    with pytest.raises(Unavailable, match="stopped in the middle"):
        await heard(generate, WANTED)


async def test_tool_calls_are_whole_or_absent() -> None:
    call = ToolCall("c1", "find_order", '{"id": 7}')
    ledger = FakeLedger()
    broken = Teller("", 0, calls=[call])
    generate = house(broken, Teller("", calls=[call]), False, FakeBudgets(), ledger)
    assert await heard(generate, WANTED) == ("", True, 1)


async def test_whole_answers_never_show_a_break() -> None:
    for goes_on in ("exact", "repeats all", "refuses", "begins anew"):
        second = Teller(WORDS, goes_on=goes_on)
        generate = house(Teller(WORDS, 80), second, goes_on == "exact", FakeBudgets(), FakeLedger())
        answer = await CompleteText(generate)(WANTED)
        if goes_on != "begins anew":
            assert answer.text == WORDS


async def test_who_went_on_is_told() -> None:
    generate = house(Teller(WORDS, 80), Teller(WORDS), True, FakeBudgets(), FakeLedger())
    async with aclosing(generate(WANTED)) as events:
        told = [event async for event in events if isinstance(event, Continued)]
    assert [(event.attempt, event.model.name, event.reason) for event in told] == [(2, "models/dear", "broken")]


def joined(said: str, pieces: list[str]) -> str:
    seam = Seam(said, Style.INSTRUCTION)
    return said + "".join(seam.feed(piece) for piece in pieces) + seam.end()


@pytest.mark.parametrize(
    ("said", "pieces", "whole"),
    [
        ("Warm tea is", [" good", "."], "Warm tea is good."),
        ("Warm tea is", ["Warm ", "tea is good."], "Warm tea is good."),
        (
            "It is served with milk and honey",
            ["with milk and honey", ", and hot."],
            "It is served with milk and honey, and hot.",
        ),
        ("A", ["nd so on."], "And so on."),
        ("Te", ["Tea is good."], "Tea is good."),
        ("Warm tea is good.", [], "Warm tea is good."),
    ],
)
def test_two_halves_are_joined_without_saying_anything_twice(said: str, pieces: list[str], whole: str) -> None:
    assert joined(said, pieces) == whole


def test_second_answer_that_differs_is_noticed() -> None:
    with pytest.raises(Diverged):
        joined("Warm tea is good for the nerves.", ["Warm tea is good for the ", "garden."])
