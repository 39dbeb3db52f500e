"""Wishes for products, as they grow over several turns, and whether what was found fits them."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.chat.domain.budget import NO_BUDGET, Budget
from services.chat.domain.intent import Intent, Reading, read_intent, wish_of
from services.chat.domain.product import Product
from services.chat.domain.text import terms

# The least closeness of a product to a wish when they share no word. In the demo shop wishes for what it sells find
# several products above it (0.38 to 0.72), wishes for what it does not sell few or none.
CLOSE_ENOUGH = 0.36
# Words that fit any product.
_OF_ANYTHING = frozenset(
    terms(
        "gift gifts present presents idea ideas perfect under cheaper good nice best great lovely cheap new old small "
        "big large birthday christmas man woman year years home house day recommend suggest show find buy"
    )
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What to search the catalogue for."""

    text: str
    budget: Budget = NO_BUDGET
    cheaper: bool = False


def wish_after(reading: Reading, earlier: Sequence[str]) -> Wish:
    """Return a reading's wish; one that names nothing of its own takes the words of the wish before it."""
    if terms(reading.wish) and not reading.cheaper:
        return Wish(reading.wish, reading.budget)
    for before in reversed(earlier):
        previous = read_intent(before, wished_before=True)
        if terms(previous.wish) and not previous.cheaper:
            return Wish(previous.wish, reading.budget, reading.cheaper)
    return Wish(reading.wish, reading.budget, reading.cheaper)


def refined(text: str, earlier: Sequence[str]) -> Wish:
    """Return the earlier wish with what a follow-up adds to it: "and in blue?"."""
    added = read_intent(text, wished_before=True)
    more = wish_of(text)
    for before in reversed(earlier):
        previous = read_intent(before, wished_before=True)
        if previous.intent is Intent.WISH and terms(previous.wish):
            return Wish(f"{previous.wish} {more}".strip(), added.budget or previous.budget)
    return Wish(more, added.budget)


def shares_words(wish: str, product: Product) -> bool:
    """Return whether a product's text holds something of what a wish names."""
    return bool((set(terms(wish)) - _OF_ANYTHING) & set(terms(product.words)))


def names(wish: str, product: Product) -> bool:
    """Return whether a product's text holds everything that a wish names."""
    asked = set(terms(wish)) - _OF_ANYTHING
    return bool(asked) and asked <= set(terms(product.words))
