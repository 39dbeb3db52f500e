"""Answers about one product from its facts and reviews."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from services.chat.domain.product import Aspect, Opinions, Product, price_fact, rating_fact, stock_fact
from services.chat.domain.text import sentences, stem, terms


class Facet(Enum):
    """Sides of a product that are answered straight from its fields."""

    PRICE = auto()
    STOCK = auto()
    DELIVERY = auto()
    REVIEWS = auto()


_FACETS: tuple[tuple[Facet, re.Pattern[str]], ...] = (
    (
        Facet.PRICE,
        re.compile(
            r"\b(?:price|cost|costs|how much (?:is|are|does|do|for)|expensive|reduced|on sale|discounted)\b", re.I
        ),
    ),
    (
        Facet.STOCK,
        re.compile(
            r"\b(?:in stock|available|availability|sold out|out of stock|how many .*left|any left|back in)\b", re.I
        ),
    ),
    (
        Facet.DELIVERY,
        re.compile(
            r"\bwhen (?:will|would|does|do|can|could|should) .*\b(?:arrive|come|delivered|get|here|ship|have)\b|"
            r"\bhow (?:long|soon|fast|quick\w*) .*\b(?:arrive|deliver\w*|ship\w*|get here|take|come)\b|"
            r"\bdelivery (?:time|date)\b",
            re.I,
        ),
    ),
    (
        Facet.REVIEWS,
        re.compile(
            r"\b(?:reviews?|reviewers?|ratings?|rated|stars?|people (?:say|think|like)|customers? (?:say|think|like)|"
            r"opinions?|others (?:say|think)|any good|worth it|recommended)\b",
            re.I,
        ),
    ),
)
_GENERAL = frozenset(
    terms("tell more about this product item details describe information describe explain overview features special")
)


@dataclass(frozen=True, slots=True)
class Fact:
    """A sentence about a product, and whether it is a reviewer's or the shop's."""

    text: str
    # What it is about beyond its own words: "material made fabric" for an attribute Material.
    about: str = ""
    review: bool = False


# Words shoppers use for what attributes are called.
_SAID_FOR = {
    "material": "material made of fabric stuff leather wool cotton",
    "care": "care wash washing clean cleaning machine iron dry dryer dishwasher",
    "size": "size sizes dimensions big large small tall wide long fit",
    "dimension": "size dimensions big large tall wide long high deep measure measurements",
    "weight": "weight heavy light weigh",
    "colour": "colour color shade",
    "color": "colour color shade",
    "fit": "fit size fits true roomy narrow wide",
    "capacity": "capacity volume litres hold holds big",
    "origin": "origin made country where come from",
    "batter": "battery charge lasts hours run time",
    "warrant": "warranty guarantee",
    "sole": "sole grip",
}


def facets_of(question: str) -> list[Facet]:
    """Return the fields a question asks for."""
    return [facet for facet, pattern in _FACETS if pattern.search(question)]


def is_general(question: str) -> bool:
    """Return whether a question asks for the product as a whole: "tell me about it"."""
    return set(terms(question)) <= _GENERAL


def facts_of(product: Product, opinions: Opinions) -> list[Fact]:
    """Return everything that can be said about a product, sentence by sentence."""
    facts = [Fact(f"{name}: {value}.", _said_for(name)) for name, value in product.attributes.items() if value.strip()]
    if product.brand:
        facts.append(Fact(f"It is made by {product.brand}.", "brand maker who makes manufacturer"))
    facts += [Fact(sentence.text) for sentence in sentences(product.description)]
    facts += [Fact(aspect_line(aspect), f"{aspect.name} {aspect.quote}", review=True) for aspect in opinions.aspects]
    return facts


def facet_line(facet: Facet, product: Product, opinions: Opinions) -> str:
    """Return what the fields say."""
    if facet is Facet.PRICE:
        return f"{product.title}: {price_fact(product)}."
    if facet is Facet.STOCK:
        return f"{product.title}: {stock_fact(product)}."
    if facet is Facet.DELIVERY:
        return _delivery_line(product)
    return reviews_line(product, opinions)


def overview(product: Product, opinions: Opinions) -> str:
    """Return the product in a few sentences."""
    told = [sentence.text for sentence in sentences(product.description)[:2]]
    facts = ", ".join(fact for fact in (price_fact(product), stock_fact(product), rating_fact(product)) if fact)
    return " ".join([f"{product.title}: {facts}.", *told])


def reviews_line(product: Product, opinions: Opinions) -> str:
    """Return what reviewers say, with one of their sentences."""
    if not product.review_count:
        return f"Nobody has reviewed {product.title} yet."
    lines = [f"{product.title}: {rating_fact(product)}."]
    lines += [aspect_line(aspect) for aspect in opinions.aspects[:2]]
    if not opinions.aspects and opinions.quotes:
        lines.append(f"One of them writes: “{opinions.quotes[0]}”")
    return " ".join(lines)


def aspect_line(aspect: Aspect) -> str:
    """Return what reviewers say about one side, with a sentence of one of them."""
    parts = []
    if aspect.praised:
        parts.append(_praise(aspect))
    if aspect.faulted:
        parts.append(_fault(aspect))
    line = f"{', '.join(parts)}." if parts else ""
    return f"{line} One writes: “{aspect.quote}”" if aspect.quote and line else line


def _praise(aspect: Aspect) -> str:
    return f"{_reviewers(aspect.praised)} {'praises' if aspect.praised == 1 else 'praise'} its {aspect.name}"


def _fault(aspect: Aspect) -> str:
    verb = "finds" if aspect.faulted == 1 else "find"
    place = "it" if aspect.praised else f"its {aspect.name}"
    return f"{_reviewers(aspect.faulted)} {verb} fault with {place}"


def _reviewers(count: int) -> str:
    return "1 reviewer" if count == 1 else f"{count} reviewers"


def _delivery_line(product: Product) -> str:
    if product.stock <= 0:
        return f"{product.title} is out of stock at the moment, so I can't name a day."
    if product.delivery_note:
        return f"{product.title}: {product.delivery_note.rstrip('.')}."
    return f"{product.title} can be shipped today."


def _said_for(name: str) -> str:
    lowered = name.lower()
    return " ".join([lowered, *(said for key, said in _SAID_FOR.items() if key in lowered)])


def pick(question: str, facts: Sequence[Fact], meanings: Sequence[float] = ()) -> list[Fact]:
    """Return the facts that answer a question: at most two, none when none does. `meanings` are cosines by fact."""
    asked = set(terms(question))
    if not asked:
        return []
    scored = []
    for place, fact in enumerate(facts):
        held = set(terms(fact.text)) | {stem(word) for word in fact.about.split()}
        lexical = len(asked & held) / len(asked)
        meaning = meanings[place] if meanings else lexical
        scored.append((0.6 * meaning + 0.4 * lexical, place))
    scored.sort(key=lambda pair: (-pair[0], pair[1]))
    best = scored[0][0] if scored else 0.0
    if best < _ANSWERS:
        return []
    return [facts[place] for score, place in scored[:2] if score >= 0.85 * best]


_ANSWERS = 0.40
