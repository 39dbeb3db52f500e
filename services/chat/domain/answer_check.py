"""Checks what a language model wrote against the passages it was given, sentence by sentence."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.chat.domain.text import terms, words

_MARK = re.compile(r"\[(\d{1,2})\]")
# A sentence ends behind its marks, or where the next one begins without any.
_END = re.compile(r"(?<=\])\s+(?!\[)|(?<=\][.!?])\s+|(?<=[.!?…])\s+(?=[A-Z0-9“\"])|\n+")
_ADDRESS = re.compile(
    r"https?://|www\.|\S+@\S+\.\w+|!\[|\]\(|<[a-z/]|javascript:|\b\w+\.(?:com|net|org|io|ru|cn|shop|example)\b", re.I
)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_SPELLED_IN_ORDER = "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
_SPELLED: Mapping[str, str] = {word: str(number) for number, word in enumerate(_SPELLED_IN_ORDER.split(), start=2)} | {
    "twenty": "20",
    "thirty": "30",
    "forty": "40",
    "fifty": "50",
    "sixty": "60",
    "ninety": "90",
    "hundred": "100",
}
_UNIT_WORDS = "minute hour day night week month year percent euro eur cent gram kilo kg km cm mm litre piece item"
_UNITS = frozenset(_UNIT_WORDS.split())
# The share of a sentence's words that the cited passages must hold: wording is free, matter is not.
_SUPPORT = 0.5
_NEGATION_WORDS = "not no never cannot cant dont doesnt isnt arent wont without neither nor"
_NEGATIONS = frozenset(_NEGATION_WORDS.split())


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a sentence may not be said."""

    rule: str
    sentence: str


def split_generated(text: str) -> list[str]:
    """Return the sentences of a generated text, each with the marks behind it."""
    found: list[str] = []
    for part in _END.split(text.strip()):
        piece = part.strip()
        if not piece:
            continue
        if found and not _MARK.sub("", piece).strip(" .!?"):
            found[-1] = f"{found[-1]} {piece}"
        else:
            found.append(piece)
    return found


def marks(sentence: str) -> list[int]:
    """Return the numbers of the passages a sentence cites."""
    return [int(number) for number in _MARK.findall(sentence)]


def fault_of(sentence: str, passages: Mapping[int, str]) -> Fault | None:
    """Return what is wrong with a generated sentence, None when it may be said."""
    cited = marks(sentence)
    if not cited:
        return Fault("UNCITED", sentence)
    if any(number not in passages for number in cited):
        return Fault("UNKNOWN_PASSAGE", sentence)
    bare = _MARK.sub("", sentence)
    source = "\n".join(passages[number] for number in cited)
    if _ADDRESS.search(bare):
        return Fault("ADDRESS", sentence)
    if not quantities(bare) <= quantities(source) or not figures(bare) <= figures(source):
        return Fault("UNSUPPORTED_FIGURE", sentence)
    said, held = set(terms(bare)), set(terms(source))
    if said and len(said & held) / len(said) < _SUPPORT:
        return Fault("UNSUPPORTED_CLAIM", sentence)
    if _negated(bare) and not _negated(source):
        return Fault("UNSUPPORTED_CLAIM", sentence)
    return None


def faults_of(text: str, passages: Mapping[int, str]) -> list[Fault]:
    """Return what is wrong with a generated text; an empty text is a fault of its own."""
    found = split_generated(text)
    if not found:
        return [Fault("EMPTY", "")]
    return [fault for sentence in found if (fault := fault_of(sentence, passages)) is not None]


def figures(text: str) -> set[str]:
    """Return the numbers of a text, spelled ones included, as plain digits."""
    found = {_digits(number) for number in _NUMBER.findall(text)}
    return found | {_SPELLED[word] for word in words(text) if word in _SPELLED}


def quantities(text: str) -> set[tuple[str, str]]:
    """Return the numbers of a text that count something, with what they count: ("30", "day")."""
    tokens = re.findall(r"[€$£]|%|\d+(?:[.,]\d+)*|[^\W\d_]+", text.lower())
    found: set[tuple[str, str]] = set()
    for place, token in enumerate(tokens):
        number = _digits(token) if token[0].isdigit() else _SPELLED.get(token, "")
        if number:
            before = tokens[place - 1] if place else ""
            found.update((number, unit) for unit in _units_near(before, tokens[place + 1 : place + 3]))
    return found


def _units_near(before: str, after: Sequence[str]) -> set[str]:
    units = {"euro"} if before == "€" else {before} if before in ("$", "£") else set()
    for word in after:
        if word == "%":
            return units | {"percent"}
        if word == "€":
            return units | {"euro"}
        single = word.removesuffix("s")
        if single in ("working", "business"):
            units.add("working")
            continue
        if single in _UNITS:
            return units | {"euro" if single == "eur" else single}
        return units
    return units


def _digits(number: str) -> str:
    """Return a number in one spelling: "1,000" is "1000", "4.90" is "4.9"."""
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+", number):
        return number.replace(",", "")
    plain = number.replace(",", ".")
    return plain.rstrip("0").rstrip(".") if plain.count(".") == 1 else plain


def _negated(text: str) -> bool:
    return bool(_NEGATIONS & set(words(text)))
