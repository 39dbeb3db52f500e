"""RouteLLM's measures of a router between two models, with confidence.

Questions are put in order of a score, the hardest first; the first so many percent go to the large model. How much of
the gap between the two models' scores that recovers, averaged over all shares, is the APGR (0.5 by chance); CPT(x) is
the share of calls to the large model at which the share x of the gap is recovered.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Truths = NDArray[np.bool_]

RESAMPLES = 1_000


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Whether the small and the large model answered each prompt well."""

    prompts: Sequence[str]
    small_ok: Truths
    large_ok: Truths
    categories: Sequence[str]

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> "Outcomes":
        """The outcomes of some of the prompts."""
        places = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
        return Outcomes(
            [self.prompts[i] for i in places],
            self.small_ok[places],
            self.large_ok[places],
            [self.categories[i] for i in places],
        )


def recovery_curve(score: Array, outcomes: Outcomes) -> Array:
    """The share of the gap that is recovered when the first 0, 1, 2, … questions go to the large model."""
    return _curve(score, outcomes.large_ok.astype(np.int64) - outcomes.small_ok)


def _curve(score: Array, added: NDArray[np.int64]) -> Array:
    reached = np.concatenate(([0], np.cumsum(added[np.argsort(-score, kind="stable")])))
    share: Array = reached / reached[-1]
    return share


def apgr(curve: Array) -> float:
    """The average share of the gap that is recovered."""
    return float(np.trapezoid(curve, dx=1 / (len(curve) - 1)))


def call_share(curve: Array, wanted: float) -> float:
    """The least share of calls to the large model that recovers so much of the gap."""
    return float(np.argmax(curve >= wanted) / (len(curve) - 1))


def gap_recovered(curve: Array, share: float) -> float:
    """How much of the gap is recovered when this share of the calls goes to the large model."""
    return float(curve[round(share * (len(curve) - 1))])


def shown(curve: Array) -> str:
    """The three figures in one line."""
    return f"APGR {apgr(curve):.3f}, CPT50 {call_share(curve, 0.5):.1%}, CPT80 {call_share(curve, 0.8):.1%}"


def interval(
    scores: Sequence[Array], outcomes: Outcomes, measure: Callable[[Array], float], seed: int = 0
) -> tuple[float, float]:
    """The 95 % bootstrap interval of a measure over the questions; of its mean when there are several trainings."""
    added, random = outcomes.large_ok.astype(np.int64) - outcomes.small_ok, np.random.default_rng(seed)
    found = []
    for _ in range(RESAMPLES):
        drawn = random.integers(0, len(added), len(added))
        found.append(np.mean([measure(_curve(score[drawn], added[drawn])) for score in scores]))
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)
