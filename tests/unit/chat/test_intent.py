"""What a text is taken for, what may be spent, and which question a follow-up leans on."""

import pytest

from services.chat.domain.budget import Budget, read_budget
from services.chat.domain.follow_up import refines, standalone
from services.chat.domain.intent import Intent, read_intent
from services.chat.domain.wish import refined, wish_after


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("Hi there!", Intent.GREETING),
        ("thanks a lot", Intent.THANKS),
        ("Perfect, thank you!", Intent.THANKS),
        ("bye", Intent.GOODBYE),
        ("Are you a robot?", Intent.WHO_ARE_YOU),
        ("what can you do", Intent.WHO_ARE_YOU),
        ("Hi, where is my parcel?", Intent.SUPPORT),
        ("how do I return something?", Intent.SUPPORT),
        ("I'm looking for a return label", Intent.SUPPORT),
        ("is delivery free over 50 euro?", Intent.SUPPORT),
        ("who won the world cup", Intent.SUPPORT),
    ],
)
def test_intents(text: str, intent: Intent) -> None:
    assert read_intent(text).intent is intent


@pytest.mark.parametrize(
    ("text", "wish", "budget"),
    [
        ("show me warm slippers under 60 euro", "warm slippers", Budget(0, 6000)),
        ("a gift for a coffee lover", "gift for a coffee lover", Budget()),
        ("Can you recommend a reading lamp for around €80?", "reading lamp", Budget(5600, 10400)),
        ("which backpack would you recommend for the Alps", "backpack for the Alps", Budget()),
        ("I need something for cold feet between 20 and 50 €", "something for cold feet", Budget(2000, 5000)),
        ("wool blanket, max 120", "wool blanket", Budget(0, 12000)),
    ],
)
def test_wishes_name_what_to_search_for_and_what_may_be_spent(text: str, wish: str, budget: Budget) -> None:
    reading = read_intent(text)
    assert (reading.intent, reading.wish, reading.budget) == (Intent.WISH, wish, budget)


@pytest.mark.parametrize("text", ["Do you have vegan bags?", "espresso machine", "gift cards"])
def test_what_may_be_either_is_left_unsure(text: str) -> None:
    reading = read_intent(text)
    assert (reading.intent, reading.sure) == (Intent.SUPPORT, False)


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("under 49.90 euro", Budget(0, 4990)),
        ("€20-40", Budget(2000, 4000)),
        ("up to 1,000 eur", Budget(0, 100000)),
        ("more than €100", Budget(10000, 0)),
        ("under 30 cm", Budget()),
        ("for 2 people", Budget()),
        ("no numbers at all", Budget()),
    ],
)
def test_budgets(text: str, budget: Budget) -> None:
    assert read_budget(text).budget == budget


@pytest.mark.parametrize(
    ("text", "earlier", "whole"),
    [
        ("and for sale items?", ["How do I return something?"], "How do I return something? and for sale items?"),
        ("what about Austria?", ["Do you ship to Norway?"], "Do you ship to Norway? what about Austria?"),
        ("why?", ["Can I pay later?"], "Can I pay later? why?"),
        ("Can I pay by invoice?", ["How do I return something?"], "Can I pay by invoice?"),
        ("and express?", ["What is the fee?", "and to Norway?"], "What is the fee? and to Norway? and express?"),
        ("and for sale items?", [], "and for sale items?"),
    ],
)  # fmt: skip
def test_follow_ups_are_joined_with_what_they_lean_on(text: str, earlier: list[str], whole: str) -> None:
    assert standalone(text, earlier) == whole


def test_cheaper_ones_keep_the_wish() -> None:
    reading = read_intent("cheaper ones?", wished_before=True)
    wish = wish_after(reading, ["show me warm slippers"])
    assert (wish.text, wish.cheaper) == ("warm slippers", True)


def test_a_refinement_adds_to_the_wish_and_keeps_its_budget() -> None:
    assert refines("and in blue?")
    wish = refined("and in blue?", ["show me warm slippers under 60 euro"])
    assert (wish.text, wish.budget) == ("warm slippers in blue", Budget(0, 6000))
