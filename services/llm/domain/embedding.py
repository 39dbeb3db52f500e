"""Vectors: how texts become comparable, how large requests are cut, and which vectors are remembered."""

from array import array
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot

Vector = Sequence[float]

# A request up to this size is somebody waiting for a query; larger ones are work in bulk.
QUERY_TEXTS = 4
_UNIT_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class EmbeddingLimits:
    """How much a provider is given at once."""

    # Texts in one call of bulk work.
    texts_per_call: int
    # Calls of bulk work at the same time, over all requests.
    calls_at_once: int


@dataclass(frozen=True, slots=True)
class Embedded:
    """What a provider returns: vectors in the order of the texts, and the tokens it read (0 when it does not say)."""

    vectors: Sequence[Vector]
    input_tokens: int = 0


def prepared(text: str) -> str:
    """Return the text with its white space evened out; blank ones become a space, as providers refuse empty ones."""
    return " ".join(text.split()) or " "


def unit(vector: Vector) -> Vector:
    """Return the vector in single precision and of length one; the zero vector stays as it is."""
    length = hypot(*vector)
    if length == 0.0 or abs(length - 1.0) <= _UNIT_TOLERANCE:
        return array("f", vector)
    return array("f", [value / length for value in vector])


def chunks(texts: Sequence[str], size: int) -> list[Sequence[str]]:
    """Return the texts in runs of at most `size`, in order."""
    return [texts[start : start + size] for start in range(0, len(texts), size)]


class VectorCache:
    """Remembers the vectors of the last queries: shoppers type the same words."""

    def __init__(self, capacity: int) -> None:
        """Take how many vectors to keep; 0 keeps none."""
        self._capacity = capacity
        self._vectors: OrderedDict[tuple[str, str], Vector] = OrderedDict()

    def get(self, model: str, text: str) -> Vector | None:
        """Return the vector of a prepared text, if it is remembered."""
        vector = self._vectors.get((model, text))
        if vector is not None:
            self._vectors.move_to_end((model, text))
        return vector

    def put(self, model: str, text: str, vector: Vector) -> None:
        """Remember a vector, and forget the one that was not asked for the longest."""
        self._vectors[(model, text)] = vector
        self._vectors.move_to_end((model, text))
        while len(self._vectors) > self._capacity:
            self._vectors.popitem(last=False)
