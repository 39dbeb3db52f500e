"""What a shopper is willing to spend, read from their words."""

import re
from dataclasses import dataclass

_AMOUNT = (
    r"(?:(?:€|\$|£|eur|euros?)\s*)?(\d{1,3}(?:[ ,]\d{3})+|\d+)(?:[.,](\d{1,2}))?\s*(?:€|\$|£|eur\b|euros?\b|bucks\b)?"
)
_MONEY = (
    r"(?:(?:€|\$|£|\beur(?:os?)?)\s*(\d+)(?:[.,](\d{1,2}))?|"
    r"(\d+)(?:[.,](\d{1,2}))?\s*(?:€|\$|£|eur\b|euros?\b|bucks\b))"
)
_BETWEEN = re.compile(rf"\b(?:between|from)\s+{_AMOUNT}\s*(?:and|to|-|–)\s*{_AMOUNT}", re.I)
_RANGE = re.compile(
    r"(?:€|\$|£)\s*(\d+)\s*[-–]\s*(?:€|\$|£)?\s*(\d+)|(\d+)\s*[-–]\s*(\d+)\s*(?:€|eur\b|euros?\b)", re.I
)
_MOST = re.compile(
    rf"(?:\b(?:under|below|less\s+than|cheaper\s+than|up\s+to|at\s+most|no\s+more\s+than|not\s+more\s+than|max(?:imum)?|"
    rf"within|beneath|budget\s+(?:of|is)|not\s+over)\.?(?:\s+of)?|<=?)\s*{_AMOUNT}",
    re.I,
)
_LEAST = re.compile(
    rf"(?:\b(?:over|above|more\s+than|at\s+least|min(?:imum)?|from|starting\s+at)\.?|>=?)\s*{_MONEY}", re.I
)
_ABOUT = re.compile(rf"\b(?:around|about|roughly|approximately|circa|for)\s+{_MONEY}", re.I)
# A bare number after "under" may be an age, a size or a weight.
_NOT_MONEY = re.compile(
    r"^\s*(?:cm|mm|m|kg|g|ml|l|years?|yrs?|days?|hours?|minutes?|months?|weeks?|watts?|w|inch|%)\b", re.I
)


@dataclass(frozen=True, slots=True)
class Budget:
    """Bounds of a price in minor units; 0 means none."""

    least: int = 0
    most: int = 0

    def __bool__(self) -> bool:
        """Return whether there is any bound."""
        return bool(self.least or self.most)


NO_BUDGET = Budget()


@dataclass(frozen=True, slots=True)
class Priced:
    """A wish without its words about money, and the budget these meant."""

    text: str
    budget: Budget


def read_budget(text: str) -> Priced:
    """Return the budget named in a text and the text without it."""
    for pattern, reading in (
        (_BETWEEN, _between),
        (_RANGE, _range),
        (_MOST, _most),
        (_LEAST, _least),
        (_ABOUT, _about),
    ):
        found = pattern.search(text)
        if found and not _NOT_MONEY.match(text[found.end() :]):
            rest = " ".join((text[: found.start()] + " " + text[found.end() :]).split())
            return Priced(rest.strip(" ,?.!"), reading(found.groups()))
    return Priced(text, NO_BUDGET)


def _minor(whole: str | None, cents: str | None) -> int:
    if not whole:
        return 0
    digits = re.sub(r"[ ,]", "", whole)
    return int(digits[:9]) * 100 + int((cents or "0").ljust(2, "0"))


def _between(groups: tuple[str | None, ...]) -> Budget:
    low, high = _minor(groups[0], groups[1]), _minor(groups[2], groups[3])
    return Budget(min(low, high), max(low, high))


def _range(groups: tuple[str | None, ...]) -> Budget:
    low, high = _minor(groups[0] or groups[2], None), _minor(groups[1] or groups[3], None)
    return Budget(min(low, high), max(low, high))


def _most(groups: tuple[str | None, ...]) -> Budget:
    return Budget(0, _minor(groups[0], groups[1]))


def _least(groups: tuple[str | None, ...]) -> Budget:
    return Budget(_minor(groups[0] or groups[2], groups[1] or groups[3]), 0)


def _about(groups: tuple[str | None, ...]) -> Budget:
    middle = _minor(groups[0] or groups[2], groups[1] or groups[3])
    return Budget(middle * 7 // 10, middle * 13 // 10)
