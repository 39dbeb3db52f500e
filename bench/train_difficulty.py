"""Trains the judge of difficulty, prints how well it does on questions it has not seen, and writes its weights.

    python -m bench.train_difficulty --data FOLDER [--out FILE]        from the public outcomes in FOLDER/routing
    python -m bench.train_difficulty --outcomes FILE --out FILE        from outcomes of one's own, CSV or JSON lines

Outcomes say of each prompt whether the small and the large model answered it well: `prompt`, `small_ok`, `large_ok`.
The figures come from five-fold cross-validation; equal prompts stay in one fold. Same data and seed, same weights.
"""

import argparse
import csv
import datetime
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression

from bench.routing_metrics import Outcomes, call_share, gap_recovered, recovery_curve, shown
from services.llm.adapters.embedding_difficulty import (
    PACKAGED,
    DifficultyWeights,
    WordVectors,
    features,
    package_folder,
)

Array = NDArray[np.float64]

SEED = 7
# Settled on the development half of the public outcomes (bench/routing.py); nothing was tuned on the other half.
LANDMARKS = 1_200
NEARNESS = 1.0
STRENGTH = 1.0
FOLDS = 5
_YES = {"1", "true", "yes"}
_NO = {"0", "false", "no"}


@dataclass(frozen=True, slots=True)
class Learnt:
    """Outcomes, and the features of their prompts."""

    outcomes: Outcomes
    features: Array


def embedded(prompts: Sequence[str]) -> Array:
    """The features of each prompt."""
    vectors = WordVectors(package_folder())
    return np.stack([features(vectors, prompt) for prompt in prompts]).astype(np.float64)


def fit(known: Array, outcomes: Outcomes, seed: int = SEED) -> DifficultyWeights:
    """Two logistic regressions, one per model, on the nearness to landmarks among the training questions.

    The quantiles of the gain are those of the training itself; `train` replaces them by held-out ones.
    """
    mean, scale = known.mean(0), known.std(0)
    scale[scale == 0] = 1.0
    places = (known - mean) / scale
    gamma = NEARNESS / places.shape[1]
    near = Nystroem(gamma=gamma, n_components=min(LANDMARKS, len(places)), random_state=seed).fit(places)
    seen = near.transform(places)
    heads = [_head(seen, answered) for answered in (outcomes.small_ok, outcomes.large_ok)]
    weights = DifficultyWeights(
        mean.astype(np.float32),
        scale.astype(np.float32),
        near.components_.astype(np.float16).astype(np.float32),
        gamma,
        # The map to the landmarks' own coordinates is linear, so it is folded into the weights.
        np.stack([near.normalization_.T @ slope for slope, _ in heads], 1).astype(np.float32),
        np.array([bias for _, bias in heads], np.float32),
        np.zeros(101, np.float32),
    )
    return _with_quantiles(weights, gains(weights, known))


def _head(seen: Array, answered: NDArray[np.bool_]) -> tuple[Array, float]:
    """Slope and bias; a model that always, or never, answers well needs no regression."""
    if answered.all() or not answered.any():
        share = (answered.sum() + 1) / (len(answered) + 2)
        return np.zeros(seen.shape[1]), float(np.log(share / (1 - share)))
    found = LogisticRegression(C=STRENGTH, max_iter=2_000).fit(seen, answered)
    return found.coef_[0], float(found.intercept_[0])


def gains(weights: DifficultyWeights, known: Array) -> Array:
    """How much likelier the large model is to answer well, for many questions at once."""
    places = (known - weights.mean) / weights.scale
    marks = weights.landmarks.astype(np.float64)
    away = (marks**2).sum(1) - 2 * places @ marks.T + (places**2).sum(1)[:, None]
    small, large = (1 / (1 + np.exp(-(np.exp(-weights.gamma * away) @ weights.outcomes + weights.bias)))).T
    found: Array = large - small
    return found


def folds(prompts: Sequence[str], count: int = FOLDS) -> NDArray[np.int64]:
    """The fold of each prompt, by a hash of its text: the same everywhere, and together for equal prompts."""
    return np.array(
        [int.from_bytes(hashlib.sha256(prompt.encode()).digest()[8:12], "big") % count for prompt in prompts]
    )


def held_out(known: Learnt, seed: int = SEED) -> Array:
    """The gain of every question, judged by weights that never saw it."""
    places, found = folds(known.outcomes.prompts), np.zeros(len(known.features))
    for fold in range(FOLDS):
        inside, outside = places != fold, places == fold
        if outside.any():
            weights = fit(known.features[inside], known.outcomes.where(inside), seed)
            found[outside] = gains(weights, known.features[outside])
    return found


def train(known: Learnt, seed: int = SEED) -> tuple[DifficultyWeights, Array]:
    """Weights from all questions, and the held-out gain of each of them."""
    judged = held_out(known, seed)
    return _with_quantiles(fit(known.features, known.outcomes, seed), judged), judged


def _with_quantiles(weights: DifficultyWeights, judged: Array) -> DifficultyWeights:
    steps = np.quantile(judged, np.linspace(0, 1, 101)).astype(np.float32)
    return DifficultyWeights(
        weights.mean, weights.scale, weights.landmarks, weights.gamma, weights.outcomes, weights.bias, steps
    )


def read_public(data: Path) -> Outcomes:
    """The outcomes of a weak and a strong model on MMLU, with the subject as category."""
    # Only this reads the format, and importing it warns about its neighbours.
    from fastparquet import ParquetFile

    rows = ParquetFile(data / "routing" / "mmlu_strong_weak.parquet").to_pandas()
    return Outcomes(
        list(rows["prompt"]),
        rows["mixtral_8x7b_correct"].to_numpy(bool),
        rows["gpt4_1106_correct"].to_numpy(bool),
        list(rows["subject"]),
    )


def read_outcomes(path: Path) -> Outcomes:
    """Outcomes of one's own; raises ValueError that names the row."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = (
            list(csv.DictReader(file)) if path.suffix == ".csv" else [json.loads(line) for line in file if line.strip()]
        )
    prompts, small, large = [], [], []
    for number, row in enumerate(rows, 1):
        try:
            prompts.append(str(row["prompt"]))
            small.append(_truth(row["small_ok"]))
            large.append(_truth(row["large_ok"]))
        except (KeyError, ValueError) as problem:
            raise ValueError(f"{path}, row {number}: {problem!r}") from problem
    if len(rows) < 2 * FOLDS:
        raise ValueError(f"{path}: {len(rows)} rows are too few")
    return Outcomes(prompts, np.array(small), np.array(large), [""] * len(rows))


def _truth(value: object) -> bool:
    word = str(value).strip().lower()
    if word not in _YES | _NO:
        raise ValueError(f"{value!r} is neither true nor false")
    return word in _YES


def report(outcomes: Outcomes, judged: Array) -> Iterator[str]:
    """What held-out questions say: the ranking's figures, what thresholds cost and keep, and how true the gains are."""
    curve = recovery_curve(judged, outcomes)
    yield f"{len(judged)} questions, held out: {shown(curve)}"
    yield "threshold  calls to the large model  quality gap recovered  score"
    low, high = outcomes.small_ok.mean(), outcomes.large_ok.mean()
    for threshold in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        recovered = gap_recovered(curve, 1 - threshold)
        yield f"{threshold:9.1f}  {1 - threshold:24.0%}  {recovered:21.1%}  {low + recovered * (high - low):.4f}"
    yield "fifth of the questions  gain as judged  gain as it was"
    order = np.argsort(judged, kind="stable")
    for number, part in enumerate(np.array_split(order, 5), 1):
        real = outcomes.large_ok[part].mean() - outcomes.small_ok[part].mean()
        yield f"{number:22d}  {judged[part].mean():14.3f}  {real:14.3f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, print the held-out figures, write the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="folder with the public data sets")
    source.add_argument("--outcomes", type=Path, help="CSV or JSON lines with prompt, small_ok, large_ok")
    parser.add_argument("--out", type=Path, default=PACKAGED)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--date", default=datetime.datetime.now(datetime.UTC).date().isoformat())
    given = parser.parse_args(arguments)
    outcomes = read_public(given.data) if given.data else read_outcomes(given.outcomes)
    weights, judged = train(Learnt(outcomes, embedded(outcomes.prompts)), given.seed)
    for line in report(outcomes, judged):
        print(line)
    curve = recovery_curve(judged, outcomes)
    weights.save(
        given.out,
        {
            "trained_on": "RouteLLM's outcomes on MMLU: Mixtral 8x7B and GPT-4-1106"
            if given.data
            else given.outcomes.name,
            "licence": "Apache-2.0 (outcomes), MIT (MMLU)" if given.data else "",
            "questions": str(len(judged)),
            "seed": str(given.seed),
            "date": given.date,
            "held_out": shown(curve),
            "half_the_gap_at": f"{call_share(curve, 0.5):.3f}",
        },
    )
    print(f"{given.out}: {given.out.stat().st_size // 1024} KiB, sha256 of the numbers {weights.digest()}")


if __name__ == "__main__":
    main()
