"""The assistant's own words: everything it says that is not quoted from somewhere."""

from collections.abc import Sequence
from dataclasses import replace

from services.chat.domain.budget import Budget
from services.chat.domain.extraction import Quote
from services.chat.domain.product import Price

LOOKING_IN_ARTICLES = "Looking in the help pages…"
LOOKING_AT_PRODUCT = "Reading the product's details…"
WRITING = "Writing it down…"

GREETING = "Hello, good to have you here. Ask me about {topics}, or tell me what you are looking for."
THANKS = "You're very welcome. Is there anything else I can do?"
GOODBYE = "Goodbye, and come back whenever you like."
WHO_ARE_YOU = (
    "I'm the shop's assistant, a program and not a person. I answer from our help pages and our catalogue, "
    "and I say so when I don't know. Ask me about {topics}, or let me find something for you."
)
UNKNOWN = (
    "I don't know that, sorry: I found nothing about it in our help pages. "
    "I can help with {topics}, or find something in the shop for you."
)
UNKNOWN_OF_PRODUCT = (
    "I don't know that about {title}, sorry: neither its details nor its reviews say. "
    "I can tell you its price, whether it is in stock, what it is made of and what reviewers say."
)
NOTHING_FOUND = (
    "I looked, but found nothing in the shop for “{wish}”{budget}. Shall I look for something a little different?"
)
NOTHING_CHEAPER = "I found nothing like it for less than {price}."
SHOP_AWAY = "I can't reach the catalogue just now, so I won't guess. Please try again in a moment."
ARTICLES_AWAY = "I can't reach our help pages just now, so I won't guess. Please try again in a moment."
NO_WISH = "Gladly. What are you looking for: a kind of thing, a material, or something for somebody?"

FOUND = "Here is what I found for {wish}{budget}:"
FOUND_ABOVE = "I found nothing for {wish}{budget}. The closest costs more:"
FOUND_CHEAPER = "These cost less:"
PRODUCT_GONE = "I can't find that product in the shop any more."

_USUAL_TOPICS = ("delivery", "returns", "payment", "your account")


def looking_in(title: str) -> str:
    """Return what is shown while an article is read."""
    return f"Looking in {_lowered(title)}…"


def looking_for(wish: str) -> str:
    """Return what is shown while products are searched."""
    return f"Looking for {wish}…" if wish else "Looking in the shop…"


def with_topics(template: str, topics: Sequence[str]) -> str:
    """Fill a template's topics with what the articles are about."""
    return template.format(topics=listed(list(topics)[:5] or _USUAL_TOPICS))


def listed(things: Sequence[str]) -> str:
    """Return "a, b and c"."""
    if len(things) <= 1:
        return "".join(things)
    return f"{', '.join(things[:-1])} and {things[-1]}"


def joined(quotes: Sequence[Quote], first_number: int = 1) -> list[Quote]:
    """Return the quotes as they are said, each with its mark; one of another article is led in."""
    said = []
    for place, spoken in enumerate(quotes):
        citation = replace(spoken.citation, index=first_number + place)
        lead = ""
        if place:
            other = citation.article != quotes[place - 1].citation.article
            lead = f"\n\nOn {_lowered(citation.title)}: " if other else " "
        said.append(Quote(citation, f"{lead}{spoken.text} [{citation.index}]"))
    return said


def deltas(text: str) -> list[str]:
    """Return the text word by word, each word with the space behind it."""
    pieces: list[str] = []
    start = 0
    for place in range(1, len(text)):
        if text[place - 1].isspace() and not text[place].isspace():
            pieces.append(text[start:place])
            start = place
    if text[start:]:
        pieces.append(text[start:])
    return pieces


def within(budget: Budget, currency: str = "EUR") -> str:
    """Return a budget behind a wish: " under €60"; empty without one."""
    if budget.least and budget.most:
        return f" between {Price(budget.least, currency)} and {Price(budget.most, currency)}"
    if budget.most:
        return f" up to {Price(budget.most, currency)}"
    return f" from {Price(budget.least, currency)}" if budget.least else ""


def _lowered(title: str) -> str:
    """Return a title inside a sentence: "Returns and refunds" is "returns and refunds", "PayPal" stays."""
    first = title.split(" ", 1)[0]
    return title[:1].lower() + title[1:] if first[1:].islower() or len(first) == 1 else title
