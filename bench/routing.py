"""Measures the choice between a small and a large model, as RouteLLM reports it, beside the plain baselines.

The outcomes are public: whether Mixtral 8x7B (small) and GPT-4-1106 (large) answered 14,042 MMLU questions rightly.
Settings were looked for on one half of the questions (by a hash of the text); every row is scored on the other half,
whose outcomes decided nothing, by weights that never saw the question. "All" repeats the row over both halves, which
is what published figures are comparable with. RouteLLM's outcomes on GSM8K are not in the data folder, so there is no
such row. Then the same judge is trained and tried on shop tasks (bench/routing_shop.py).

    python -m bench.routing --data FOLDER [--picture FILE.svg]
"""

import argparse
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from bench import routing_shop
from bench.mmlu import GROUPS
from bench.routing_metrics import Array, Outcomes, apgr, call_share, interval, recovery_curve
from bench.routing_picture import draw
from bench.train_difficulty import Learnt, embedded, fit, folds, gains, held_out, read_public
from services.llm.adapters.embedding_difficulty import EmbeddingDifficulty

LABELS = 1_500
DRAWS = 10
# RouteLLM's published prices, USD for a million tokens: GPT-4-1106 and Mixtral 8x7B.
LARGE_PRICE, SMALL_PRICE = 24.7, 0.24
# Share of the large model's own score that is to be kept when a row's cost is given.
KEPT = 0.95

Judge = Callable[[Learnt, Learnt], Array]


@dataclass(frozen=True, slots=True)
class Row:
    """One router: its scores of all questions; several when it was trained several times."""

    name: str
    scores: Sequence[Array]


def by_embedding(known: Learnt, asked: Learnt) -> Array:
    """The judge that is shipped, trained on what is known."""
    return gains(fit(known.features, known.outcomes), asked.features)


def by_words(known: Learnt, asked: Learnt) -> Array:
    """TF-IDF of words and pairs, and one logistic regression on "the large model is needed"."""
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, max_features=50_000)
    seen = words.fit_transform(known.outcomes.prompts)
    needed = known.outcomes.large_ok & ~known.outcomes.small_ok
    found = LogisticRegression(C=1.0, max_iter=1_000).fit(seen, needed)
    judged: Array = found.decision_function(words.transform(asked.outcomes.prompts))
    return judged


def part(known: Learnt, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Learnt:
    """Some of the questions."""
    return Learnt(known.outcomes.where(chosen), known.features[chosen])


def across(known: Learnt, groups: NDArray[np.int64], judge: Judge) -> Array:
    """Scores of every question by a judge that saw no question of its group."""
    found = np.zeros(len(groups))
    for group in np.unique(groups):
        inside = groups == group
        found[inside] = judge(part(known, ~inside), part(known, inside))
    return found


def few_labels(known: Learnt, development: NDArray[np.bool_], judge: Judge) -> list[Array]:
    """Scores after training on 1,500 questions, drawn anew each time; for the drawn ones there is none (NaN)."""
    found = []
    for seed in range(DRAWS):
        drawn = np.random.default_rng(seed).choice(np.flatnonzero(development), LABELS, replace=False)
        score = judge(part(known, drawn), known)
        score[drawn] = np.nan
        found.append(score)
    return found


def development_half(prompts: Sequence[str]) -> NDArray[np.bool_]:
    """The questions that settings were looked for on."""
    return np.array([hashlib.sha256(prompt.encode()).digest()[0] % 2 == 0 for prompt in prompts])


def rows(known: Learnt, development: NDArray[np.bool_]) -> Iterator[Row]:
    """Every router that is measured, the plain ones first."""
    outcomes, count = known.outcomes, len(known.outcomes.prompts)
    subject_group = np.array([sorted(set(GROUPS.values())).index(GROUPS[one]) for one in outcomes.categories])
    same = folds(outcomes.prompts)
    yield Row("oracle: knows both outcomes", [outcomes.large_ok.astype(float) - outcomes.small_ok])
    yield Row("random", [np.random.default_rng(seed).random(count) for seed in range(DRAWS)])
    yield Row("longest prompt first", [np.array([float(len(prompt)) for prompt in outcomes.prompts])])
    yield Row("TF-IDF + logistic, 1,500 labels", few_labels(known, development, by_words))
    yield Row("**ours, 1,500 labels**", few_labels(known, development, by_embedding))
    yield Row("TF-IDF + logistic, 5-fold", [across(known, same, by_words)])
    yield Row("**ours, 5-fold**", [held_out(known)])
    yield Row("TF-IDF + logistic, unseen subject group", [across(known, subject_group, by_words)])
    yield Row("**ours, unseen subject group**", [across(known, subject_group, by_embedding)])


def line(row: Row, outcomes: Outcomes, reserved: NDArray[np.bool_]) -> str:
    """One row of the table: figures on the reserved half with their interval, and the APGR over all."""
    curves = [recovery_curve(score[reserved], outcomes.where(reserved)) for score in row.scores]
    every = [apgr(recovery_curve(score[~np.isnan(score)], outcomes.where(~np.isnan(score)))) for score in row.scores]
    values = [apgr(curve) for curve in curves]
    low, high = interval([score[reserved] for score in row.scores], outcomes.where(reserved), apgr)
    spread = f" ± {np.std(values):.3f}" if len(values) > 1 else ""
    half, most = (float(np.mean([call_share(curve, wanted) for curve in curves])) for wanted in (0.5, 0.8))
    share = float(np.mean([call_share(curve, _gap_for(outcomes.where(reserved), KEPT)) for curve in curves]))
    return (
        f"| {row.name} | {np.mean(values):.3f}{spread} | {low:.3f}–{high:.3f} | {half:.1%} | {most:.1%} "
        f"| {0.5 / half:.2f} × | {_cost(share):.0%} | {np.mean(every):.3f} |"
    )


def _gap_for(outcomes: Outcomes, kept: float) -> float:
    """The share of the gap that must be recovered to keep so much of the large model's score."""
    small, large = outcomes.small_ok.mean(), outcomes.large_ok.mean()
    return float((kept * large - small) / (large - small))


def _cost(share: float) -> float:
    """What calls cost, against all of them by the large model."""
    return (share * LARGE_PRICE + (1 - share) * SMALL_PRICE) / LARGE_PRICE


def speed(prompts: Sequence[str], judge: EmbeddingDifficulty) -> str:
    """Decisions in a second of processor time: on questions never seen, and on questions heard before."""
    words = sum(map(len, prompts)) / len(prompts)
    taken = []
    for _ in range(2):
        begun = time.process_time()
        for prompt in prompts:
            judge(prompt)
        taken.append(time.process_time() - begun)
    first, again = (len(prompts) / seconds for seconds in taken)
    return (
        f"{first:,.0f} decisions/s of processor time ({again:,.0f} when words are known), {words:.0f} characters each"
    )


def main() -> None:
    """Print both tables, and draw the curves when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the public data sets")
    parser.add_argument("--picture", type=Path, help="where to draw the curves, as SVG")
    given = parser.parse_args()
    if not (given.data / "routing").is_dir():
        parser.error(f"there is no routing folder in {given.data}")
    outcomes = read_public(given.data)
    known, development = Learnt(outcomes, embedded(outcomes.prompts)), development_half(outcomes.prompts)
    reserved = outcomes.where(~development)
    print(f"{len(outcomes.prompts):,} questions, {len(reserved.prompts):,} in the reserved half")
    print(
        f"always small {reserved.small_ok.mean():.3f} (cost {_cost(0):.0%}), "
        f"always large {reserved.large_ok.mean():.3f} (cost 100%)"
    )
    print(
        "| router | APGR | 95 % interval | CPT50 | CPT80 | against chance | cost at 95 % of the large one | APGR, all |"
    )
    print("|---|---|---|---|---|---|---|---|")
    measured = []
    for row in rows(known, development):
        print(line(row, outcomes, ~development), flush=True)
        drawn = [recovery_curve(score[~development], reserved) for score in row.scores]
        measured.append((row.name.strip("*"), np.mean(drawn, 0)))
    print(speed(outcomes.prompts[:8_000], EmbeddingDifficulty.load()))
    if given.picture:
        draw(given.picture, measured, float(reserved.small_ok.mean()), float(reserved.large_ok.mean()))
    for text in routing_shop.report(given.data):
        print(text, flush=True)


if __name__ == "__main__":
    main()
