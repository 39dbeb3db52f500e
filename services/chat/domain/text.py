"""Text as the assistant reads it: cleaned of what cannot be seen, cut into words, sentences and stems."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from services.chat.domain.vocabulary import ALIKE, IRREGULAR, PHRASES, STOP_WORDS

# Characters that hide instructions from people: tags, variation selectors, zero-width and direction marks.
_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_WORD = re.compile(r"[^\W_]+(?:[.,]\d+)*", re.UNICODE)
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[\"'“‘(\[]?[A-Z0-9ÄÖÜÉ€£$])")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|approx|incl|excl|no|nr|st|mr|mrs|ms|dr|vs|max|min|p\.m|a\.m)\.)$", re.I
)
# Openings that point at something said before: such a sentence does not stand alone.
_POINTS_BACK = re.compile(
    r"^(?:it|they|them|this|these|that|those|its|their|he|she|such|then|after that|also|either way|in that case|"
    r"otherwise|if so|if not|instead|the same|both|neither|but|and|or|so)\b",
    re.I,
)
# Begins a line that is a heading inside a passage.
HEADING = "## "
_BULLET = re.compile(r"^(?:[-*•]|\d{1,2}[.)])\s+")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a passage.

    `needs` is how many sentences before it must be quoted with it to make sense. An item of a list has a `marker`;
    `lead` is where its list begins: with the line that introduces it or with the first of its steps, else -1.
    `section` is the heading it stands under.
    """

    text: str
    needs: int = 0
    lead: int = -1
    marker: str = ""
    section: str = ""


def clean(text: str) -> str:
    """Return the text without invisible and control characters, its line ends as newlines."""
    return _INVISIBLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def words(text: str) -> list[str]:
    """Return the words in lower case, apostrophes joined: "Don't" is "dont"."""
    return _WORD.findall(text.lower().replace("'", "").replace("’", ""))


def terms(text: str) -> list[str]:
    """Return what the text is about: stems of its words, without those that carry no meaning, alike words made one."""
    lowered = text.lower().replace("'", "").replace("’", "")
    for phrase, term in PHRASES:
        lowered = phrase.sub(f" {term} ", lowered)
    return [stem(word) for word in _WORD.findall(lowered) if word not in STOP_WORDS]


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Return the stem of a lower-case word, and one stem for words the shop uses alike."""
    found = IRREGULAR.get(word) or _stripped(word)
    return ALIKE.get(found, found)


def _stripped(word: str) -> str:
    if len(word) <= 3 or not word.isascii() or word[0].isdigit():
        return word
    for ending, put in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)] + put
            break
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            if word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


_ENDINGS = (
    ("ations", "at"),
    ("ation", "at"),
    ("ments", ""),
    ("ment", ""),
    ("ities", "ity"),
    ("ies", "y"),
    ("ied", "y"),
    ("sses", "ss"),
    ("xes", "x"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("ss", "ss"),
    ("us", "us"),
    ("ly", ""),
    ("s", ""),
)


def sentences(text: str) -> list[Sentence]:
    """Return the sentences of a plain text in order; a list item knows the line that introduces its list."""
    found: list[Sentence] = []
    lead = steps = -1
    section = ""
    for line in text.split("\n"):
        stripped = line.strip()
        if not stripped:
            continue
        if stripped.startswith(HEADING):
            section, lead, steps = stripped.removeprefix(HEADING), -1, -1
            continue
        item = _BULLET.match(stripped)
        if item:
            marker = item.group()
            steps = (steps if steps >= 0 else len(found)) if marker[0].isdigit() else -1
            # An item is quoted whole, whatever it holds.
            found.append(
                Sentence(stripped[item.end() :], lead=lead if lead >= 0 else steps, marker=marker, section=section)
            )
            continue
        steps = -1
        for number, part in enumerate(_parts(stripped)):
            needs = 1 if found and number and _POINTS_BACK.match(part) else 0
            found.append(Sentence(part, needs, section=section))
        lead = len(found) - 1 if stripped.endswith(":") else -1
    return found


def _parts(line: str) -> Iterator[str]:
    start = 0
    for end in _SENTENCE_END.finditer(line):
        if _ABBREVIATION.search(line[start : end.start()]):
            continue
        yield line[start : end.end()].strip()
        start = end.end()
    if line[start:].strip():
        yield line[start:].strip()


def overlap(one: Iterable[str], other: Iterable[str]) -> float:
    """Return how much two bags of terms share, 0 to 1, by the smaller of the two."""
    left, right = set(one), set(other)
    if not left or not right:
        return 0.0
    return len(left & right) / min(len(left), len(right))


def shortened(text: str, limit: int) -> str:
    """Return the text in one line of at most `limit` characters, cut between words."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    cut = line[: limit - 1].rsplit(" ", 1)[0] or line[: limit - 1]
    return cut.rstrip(",.;:") + "…"
