"""Whether two questions have the same answer, told from their words and from how near their vectors are.

Vectors alone do not tell: a question and its opposite are nearer to each other than two ways of asking the same. So
words have a veto. Two questions that name different numbers, sizes, colours, places or names, that are turned round by
a "not", that stand on two sides of an opposite, or want another kind of answer, are different whatever their vectors
say. What passes is weighed by a small model that was trained on labelled pairs.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from math import exp

_WORD = re.compile(r"[€$£%]|\d+(?:[.,:]\d+)*|[^\W\d]+(?:['\-][^\W\d_]+)*(?:\d+)?|&")
_CONTRACTIONS = (
    ("can't", "can not"),
    ("won't", "will not"),
    ("cannot", "can not"),
    ("n't", " not"),
    *((ending, "") for ending in ("'s", "'d", "'m", "'re", "'ll", "'ve")),
)
_SENTENCE_ENDS = ".!?:"
_PRONOUNS = {"i": "i", "me": "i", "my": "i", "we": "i", "us": "i", "our": "i", "you": "you", "your": "you"}
# Beyond these a question is a story, and nothing is near it.
MOST_WORDS = 60
MOST_CHARACTERS = 600
# The words are English: of another language too few are known, and its negations are not.
_LEAST_KNOWN = 0.2
_FEW_WORDS = 6
_NEAR_SHARE = 0.5
_MOST_SWAPPED = 2


class Veto(Enum):
    """Why two questions cannot have the same answer."""

    NONE = ""
    NUMBERS = "numbers"
    THINGS = "things"
    NAMES = "names"
    NEGATION = "negation"
    OPPOSITES = "opposites"
    ORDER = "order"
    KIND = "kind"
    TENSE = "tense"
    PERSON = "person"
    SWAPPED_WORD = "swapped word"


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The words the guard knows."""

    filler: frozenset[str]
    # Filler that tells two questions apart when everything else is the same.
    telling: frozenset[str]
    # From a word, or words joined by a space, to the word that stands for it.
    synonyms: Mapping[str, str]
    # From a word to the (axis, side) pairs it stands on.
    opposites: Mapping[str, Sequence[tuple[int, int]]]
    negations: frozenset[str]
    prefixes: Sequence[str]
    numbers: Mapping[str, float]
    units: Mapping[str, str]
    # From a word to the family of things it is one of.
    exact: Mapping[str, str]
    # Kinds of answers in the order in which they are looked for, each with its phrases.
    kinds: Sequence[tuple[str, Sequence[Sequence[str]]]]
    apart: frozenset[str]
    # From a word to its tense.
    tenses: Mapping[str, int]
    duty: frozenset[str]
    # The words that ask: they say nothing more where two questions want the same kind of answer.
    asking: frozenset[str] = frozenset()
    # The words a question for yes or no begins with.
    polar: frozenset[str] = frozenset()
    # All words of the lexicon, and frequent small words of other languages.
    known: frozenset[str] = frozenset()
    foreign: frozenset[str] = frozenset()
    # Words of the longest phrase among synonyms, exact things, negations and duties.
    longest: int = 3


@dataclass(frozen=True, slots=True)
class Reading:
    """What the guard reads in a question."""

    words: Sequence[str]
    # The words that say what it is about, each standing for its synonyms, in their order.
    content: Sequence[str]
    numbers: Sequence[tuple[float, str]]
    # Exact things as (family, word), in their order.
    things: Sequence[tuple[str, str]]
    names: frozenset[str]
    negated: bool
    sides: Mapping[int, frozenset[int]]
    kind: str
    tense: frozenset[int]
    duty: bool
    raw: frozenset[str] = frozenset()
    # Small words that may tell it from another.
    telling: frozenset[str] = frozenset()
    # All words and joined words, each standing for its synonyms.
    meanings: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Weights:
    """A trained judge: how telling words are, and how much each feature counts."""

    # Of words that stand in many kinds of questions; what is not in it is as telling as can be.
    telling: Mapping[str, float]
    rare: float
    bias: float
    features: Sequence[float]
    # From a bound on the share of wrong answers to the least likelihood that keeps it.
    thresholds: Mapping[float, float]


class Reader:
    """Reads questions with the words of a lexicon."""

    def __init__(self, lexicon: Lexicon) -> None:
        """Take the lexicon."""
        self._lexicon = lexicon

    def __call__(self, text: str) -> Reading | None:
        """Return what a question says, None when it is too long to be told or not in the lexicon's language."""
        if len(text) > MOST_CHARACTERS:
            return None
        plain = _plain(text)
        found = list(_WORD.finditer(plain))
        if not found or len(found) > MOST_WORDS:
            return None
        words = [word[0].casefold() for word in found]
        lexicon = self._lexicon
        if not self._is_understood(words):
            return None
        phrases = self._phrases(words)
        content = [lexicon.synonyms.get(word) or _stem(word, lexicon.synonyms) for word in phrases]
        negations = sum(word in lexicon.negations for word in phrases)
        sides: dict[int, set[int]] = {}
        for word in {*phrases, *words}:
            for axis, side in lexicon.opposites.get(word, ()):
                sides.setdefault(axis, set()).add(side)
        return Reading(
            words=words,
            content=[word for word in content if word not in lexicon.filler and word not in lexicon.negations],
            numbers=self._numbers(words),
            things=[(lexicon.exact[word], _singular(word)) for word in phrases if word in lexicon.exact],
            names=_names(plain, found),
            negated=bool(negations % 2),
            sides={axis: frozenset(found) for axis, found in sides.items()},
            kind=self._kind(words),
            tense=frozenset(lexicon.tenses[word] for word in words if word in lexicon.tenses),
            duty=any(word in lexicon.duty for word in phrases),
            raw=frozenset(words),
            telling=frozenset(word for word in words if word in lexicon.telling),
            # Numbers are compared by themselves, however they are written.
            meanings=frozenset(word for word in content if not (word[0].isdigit() or word in lexicon.numbers)),
        )

    def _is_understood(self, words: Sequence[str]) -> bool:
        """Return whether a question is in the language of the lexicon, as far as its words say; a few say nothing."""
        lexicon = self._lexicon
        if any(word in lexicon.foreign or (not word.isascii() and not _is_latin(word)) for word in words):
            return False
        known = sum(word in lexicon.known for word in words)
        return len(words) < _FEW_WORDS or known >= _LEAST_KNOWN * len(words)

    def _phrases(self, words: Sequence[str]) -> list[str]:
        """Return the words, with those that belong together in one piece."""
        found, at = [], 0
        lexicon = self._lexicon
        while at < len(words):
            for size in range(min(lexicon.longest, len(words) - at), 0, -1):
                phrase = " ".join(words[at : at + size])
                if size == 1 or phrase in lexicon.synonyms or phrase in lexicon.exact or phrase in lexicon.negations:
                    break
                if phrase in lexicon.duty:
                    break
            found.append(phrase)
            at += size
        return found

    def _numbers(self, words: Sequence[str]) -> list[tuple[float, str]]:
        found: list[tuple[float, str]] = []
        for at, word in enumerate(words):
            value = _value(word) if word[0].isdigit() else self._lexicon.numbers.get(word)
            if value is None or (value == 1.0 and word == "one"):
                continue
            beside = words[at + 1] if at + 1 < len(words) else ""
            unit = self._lexicon.units.get(beside) or (self._lexicon.units.get(words[at - 1]) if at else None) or ""
            found.append((value, unit))
        return found

    def _kind(self, words: Sequence[str]) -> str:
        for kind, phrases in self._lexicon.kinds:
            if any(_in_order(phrase, words) for phrase in phrases):
                return kind
        return "polar" if words[0] in self._lexicon.polar else ""


def veto(one: Reading, other: Reading, lexicon: Lexicon) -> Veto:
    """Return why two questions cannot have the same answer, `Veto.NONE` when words do not forbid it."""
    if one.numbers != other.numbers and sorted(one.numbers) != sorted(other.numbers):
        return Veto.NUMBERS
    if set(one.things) != set(other.things):
        return Veto.THINGS
    if one.things != other.things and _turned(one.things, other.things):
        return Veto.ORDER
    if not (one.names <= other.raw and other.names <= one.raw):
        return Veto.NAMES
    if one.negated != other.negated or _prefixed(one, other, lexicon) or _prefixed(other, one, lexicon):
        return Veto.NEGATION
    if any(one.sides[axis] != other.sides[axis] for axis in one.sides.keys() & other.sides.keys()):
        return Veto.OPPOSITES
    if one.kind != other.kind and _apart(one.kind, other.kind, lexicon):
        return Veto.KIND
    if one.tense and other.tense and one.tense != other.tense:
        return Veto.TENSE
    return _swapped(one, other, lexicon)


def _apart(one: str, other: str, lexicon: Lexicon) -> bool:
    """Return whether two kinds of answers are never each other's; a plain "what" may ask for some of the others."""
    if "reason" in (one, other):
        return bool(one and other)
    return (one in lexicon.apart and other != "choice") or (other in lexicon.apart and one != "choice")


def _turned(one: Sequence[tuple[str, str]], other: Sequence[tuple[str, str]]) -> bool:
    """Return whether things of one family come in another order, as in "from Spain to Norway" and back."""
    for family in {family for family, _ in one}:
        here, there = ([*dict.fromkeys(word for kin, word in side if kin == family)] for side in (one, other))
        if len(here) > 1 and here != there:
            return True
    return False


def _swapped(one: Reading, other: Reading, lexicon: Lexicon) -> Veto:
    """Veto pairs that differ in few words of the same surface, unless those words say nothing."""
    persons = {_PRONOUNS[word] for word in one.raw - other.raw if word in _PRONOUNS}
    others = {_PRONOUNS[word] for word in other.raw - one.raw if word in _PRONOUNS}
    left, right = one.meanings - other.meanings, other.meanings - one.meanings
    shared = len(one.meanings & other.meanings)
    near = shared >= _NEAR_SHARE * len(one.meanings | other.meanings)
    if not near or len(left) > _MOST_SWAPPED or len(right) > _MOST_SWAPPED:
        return Veto.NONE
    if persons and others and persons != others:
        return Veto.PERSON
    neutral = lexicon.filler - lexicon.telling
    if one.kind == other.kind and one.kind:
        neutral |= lexicon.asking
    return Veto.NONE if left | right <= neutral else Veto.SWAPPED_WORD


def _prefixed(one: Reading, other: Reading, lexicon: Lexicon) -> bool:
    """Return whether one says a word and the other the same word turned round, as in "opened" and "unopened"."""
    fresh = other.raw - one.raw
    return any(
        word.startswith(prefix) and word.removeprefix(prefix).removeprefix("-") in one.raw
        for word in fresh
        for prefix in lexicon.prefixes
        if len(word) > len(prefix) + 2
    )


FEATURES = (
    "cosine",
    "closeness",
    "shared",
    "overlap",
    "left over",
    "right over",
    "most left over",
    "most right over",
    "same kind",
    "one kind unsaid",
    "duty differs",
    "length differs",
    "manner or polar",
    "telling differs",
    "same content",
    "contained",
    "cosine times overlap",
)


def features(one: Reading, other: Reading, cosine: float, closeness: float, weights: Weights) -> list[float]:
    """Return what the judge weighs. `closeness` is the cosine where differences that do not matter are taken out."""
    left, right = set(one.content), set(other.content)
    telling, rare = weights.telling, weights.rare
    both = sum(telling.get(word, rare) for word in left & right)
    only = [telling.get(word, rare) for word in left - right]
    more = [telling.get(word, rare) for word in right - left]
    lost = sum(only) + sum(more)
    overlap = both / (both + lost) if both + lost else 1.0
    return [
        cosine,
        closeness,
        both,
        overlap,
        min(sum(only), sum(more)),
        max(sum(only), sum(more)),
        min(max(only, default=0.0), max(more, default=0.0)),
        max(*only, *more, 0.0, 0.0),
        float(one.kind == other.kind),
        float(bool(one.kind) != bool(other.kind)),
        float(one.duty != other.duty),
        abs(len(one.words) - len(other.words)) / (len(one.words) + len(other.words)),
        float({one.kind, other.kind} == {"manner", "polar"}),
        float(len(one.telling ^ other.telling)),
        float(left == right and bool(left)),
        float((not only or not more) and both > 0.0),
        cosine * overlap,
    ]


def likelihood(values: Sequence[float], weights: Weights) -> float:
    """Return how likely two questions with these features have the same answer."""
    score = weights.bias + sum(value * weight for value, weight in zip(values, weights.features, strict=True))
    return 1.0 / (1.0 + exp(-max(-60.0, min(60.0, score))))


def _plain(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).replace("\u2019", "'")
    for short, whole in _CONTRACTIONS:
        if short in plain:
            plain = plain.replace(short, whole)
    return plain


def _names(plain: str, words: Sequence[re.Match[str]]) -> frozenset[str]:
    """Return what is written with a capital inside a sentence, or as a code is."""
    return frozenset(
        word[0].casefold()
        for word in words
        if (word[0][0].isupper() and word[0] != "I" and not _begins(plain, word.start()))
        or (word[0][-1].isdigit() and not word[0][0].isdigit())
        or "_" in word[0]
    )


def _is_latin(word: str) -> bool:
    """Return whether a word is written in Latin letters, with accents or without, or is the sign of a currency."""
    return all(letter < "\u0250" or letter == "€" for letter in word)


def _begins(plain: str, at: int) -> bool:
    """Return whether a sentence begins here."""
    before = plain[:at].rstrip(" \"'(")
    return not before or before[-1] in _SENTENCE_ENDS


def _value(word: str) -> float:
    """Return the number of some digits: 1.000 and 1,000 are a thousand, 4.90 and 4,90 are not."""
    digits = word.replace(":", ".").replace(",", ".")
    *whole, last = digits.split(".")
    if whole and len(last) != 3:
        return float("".join(whole) + "." + last)
    return float("".join([*whole, last]))


def _stem(word: str, known: Mapping[str, str]) -> str:
    """Return a word without the ending that grammar gave it."""
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            stem = word.removesuffix(ending)
            if stem in known:
                return known[stem]
            if ending != "es":
                return stem
    return word


def _singular(word: str) -> str:
    if word.endswith("ves"):
        return word.removesuffix("ves") + "f"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


def _in_order(phrase: Sequence[str], words: Sequence[str]) -> bool:
    """Return whether the words of a phrase stand in a question in this order, the first two side by side."""
    at = 0
    for part in phrase:
        try:
            at = words.index(part, at) + 1
        except ValueError:
            return False
    return True
