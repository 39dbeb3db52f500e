"""A description composed from the facts alone: plainer than a writer's, and never wrong.

Sentences come from small families of phrasings. Which one is taken follows from the product itself, so the same facts
always give the same text and different products do not read alike.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence

from services.product.domain.copy_brief import CopyBrief, Tone
from services.product.domain.plain_text import fold

_OPENINGS = {
    Tone.WARM: (
        "{name} is {article} {kind} to live with and to reach for without thinking.",
        "Some things settle into a home quietly; {name} is one of them.",
        "{name} was chosen for the everyday: {article} {kind} that asks for little and is there when you need it.",
        "There is a calm about {name} that you notice the first time you use it.",
    ),
    Tone.PLAIN: (
        "{name} is {article} {kind}.",
        "{name}: {article} {kind}, described by its facts.",
        "This is {name}, {article} {kind}.",
    ),
    Tone.LIVELY: (
        "Meet {name}.",
        "Say hello to {name}.",
        "Here comes {name}, ready for whatever the day brings.",
        "{name} is here, and it is keen to get going.",
    ),
}
_BRAND = {
    Tone.WARM: ("It comes to us from {brand}.", "{brand} makes it."),
    Tone.PLAIN: ("Made by {brand}.", "Maker: {brand}."),
    Tone.LIVELY: ("{brand} is behind it.", "It is the work of {brand}."),
}
# Phrasings of one fact, by the names facts go by.
_KNOWN: dict[tuple[str, ...], dict[Tone, tuple[str, ...]]] = {
    ("material", "materials", "fabric", "composition", "upper"): {
        Tone.WARM: ("It is made of {value}, and you can feel it.", "The material is {value}."),
        Tone.PLAIN: ("Material: {value}.", "It is made of {value}."),
        Tone.LIVELY: ("What is it made of? {Value}.", "Made of {value}, through and through."),
    },
    ("colour", "color", "product colour", "colours", "colors"): {
        Tone.WARM: ("The colour is {value}, easy to place beside what you already own.", "It comes in {value}."),
        Tone.PLAIN: ("Colour: {value}.",),
        Tone.LIVELY: ("The colour? {Value}.", "It turns up in {value}."),
    },
    ("care", "washing", "care instructions", "cleaning"): {
        Tone.WARM: ("Looking after it is simple: {value}.",),
        Tone.PLAIN: ("Care: {value}.",),
        Tone.LIVELY: ("Care is quickly told: {value}.",),
    },
    ("size", "dimensions", "measurements", "length", "width", "height", "diameter"): {
        Tone.WARM: ("For your shelf and your plans, the {label} is {value}.", "Its {label}: {value}."),
        Tone.PLAIN: ("{Label}: {value}.",),
        Tone.LIVELY: ("Tape measure out: {label} {value}.", "On {label}, it is {value}."),
    },
    ("weight",): {
        Tone.WARM: ("It weighs {value}.",),
        Tone.PLAIN: ("Weight: {value}.",),
        Tone.LIVELY: ("On the scales: {value}.",),
    },
    ("origin", "country of origin", "made in", "provenance"): {
        Tone.WARM: ("Its origin is {value}.",),
        Tone.PLAIN: ("Origin: {value}.",),
        Tone.LIVELY: ("And where does it come from? {Value}.",),
    },
    ("capacity", "volume"): {
        Tone.WARM: ("It holds {value}.",),
        Tone.PLAIN: ("Capacity: {value}.",),
        Tone.LIVELY: ("Room inside: {value}.",),
    },
}
_OTHER = {
    Tone.WARM: ("Good to know, too: {label} is {value}.", "As for {label}, it is {value}.", "{Label}: {value}."),
    Tone.PLAIN: ("{Label}: {value}.",),
    Tone.LIVELY: ("{Label}? {Value}.", "On {label}: {value}."),
}
_KEYWORDS = {
    Tone.WARM: ("If you came looking for {words}, start here.", "A place to begin for {words}."),
    Tone.PLAIN: ("Relevant for: {words}.",),
    Tone.LIVELY: ("Searching for {words}? Have a look.",),
}
_CLOSINGS = {
    Tone.WARM: (
        "Take your time with it; it will take its time with you.",
        "We think you will be glad of it on an ordinary day.",
        "Give it a place where you will use it.",
    ),
    Tone.PLAIN: (),
    Tone.LIVELY: ("Ready when you are.", "Go on, find it a spot.", "The rest is up to you."),
}
_SHORTEST_FOR_CLOSING = 30


def composed_copy(brief: CopyBrief) -> str:
    """Return a description of about the wanted length that says nothing the brief does not."""
    pick = _picker(brief)
    opening = [_opening(brief, pick)]
    if brief.subtitle and fold(brief.subtitle) != fold(brief.title):
        opening.append(_ended(_capital(brief.subtitle)))
    if brief.brand and fold(brief.brand) not in fold(brief.title):
        opening.append(pick(_BRAND[brief.tone]).format(brand=brief.brand))
    closing = _keyword_sentence(brief, opening, pick)
    last = _CLOSINGS[brief.tone]
    if last and brief.target_words >= _SHORTEST_FOR_CLOSING:
        closing.append(pick(last))
    budget = brief.target_words - _count([*opening, *closing])
    return " ".join([*opening, *_facts_within(brief, pick, budget), *closing])


def in_word_sized_deltas(text: str) -> Iterator[str]:
    """Yield the text in pieces of a word and the space behind it: joined they are the text."""
    start = 0
    for place, character in enumerate(text):
        if character == " " and place + 1 < len(text) and text[place + 1] != " ":
            yield text[start : place + 1]
            start = place + 1
    if start < len(text):
        yield text[start:]


def _opening(brief: CopyBrief, pick: Callable[[Sequence[str]], str]) -> str:
    kind = _kind(brief)
    name = brief.title or "This piece"
    return pick(_OPENINGS[brief.tone]).format(name=name, kind=kind, article=_article(kind))


def _kind(brief: CopyBrief) -> str:
    named = {name.lower(): value for name, value in brief.facts}
    kind = named.get("type") or named.get("kind") or named.get("product type")
    if kind and len(kind.split()) <= 4:
        return kind[:1].lower() + kind[1:] if not kind[:2].isupper() else kind
    return f"piece from our {brief.category} shelves" if brief.category else "piece"


def _facts_within(brief: CopyBrief, pick: Callable[[Sequence[str]], str], budget: int) -> list[str]:
    """Return as many fact sentences as the budget of words allows, at least one when there is a fact."""
    chosen: list[str] = []
    for name, value in brief.facts:
        sentence = _fact(name, value, brief.tone, pick)
        if chosen and _count([*chosen, sentence]) > budget + 4:
            continue
        chosen.append(sentence)
    return chosen


def _fact(name: str, value: str, tone: Tone, pick: Callable[[Sequence[str]], str]) -> str:
    label = name.replace("_", " ").strip()
    if value.lower() in ("yes", "true", "y"):
        return _ended(_capital(label)) if tone is Tone.PLAIN else f"{_capital(label)} included."
    if value.lower() in ("no", "false", "n"):
        return f"{_capital(label)}: no."
    phrasings = next((known for names, known in _KNOWN.items() if label.lower() in names), _OTHER)[tone]
    said = value.rstrip(" .")
    lowered = label if label[:2].isupper() else label[:1].lower() + label[1:]
    return pick(phrasings).format(label=lowered, Label=_capital(label), value=_spoken(said), Value=_capital(said))


def _keyword_sentence(brief: CopyBrief, said: list[str], pick: Callable[[Sequence[str]], str]) -> list[str]:
    told = fold(" ".join([*said, *(f"{name} {value}" for name, value in brief.facts)]))
    missing = [word for word in brief.keywords if fold(word) not in told]
    if not missing:
        return []
    listed = missing[0] if len(missing) == 1 else ", ".join(missing[:-1]) + " and " + missing[-1]
    return [pick(_KEYWORDS[brief.tone]).format(words=listed)]


def _picker(brief: CopyBrief) -> Callable[[Sequence[str]], str]:
    """Return a function that picks from phrasings: by the product, and never the same one twice in a row."""
    seed = int.from_bytes(hashlib.sha256(f"{brief.title}|{brief.brand}".encode()).digest()[:4])
    state = {"turn": seed}

    def pick(phrasings: Sequence[str]) -> str:
        state["turn"] += 1
        return phrasings[state["turn"] % len(phrasings)]

    return pick


def _spoken(value: str) -> str:
    """Return a value as it stands inside a sentence: `Wool` becomes `wool`, `USB` stays."""
    first = value.split(" ", 1)[0]
    return value[:1].lower() + value[1:] if first[1:].islower() and first.isalpha() else value


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _article(kind: str) -> str:
    return "an" if kind[:1].lower() in "aeiou" else "a"


def _count(parts: Sequence[str]) -> int:
    return sum(len(part.split()) for part in parts)
