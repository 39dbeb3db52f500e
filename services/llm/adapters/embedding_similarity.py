"""Judges whether a question near another one has the same answer: vectors weighed by what training taught, words first.

The words are those of `similar_words.yaml`; the weights are those of `similar_question.json`, which
`python -m bench.train_similar_question` writes. They hold for the vectors of one embedding model, named in the file.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from services.llm.domain.answer_cache import KnownQuestion
from services.llm.domain.similar_question import (
    FEATURES,
    Lexicon,
    Reader,
    Reading,
    Veto,
    Weights,
    features,
    likelihood,
    veto,
)

Floats = NDArray[np.float32]

WORDS = Path(__file__).parent.parent / "similar_words.yaml"
# Which share of the answers given may be wrong, as far as the questions of the training show with 95 % certainty.
WRONG_SHARE = 0.015
PACKAGED = Path(__file__).parent.parent / "similar_question.json"
_LEAST = np.float32(1e-9)
_READINGS = 4096


class SimilarityUnavailable(ValueError):
    """There is nobody to judge: a file is missing or is not what it should be. Says which and why."""


@dataclass(frozen=True, slots=True)
class Projection:
    """A view of vectors in which the ways of asking the same are near each other."""

    mean: Floats
    matrix: Floats

    def __call__(self, vectors: Floats) -> Floats:
        """Return unit vectors, one for each of the given ones."""
        seen: Any = (vectors - self.mean) @ self.matrix
        unit: Floats = seen / np.maximum(np.linalg.norm(seen, axis=-1, keepdims=True), _LEAST)
        return unit


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it is compared: its words, its vector, and its vector in the view of the training."""

    reading: Reading
    vector: Floats
    seen: Floats


class EmbeddingSimilarity:
    """Judges pairs of questions by the vectors of one model."""

    def __init__(
        self, lexicon: Lexicon, weights: Weights, projection: Projection, model: str, threshold: float
    ) -> None:
        """Take what `load` reads."""
        self._lexicon = lexicon
        # The known questions near what people ask are often the same ones.
        self._read = lru_cache(_READINGS)(Reader(lexicon))
        self._weights = weights
        self._projection = projection
        self.threshold = threshold
        self.model = model

    @classmethod
    def load(cls, wrong_share: float = WRONG_SHARE, file: Path = PACKAGED) -> "EmbeddingSimilarity":
        """Read the packaged files; `wrong_share` bounds how many of the answers given may be wrong."""
        try:
            found: Mapping[str, Any] = json.loads(file.read_text())
            weights = weights_of(found)
            threshold = weights.thresholds[wrong_share]
            view = Projection(_numbers(found["mean"]), _numbers(found["matrix"]).reshape(found["width"], -1))
            return cls(lexicon(), weights, view, found["model"], threshold)
        except (OSError, KeyError, TypeError, ValueError) as problem:
            raise SimilarityUnavailable(f"{file.name}: {problem!r}") from None

    def asked(self, text: str, vector: Sequence[float]) -> Asked | None:
        """Return a question as it is compared, None when it is too long to be."""
        reading = self._read(text)
        if reading is None:
            return None
        plain = np.asarray(vector, np.float32)
        return Asked(reading, plain, self._projection(plain))

    def likelihood(self, one: Asked, other: Asked) -> float:
        """Return how likely two questions have the same answer; 0 when words forbid it."""
        if veto(one.reading, other.reading, self._lexicon) is not Veto.NONE:
            return 0.0
        return likelihood(self.features(one, other), self._weights)

    def features(self, one: Asked, other: Asked) -> list[float]:
        """Return what is weighed of a pair that words do not forbid."""
        cosine, closeness = float(one.vector @ other.vector), float(one.seen @ other.seen)
        return features(one.reading, other.reading, cosine, closeness, self._weights)

    def reads(self, text: str) -> bool:
        """Return whether it understands a question well enough to judge."""
        return self._read(text) is not None

    def fitting(self, text: str, vector: Sequence[float], known: Sequence[KnownQuestion]) -> list[KnownQuestion]:
        """Return those whose answers may be given, the surest first."""
        mine = self.asked(text, vector)
        if mine is None:
            return []
        chances = [(self._chance(mine, one), one) for one in known]
        fitting = sorted((found for found in chances if found[0] >= self.threshold), key=lambda found: -found[0])
        return [one for _, one in fitting]

    def _chance(self, mine: Asked, known: KnownQuestion) -> float:
        other = self.asked(known.text, known.vector)
        return self.likelihood(mine, other) if other is not None else 0.0


def lexicon(file: Path = WORDS) -> Lexicon:
    """Return the packaged words."""
    raw: Mapping[str, Any] = yaml.safe_load(file.read_text())
    synonyms = {word: group[0] for line in raw["synonyms"] for group in [_split(line)] for word in group}
    opposites: dict[str, list[tuple[int, int]]] = {}
    for axis, line in enumerate(raw["opposites"]):
        for side, words in enumerate(str(line).split("|")):
            for word in words.split():
                opposites.setdefault(word, []).append((axis, side))
    exact = {word: family for family, words in raw["exact"].items() for word in _split(words)}
    negations, duty = frozenset(_split(raw["negations"])), frozenset(_split(raw["duty"]))
    phrases = [*synonyms, *exact, *negations, *duty]
    filler, polar, asking = (frozenset(raw[name].split()) for name in ("filler", "polar", "asking"))
    return Lexicon(
        filler=filler,
        telling=frozenset(raw["telling"].split()),
        synonyms=synonyms,
        opposites=opposites,
        negations=negations,
        prefixes=raw["prefixes"].split(),
        numbers={word: float(value) for word, value in raw["numbers"].items()},
        units={word: group[0] for line in raw["units"] for group in [_split(line)] for word in group},
        exact=exact,
        kinds=[(kind, [str(phrase).split() for phrase in phrases]) for kind, phrases in raw["kinds"].items()],
        apart=frozenset(raw["apart"]),
        tenses={word: tense for tense, line in enumerate(raw["tenses"]) for word in _split(line)},
        duty=duty,
        polar=polar,
        asking=asking,
        known=filler | polar | asking | frozenset(phrases),
        foreign=frozenset(raw["foreign"].split()),
        longest=max(len(phrase.split()) for phrase in phrases),
    )


def weights_of(found: Mapping[str, Any]) -> Weights:
    """Return the trained judge as the file has it."""
    if found["features"] != list(FEATURES):
        raise ValueError("was trained with other features")
    thresholds = {float(bound): float(least) for bound, least in found["thresholds"].items()}
    return Weights(found["telling"], found["rare"], found["bias"], found["weights"], thresholds)


def _numbers(encoded: str) -> Floats:
    return np.frombuffer(base64.b64decode(encoded), np.float16).astype(np.float32)


def _split(line: object) -> list[str]:
    """Return the words of a line, and what stands in quotes as one."""
    found: list[str] = []
    for at, part in enumerate(str(line).split('"')):
        found += [part] if at % 2 else part.split()
    return found
