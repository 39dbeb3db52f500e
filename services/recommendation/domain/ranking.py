"""From what goes together to what to show: blending, diversity, and nothing twice.

Item-to-item scores follow the cosine of co-occurrence with shrinkage (Deshpande and Karypis, "Item-based top-N
recommendation algorithms", 2004): a pair seen once by chance must not outrank a pair seen often.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

SHRINKAGE = 5.0
TOGETHER_SHARE = 0.65
ALIKE_SHARE = 0.35


@dataclass(frozen=True, slots=True)
class Together:
    """A product seen in the same visits as another: in how many, and in how many visits at all."""

    product: str
    visits: int
    own_visits: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A product that might be shown, with its score and the product it follows from (empty when from none)."""

    product: str
    score: float
    because: str = ""


def together_scores(anchor_visits: int, found: Iterable[Together], least_visits: int = 1) -> dict[str, float]:
    """Return shrunk cosines, between 0 and 1, of the pairs seen in at least so many visits."""
    scores = {}
    for pair in found:
        if pair.visits < least_visits:
            continue
        cosine = pair.visits / math.sqrt(max(anchor_visits, 1) * max(pair.own_visits, 1))
        scores[pair.product] = cosine * pair.visits / (pair.visits + SHRINKAGE)
    return scores


def blend(together: Mapping[str, float], alike: Mapping[str, float]) -> dict[str, float]:
    """Return one score from what is seen together and what is alike; a product both know wins over either."""
    together, alike = _scaled(together), _scaled(alike)
    return {
        product: TOGETHER_SHARE * together.get(product, 0.0) + ALIKE_SHARE * alike.get(product, 0.0)
        for product in together.keys() | alike.keys()
    }


def for_shopper(per_interest: Sequence[tuple[str, float, Mapping[str, float]]]) -> list[Candidate]:
    """Return candidates from (product, weight of the interest, scores from it), each with its strongest reason."""
    totals: dict[str, float] = {}
    strongest: dict[str, tuple[float, str]] = {}
    for anchor, weight, scores in per_interest:
        for product, score in scores.items():
            part = weight * score
            totals[product] = totals.get(product, 0.0) + part
            if part > strongest.get(product, (0.0, ""))[0]:
                strongest[product] = (part, anchor)
    candidates = [Candidate(product, score, strongest[product][1]) for product, score in totals.items() if score > 0]
    return sorted(candidates, key=lambda candidate: (-candidate.score, candidate.product))


def ranked(scores: Mapping[str, float], because: str = "") -> list[Candidate]:
    """Return scored products as candidates, the best first, ties by name so that an order is stable."""
    ordered = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
    return [Candidate(product, score, because) for product, score in ordered if score > 0]


def varied(candidates: Sequence[Candidate], groups: Mapping[str, str], size: int, per_group: int) -> list[Candidate]:
    """Return the best `size`, at most `per_group` of one group while others are left to choose from."""
    taken: list[Candidate] = []
    counts: dict[str, int] = {}
    passed_over: list[Candidate] = []
    for candidate in candidates:
        group = groups.get(candidate.product, "")
        if counts.get(group, 0) < per_group:
            counts[group] = counts.get(group, 0) + 1
            taken.append(candidate)
        else:
            passed_over.append(candidate)
    return (taken + passed_over)[:size]


def reordered(candidates: Sequence[Candidate], preferred: Sequence[str]) -> list[Candidate]:
    """Return the candidates with the preferred ones first; names that are no candidates are ignored."""
    known = {candidate.product: candidate for candidate in candidates}
    first = [known[product] for product in dict.fromkeys(preferred) if product in known]
    chosen = {candidate.product for candidate in first}
    return first + [candidate for candidate in candidates if candidate.product not in chosen]


def _scaled(scores: Mapping[str, float]) -> Mapping[str, float]:
    top = max(scores.values(), default=0.0)
    return {product: score / top for product, score in scores.items()} if top > 0 else {}
