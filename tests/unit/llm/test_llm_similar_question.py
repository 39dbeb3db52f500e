"""What the guard of similar questions reads, and what it forbids whatever vectors say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.shop_questions import Swap, questions, swaps
from services.llm.adapters.embedding_similarity import lexicon
from services.llm.domain.similar_question import (
    FEATURES,
    MOST_CHARACTERS,
    Reader,
    Reading,
    Veto,
    Weights,
    features,
    likelihood,
    veto,
)

WORDS = lexicon()
READ = Reader(WORDS)


def reading(text: str) -> Reading:
    found = READ(text)
    assert found is not None, text
    return found


def forbidden(one: str, other: str) -> Veto:
    return veto(reading(one), reading(other), WORDS)


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        ("Is delivery free from 50 euros?", "Is delivery free from 80 euros?", Veto.NUMBERS),
        ("Does it hold two litres?", "Does it hold 3 litres?", Veto.NUMBERS),
        ("Does it hold 2 litres?", "Does it hold 2 pounds?", Veto.NUMBERS),
        ("Do you have the jumper in green?", "Do you have the jumper in navy?", Veto.THINGS),
        ("Do you have the jacket in XL?", "Do you have the jacket in L?", Veto.THINGS),
        ("Do you ship to Spain?", "Do you ship to Norway?", Veto.THINGS),
        ("Do you ship from Spain to Norway?", "Do you ship from Norway to Spain?", Veto.ORDER),
        ("What does the Skerry cost?", "What does the Tramline cost?", Veto.NAMES),
        ("Can I return opened cosmetics?", "Can I return unopened cosmetics?", Veto.NEGATION),
        ("I can log in to my account", "I can't log in to my account", Veto.NEGATION),
        ("How do I turn on alerts?", "How do I turn off alerts?", Veto.OPPOSITES),
        ("How long does a refund take?", "How much is a refund?", Veto.KIND),
        ("Was my parcel sent?", "Will my parcel be sent?", Veto.TENSE),
        ("Do I pay for the return?", "Do you pay for the return?", Veto.PERSON),
        ("How do I wash the blanket?", "How do I dye the blanket?", Veto.SWAPPED_WORD),
    ],
)
def test_another_answer_is_told_by_its_words(one: str, other: str, why: Veto) -> None:
    assert forbidden(one, other) is why
    assert forbidden(other, one) is why


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How much is standard delivery?", "What do you charge for normal shipping?"),
        ("Is delivery free from 50 euros?", "From fifty euros, is shipping free?"),
        ("I didn't get my parcel", "My package has not arrived"),
        ("Does it cost 1.000,50 euros?", "Does it cost 1,000.50 euros?"),
    ],
)
def test_ways_of_asking_the_same_are_not_forbidden(one: str, other: str) -> None:
    assert forbidden(one, other) is Veto.NONE


@pytest.mark.parametrize(
    "pair",
    [*swaps(), *swaps("swaps-later.txt"), *swaps("swaps-fresh.txt")],
    ids=lambda pair: f"{pair.one} / {pair.other}",
)
def test_what_is_swapped_is_seen(pair: Swap) -> None:
    assert forbidden(pair.one, pair.other) is not Veto.NONE


def test_question_never_forbids_itself_and_vetoes_are_mutual() -> None:
    read = [found for one in questions() if (found := READ(one.text)) is not None]
    assert len(read) > 0.99 * len(questions())
    for one, other in zip(read, read[1:] + read[:1], strict=True):
        assert veto(one, one, WORDS) is Veto.NONE
        assert veto(one, other, WORDS) is veto(other, one, WORDS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "?!",
        "why " * 61,
        "a" * (MOST_CHARACTERS + 1),
        "Kann ich das nicht zurückgeben?",
        "Combien coûte la livraison express?",
        "配送にどのくらいかかりますか",
        "Zwracam zakupione wczoraj buty zimowe bez paragonu",
    ],
)
def test_what_is_too_long_or_of_another_language_is_not_read(text: str) -> None:
    assert READ(text) is None


@given(st.text(max_size=700))
def test_any_text_is_read_or_not_and_nothing_breaks(text: str) -> None:
    found = READ(text)
    if found is not None:
        assert veto(found, found, WORDS) is Veto.NONE
        weights = Weights({}, 1.0, 0.0, [0.1] * len(FEATURES), {})
        assert 0.0 <= likelihood(features(found, found, 1.0, 1.0, weights), weights) <= 1.0
