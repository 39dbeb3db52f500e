"""When an answer to a similar question is given, to whom, and what happens while that cannot be told."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.llm.application.embed_texts import EmbedTexts
from services.llm.application.generate_text import GenerateText
from services.llm.application.similar_answers import SimilarAnswers
from services.llm.domain.answer_cache import KnownQuestion
from services.llm.domain.embedding import Embedded, EmbeddingLimits, VectorCache
from services.llm.domain.errors import FailureKind, ProviderFailed
from services.llm.domain.generation import (
    CacheOutcome,
    CacheUse,
    Ended,
    Finished,
    FinishReason,
    Message,
    Privacy,
    Prompt,
    ProviderEvent,
    Role,
    Started,
    TextDelta,
    Wanted,
)
from services.llm.domain.health import HealthBook
from services.llm.domain.model import CacheMode, Model, ModelTable, Policy, Quality
from services.llm.domain.usage import TokenUsage
from tests.fakes.llm_models import CHEAP, VECTORS
from tests.fakes.llm_provider import FakeLedger
from tests.fakes.llm_similar_questions import FakeSimilarQuestions
from tests.fakes.llm_surroundings import FakeAnswerCache, surroundings

SIMILAR = Policy(prefer=Quality.BASIC, cache=CacheMode.SIMILAR)
EXACT = replace(SIMILAR, cache=CacheMode.EXACT)
MEANINGS = ("spain", "refund")


@dataclass
class Provider:
    """Answers with its prompt, and embeds a text by what it is about."""

    asked: list[str] = field(default_factory=list)
    embedded: list[str] = field(default_factory=list)
    broken: bool = False
    limits = EmbeddingLimits(texts_per_call=8, calls_at_once=1)

    async def generate(self, model: Model, prompt: Prompt, stream: bool = True) -> AsyncGenerator[ProviderEvent, None]:
        self.asked.append(prompt.messages[-1].text)
        yield TextDelta(repr(prompt.messages))
        yield Ended(FinishReason.STOP, TokenUsage(7, 3))

    async def embed(self, model: Model, texts: Sequence[str], query: bool) -> Embedded:
        if self.broken:
            raise ProviderFailed(FailureKind.BROKEN)
        self.embedded += texts
        return Embedded([[float(word in text.lower()) for word in MEANINGS] + [0.1] for text in texts], 2)


class Judge:
    """A `SimilarityJudge` by one word."""

    model = VECTORS.name

    def reads(self, text: str) -> bool:
        return "unreadable" not in text

    def fitting(self, text: str, vector: Sequence[float], known: Sequence[KnownQuestion]) -> Sequence[KnownQuestion]:
        return [one for one in known if any(word in text.lower() and word in one.text.lower() for word in MEANINGS)]


class House:
    """The use case with everything around it in memory."""

    def __init__(self, policy: Policy = SIMILAR) -> None:
        self.provider, self.ledger, self.answers, self.known = (
            Provider(),
            FakeLedger(),
            FakeAnswerCache(),
            FakeSimilarQuestions(),
        )
        self.table = ModelTable(2, (CHEAP, VECTORS), {"default": policy}, digest="t1")
        health, vectors = HealthBook(), VectorCache(100)
        providers = {"openai": self.provider, "local": self.provider}
        embed = EmbedTexts(self, providers, VECTORS.name, health, self.ledger, lambda: 0.0, vectors)
        self.similar = SimilarAnswers(self.answers, self.known, Judge(), embed)
        around = surroundings(self, providers, health, self.ledger, lambda: 0.0)
        self.generate = GenerateText(around, self.similar)

    def configured(self) -> ModelTable:
        return self.table

    async def answer(self, text: str, **about: object) -> tuple[str, CacheOutcome]:
        """Ask, wait until what was answered is known, and return the answer and where it came from."""
        messages = [Message(Role.SYSTEM, "Be brief."), Message(Role.USER, text)]
        return await self.to(Wanted(Prompt(messages), **about))  # type: ignore[arg-type]

    async def to(self, wanted: Wanted) -> tuple[str, CacheOutcome]:
        events = [event async for event in self.generate(wanted)]
        job = asyncio.ensure_future(self.similar.run())
        await self.similar.settled()
        job.cancel()
        with suppress(asyncio.CancelledError):
            await job
        assert isinstance(events[-1], Finished)
        self.started = events[0]
        return "".join(event.text for event in events if isinstance(event, TextDelta)), events[-1].cache


async def test_similar_question_gets_the_answer_for_nothing_and_is_told_so() -> None:
    house = House()
    first, outcome = await house.answer("Do you ship to Spain?")
    assert outcome is CacheOutcome.MISS
    assert await house.answer("Is Spain served?") == (first, CacheOutcome.SIMILAR)
    assert house.provider.asked == ["Do you ship to Spain?"]
    assert isinstance(house.started, Started)
    assert house.started.route_reason == "answered before (similar)"
    record = house.ledger.records[-1]
    assert (record.cache, record.cost_micros, record.saved_micros > 0) == ("similar", 0, True)


async def test_other_meaning_is_asked_of_a_model() -> None:
    house = House()
    await house.answer("Do you ship to Spain?")
    assert (await house.answer("Where is my refund?"))[1] is CacheOutcome.MISS


async def test_answer_given_for_a_similar_question_is_not_kept_for_that_one_too() -> None:
    house = House()
    await house.answer("Do you ship to Spain?")
    await house.answer("Spain, and my refund?")
    assert [question.text for question, _, _ in house.known.known.values()] == ["Do you ship to Spain?"]
    assert (await house.answer("Where is my refund?"))[1] is CacheOutcome.MISS


@pytest.mark.parametrize(
    ("policy", "use", "outcome"),
    [
        (SIMILAR, CacheUse.BY_POLICY, CacheOutcome.SIMILAR),
        (SIMILAR, CacheUse.EXACT, CacheOutcome.MISS),
        (SIMILAR, CacheUse.OFF, CacheOutcome.NOT_ASKED),
        (EXACT, CacheUse.BY_POLICY, CacheOutcome.MISS),
        (EXACT, CacheUse.SIMILAR, CacheOutcome.SIMILAR),
        (replace(EXACT, cache=CacheMode.OFF), CacheUse.SIMILAR, CacheOutcome.NOT_ASKED),
    ],
)
async def test_similar_answers_are_given_only_where_the_caller_or_the_policy_wants_them(
    policy: Policy, use: CacheUse, outcome: CacheOutcome
) -> None:
    house = House(policy)
    await house.answer("Do you ship to Spain?", cache_use=use)
    assert (await house.answer("Is Spain served?", cache_use=use))[1] is outcome
    if outcome is not CacheOutcome.SIMILAR:
        assert (house.known.known, house.provider.embedded) == ({}, [])


@pytest.mark.parametrize(
    "about",
    [
        {"privacy": Privacy.PERSONAL, "user": "u1"},
        {"user": "u1", "text": "Do you ship to Spain for anna@example.com?"},
        {"privacy": Privacy.SHARED, "text": "Do you ship to Spain for anna@example.com?"},
    ],
)
async def test_personal_question_is_never_known_to_others(about: dict[str, object]) -> None:
    house = House()
    text = str(about.pop("text", "Do you ship to Spain?"))
    await house.answer(text, **about)
    assert (house.known.known, house.provider.embedded) == ({}, [])
    await house.answer("Is Spain served?")
    assert (await house.answer(text.replace("Do", "Will"), **about))[1] is CacheOutcome.MISS


async def test_question_the_judge_cannot_read_is_neither_embedded_nor_known() -> None:
    house = House()
    await house.answer("unreadable Spain")
    assert (house.known.known, house.provider.embedded) == ({}, [])


async def test_purged_answer_is_not_given_even_where_its_question_is_still_known() -> None:
    house = House()
    about = {"cache_tags": ("articles/shipping",)}
    await house.answer("Do you ship to Spain?", **about)
    house.known.away = True
    assert await house.similar.purge(["articles/shipping"]) == 1
    house.known.away = False
    assert len(house.known.known) == 1
    assert (await house.answer("Is Spain served?", **about))[1] is CacheOutcome.MISS
    assert await house.similar.purge(["articles/shipping"]) == 1
    assert house.known.known == {}


async def test_answer_made_from_other_things_is_not_given() -> None:
    house = House()
    await house.answer("Do you ship to Spain?", cache_tags=("articles/shipping",))
    assert (await house.answer("Is Spain served?", cache_tags=("articles/spain",)))[1] is CacheOutcome.MISS


async def test_without_vectors_or_their_store_a_model_answers() -> None:
    house = House()
    await house.answer("Do you ship to Spain?")
    house.known.away = True
    assert (await house.answer("Is Spain served?"))[1] is CacheOutcome.MISS
    house.known.away, house.provider.broken = False, True
    assert (await house.answer("Spain?"))[1] is CacheOutcome.MISS


FEW = st.sampled_from(["", "a", "b", "a:", ":a", "1:a", "ab"])
ASKERS = st.builds(
    Wanted,
    st.builds(
        Prompt,
        st.builds(
            lambda system, text: [Message(Role.SYSTEM, system), Message(Role.USER, text)],
            st.sampled_from(["Be brief.", "Be brief", "Be long."]),
            st.sampled_from(["Do you ship to Spain?", "Is Spain served?", "Spain, a@example.com?"]),
        ),
        max_output_tokens=st.sampled_from([10, 11]),
    ),
    tenant=FEW,
    user=FEW,
    api_key=FEW,
    use_case=FEW,
    prompt_version=FEW,
    privacy=st.sampled_from(Privacy),
    cache_use=st.sampled_from(CacheUse),
    cache_tags=st.lists(FEW, max_size=2).map(tuple),
)


def whose(wanted: Wanted) -> tuple[object, ...]:
    """Return whatever two requests must have in common to share an answer, but for the words of the question."""
    return (
        *(getattr(wanted, name) for name in ("tenant", "api_key", "use_case", "prompt_version", "model")),
        wanted.prompt.messages[0],
        wanted.prompt.max_output_tokens,
    )


def is_personal(wanted: Wanted) -> bool:
    return wanted.privacy is Privacy.PERSONAL or (
        wanted.privacy is Privacy.BY_CONTENT and "@" in wanted.prompt.messages[-1].text
    )


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(ASKERS, min_size=2, max_size=25))
async def test_no_answer_ever_crosses_to_whom_it_is_not_for(asked: list[Wanted]) -> None:
    house = House()
    given_to: dict[str, list[Wanted]] = {}
    for number, wanted in enumerate(asked):
        # Each answer says who got it first.
        house.provider.asked.clear()
        mark = f"{number} "
        found, outcome = await _marked(house, mark, wanted)
        if outcome in (CacheOutcome.MISS, CacheOutcome.NOT_ASKED):
            given_to[found] = [wanted]
            continue
        first = given_to[found][0]
        assert whose(first) == whose(wanted)
        assert is_personal(first) == is_personal(wanted)
        assert not is_personal(wanted) or first.user == wanted.user
        assert CacheUse.OFF not in (first.cache_use, wanted.cache_use)
        if outcome is CacheOutcome.SIMILAR:
            assert not is_personal(wanted)
            assert all("@" not in one.prompt.messages[-1].text for one in (first, wanted))
            assert set(first.cache_tags) == set(wanted.cache_tags)
            assert CacheUse.EXACT not in (first.cache_use, wanted.cache_use)
        else:
            assert first.prompt == wanted.prompt


async def _marked(house: House, mark: str, wanted: Wanted) -> tuple[str, CacheOutcome]:
    """Ask, with a provider that begins its answers with a mark."""

    async def generate(model: Model, prompt: Prompt, stream: bool = True) -> AsyncGenerator[ProviderEvent, None]:
        yield TextDelta(mark)
        yield Ended(FinishReason.STOP, TokenUsage(7, 3))

    house.provider.generate = generate  # type: ignore[method-assign]
    return await house.to(wanted)
