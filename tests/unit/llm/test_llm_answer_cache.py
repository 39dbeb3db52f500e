"""Which requests have the same answer, and who may be given it."""

import random
from dataclasses import replace
from typing import Any

import pytest

from services.llm.application.generate_text import GenerateText
from services.llm.application.single_flight import Flights
from services.llm.domain.answer_cache import Question, question_of
from services.llm.domain.generation import (
    CacheOutcome,
    CacheUse,
    Finished,
    FormatKind,
    GenerationEvent,
    Image,
    Message,
    Privacy,
    Prompt,
    ResponseFormat,
    Role,
    TextDelta,
    Tool,
    ToolChoice,
    ToolChoiceMode,
    Wanted,
)
from services.llm.domain.health import HealthBook
from services.llm.domain.model import CacheMode, ModelTable, Policy, Quality
from tests.fakes.llm_models import BASIC, CHEAP
from tests.fakes.llm_provider import FakeLedger, FakeProvider
from tests.fakes.llm_surroundings import FakeAnswerCache, surroundings

POLICY = Policy(prefer=Quality.BASIC, cache=CacheMode.SIMILAR)
ASKED = Wanted(Prompt([Message(Role.SYSTEM, "Be brief."), Message(Role.USER, "Do you ship to Spain?")]), user="u1")


def question(wanted: Wanted = ASKED, table: str = "t1", policy: Policy = POLICY, personal: bool = False) -> Question:
    found = question_of(wanted, table, policy, personal)
    assert found is not None
    return found


def with_prompt(**changes: Any) -> Wanted:
    return replace(ASKED, prompt=replace(ASKED.prompt, **changes))


CHANGES: dict[str, Question] = {
    "tenant": question(replace(ASKED, tenant="tenants/other")),
    "key": question(replace(ASKED, api_key="apiKeys/1")),
    "use case": question(replace(ASKED, use_case="sentiment")),
    "model": question(replace(ASKED, model="models/cheap")),
    "quality": question(replace(ASKED, min_quality=Quality.PREMIUM)),
    "prompt version": question(replace(ASKED, prompt_version="2")),
    "table": question(table="t2"),
    "policy": question(policy=replace(POLICY, prefer=Quality.PREMIUM)),
    "personal": question(personal=True),
    "another person": question(replace(ASKED, user="u2"), personal=True),
    "temperature": question(with_prompt(temperature=0.1)),
    "nucleus": question(with_prompt(top_p=0.1)),
    "seed": question(with_prompt(seed=1)),
    "stop": question(with_prompt(stop=("x",))),
    "length": question(with_prompt(max_output_tokens=1)),
    "tool": question(with_prompt(tools=(Tool("a"),))),
    "another tool": question(with_prompt(tools=(Tool("b"),))),
    "schema of a tool": question(with_prompt(tools=(Tool("a", schema="{}"),))),
    "tool choice": question(with_prompt(tools=(Tool("a"),), tool_choice=ToolChoice(ToolChoiceMode.REQUIRED))),
    "format": question(with_prompt(response_format=ResponseFormat(FormatKind.JSON_OBJECT))),
    "schema": question(with_prompt(response_format=ResponseFormat(FormatKind.JSON_SCHEMA, schema="{}"))),
    "system": question(with_prompt(messages=[Message(Role.SYSTEM, "Be long."), ASKED.prompt.messages[1]])),
    "history": question(with_prompt(messages=[*ASKED.prompt.messages, Message(Role.USER, "And France?")])),
    "role": question(with_prompt(messages=[Message(Role.USER, "Be brief."), ASKED.prompt.messages[1]])),
    "moved words": question(
        with_prompt(messages=[Message(Role.SYSTEM, "Be brief"), Message(Role.USER, ".Do you ship to Spain?")])
    ),
    "picture": question(
        with_prompt(messages=[Message(Role.USER, "Do you ship to Spain?", images=[Image("image/png", b"1")])])
    ),
    "another picture": question(
        with_prompt(messages=[Message(Role.USER, "Do you ship to Spain?", images=[Image("image/png", b"2")])])
    ),
}


def test_same_request_is_the_same_question() -> None:
    assert question() == question(replace(ASKED, cache_tags=())) == question(replace(ASKED, user="u2"))


def test_whatever_shapes_the_answer_makes_another_question() -> None:
    digests = [question().exact, *(one.exact for one in CHANGES.values())]
    assert len(set(digests)) == len(digests)


def test_other_words_are_another_question_within_the_same_scope() -> None:
    other = question(with_prompt(messages=[ASKED.prompt.messages[0], Message(Role.USER, "Is Spain served?")]))
    assert (other.exact != question().exact, other.scope == question().scope) == (True, True)


@pytest.mark.parametrize("change", ["personal", "tool", "schema", "history", "role", "picture"])
def test_similar_questions_answer_only_plain_single_ones(change: str) -> None:
    assert question().text == "Do you ship to Spain?"
    assert CHANGES[change].text == ""


@pytest.mark.parametrize(
    ("wanted", "policy", "personal"),
    [
        (replace(ASKED, cache_use=CacheUse.OFF), POLICY, False),
        (ASKED, replace(POLICY, cache=CacheMode.OFF), False),
        (with_prompt(temperature=0.9), POLICY, False),
        (replace(ASKED, user=""), POLICY, True),
    ],
)
def test_what_is_not_to_be_remembered_has_no_question(wanted: Wanted, policy: Policy, personal: bool) -> None:
    assert question_of(wanted, "t1", policy, personal) is None


def test_pairs_of_different_people_never_meet() -> None:
    """Pairs that differ in whose they are, written so that careless joining would make them the same."""
    chance, letters = random.Random(3), "ab/:0"
    seen: dict[str, tuple[str, str, str, str]] = {}
    circles: dict[str, tuple[str, str, str]] = {}
    for _ in range(20_000):
        tenant, user, key, text = ("".join(chance.choices(letters, k=chance.randint(0, 3))) for _ in range(4))
        wanted = Wanted(Prompt([Message(Role.USER, text)]), tenant=tenant, user=user or "-", api_key=key)
        whose = (tenant, user or "-", key, text)
        assert seen.setdefault(question(wanted, personal=True).exact, whose) == whose
        # Where similar questions meet, tags count too.
        tagged = question(replace(wanted, cache_tags=(text,)))
        assert circles.setdefault(tagged.circle, (tenant, key, text)) == (tenant, key, text)


class Cached:
    """The use case with a cache that remembers, in a process where flights fly."""

    def __init__(self) -> None:
        self.provider, self.ledger, self.cache, self.flights = (
            FakeProvider(),
            FakeLedger(),
            FakeAnswerCache(),
            Flights(),
        )
        models = FixedModels(CHEAP)
        around = surroundings(models, {"openai": self.provider}, HealthBook(), self.ledger, lambda: 0.0)
        self.generate = GenerateText(around, self.cache, self.flights)

    async def events(self, wanted: Wanted) -> list[GenerationEvent]:
        return [event async for event in self.generate(wanted)]


class FixedModels:
    def __init__(self, *models: Any) -> None:
        self.table = ModelTable(2, models, {"default": POLICY}, digest="t1")

    def configured(self) -> ModelTable:
        return self.table


async def test_second_asker_gets_the_same_words_for_nothing_and_is_counted() -> None:
    house = Cached()
    first, second = await house.events(ASKED), await house.events(replace(ASKED, user="u2"))
    assert [e.text for e in second if isinstance(e, TextDelta)] == ["Warm tea"]
    assert isinstance(first[-1], Finished) and isinstance(second[-1], Finished)
    assert (first[-1].cache, first[-1].cost_micros > 0) == (CacheOutcome.MISS, True)
    assert (second[-1].cache, second[-1].cost_micros, len(house.provider.prompts)) == (CacheOutcome.EXACT, 0, 1)
    record = house.ledger.records[-1]
    assert (record.cache, record.cost_micros, record.saved_micros) == ("exact", 0, first[-1].cost_micros)


async def test_prompt_with_personal_data_is_answered_for_its_user_alone() -> None:
    house = Cached()
    mine = replace(ASKED, prompt=Prompt([Message(Role.USER, "Ship to anna@example.com?")]))
    await house.events(mine)
    await house.events(replace(mine, user="u2"))
    assert len(house.provider.prompts) == 2
    await house.events(mine)
    assert len(house.provider.prompts) == 2


async def test_caller_may_say_that_a_prompt_is_personal() -> None:
    house = Cached()
    await house.events(replace(ASKED, privacy=Privacy.PERSONAL))
    await house.events(replace(ASKED, privacy=Privacy.PERSONAL, user="u2"))
    assert len(house.provider.prompts) == 2


async def test_purge_by_tag_forgets() -> None:
    house = Cached()
    tagged = replace(ASKED, cache_tags=("products/1",))
    await house.events(tagged)
    assert await house.cache.purge(["products/2"]) == 0
    assert await house.cache.purge(["products/1"]) == 1
    await house.events(tagged)
    assert len(house.provider.prompts) == 2
    assert BASIC.price.date == ""


def test_answer_is_never_given_for_a_request_with_other_tags() -> None:
    def digest(*tags: str) -> str:
        wanted = Wanted(Prompt([Message(Role.USER, "How warm is it?")]), cache_tags=tags)
        found = question_of(wanted, "t1", POLICY, False)
        assert found is not None
        return found.exact

    assert digest("products/teapot") != digest("products/kettle")
    assert digest("a", "b") == digest("b", "a", "b")
