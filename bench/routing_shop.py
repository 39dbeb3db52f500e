"""Tries the choice between two models on shop tasks with known answers, with what runs on this machine.

No answers of large language models to shop questions are at hand, so the two "models" are classifiers whose difference
is real but small: static word vectors with a logistic regression (small), and the packaged sentence encoder with one
(large). Their price is processor time, as measured. What this shows: that a judge trained on a shop's own outcomes
finds which questions are worth the dearer model, and what it saves at a quality that is kept. What it does not show:
what it would save between two language models, whose prices and mistakes are others.

Each task is cut in three: to train the two models' heads, to train the judge and choose its threshold (by cross-
validation), and to report. Nothing of the last part is seen before.
"""

import csv
import gzip
import io
import re
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from bench.embeddings import onnx_encoder
from bench.routing_metrics import RESAMPLES, Array, Outcomes, recovery_curve, shown
from bench.train_difficulty import Learnt, embedded, fit, gains, held_out
from local.models.settings import Precision
from services.llm.adapters.embedding_difficulty import EmbeddingDifficulty, WordVectors, package_folder

# Texts of one task at the most, for the judge and for the report each.
_MOST = 1_500
_SEED = 11
# Thresholds are chosen on the judge's own part with a point of margin: to keep 97 % of the large model's score, or to
# lose no more than two points in any task besides.
_KEEP = 0.98
_LOSE = 0.01
_TAGGED = re.compile(r"\[([+-])[123]\]")


@dataclass(frozen=True, slots=True)
class Task:
    """Texts with their right answers, the words they are put to a model with, and how many teach the heads."""

    name: str
    instruction: str
    texts: Sequence[str]
    answers: Sequence[str]
    teaching: int


@dataclass(frozen=True, slots=True)
class Answered:
    """What both models made of all tasks' questions, in the judge's part or in the report's."""

    outcomes: Outcomes
    # Processor seconds of one answer by each.
    small_seconds: float
    large_seconds: float


def tasks(data: Path) -> Iterator[Task]:
    """The shop's tasks."""
    with gzip.open(data / "bitext-support" / "intents_train.csv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    texts, answers = [row["utterance"] for row in rows], [row["intent"] for row in rows]
    yield Task("intent", "What does this customer want?", texts, answers, 270)
    with zipfile.ZipFile(data / "hu-liu-reviews" / "product_reviews_2.zip") as archive:
        pairs = [pair for name in archive.namelist() for pair in _sentences(name, archive)]
    yield Task("sentiment", "Does this reviewer praise or blame?", *_columns(pairs), 700)
    with zipfile.ZipFile(data / "hu-liu-reviews" / "pros_cons.zip") as archive:
        pairs = [pair for name in archive.namelist() for pair in _short_lines(name, archive)]
    yield Task("pros and cons", "Is this a pro or a con?", *_columns(pairs), 700)
    with gzip.open(data / "retail-demo-store" / "products.yaml.gz", "rt", encoding="utf-8") as file:
        products = yaml.load(file, yaml.CSafeLoader)
    texts, answers = [one["description"] for one in products], [one["category"] for one in products]
    yield Task("category", "Which department sells this?", texts, answers, 400)


def _columns(pairs: Sequence[tuple[str, str]]) -> tuple[list[str], list[str]]:
    return [text for text, _ in pairs], [answer for _, answer in pairs]


def _sentences(name: str, archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    """Sentences whose tags all point one way."""
    if not name.endswith(".txt") or "README" in name:
        return
    for line in io.TextIOWrapper(archive.open(name), "latin-1"):
        tags, _, text = line.partition("##")
        signs = set(_TAGGED.findall(tags))
        if len(signs) == 1 and text.strip():
            yield text.strip(), "praise" if "+" in signs else "blame"


def _short_lines(name: str, archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    for kind in ("Pros", "Cons"):
        if name.endswith(f"Integrated{kind}.txt"):
            for line in io.TextIOWrapper(archive.open(name), "latin-1"):
                text = re.sub(r"</?\w+>", "", line).strip()
                if text:
                    yield text, kind


def answered(data: Path) -> tuple[Answered, Answered]:
    """What both models answer, in the judge's part and in the report's."""
    words = WordVectors(package_folder())
    parts: tuple[list[Outcomes], list[Outcomes]] = ([], [])
    seconds, asked = np.zeros(2), 0
    with tempfile.TemporaryDirectory() as home:
        encode = onnx_encoder(Path(home), Precision.FLOAT32, 1)
        for task in tasks(data):
            order = np.random.default_rng(_SEED).permutation(len(task.texts))[: task.teaching + 2 * _MOST]
            texts, answers = [task.texts[i] for i in order], np.array([task.answers[i] for i in order])
            right = []
            for place, vectors_of in enumerate((lambda given: np.stack([words(text) for text in given]), encode)):
                begun = time.process_time()
                vectors = vectors_of(texts)
                head = LogisticRegression(C=30.0, max_iter=2_000)
                seconds[place] += time.process_time() - begun
                head.fit(vectors[: task.teaching], answers[: task.teaching])
                right.append(head.predict(vectors) == answers)
            asked += len(texts)
            prompts = [f"{task.instruction}\n{text}" for text in texts]
            whole = Outcomes(prompts, right[0], right[1], [task.name] * len(prompts))
            middle = task.teaching + (len(prompts) - task.teaching) // 2
            parts[0].append(whole.where(np.arange(task.teaching, middle)))
            parts[1].append(whole.where(np.arange(middle, len(prompts))))
    small, large = seconds / asked
    return Answered(_joined(parts[0]), small, large), Answered(_joined(parts[1]), small, large)


def _joined(parts: Sequence[Outcomes]) -> Outcomes:
    return Outcomes(
        [prompt for one in parts for prompt in one.prompts],
        np.concatenate([one.small_ok for one in parts]),
        np.concatenate([one.large_ok for one in parts]),
        [category for one in parts for category in one.categories],
    )


def share_for(score: Array, outcomes: Outcomes, lose: float) -> float:
    """The least share of calls to the large model that keeps the score, and loses no more in any task."""
    for percent in range(101):
        used = to_large(score, percent / 100)
        if _kept(used, outcomes) >= _KEEP and min(_by_task(used, outcomes).values()) >= -lose:
            return percent / 100
    return 1.0


def to_large(score: Array, share: float) -> NDArray[np.bool_]:
    """Which questions go to the large model: the hardest ones."""
    used = np.zeros(len(score), bool)
    used[np.argsort(-score, kind="stable")[: round(share * len(score))]] = True
    return used


def _right(used: NDArray[np.bool_], outcomes: Outcomes) -> NDArray[np.bool_]:
    return np.where(used, outcomes.large_ok, outcomes.small_ok)


def _kept(used: NDArray[np.bool_], outcomes: Outcomes) -> float:
    return float(_right(used, outcomes).mean() / outcomes.large_ok.mean())


def _by_task(used: NDArray[np.bool_], outcomes: Outcomes) -> dict[str, float]:
    """Points lost or won against the large model, task by task."""
    names, right = np.array(outcomes.categories), _right(used, outcomes)
    return {
        name: float(right[names == name].mean() - outcomes.large_ok[names == name].mean())
        for name in dict.fromkeys(outcomes.categories)
    }


def _line(name: str, used: NDArray[np.bool_], on: Answered, deciding: float) -> str:
    """One row: calls, cost cut, score kept, the worst task; with 95 % bootstrap intervals."""
    outcomes, random, count = on.outcomes, np.random.default_rng(0), len(used)

    def cut(chosen: NDArray[np.bool_]) -> float:
        spent = chosen.mean() * on.large_seconds + (1 - chosen.mean()) * on.small_seconds + deciding
        return float(1 - spent / on.large_seconds)

    right, drawn = _right(used, outcomes), [random.integers(0, count, count) for _ in range(RESAMPLES)]
    cuts = np.percentile([cut(used[i]) for i in drawn], [2.5, 97.5])
    kept = np.percentile([right[i].mean() / outcomes.large_ok[i].mean() for i in drawn], [2.5, 97.5])
    task, worst = min(_by_task(used, outcomes).items(), key=lambda pair: pair[1])
    return (
        f"| {name} | {used.mean():.0%} | {cut(used):.1%} ({cuts[0]:.1%}–{cuts[1]:.1%}) | {right.mean():.3f} "
        f"| {_kept(used, outcomes):.1%} ({kept[0]:.1%}–{kept[1]:.1%}) | {worst:+.1%} {task} |"
    )


def report(data: Path) -> Iterator[str]:
    """The table of the shop's tasks."""
    judging, reporting = answered(data)
    known, outcomes = Learnt(judging.outcomes, embedded(judging.outcomes.prompts)), reporting.outcomes
    judged, weights = held_out(known), fit(known.features, known.outcomes)
    score, deciding = gains(weights, embedded(outcomes.prompts)), _deciding(outcomes.prompts)
    count = len(score)
    yield (
        f"{len(judged):,} questions train the judge, {count:,} report; an answer takes "
        f"{reporting.small_seconds * 1e3:.2f} ms (small) or {reporting.large_seconds * 1e3:.2f} ms (large) of "
        f"processor time, a decision {deciding * 1e3:.2f} ms; {shown(recovery_curve(score, outcomes))}"
    )
    yield "| router | calls to the large one | cost cut | score | of the large one's | worst task |"
    yield "|---|---|---|---|---|---|"
    yield _line("always large", np.ones(count, bool), reporting, 0.0)
    yield _line("always small", np.zeros(count, bool), reporting, 0.0)
    yield _line("oracle: large only where it alone is right", outcomes.large_ok & ~outcomes.small_ok, reporting, 0.0)
    lengths = np.array([float(len(prompt)) for prompt in outcomes.prompts])
    whole = np.full(len(judged), "")
    own = np.array(judging.outcomes.categories)
    for aim, lose, parts in (
        ("97 % of the score", 1.0, whole),
        ("no task two points below", _LOSE, whole),
        ("the same, a threshold for each task", _LOSE, own),
    ):
        # A threshold is a value of the judge's own part, so how many of these questions pass it is what comes out.
        used = np.zeros(count, bool)
        for name in np.unique(parts):
            inside = parts == name
            here = np.array(outcomes.categories) == name if name else np.ones(count, bool)
            share = share_for(judged[inside], judging.outcomes.where(inside), lose)
            used[here] = score[here] >= threshold_of(judged[inside], share)
        same = float(used.mean())
        yield _line(f"**ours**, aimed at {aim}", used, reporting, deciding)
        yield _line("random, as many calls", to_large(np.random.default_rng(1).random(count), same), reporting, 0.0)
        yield _line("longest first, as many calls", to_large(lengths, same), reporting, 0.0)


def threshold_of(judged: Array, share: float) -> float:
    """The gain from which this share of the questions lies."""
    return float("inf") if share == 0 else float(np.sort(judged)[::-1][round(share * len(judged)) - 1])


def _deciding(prompts: Sequence[str]) -> float:
    """Processor seconds of one decision, by the judge as it is served."""
    judge = EmbeddingDifficulty.load()
    begun = time.process_time()
    for prompt in prompts:
        judge(prompt)
    return (time.process_time() - begun) / len(prompts)
