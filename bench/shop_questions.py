"""The shop's own labelled questions: which of them have the same answer, and pairs that only look alike.

`bench/data/shop_questions` holds them as people can read them; how they came about is in its README.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path

FOLDER = Path(__file__).parent / "data" / "shop_questions"
_SLOT = re.compile(r"\{([^{}]*)\}")
_HASHED_BYTES = 4


@dataclass(frozen=True, slots=True)
class Labelled:
    """A question, the name of its answer, and the group of questions that are never split between two uses."""

    text: str
    answer: str
    group: str


@dataclass(frozen=True, slots=True)
class Swap:
    """Two questions on the same surface whose answers differ, and what was swapped."""

    kind: str
    one: str
    other: str
    group: str


@cache
def questions() -> tuple[Labelled, ...]:
    """Return all labelled questions, each text once."""
    found = {one.text: one for one in itertools.chain(_plain(), _about_products())}
    return tuple(found.values())


@cache
def swaps(file: str = "swaps.txt") -> tuple[Swap, ...]:
    """Return all pairs that look alike; `swaps-later.txt` was written when the words of the guard stood."""
    made: list[Swap] = []
    for number, line in enumerate((FOLDER / file).read_text().splitlines()):
        kind, pattern = line.split(": ", 1)
        slot = _SLOT.search(pattern)
        if slot is None:
            raise ValueError(f"{file}: nothing is swapped in line {number + 1}")
        texts = [_tidy(pattern[: slot.start()] + value + pattern[slot.end() :]) for value in slot[1].split("|")]
        made += [Swap(kind, one, other, f"{file} {number}") for one, other in itertools.combinations(texts, 2)]
    return tuple(made)


def fold(group: str, folds: int, deal: str = "") -> int:
    """Return which fold a group belongs to, the same on every machine; another deal is another shuffle."""
    return int.from_bytes(blake2b(f"{deal}:{group}".encode(), digest_size=_HASHED_BYTES).digest(), "big") % folds


def _plain() -> Iterator[Labelled]:
    name = ""
    for line in (FOLDER / "questions.txt").read_text().splitlines():
        if line.startswith("== "):
            name = line.removeprefix("== ")
        elif line:
            yield Labelled(line, name, name)


def _about_products() -> Iterator[Labelled]:
    """Fill each template with each combination of its values: every combination has an answer of its own."""
    name, fills = "", [dict[str, str]()]
    for line in (FOLDER / "about-products.txt").read_text().splitlines():
        if line.startswith("== "):
            name, slots = line.removeprefix("== ").split(": ", 1)
            fills = _combinations(slots)
        elif line:
            for values in fills:
                yield Labelled(_tidy(line.format(**values)), f"{name} of {', '.join(values.values())}", name)


def _combinations(slots: str) -> list[dict[str, str]]:
    """Return the values of a template: of two slots, the first value of one meets all of the other, and so on."""
    names = [slot.split("=")[0] for slot in slots.split("; ")]
    values = [slot.split("=")[1].split("|") for slot in slots.split("; ")]
    if "other" in names:
        return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=False)]
    return [dict(zip(names, row, strict=True)) for row in itertools.product(*values)]


def _tidy(text: str) -> str:
    """Return the text with a capital at its beginning where its template had one."""
    return text[:1].upper() + text[1:] if text[:1].isalpha() and text.endswith("?") else text
