"""A search index in memory: exact cosines and BM25."""

import math
from collections import Counter
from collections.abc import Sequence

from services.chat.domain.retrieval import Stored, Vector, closeness
from services.chat.domain.text import terms
from services.runtime.errors import Unavailable

_K1, _B = 1.2, 0.75


class FakePassageIndex:
    """Finds passages by meaning and by words."""

    def __init__(self) -> None:
        self.held: dict[str, Stored] = {}
        self.away = False
        self._bags: dict[str, Counter[str]] = {}

    async def replace(self, articles: Sequence[str], passages: Sequence[Stored]) -> None:
        self._check()
        self.held = {key: one for key, one in self.held.items() if one.passage.article not in articles}
        self.held.update({one.passage.key: one for one in passages})

    async def by_meaning(self, vector: Vector, model: str, limit: int) -> list[str]:
        self._check()
        near = {key: closeness(vector, one.vector) for key, one in self.held.items() if one.model == model}
        return sorted(near, key=lambda key: -near[key])[:limit]

    async def by_words(self, text: str, limit: int) -> list[str]:
        self._check()
        bags = {key: self._bag(one) for key, one in self.held.items()}
        mean = sum(bag.total() for bag in bags.values()) / max(len(bags), 1)
        held = Counter(term for bag in bags.values() for term in bag)
        scores: Counter[str] = Counter()
        for term in set(terms(text)):
            rare = math.log(1 + (len(bags) - held[term] + 0.5) / (held[term] + 0.5))
            for key, bag in bags.items():
                if bag[term]:
                    length = _K1 * (1 - _B + _B * bag.total() / mean)
                    scores[key] += rare * bag[term] * (_K1 + 1) / (bag[term] + length)  # type: ignore[assignment]
        return [key for key, _ in scores.most_common(limit)]

    def _bag(self, stored: Stored) -> Counter[str]:
        key = stored.passage.key
        if key not in self._bags:
            self._bags[key] = Counter(terms(stored.passage.headed))
        return self._bags[key]

    async def count(self) -> int:
        self._check()
        return len(self.held)

    def _check(self) -> None:
        if self.away:
            raise Unavailable("SEARCH_INDEX_UNAVAILABLE", "away")
