"""A search index in memory: words are counted, vectors compared."""

from collections.abc import Sequence

from services.product.application.ports import IndexEntry, Vector
from services.product.domain.errors import search_index_away
from services.product.domain.plain_text import stems
from services.product.domain.product_filter import ProductFilter


class FakeSearchIndex:
    """Holds entries until it is told to be away."""

    def __init__(self) -> None:
        self.entries: dict[str, IndexEntry] = {}
        self.made = False
        self.away = False

    async def ensure(self) -> bool:
        self._reach()
        made, self.made = not self.made, True
        return made

    async def size(self) -> int:
        self._reach()
        return len(self.entries)

    async def upsert(self, entries: Sequence[IndexEntry]) -> None:
        self._reach()
        self.entries.update({entry.product.id: entry for entry in entries})

    async def delete(self, ids: Sequence[str]) -> None:
        self._reach()
        for product_id in ids:
            self.entries.pop(product_id, None)

    async def by_meaning(self, vector: Vector, condition: ProductFilter, limit: int) -> dict[str, float]:
        self._reach()
        scores = {
            key: sum(a * b for a, b in zip(vector, entry.vector, strict=True))
            for key, entry in self.entries.items()
            if entry.vector is not None and condition.keeps(entry.product)
        }
        return {key: scores[key] for key in sorted(scores, key=lambda key: -scores[key])[:limit]}

    async def by_words(self, query: str, condition: ProductFilter, limit: int) -> dict[str, float]:
        self._reach()
        asked = set(stems(query))
        scores = {
            key: float(len(asked & set(stems(entry.document.text))))
            for key, entry in self.entries.items()
            if condition.keeps(entry.product)
        }
        best = sorted((key for key in scores if scores[key]), key=lambda key: -scores[key])
        return {key: scores[key] for key in best[:limit]}

    def _reach(self) -> None:
        if self.away:
            raise search_index_away("told to be")
