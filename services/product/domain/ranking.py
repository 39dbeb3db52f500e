"""What a search puts first: words and meaning weighed together, exact names above both.

Two searches feed it, by words and by meaning. Each brings scores of its own scale, which are made comparable against
the best of the same search, so that what counts is how much weaker a hit is than the best one. The weights were chosen
on rated searches (`bench/search_icecat.py`); a search of titles alone beside these two made every figure worse.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.product.domain.plain_text import fold, stems
from services.product.domain.product import Product

# Products a search can be paged through.
WINDOW = 300

_WORDS_WEIGHT = 0.45
_MEANING_WEIGHT = 0.55
# A product that meaning alone found must be this near to the query, and near to the best such product.
MEANING_FLOOR = 0.36
_MEANING_NEAR_BEST = 0.80
# Words this much weaker than the best are chance: one common word out of several.
_WORDS_NEAR_BEST = 0.30

_SAME_CODE = 2.0
_SAME_TITLE = 1.0
_SAME_BRAND = 0.15
_OUT_OF_STOCK = -0.03
_POPULARITY = 0.02
_MOST_REVIEWS = 500


@dataclass(frozen=True, slots=True)
class Hits:
    """Scores by product id: BM25, and cosines."""

    words: Mapping[str, float]
    meaning: Mapping[str, float]

    def ids(self) -> set[str]:
        """Return every product either search found."""
        return {*self.words, *self.meaning}


@dataclass(frozen=True, slots=True)
class Candidate:
    """What ranking and narrowing need to know of a product: its short fields, and the codes it is known by."""

    product: Product
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ranked:
    """One product found, and how."""

    id: str
    score: float
    by_words: bool
    by_meaning: bool


def ranked(query: str, hits: Hits, candidates: Mapping[str, Candidate]) -> list[Ranked]:
    """Return what was found, best first; chance finds and unknown products are left out."""
    words, meaning = _against_best(hits.words), _against_best(hits.meaning)
    floor = max(MEANING_FLOOR, max(hits.meaning.values(), default=0.0) * _MEANING_NEAR_BEST)
    asked = _Query(query)
    found = []
    for product_id in hits.ids() & candidates.keys():
        by_words = words.get(product_id, 0.0) >= _WORDS_NEAR_BEST
        by_meaning = hits.meaning.get(product_id, 0.0) >= floor
        boost = asked.boost(candidates[product_id])
        if not (by_words or by_meaning or boost >= _SAME_TITLE):
            continue
        score = (
            _WORDS_WEIGHT * words.get(product_id, 0.0)
            + _MEANING_WEIGHT * meaning.get(product_id, 0.0)
            + boost
            + _standing(candidates[product_id])
        )
        found.append(Ranked(product_id, round(score, 6), by_words, by_meaning))
    found.sort(key=lambda item: (-item.score, item.id))
    return found


def understood_as(
    query: str, found: Sequence[Ranked], candidates: Mapping[str, Candidate], titles: Mapping[str, str]
) -> str:
    """Return the departments a query was taken to mean when meaning found what words could not, else nothing.

    `titles` are the departments' titles by id.
    """
    best = found[:12]
    if not best or not any(item.by_meaning for item in best):
        return ""
    asked = set(stems(query))
    if any(asked and asked <= set(stems(_named(candidates[item.id], titles))) for item in best):
        return ""
    meant = Counter(titles.get(candidates[item.id].product.category, "") for item in best if item.by_meaning)
    meant.pop("", None)
    common = [title for title, count in meant.most_common(2) if count * 4 >= len(best)]
    return ", ".join(title.lower() for title in common)


class _Query:
    """A query in the forms names are compared with."""

    def __init__(self, text: str) -> None:
        self._whole = " ".join(fold(text).split())
        self._stems = stems(text)
        self._joined = " ".join(self._stems)

    def boost(self, candidate: Candidate) -> float:
        """Return what names that were typed exactly add to a product."""
        if not self._whole:
            return 0.0
        boost = 0.0
        if any(fold(code) == self._whole for code in candidate.codes):
            boost += _SAME_CODE
        if self._stems and stems(candidate.product.title) == self._stems:
            boost += _SAME_TITLE
        brand = stems(candidate.product.brand)
        if brand and f" {' '.join(brand)} " in f" {self._joined} ":
            boost += _SAME_BRAND
        return boost


def _against_best(scores: Mapping[str, float]) -> dict[str, float]:
    best = max(scores.values(), default=0.0)
    return {key: max(0.0, score / best) for key, score in scores.items()} if best > 0 else {}


def _standing(candidate: Candidate) -> float:
    """Return the little that decides between equals: what can be bought, and what many have bought."""
    popularity = min(1.0, math.log1p(candidate.product.rating.count) / math.log1p(_MOST_REVIEWS))
    return _POPULARITY * popularity + (0.0 if candidate.product.stock_quantity > 0 else _OUT_OF_STOCK)


def _named(candidate: Candidate, titles: Mapping[str, str]) -> str:
    product = candidate.product
    return f"{product.title} {product.brand} {titles.get(product.category, '')} {' '.join(candidate.codes)}"
