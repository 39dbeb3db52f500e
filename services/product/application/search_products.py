"""Finds products by words and by meaning at once, and still answers when either is out of reach."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass

from services.product.application.ports import Catalogue, Embedder, SearchIndex
from services.product.application.read_products import visible
from services.product.domain.errors import field_invalid
from services.product.domain.facets import Facet, counted, facets
from services.product.domain.plain_text import one_line
from services.product.domain.product import Product
from services.product.domain.product_filter import ProductFilter
from services.product.domain.ranking import WINDOW, Candidate, Hits, Ranked, ranked, understood_as
from services.runtime.errors import Unavailable

VECTORS = "VECTORS"
SEARCH_INDEX = "SEARCH_INDEX"

_Search = Awaitable[dict[str, float]]


@dataclass(frozen=True, slots=True)
class Found:
    """One product of a page, and how it was found."""

    product: Product
    by_words: bool
    by_meaning: bool


@dataclass(frozen=True, slots=True)
class SearchPage:
    """A page of what was found, with what holds for all of it."""

    results: Sequence[Found]
    total_size: int
    facets: Sequence[Facet]
    degraded: Sequence[str]
    understood_as: str
    # Where the next page begins, as place and id of the last product shown; None on the last page.
    after: tuple[int, str] | None


class SearchProducts:
    """Finds products for what a shopper typed."""

    def __init__(self, catalogue: Catalogue, index: SearchIndex, embedder: Embedder, currency: str) -> None:
        """Take the catalogue, its index, what makes vectors of queries, and the currency of price buckets."""
        self._catalogue = catalogue
        self._index = index
        self._embedder = embedder
        self._currency = currency

    async def __call__(
        self, query: str, condition: ProductFilter, after: tuple[int, str] | None, size: int, *, staff: bool
    ) -> SearchPage:
        """Return the page after the cursor."""
        visible(condition, staff=staff)
        asked = one_line(query)
        if not asked:
            raise field_invalid("query", "must hold something that can be read")
        # Facets count what a shopper could choose instead, so they need what the chosen values leave out.
        conditions = [condition, condition.without_facets()] if condition.narrowed else [condition]
        hits, degraded = await self._hits(asked, conditions)
        async with self._catalogue.reading() as reader:
            candidates = await reader.candidates(sorted(hits.ids()))
            titles = await reader.category_titles()
            found = ranked(asked, hits, candidates)
            # The catalogue has the last word: the index may be a moment behind.
            kept = [item for item in found if condition.keeps(candidates[item.id].product)][:WINDOW]
            start = _start(kept, after)
            page = kept[start : start + size]
            products = await reader.products([item.id for item in page])
        shown = [Found(products[item.id], item.by_words, item.by_meaning) for item in page if item.id in products]
        end = start + len(page)
        return SearchPage(
            results=shown,
            total_size=len(kept),
            facets=self._facets(found, candidates, condition, titles),
            degraded=degraded,
            understood_as=understood_as(asked, kept, candidates, titles),
            after=(end, page[-1].id) if page and end < len(kept) else None,
        )

    def _facets(
        self,
        found: Sequence[Ranked],
        candidates: Mapping[str, Candidate],
        condition: ProductFilter,
        titles: Mapping[str, str],
    ) -> list[Facet]:
        products = (candidates[item.id].product for item in found)
        return facets(counted(products, condition, self._currency), titles, self._currency)

    async def _hits(self, query: str, conditions: Sequence[ProductFilter]) -> tuple[Hits, list[str]]:
        """Return what the searches found, and which of them were left out."""
        async with asyncio.TaskGroup() as group:
            words = group.create_task(_united([self._index.by_words(query, one, WINDOW) for one in conditions]))
            meaning = group.create_task(self._meaning(query, conditions))
        by_words, by_meaning = words.result(), meaning.result()
        if by_words is None:
            return await self._without_index(query, conditions), [VECTORS, SEARCH_INDEX]
        return Hits(by_words, by_meaning or {}), [] if by_meaning is not None else [VECTORS]

    async def _without_index(self, query: str, conditions: Sequence[ProductFilter]) -> Hits:
        found: dict[str, float] = {}
        async with self._catalogue.reading() as reader:
            for condition in conditions:
                found |= await reader.found_by_words(query, condition, WINDOW)
        return Hits(found, {})

    async def _meaning(self, query: str, conditions: Sequence[ProductFilter]) -> dict[str, float] | None:
        try:
            vector = (await self._embedder.query(query)).vectors[0]
        except Unavailable:
            return None
        return await _united([self._index.by_meaning(vector, one, WINDOW) for one in conditions])


async def _united(searches: Sequence[_Search]) -> dict[str, float] | None:
    """Return the scores that any of the searches found: a product scores the same in each. None when one fails."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_reached(search)) for search in searches]
    united: dict[str, float] = {}
    for task in tasks:
        scores = task.result()
        if scores is None:
            return None
        united |= scores
    return united


async def _reached(search: _Search) -> dict[str, float] | None:
    try:
        return await search
    except Unavailable:
        return None


def _start(kept: Sequence[Ranked], after: tuple[int, str] | None) -> int:
    """Return where the page begins: behind the last product shown, wherever it stands by now."""
    if after is None:
        return 0
    place, last = after
    if place <= len(kept) and kept[place - 1].id == last:
        return place
    return next((number for number, item in enumerate(kept, start=1) if item.id == last), min(place, len(kept)))
