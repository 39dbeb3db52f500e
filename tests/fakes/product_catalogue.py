"""A catalogue in memory that keeps its promises: transactions undo, marks carry tickets, claims keep others out."""

import copy
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from services.product.application.ports import CatalogueReader, CatalogueWriter, Claim, StoredVector
from services.product.domain.aspects import summaries
from services.product.domain.facets import FIELDS, Counts, counted
from services.product.domain.plain_text import stems
from services.product.domain.product import Category, Product, ProductState, Rating
from services.product.domain.product_filter import Cursor, ProductFilter, ProductOrder, cursor
from services.product.domain.ranking import Candidate
from services.product.domain.review import Mention, Review, ReviewPage
from services.product.domain.search_document import SearchDocument, product_codes


@dataclass
class Shelves:
    """Everything that is stored."""

    products: dict[str, Product] = field(default_factory=dict)
    categories: dict[str, Category] = field(default_factory=dict)
    reviews: dict[tuple[str, str], tuple[Review, Sequence[Mention]]] = field(default_factory=dict)
    words: dict[str, SearchDocument] = field(default_factory=dict)
    vectors: dict[str, StoredVector] = field(default_factory=dict)
    # Ticket and whether somebody holds it, by product.
    marks: dict[str, tuple[int, bool]] = field(default_factory=dict)
    ticket: int = 0


class FakeCatalogue:
    """Hands out readers and writers over one set of shelves."""

    def __init__(self, currency: str = "EUR") -> None:
        self.shelves = Shelves()
        self._currency = currency

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[CatalogueReader]:
        yield FakeWriter(copy.deepcopy(self.shelves), self._currency)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[CatalogueWriter]:
        # Changes are made in place, as two transactions may run at once; a failed one is undone.
        before = copy.deepcopy(self.shelves)
        try:
            yield FakeWriter(self.shelves, self._currency)
        except BaseException:
            self.shelves.__dict__.update(before.__dict__)
            raise


class FakeWriter:
    """Reads and changes shelves."""

    def __init__(self, shelves: Shelves, currency: str) -> None:
        self._s = shelves
        self._currency = currency

    async def products(self, ids: Sequence[str]) -> dict[str, Product]:
        return {key: self._s.products[key] for key in ids if key in self._s.products}

    async def page(
        self, condition: ProductFilter, order: ProductOrder, after: Cursor | None, limit: int
    ) -> list[Product]:
        kept = [product for product in self._s.products.values() if condition.keeps(product)]
        kept.sort(key=lambda product: cursor(product, order), reverse=order.descending)
        if after is not None:
            later = [
                product
                for product in kept
                if (cursor(product, order) < after if order.descending else cursor(product, order) > after)
            ]
            return later[:limit]
        return kept[:limit]

    async def facet_counts(self, condition: ProductFilter) -> tuple[int, Counts]:
        total = sum(condition.keeps(product) for product in self._s.products.values())
        counts: dict[str, Counter[str]] = counted(self._s.products.values(), condition, self._currency)
        return total, {name: dict(counts[name]) for name in FIELDS}

    async def candidates(self, ids: Sequence[str]) -> dict[str, Candidate]:
        found = await self.products(ids)
        return {key: Candidate(product, product_codes(product)) for key, product in found.items()}

    async def found_by_words(self, query: str, condition: ProductFilter, limit: int) -> dict[str, float]:
        asked = set(stems(query))
        scores = {
            key: float(len(asked & set(stems(document.heading + " " + document.text))))
            for key, document in self._s.words.items()
            if key in self._s.products and condition.keeps(self._s.products[key])
        }
        best = sorted(scores, key=lambda key: (-scores[key], key))
        return {key: scores[key] for key in best[:limit] if scores[key]}

    async def categories(self) -> list[Category]:
        on_sale = Counter(p.category for p in self._s.products.values() if p.state is ProductState.ACTIVE)
        listed = sorted(self._s.categories.values(), key=lambda category: (category.title.lower(), category.id))
        return [replace(category, product_count=on_sale[category.id]) for category in listed]

    async def category_titles(self) -> dict[str, str]:
        return {key: category.title for key, category in self._s.categories.items()}

    async def reviews(self, product_id: str, after: tuple[int, str] | None, limit: int) -> ReviewPage:
        mine = [stored for key, stored in self._s.reviews.items() if key[0] == product_id]
        places = {review.id: (_microseconds(review), review.id) for review, _ in mine}
        listed = sorted((review for review, _ in mine), key=lambda review: places[review.id], reverse=True)
        later = [review for review in listed if after is None or places[review.id] < after]
        stars = Counter(review.rating for review in listed)
        return ReviewPage(
            reviews=later[:limit],
            star_counts=(stars[1], stars[2], stars[3], stars[4], stars[5]),
            aspects=summaries((review.id, mention) for review, mentions in mine for mention in mentions),
            more=len(later) > limit,
        )

    async def vectors(self, ids: Sequence[str]) -> dict[str, StoredVector]:
        return {key: self._s.vectors[key] for key in ids if key in self._s.vectors}

    async def existing(self, ids: Sequence[str]) -> set[str]:
        return set(ids) & self._s.products.keys()

    async def marked(self, ids: Sequence[str]) -> list[str]:
        return [key for key in ids if key in self._s.marks]

    async def any_marked(self) -> bool:
        return bool(self._s.marks)

    async def size(self) -> int:
        return len(self._s.products)

    async def locked(self, product_id: str) -> Product | None:
        return self._s.products.get(product_id)

    async def insert(self, product: Product) -> bool:
        if product.id in self._s.products:
            return False
        self._s.products[product.id] = product
        return True

    async def upsert(self, products: Sequence[Product]) -> int:
        created = 0
        for product in products:
            stored = self._s.products.get(product.id)
            created += stored is None
            if stored is None:
                self._s.products[product.id] = product
            elif stored.etag != product.etag:
                self._s.products[product.id] = replace(product, rating=stored.rating, create_time=stored.create_time)
        return created

    async def delete(self, product_id: str) -> bool:
        for kept in (self._s.words, self._s.vectors):
            kept.pop(product_id, None)
        for key in [key for key in self._s.reviews if key[0] == product_id]:
            del self._s.reviews[key]
        return self._s.products.pop(product_id, None) is not None

    async def save_words(self, documents: Sequence[tuple[str, SearchDocument]]) -> None:
        self._s.words.update(documents)

    async def save_vectors(self, vectors: Sequence[StoredVector]) -> None:
        self._s.vectors.update({vector.product_id: vector for vector in vectors})

    async def upsert_categories(self, categories: Sequence[Category]) -> list[str]:
        before = await self.category_titles()
        self._s.categories.update({category.id: category for category in categories})
        return [category.id for category in categories if before.get(category.id, category.title) != category.title]

    async def upsert_reviews(self, reviews: Sequence[tuple[Review, Sequence[Mention]]]) -> None:
        for review, mentions in reviews:
            self._s.reviews[(review.product_id, review.id)] = (review, mentions)
        for product_id in {review.product_id for review, _ in reviews}:
            stars = [review.rating for review, _ in self._s.reviews.values() if review.product_id == product_id]
            rating = Rating(sum(stars) / len(stars), len(stars))
            self._s.products[product_id] = replace(self._s.products[product_id], rating=rating)

    async def queue(self, ids: Sequence[str]) -> None:
        for product_id in ids:
            self._s.ticket += 1
            held = self._s.marks.get(product_id, (0, False))[1]
            self._s.marks[product_id] = (self._s.ticket, held)

    async def queue_categories(self, categories: Sequence[str]) -> None:
        await self.queue([product.id for product in self._s.products.values() if product.category in categories])

    async def queue_all(self) -> None:
        await self.queue(list(self._s.products))

    async def claim(self, ids: Sequence[str] | None, limit: int, seconds: float) -> list[Claim]:
        free = [key for key, (_, held) in self._s.marks.items() if not held and (ids is None or key in ids)]
        for key in free[:limit]:
            self._s.marks[key] = (self._s.marks[key][0], True)
        return [Claim(key, self._s.marks[key][0]) for key in free[:limit]]

    async def release(self, claims: Sequence[Claim], seconds: float) -> None:
        for claim in claims:
            if claim.product_id in self._s.marks:
                self._s.marks[claim.product_id] = (self._s.marks[claim.product_id][0], False)

    async def settle(self, claims: Sequence[Claim]) -> None:
        for claim in claims:
            if self._s.marks.get(claim.product_id, (None, False))[0] == claim.ticket:
                del self._s.marks[claim.product_id]
        await self.release(claims, 0)


def _microseconds(review: Review) -> int:
    return int(review.create_time.timestamp()) * 1_000_000 + review.create_time.microsecond
