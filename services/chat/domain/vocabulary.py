"""The words of a shop: those that carry no meaning, those that mean the same, and how rare each is in the articles."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_STOP_WORDS = """
a an the and or but if then than so as of at by for from in into on onto to with without within over under about
is are was were be been being am do does did doing done have has had having can could may might must shall should
will would i me my mine we us our ours you your yours he him his she her hers it its they them their theirs this
that these those there here what which who whom whose when where why how much many any some no not nor only own
just too very also again ever im ive id ill youre youve dont doesnt didnt cant couldnt wont wouldnt isnt arent
wasnt havent hasnt hadnt please hi hello hey thanks thank ok okay yes tell know want need like get got let lets
help question wonder wondering possible able happen happens happened say says said thing things something anything
someone go going gone way u ur s t re ve ll d m else still already yet really actually because while during one
ones between around above below thats whats hows theres lot
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())

# Words whose stem no rule finds.
IRREGULAR: Mapping[str, str] = {
    "bought": "buy",
    "paid": "pay",
    "sent": "send",
    "lost": "los",
    "broke": "break",
    "broken": "break",
    "shipped": "ship",
    "shipping": "ship",
    "took": "tak",
    "taken": "tak",
    "came": "com",
    "chose": "choos",
    "chosen": "choos",
    "wore": "wear",
    "worn": "wear",
    "gave": "giv",
    "given": "giv",
    "children": "child",
    "kids": "child",
    "cancelled": "cancel",
    "cancelling": "cancel",
    "cancellation": "cancel",
    "recycling": "recycl",
    "received": "receiv",
}

# Expressions of several words that mean one thing.
PHRASES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), term)
    for pattern, term in (
        (r"\b(?:send|sent|sending|give|bring|ship|post|mail|take|hand)\s+(?:\w+\s+){0,2}back\b", "return"),
        (r"\bcome\s+back\b", "return"),
        (r"\bby\s+mail\b", "by post"),
        (r"\bmoney\s+back\b", "refund"),
        (r"\b(?:log|sign)(?:ged|ging|ing)?\s*(?:in|on)\b", "login"),
        (r"\bgift\s*-?cards?\b", "giftcard"),
        (r"\be-?mails?\b", "email"),
        (r"\bpick(?:ed|ing)?\s*-?up\b", "collect"),
        (r"\bpass\s?words?\b", "password"),
        (r"\bon\s+sale\b", "sale"),
        (r"\bdoesnt\s+fit\b|\btoo\s+(?:small|big|large|tight|loose)\b|\bwrong\s+size\b", "size exchange"),
    )
)

# Stems that a shop uses alike, each to one of them.
ALIKE: Mapping[str, str] = {
    word: group[0]
    for group in (
        ("parcel", "packag", "packet"),
        ("deliver", "delivery", "ship", "shipp", "shipment", "dispatch", "arriv"),
        ("cost", "pric", "fee", "charg", "expens"),
        ("faulty", "defect", "damag", "break", "broken", "fault"),
        ("voucher", "coupon", "promo", "promocod", "discount"),
        ("exchang", "swap"),
        ("giftcard", "giftcert"),
        ("fix", "repair", "mend"),
        ("delet", "eras", "clos"),
        ("buy", "purchas"),
        ("guarante", "warranty"),
        ("phon", "call", "telephon"),
        ("chang", "modify", "edit", "updat", "amend"),
        ("wash", "launder", "laundry"),
        ("wear", "unus", "unworn"),
        ("abroad", "overseas", "internat", "international", "foreign"),
        ("colour", "color"),
        ("shop", "stor"),
        ("los", "miss"),
        ("sustainabl", "eco", "ecolog"),
        ("career", "job", "vacancy"),
    )
    for word in group
}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """How many passages hold each term: rare terms say more about a question than common ones."""

    passages: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, bags: Iterable[Iterable[str]]) -> "Vocabulary":
        """Count the terms of passages, one bag of terms for each."""
        counts: Counter[str] = Counter()
        number = 0
        for bag in bags:
            counts.update(set(bag))
            number += 1
        return cls(number, counts)

    def weight(self, term: str) -> float:
        """Return how much a term says: a term of no passage says the most."""
        held = self.counts.get(term, 0)
        return math.log(1.0 + (self.passages - held + 0.5) / (held + 0.5)) if self.passages else 1.0

    def covered(self, asked: Iterable[str], held: Iterable[str]) -> float:
        """Return the share of the asked terms, by weight, that a passage holds: 0 to 1."""
        wanted, there = set(asked), set(held)
        total = sum(self.weight(term) for term in wanted)
        return sum(self.weight(term) for term in wanted & there) / total if total else 0.0
