"""Vectors without a model: texts that share words are near each other."""

import hashlib
import math
from collections.abc import Sequence

from services.chat.application.ports import Vectors
from services.chat.domain.text import terms
from services.runtime.errors import Unavailable


class FakeEmbedder:
    """Hashes terms into dimensions."""

    def __init__(self, model: str = "models/fake", dimension: int = 256) -> None:
        self.model = model
        self.dimension = dimension
        self.away = False
        self.calls = 0

    async def embed(self, texts: Sequence[str], urgent: bool) -> Vectors:
        if self.away:
            raise Unavailable("PROVIDER_UNAVAILABLE", "away")
        self.calls += 1
        return Vectors(self.model, tuple(self._vector(text) for text in texts))

    def _vector(self, text: str) -> tuple[float, ...]:
        values = [0.0] * self.dimension
        for term in terms(text) or ["nothing"]:
            digest = hashlib.sha256(term.encode()).digest()
            values[int.from_bytes(digest[:4], "big") % self.dimension] += 1.0
        length = math.sqrt(sum(value * value for value in values))
        return tuple(value / length for value in values)
