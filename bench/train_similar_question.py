"""Trains the judge of similar questions on labelled pairs, and writes the file the service reads.

What is learnt: a view of the vectors in which ways of asking the same are near each other, how telling each word is,
how much each feature of a pair counts, and the threshold for each bound on the share of wrong answers. A threshold is
chosen on questions that were judged by what had learnt from other groups only. Two tenths of the groups are left out
of everything: `python -m bench.llm_cache` asks them.

    python -m bench.train_similar_question
"""

import argparse
import base64
import csv
import gzip
import json
import math
import random
import re
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta
from sklearn.linear_model import LogisticRegression

from bench.embeddings import onnx_encoder
from bench.shop_questions import Labelled, fold, questions
from local.models.settings import Precision
from services.llm.adapters.embedding_similarity import (
    PACKAGED,
    Asked,
    EmbeddingSimilarity,
    Projection,
    lexicon,
    weights_of,
)
from services.llm.domain.similar_question import FEATURES, Reader, Veto, Weights, veto

Floats = NDArray[np.float32]

MODEL = "models/all-minilm-l6-v2"
# Tenths of the groups: those from here on are for the bench.
TENTHS, HELD_OUT = 10, 8
FOLDS = 5
NEIGHBOURS = 8
BOUNDS = (0.005, 0.01, 0.015, 0.02, 0.03, 0.05)
_PIECES = re.compile(r"\w+")
_SMALL = frozenset(
    "a an the is are be to of in on for and or by with from can you it its this that used use using".split()  # noqa: SIM905
)
_DIMENSIONS = 96
_SHRINK = 0.3
_SURE = 0.95


@dataclass(frozen=True)
class Corpus:
    """Labelled questions with their vectors."""

    labelled: Sequence[Labelled]
    vectors: Floats

    def of(self, wanted: Callable[[Labelled], bool]) -> "Corpus":
        """Return some of them."""
        places = [at for at, one in enumerate(self.labelled) if wanted(one)]
        return Corpus([self.labelled[at] for at in places], self.vectors[places])


def upper_bound(wrong: int, hits: int, sure: float = _SURE) -> float:
    """Return the largest share of wrong ones that is still likely (Clopper and Pearson, one-sided)."""
    return 1.0 if wrong >= hits else float(beta.ppf(sure, wrong + 1, hits - wrong))


def in_training(one: Labelled) -> bool:
    """Return whether a question is for training, and not held out."""
    return fold(one.group, TENTHS, "bench") < HELD_OUT


def shop(embed: Callable[[list[str]], Floats]) -> Corpus:
    """Return the shop's questions."""
    return Corpus(questions(), embed([one.text for one in questions()]))


def gptcache(folder: Path, embed: Callable[[list[str]], Floats], alike: float = 0.6) -> Corpus:
    """Return GPTCache's pairs, originals and paraphrases in turn.

    Originals with nearly the same words have one answer: the set holds many of them. That is told from their words
    alone, `alike` of all they have together, and never where codes or numbers differ.
    """
    with gzip.open(folder / "semantic-cache" / "mock_data.json.gz") as file:
        pairs = json.load(file)
    labelled: list[Labelled] = []
    groups: list[tuple[str, frozenset[str], frozenset[str]]] = []
    for pair in pairs:
        said, codes = _said(pair["origin"])
        same = (name for name, known, others in groups if codes == others and _share(said, known) >= alike)
        group = next(same, f"gptcache {len(groups)}")
        groups.append((group, said, codes))
        labelled += [Labelled(pair[part], group, group) for part in ("origin", "similar")]
    return Corpus(labelled, embed([one.text for one in labelled]))


def _said(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the words of a text, and those among them that are codes or numbers."""
    words = _PIECES.findall(text)
    codes = {word.casefold() for word in words if "_" in word or any(letter.isdigit() for letter in word)}
    return frozenset(word.casefold() for word in words) - _SMALL, frozenset(codes)


def _share(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / (len(one | other) or 1)


def bitext(folder: Path, embed: Callable[[list[str]], Floats], part: str, most: int = 2000) -> Corpus:
    """Return questions of Bitext's customers; those that name an order of their own have an answer of their own."""
    with gzip.open(folder / "bitext-support" / f"intents_{part}.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    chosen = rows if len(rows) <= most else random.Random(5).sample(rows, most)
    unique = {row["utterance"]: row for row in chosen}
    labelled = [
        Labelled(text, " ".join((row["intent"], row["entity_value"])).strip(), f"bitext {row['intent']}")
        for text, row in unique.items()
    ]
    return Corpus(labelled, embed([one.text for one in labelled]))


def learn_view(corpus: Corpus) -> Projection:
    """Return the view in which differences within an answer are small and differences between answers are large."""
    mean = corpus.vectors.mean(0)
    by_answer: dict[str, list[int]] = defaultdict(list)
    for at, one in enumerate(corpus.labelled):
        by_answer[one.answer].append(at)
    centred, centres = [], []
    for places in by_answer.values():
        group = corpus.vectors[places].astype(np.float64)
        if len(places) > 1:
            centred.append((group - group.mean(0)) * math.sqrt(len(places) / (len(places) - 1)))
        centres.append(group.mean(0) - mean)
    rows = np.concatenate(centred)
    within = rows.T @ rows / len(rows)
    size = len(within)
    within = (1 - _SHRINK) * within + _SHRINK * np.eye(size) * np.trace(within) / size
    values, basis = np.linalg.eigh(within)
    white = basis / np.sqrt(values)
    seen = np.stack(centres) @ white
    spread, axes = np.linalg.eigh(seen.T @ seen / len(seen))
    keep = np.argsort(-spread)[:_DIMENSIONS]
    # Directions in which answers differ little count less: what is left there is mostly how people ask.
    gain = np.sqrt(spread[keep] / (spread[keep] + 1.0))
    return Projection(mean, (white @ axes[:, keep] * gain).astype(np.float32))


def learn_telling(corpus: Corpus) -> tuple[dict[str, float], float]:
    """Return how telling words are: the fewer kinds of questions hold one, the more it says."""
    read = Reader(lexicon())
    seen: dict[str, set[str]] = defaultdict(set)
    groups = set()
    for one in corpus.labelled:
        reading = read(one.text)
        groups.add(one.group)
        for word in reading.content if reading else ():
            seen[word].add(one.group)
    rare = math.log(len(groups) / 2)
    telling = {word: min(rare, math.log(len(groups) / len(found))) for word, found in seen.items() if len(found) > 1}
    return {word: round(value, 3) for word, value in sorted(telling.items())}, round(rare, 3)


def nearest(asked: Floats, known: Floats, most: int = NEIGHBOURS) -> NDArray[np.intp]:
    """Return the places of the nearest known vectors of each that is asked, nearest first."""
    closeness = asked @ known.T
    count = min(most, closeness.shape[1])
    found = np.argpartition(-closeness, count - 1, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(closeness, found, 1), axis=1)
    return np.take_along_axis(found, order, 1)


def read_all(judge: EmbeddingSimilarity, corpus: Corpus) -> list[Asked | None]:
    """Return the questions as they are compared."""
    return [judge.asked(one.text, vector) for one, vector in zip(corpus.labelled, corpus.vectors, strict=True)]


def judge_with(view: Projection, telling: tuple[dict[str, float], float]) -> EmbeddingSimilarity:
    """Return a judge that has not learnt to weigh yet."""
    weights = Weights(*telling, bias=0.0, features=[0.0] * len(FEATURES), thresholds={})
    return EmbeddingSimilarity(lexicon(), weights, view, MODEL, 0.0)


def pairs_of(corpus: Corpus) -> list[tuple[int, int]]:
    """Return each question with its nearest, and with some of its own answer that are further away."""
    chance = random.Random(7)
    found = {
        (min(at, near), max(at, near))
        for at, row in enumerate(nearest(corpus.vectors, corpus.vectors, NEIGHBOURS + 1))
        for near in row.tolist()
        if near != at
    }
    by_answer: dict[str, list[int]] = defaultdict(list)
    for at, one in enumerate(corpus.labelled):
        by_answer[one.answer].append(at)
    for places in by_answer.values():
        for at in places:
            found.add(tuple(sorted((at, chance.choice(places)))))  # type: ignore[arg-type]
    return sorted(pair for pair in found if pair[0] != pair[1])


def examples(judge: EmbeddingSimilarity, corpus: Corpus, pairs: Sequence[tuple[int, int]]) -> tuple[Floats, Floats]:
    """Return features and labels of the pairs that words do not forbid."""
    asked, words = read_all(judge, corpus), lexicon()
    rows, labels = [], []
    for one, other in pairs:
        left, right = asked[one], asked[other]
        if left is None or right is None or veto(left.reading, right.reading, words) is not Veto.NONE:
            continue
        rows.append(judge.features(left, right))
        labels.append(corpus.labelled[one].answer == corpus.labelled[other].answer)
    return np.asarray(rows, np.float32).reshape(-1, len(FEATURES)), np.asarray(labels, np.float32)


def train(own: Corpus) -> dict[str, Any]:
    """Return view and weights, without thresholds. Pairs are seen in views that did not learn from their own group."""
    telling = learn_telling(own)
    rows, labels = [], []
    for part in range(2):
        judge = judge_with(learn_view(own.of(_within(1 - part, 2, "view"))), telling)
        rest = own.of(_within(part, 2, "view"))
        found = examples(judge, rest, pairs_of(rest))
        rows.append(found[0])
        labels.append(found[1])
    x, y = np.concatenate(rows), np.concatenate(labels)
    scale = x.std(0) + 1e-6
    model = LogisticRegression(C=1.0, max_iter=2000).fit(x / scale, y)
    view = learn_view(own)
    return {
        "model": MODEL,
        "features": list(FEATURES),
        "weights": [round(float(value), 4) for value in model.coef_[0] / scale],
        "bias": round(float(model.intercept_[0]), 4),
        "telling": telling[0],
        "rare": telling[1],
        "width": view.matrix.shape[0],
        "mean": _encoded(view.mean),
        "matrix": _encoded(view.matrix),
        "thresholds": {},
    }


def cross_judged(own: Corpus) -> list["Decision"]:
    """Return what judges decide on groups that they did not learn from; the cache holds all of the questions."""
    found: list[Decision] = []
    for part in range(FOLDS):
        judge = judge_of(train(own.of(_outside(part, FOLDS, "thresholds"))))
        found += decisions(judge, own.of(_within(part, FOLDS, "thresholds")), own)
    return found


def trained_with_thresholds(own: Corpus) -> dict[str, Any]:
    """Return all there is to learn from the questions, as the service reads it."""
    trained, found = train(own), cross_judged(own)
    trained["thresholds"] = {str(bound): threshold_for(found, bound) for bound in BOUNDS}
    trained["made_from"] = {"questions": len(own.labelled), "by": "python -m bench.train_similar_question"}
    return trained


def _outside(part: int, folds: int, deal: str) -> Callable[[Labelled], bool]:
    return lambda one: fold(one.group, folds, deal) != part


def _within(part: int, folds: int, deal: str) -> Callable[[Labelled], bool]:
    return lambda one: fold(one.group, folds, deal) == part


def judge_of(trained: Mapping[str, Any], threshold: float = 0.0) -> EmbeddingSimilarity:
    """Return the judge that was trained, as the service would read it."""
    mean = np.frombuffer(base64.b64decode(trained["mean"]), np.float16).astype(np.float32)
    matrix = np.frombuffer(base64.b64decode(trained["matrix"]), np.float16).astype(np.float32)
    view = Projection(mean, matrix.reshape(trained["width"], -1))
    return EmbeddingSimilarity(lexicon(), weights_of(trained), view, trained["model"], threshold)


@dataclass(frozen=True)
class Decision:
    """The best known question for one that is asked: how likely, and whether its answer is right."""

    likelihood: float
    right: bool
    text: str = ""
    given: str = ""


def decisions(judge: EmbeddingSimilarity, asked: Corpus, known: Corpus) -> list[Decision]:
    """Ask each question of a cache that holds the known ones, itself left out."""
    readings, stored = read_all(judge, asked), read_all(judge, known)
    found = []
    for at, row in enumerate(nearest(asked.vectors, known.vectors, NEIGHBOURS + 1)):
        one, mine = asked.labelled[at], readings[at]
        best, given = 0.0, None
        for near in [place for place in row.tolist() if known.labelled[place].text != one.text][:NEIGHBOURS]:
            other = stored[near]
            chance = judge.likelihood(mine, other) if mine is not None and other is not None else 0.0
            if chance > best:
                best, given = chance, known.labelled[near]
        right = given is not None and given.answer == one.answer
        found.append(Decision(best, right, one.text, given.text if given else ""))
    return found


def threshold_for(found: Sequence[Decision], bound: float) -> float:
    """Return the least likelihood from which on the share of wrong answers is, almost surely, within the bound."""
    ranked = sorted(found, key=lambda one: -one.likelihood)
    best, wrong = 1.01, 0
    for hits, one in enumerate(ranked, 1):
        wrong += not one.right
        last = hits == len(ranked) or ranked[hits].likelihood < one.likelihood
        if last and one.likelihood > 0.0 and upper_bound(wrong, hits) <= bound:
            best = one.likelihood
    return best


def encoder() -> Callable[[list[str]], Floats]:
    """Return the encoder as the model server runs it."""
    home = Path(tempfile.gettempdir()) / "aisle-encoder"
    home.mkdir(exist_ok=True)
    return onnx_encoder(home, Precision.FLOAT32, 2)


def _encoded(values: Floats) -> str:
    return base64.b64encode(values.astype(np.float16).tobytes()).decode()


def main() -> None:
    """Train, choose thresholds, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=PACKAGED)
    given = parser.parse_args()
    own = shop(encoder()).of(in_training)
    trained = trained_with_thresholds(own)
    given.out.write_text(json.dumps(trained, indent=0) + "\n")
    print(json.dumps(trained["thresholds"]))


if __name__ == "__main__":
    main()
