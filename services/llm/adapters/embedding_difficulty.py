"""Judges how hard a question is by its embedding, in process and in a fraction of a millisecond.

A text is the mean direction of the static vectors of its words (the wordllama package carries 32,000 of them), with a
few numbers about its outside. A trained kernel machine says from that how likely the small and the large model each
are to answer well; what the large one would add is the difficulty, as the share of the questions of the training that
would gain less. Training is `python -m bench.train_difficulty`; how well it does stands in docs/routing.md.
"""

import hashlib
import importlib.util
import json
import mmap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from tokenizers import Tokenizer

from services.llm.domain.difficulty import SHAPE_SIZE, clipped, shape

Floats = NDArray[np.float32]

PACKAGED = Path(__file__).parent.parent / "difficulty.safetensors"
VERSION = "1"
_PACKAGE = "wordllama"
_VECTORS = "weights/l2_supercat_256.safetensors"
_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"
_WIDTH = 256
_FEATURES = _WIDTH + SHAPE_SIZE
# Words whose tokens are remembered: a few megabytes, and most of what is ever said.
_REMEMBERED = 8_192
# Of longer runs without a space only the beginning counts, so that no text takes long and no word fills the memory.
_LONGEST_WORD = 32
# Tokens that count, at the beginning and at the end.
_EITHER_END = 300
_LEAST = np.float32(1e-12)


class DifficultyUnavailable(ValueError):
    """There is nobody to judge difficulty: a file is missing or is not what it should be. Says which and why."""


class WordVectors:
    """Turns a text into the mean direction of its words' vectors, which stay in a file that is mapped, not read."""

    def __init__(self, folder: Path) -> None:
        """Open the package's files; raises DifficultyUnavailable."""
        self._tokenizer = _tokenizer(folder / _TOKENIZER)
        self._table = _mapped(folder / _VECTORS)
        self._tokens: dict[str, list[int]] = {}

    def __call__(self, text: str) -> Floats:
        """Return the unit vector of a text; all zeros when it has no words."""
        tokens = self._tokens_of(text)
        if not tokens:
            return np.zeros(_WIDTH, np.float32)
        rows = self._table.take(tokens, axis=0).astype(np.float32)
        # Each word counts as a direction: frequent words have long vectors and say little.
        lengths = np.sqrt(np.maximum(np.einsum("ij,ij->i", rows, rows), _LEAST))
        total = (1 / lengths) @ rows
        unit: Floats = total / np.sqrt(max(total @ total, _LEAST))
        return unit

    def _tokens_of(self, text: str) -> list[int]:
        known, found = self._tokens, list[int]()
        for word in text.split():
            tokens = known.get(word)
            found.extend(self._learnt(word) if tokens is None else tokens)
        return found if len(found) <= 2 * _EITHER_END else found[:_EITHER_END] + found[-_EITHER_END:]

    def _learnt(self, word: str) -> list[int]:
        if len(word) > _LONGEST_WORD:
            if word.isascii():
                return self._learnt(word[:_LONGEST_WORD])
            # Scripts without spaces are read character by character: the tokenizer is slow on their long runs.
            known = self._tokens
            return [token for one in word for token in known.get(one) or self._learnt(one)]
        tokens: list[int] = self._tokenizer.encode(word, add_special_tokens=False).ids
        if len(self._tokens) >= _REMEMBERED:
            self._tokens.clear()
        self._tokens[word] = tokens
        return tokens


@dataclass(frozen=True, slots=True)
class DifficultyWeights:
    """What training found. Landmarks are training questions in standardised features."""

    mean: Floats
    scale: Floats
    landmarks: Floats
    # How fast nearness fades with the squared distance.
    gamma: float
    # Of every landmark, for (small model answers well, large model answers well).
    outcomes: Floats
    bias: Floats
    # Gains of the questions of the training in ascending order, at even steps.
    quantiles: Floats
    # Squared lengths of the landmarks, worked out once.
    sizes: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Work out what every judgement needs."""
        object.__setattr__(self, "sizes", np.einsum("ij,ij->i", self.landmarks, self.landmarks))

    def gain(self, features: Floats) -> float:
        """Return how much likelier the large model is to answer well than the small one."""
        place = (features - self.mean) / self.scale
        away = self.sizes - 2 * (self.landmarks @ place) + place @ place
        near = np.exp(away * np.float32(-self.gamma))
        small, large = 1 / (1 + np.exp(-(near @ self.outcomes + self.bias)))
        return float(large - small)

    def digest(self) -> str:
        """Return the SHA-256 of all numbers: the same training gives the same digest."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self._tensors().items()):
            digest.update(name.encode() + tensor.tobytes())
        return digest.hexdigest()

    def save(self, path: Path, provenance: Mapping[str, str]) -> None:
        """Write the file, with where it comes from in words."""
        save_file(self._tensors(), path, {**provenance, "version": VERSION, "digest": self.digest()})

    @classmethod
    def read(cls, path: Path) -> "DifficultyWeights":
        """Return what a file holds; raises DifficultyUnavailable when it is missing or not whole."""
        try:
            with safe_open(path, "numpy") as file:
                about = file.metadata() or {}
                held = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as problem:
            raise DifficultyUnavailable(f"{path}: {problem}") from problem
        if about.get("version") != VERSION:
            raise DifficultyUnavailable(f"{path}: version {VERSION} is expected")
        try:
            weights = cls(gamma=float(held.pop("gamma")[0]), **held)
        except (KeyError, TypeError) as problem:
            raise DifficultyUnavailable(f"{path}: {problem}") from problem
        if weights.digest() != about.get("digest") or weights.mean.shape != (_FEATURES,):
            raise DifficultyUnavailable(f"{path}: the numbers are not the ones that were written")
        return weights

    def _tensors(self) -> dict[str, NDArray[np.float16] | Floats]:
        return {
            "mean": self.mean,
            "scale": self.scale,
            # Half precision moves no ranking and halves the file.
            "landmarks": self.landmarks.astype(np.float16),
            "gamma": np.array([self.gamma], np.float32),
            "outcomes": self.outcomes,
            "bias": self.bias,
            "quantiles": self.quantiles,
        }


class EmbeddingDifficulty:
    """A `DifficultyJudge`: the share of the questions of the training that need the large model less."""

    def __init__(self, vectors: WordVectors, weights: DifficultyWeights) -> None:
        """Take what turns words into numbers, and what was learnt about those."""
        self._vectors = vectors
        self._weights = weights
        self._steps = np.linspace(0, 1, len(weights.quantiles))

    @classmethod
    def load(cls, path: Path = PACKAGED) -> "EmbeddingDifficulty":
        """Return the judge of a file of weights; raises DifficultyUnavailable."""
        return cls(WordVectors(package_folder()), DifficultyWeights.read(path))

    def __call__(self, text: str) -> float:
        """Return the difficulty between 0 and 1."""
        gain = self._weights.gain(features(self._vectors, text))
        return float(np.interp(gain, self._weights.quantiles, self._steps))


def features(vectors: WordVectors, text: str) -> Floats:
    """Return what is known about a text as numbers: its embedding and its shape."""
    # Half a character pair can be sent over some wires; tokenizers refuse it.
    text = clipped(text).encode("utf-8", "replace").decode()
    return np.concatenate((vectors(text), np.array(shape(text), np.float32)))


def package_folder() -> Path:
    """Return the folder of the package with the words' vectors, without importing it; raises DifficultyUnavailable."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise DifficultyUnavailable(f"the package {_PACKAGE} is not installed")
    return Path(spec.origin).parent


def _tokenizer(path: Path) -> Tokenizer:
    if not path.is_file():
        raise DifficultyUnavailable(f"{path} is missing")
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _mapped(path: Path) -> NDArray[np.float16]:
    """Return the one matrix of a safetensors file without reading it: a length, a header in JSON, then the numbers."""
    try:
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
            begin = file.tell()
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as problem:
        raise DifficultyUnavailable(f"{path}: {problem}") from problem
    about = header["embedding.weight"]
    rows, width = about["shape"]
    if about["dtype"] != "F16" or width != _WIDTH:
        raise DifficultyUnavailable(f"{path}: 16-bit vectors of {_WIDTH} numbers are expected")
    start = begin + about["data_offsets"][0]
    return np.frombuffer(content, np.float16, rows * width, start).reshape(rows, width)
