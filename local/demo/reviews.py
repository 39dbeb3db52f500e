"""Writes what customers say about each product: about its own aspects, and in the mood of its rating."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

from local.demo.families import CONTENT, Family, families, read_yaml
from local.demo.model import Catalogue, DemoProduct, DemoReview

SEED = 4242
NEWEST = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
_SPACE = uuid.UUID("6b0f6c1e-6c55-4e6e-9a5c-2f1d0c4b7a11")
_SILENT_SHARE = 0.07
_STARS = (1, 2, 3, 4, 5)
Mood = Literal["good", "mixed", "bad"]


@dataclass(frozen=True, slots=True)
class _Aspect:
    praise: tuple[str, ...]
    blame: tuple[str, ...]
    titles: tuple[str, ...]
    sours: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Phrases:
    aspects: Mapping[str, _Aspect]
    openings: Mapping[str, tuple[str, ...]]
    closings: Mapping[str, tuple[str, ...]]
    authors: tuple[str, ...]


def build_reviews(catalogue: Catalogue) -> list[DemoReview]:
    """Return all reviews, three to twelve for most products and none for some."""
    return [review for product in catalogue.products for review in _reviews(product)]


def aspects_of(family_id: str) -> tuple[str, ...]:
    """Return the aspects that customers of this family speak about."""
    return families()[family_id].aspects


def _reviews(product: DemoProduct) -> list[DemoReview]:
    rng = random.Random(f"{SEED}:{product.id}")
    if rng.random() < _SILENT_SHARE:
        return []
    family = families()[product.family]
    # Each product has its own quality and its own strong and weak side, so that summaries differ.
    quality = min(max(rng.gauss(0.72, 0.16), 0.25), 0.97)
    strong, weak = rng.sample(list(family.aspects), 2)
    authors = rng.sample(_phrases().authors, 12)
    count = min(12, 3 + int(rng.expovariate(0.45)))
    told: set[str] = set()
    return [_review(product, family, rng, (quality, strong, weak), authors[n], n, told) for n in range(count)]


def _review(product: DemoProduct, family: Family, rng: random.Random, character: tuple[float, str, str],
            author: str, number: int, told: set[str]) -> DemoReview:  # fmt: skip
    quality, strong, weak = character
    rating = _rating(quality, rng)
    praised, blamed = _chosen(family, rating, strong, weak, rng)
    title, body = _text(family, rating, praised, blamed, rng, told)
    verified = rng.random() < 0.84
    created = NEWEST - timedelta(minutes=int(min(rng.expovariate(1 / 140), 540) * 1440 + rng.random() * 1440))
    review_id = str(uuid.uuid5(_SPACE, f"{product.id}/{number}"))
    return DemoReview(review_id, product.id, author, rating, title, body, created, verified)


def _rating(quality: float, rng: random.Random) -> int:
    weights = (
        0.03 + 0.22 * (1 - quality) ** 1.5, 0.03 + 0.35 * (1 - quality) ** 1.4, 0.10 + 0.40 * (1 - quality),
        0.30, 0.05 + 1.0 * quality**2,
    )  # fmt: skip
    return rng.choices(_STARS, weights)[0]


def _chosen(family: Family, rating: int, strong: str, weak: str, rng: random.Random) -> tuple[list[str], list[str]]:
    """Pick what is praised and what is blamed; a rating decides how many of each."""
    good, bad = {5: (3, 0), 4: (2, 1), 3: (1, 1), 2: (1, 2), 1: (0, 2)}[rating]
    if rating == 5 and rng.random() < 0.4:
        good = 2
    if rating == 4 and rng.random() < 0.35:
        bad = 0
    pool = [*family.aspects, *(["delivery"] if "delivery" not in family.aspects else [])]
    blamed = _preferring(weak, [name for name in pool if name != strong], bad, rng)
    praised = _preferring(strong, [name for name in pool if name not in blamed], good, rng)
    return praised, blamed


def _preferring(first: str, pool: list[str], count: int, rng: random.Random) -> list[str]:
    if count == 0:
        return []
    lead = [first] if first in pool and rng.random() < 0.7 else []
    rest = [name for name in pool if name not in lead]
    return [*lead, *rng.sample(rest, min(count - len(lead), len(rest)))]


def _text(family: Family, rating: int, praised: list[str], blamed: list[str], rng: random.Random,
          told: set[str]) -> tuple[str, str]:  # fmt: skip
    phrases = _phrases()
    mood: Mood = "good" if rating >= 4 else "mixed" if rating == 3 else "bad"
    praises = [_fresh(phrases.aspects[name].praise, told, rng) for name in praised]
    blames = [_fresh(phrases.aspects[name].blame, told, rng) for name in blamed]
    middle = [*blames, *praises] if mood == "bad" else [*praises, *blames]
    opening = rng.choice(phrases.openings[mood]) if rng.random() < 0.75 else ""
    closing = rng.choice(phrases.closings[mood]) if rng.random() < 0.6 else ""
    body = " ".join(part for part in (opening, *middle, closing) if part)
    if mood == "good" or (mood == "mixed" and rng.random() < 0.4):
        title = rng.choice(phrases.aspects[praised[0]].titles)
    else:
        title = rng.choice(phrases.aspects[blamed[0]].sours)
    return title, _in_words_of(family, body)


def _fresh(choices: tuple[str, ...], told: set[str], rng: random.Random) -> str:
    """Prefer a sentence that nobody has used about this product yet."""
    sentence = rng.choice([choice for choice in choices if choice not in told] or list(choices))
    told.add(sentence)
    return sentence


def _in_words_of(family: Family, text: str) -> str:
    these = f"these {family.noun}" if family.plural else f"this {family.noun}"
    them = "them" if family.plural else "it"
    return text.replace("{these}", these).replace("{them}", them).replace("{noun}", family.noun)


@lru_cache(maxsize=1)
def _phrases() -> _Phrases:
    raw: dict[str, Any] = read_yaml(CONTENT / "reviews.yaml")
    aspects = {
        name: _Aspect(tuple(entry["praise"]), tuple(entry["blame"]), tuple(entry["titles"]), tuple(entry["sours"]))
        for name, entry in raw["aspects"].items()
    }
    openings = {mood: tuple(lines) for mood, lines in raw["openings"].items()}
    closings = {mood: tuple(lines) for mood, lines in raw["closings"].items()}
    authors = tuple(f"{first} {initial}" for first in raw["first_names"] for initial in raw["initials"])
    return _Phrases(aspects, openings, closings, authors)
