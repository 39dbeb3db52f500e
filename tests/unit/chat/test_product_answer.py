"""Answers about a product say what its fields and its reviewers say, and nothing else."""

import pytest

from services.chat.domain.product import Aspect, Opinions, Price, Product, card_line
from services.chat.domain.product_answer import Facet, facet_line, facets_of, facts_of, is_general, pick

SLIPPERS = Product(
    key="harbour-wool-slippers",
    title="Harbour Wool Slippers",
    price=Price(5900),
    list_price=Price(7900),
    stock=3,
    description="A closed-back house shoe for cold kitchens. The sole grips wooden floors.",
    brand="Harbour & Hale",
    attributes={"Material": "felted wool", "Care": "Brush them when dry"},
    rating=4.56,
    review_count=31,
    delivery_note="Arrives Tuesday, 12 May",
)
OPINIONS = Opinions((Aspect("warmth", 12, 1, "My feet have never been so warm."),))


@pytest.mark.parametrize(("minor", "shown"), [(5900, "€59"), (5950, "€59.50"), (123456, "€1,234.56"), (5, "€0.05")])
def test_prices_read_like_in_a_shop(minor: int, shown: str) -> None:
    assert str(Price(minor)) == shown


def test_a_card_line_holds_price_stock_and_rating() -> None:
    assert card_line(SLIPPERS) == "Harbour Wool Slippers: €59 (was €79), only 3 left, rated 4.6 of 5 by 31 reviewers."


@pytest.mark.parametrize(
    ("question", "facets"),
    [
        ("How much is it?", [Facet.PRICE]),
        ("is this in stock?", [Facet.STOCK]),
        ("when will it arrive?", [Facet.DELIVERY]),
        ("what do people say about them?", [Facet.REVIEWS]),
        ("are they machine washable?", []),
    ],
)
def test_fields_that_are_asked_for(question: str, facets: list[Facet]) -> None:
    assert facets_of(question) == facets


def test_facets_are_answered_from_the_fields() -> None:
    assert facet_line(Facet.STOCK, SLIPPERS, OPINIONS) == "Harbour Wool Slippers: only 3 left."
    assert facet_line(Facet.DELIVERY, SLIPPERS, OPINIONS) == "Harbour Wool Slippers: Arrives Tuesday, 12 May."
    told = facet_line(Facet.REVIEWS, SLIPPERS, OPINIONS)
    assert "12 reviewers praise its warmth, 1 reviewer finds fault with it." in told
    assert "“My feet have never been so warm.”" in told


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("what are they made of?", "felted wool"),
        ("how do I clean these?", "Brush them"),
        ("are they warm?", "warmth"),
        ("who makes them?", "Harbour & Hale"),
    ],
)
def test_facts_that_answer_are_found(question: str, part: str) -> None:
    assert part in " ".join(fact.text for fact in pick(question, facts_of(SLIPPERS, OPINIONS)))


def test_what_the_product_does_not_say_is_not_answered() -> None:
    assert pick("do they have bluetooth?", facts_of(SLIPPERS, OPINIONS)) == []


def test_a_question_for_everything_is_recognised() -> None:
    assert is_general("tell me more about this")
    assert not is_general("tell me about the sole")
