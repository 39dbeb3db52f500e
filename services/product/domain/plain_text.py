"""Text as people type it, made safe to store and easy to compare."""

import re
import unicodedata
from functools import lru_cache

# Characters that are not seen: they carry hidden instructions and break databases, and no shop text needs them.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff\ufff0-\ufffb"
    "\ufffe\uffff\U000e0000-\U000e0fff]"
)
_WORD = re.compile(r"[^\W_]+(?:[.'’-][^\W_]+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"”’)]*\s+|\n+")
_NOT_SLUG = re.compile(r"[^a-z0-9]+")

_STOPS = """
a an and are as at be but by for from has have i if in into is it its me my no not of on or our so some that the their
them then there these they this to was we were will with you your
"""
STOP_WORDS = frozenset(_STOPS.split())


def clean(text: str) -> str:
    """Return the text without hidden characters, line ends alike, nothing around it."""
    return _HIDDEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def one_line(text: str) -> str:
    """Return the cleaned text on one line with single spaces."""
    return " ".join(clean(text).split())


def words(text: str) -> list[str]:
    """Return the words of a text, folded for comparison."""
    return _WORD.findall(fold(text))


def fold(text: str) -> str:
    """Return the text without case and accents."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Return a word without its plural ending: enough to compare what shoppers type with what titles say."""
    for ending, rest in (("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x"), ("ies", "y")):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word[: -len(ending)] + rest
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        return word[:-1]
    return word


def stems(text: str) -> list[str]:
    """Return the stems of a text's words, stop words left out."""
    return [stem(word) for word in words(text) if word not in STOP_WORDS]


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, each on one line."""
    found = (" ".join(part.split()) for part in _SENTENCE_END.split(text))
    return [sentence for sentence in found if sentence]


def slug(text: str, limit: int = 60) -> str:
    """Return the text as the last part of a name: small letters, digits and single hyphens."""
    made = _NOT_SLUG.sub("-", fold(text)).strip("-")
    if len(made) <= limit:
        return made
    shortened = made[:limit]
    return (shortened.rsplit("-", 1)[0] if "-" in shortened else shortened).strip("-")


def sort_key(title: str) -> str:
    """Return what titles are ordered by: accents and case do not count."""
    return fold(one_line(title))[:200]
