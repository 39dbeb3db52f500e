"""What the catalogue needs from outside, in its own words."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.product.domain.copy_brief import CopyBrief
from services.product.domain.facets import Counts
from services.product.domain.product import Category, Product
from services.product.domain.product_filter import Cursor, ProductFilter, ProductOrder
from services.product.domain.ranking import Candidate
from services.product.domain.review import Mention, Review, ReviewPage
from services.product.domain.search_document import SearchDocument

Vector = Sequence[float]


@dataclass(frozen=True, slots=True)
class Claim:
    """A product somebody has taken from the queue; the ticket changes when the product does."""

    product_id: str
    ticket: int


@dataclass(frozen=True, slots=True)
class StoredVector:
    """The vector of a passage, by the passage's fingerprint."""

    product_id: str
    passage_hash: str
    model: str
    values: Vector


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """What the search index keeps of a product. Without a vector it is found by words only."""

    product: Product
    document: SearchDocument
    vector: Vector | None


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors in the order of the texts, and the model that made them."""

    vectors: Sequence[Vector]
    model: str


class CatalogueReader(Protocol):
    """Reads of one moment of the catalogue."""

    async def products(self, ids: Sequence[str]) -> dict[str, Product]:
        """Return the products that exist, by id."""
        ...

    async def page(
        self, condition: ProductFilter, order: ProductOrder, after: Cursor | None, limit: int
    ) -> list[Product]:
        """Return the products after the cursor in the order."""
        ...

    async def facet_counts(self, condition: ProductFilter) -> tuple[int, Counts]:
        """Return how many products meet the condition, and the counts of every facet."""
        ...

    async def candidates(self, ids: Sequence[str]) -> dict[str, Candidate]:
        """Return the short fields of the products that exist."""
        ...

    async def found_by_words(self, query: str, condition: ProductFilter, limit: int) -> dict[str, float]:
        """Return scores of the products that have any of the query's words: what is left without a search index."""
        ...

    async def categories(self) -> list[Category]:
        """Return the departments by title, with the number of active products in each."""
        ...

    async def category_titles(self) -> dict[str, str]:
        """Return the titles of the departments by id."""
        ...

    async def reviews(self, product_id: str, after: tuple[int, str] | None, limit: int) -> ReviewPage:
        """Return reviews after (microseconds, id), newest first, with what holds for all of the product's reviews."""
        ...

    async def vectors(self, ids: Sequence[str]) -> dict[str, StoredVector]:
        """Return the vectors that are stored, by product id."""
        ...

    async def existing(self, ids: Sequence[str]) -> set[str]:
        """Return those of the ids that are products."""
        ...

    async def marked(self, ids: Sequence[str]) -> list[str]:
        """Return those of the products that the search index has not seen as they are."""
        ...

    async def any_marked(self) -> bool:
        """Return whether the search index is behind at all."""
        ...

    async def size(self) -> int:
        """Return the number of products in all states."""
        ...


class CatalogueWriter(CatalogueReader, Protocol):
    """Changes of one transaction."""

    async def locked(self, product_id: str) -> Product | None:
        """Return the product and keep others from changing it until the transaction ends."""
        ...

    async def insert(self, product: Product) -> bool:
        """Store a new product; False when the id is taken."""
        ...

    async def upsert(self, products: Sequence[Product]) -> int:
        """Store products, replacing those that exist; return how many were new. Ratings and creation times stay."""
        ...

    async def delete(self, product_id: str) -> bool:
        """Remove a product with its reviews; False when there was none."""
        ...

    async def save_words(self, documents: Sequence[tuple[str, SearchDocument]]) -> None:
        """Keep the words products are found by, where they changed."""
        ...

    async def save_vectors(self, vectors: Sequence[StoredVector]) -> None:
        """Keep vectors, so that they are made once."""
        ...

    async def upsert_categories(self, categories: Sequence[Category]) -> list[str]:
        """Store departments; return those whose title changed."""
        ...

    async def upsert_reviews(self, reviews: Sequence[tuple[Review, Sequence[Mention]]]) -> None:
        """Store reviews with what they mention, replacing those that exist, and refresh the products' ratings."""
        ...

    async def queue(self, ids: Sequence[str]) -> None:
        """Mark products as changed since the search index saw them; also those that are gone."""
        ...

    async def queue_categories(self, categories: Sequence[str]) -> None:
        """Mark all products of the departments."""
        ...

    async def queue_all(self) -> None:
        """Mark all products."""
        ...

    async def claim(self, ids: Sequence[str] | None, limit: int, seconds: float) -> list[Claim]:
        """Take marked products that nobody else has taken: of these ids, or any whose time to retry has come."""
        ...

    async def release(self, claims: Sequence[Claim], seconds: float) -> None:
        """Give claims back, to be tried again by themselves after so many seconds."""
        ...

    async def settle(self, claims: Sequence[Claim]) -> None:
        """Remove the marks of products that did not change since they were taken, and give the others back."""
        ...


class Catalogue(Protocol):
    """Where products, categories and reviews are kept."""

    def reading(self) -> AbstractAsyncContextManager[CatalogueReader]:
        """Open a read."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[CatalogueWriter]:
        """Open a transaction that commits when its block ends well."""
        ...


class SearchIndex(Protocol):
    """Finds products by words and by meaning. Raises Unavailable while it cannot."""

    async def ensure(self) -> bool:
        """Make the index when it is missing; True when it was."""
        ...

    async def size(self) -> int:
        """Return the number of entries."""
        ...

    async def upsert(self, entries: Sequence[IndexEntry]) -> None:
        """Store entries, replacing those of the same products."""
        ...

    async def delete(self, ids: Sequence[str]) -> None:
        """Remove entries; unknown ones are no error."""
        ...

    async def by_words(self, query: str, condition: ProductFilter, limit: int) -> dict[str, float]:
        """Return BM25 scores."""
        ...

    async def by_meaning(self, vector: Vector, condition: ProductFilter, limit: int) -> dict[str, float]:
        """Return cosines of the nearest vectors."""
        ...


class Searchable(Protocol):
    """Makes products searchable."""

    async def __call__(self, ids: Sequence[str], budget: float) -> int:
        """Index these products within so many seconds; return how many are found by meaning now."""
        ...


class Embedder(Protocol):
    """Turns texts into vectors. Raises Unavailable while it cannot."""

    async def query(self, text: str) -> Embedded:
        """Embed a query that somebody waits for."""
        ...

    async def passages(self, texts: Sequence[str]) -> Embedded:
        """Embed texts nobody waits for."""
        ...


class MediaStore(Protocol):
    """Keeps pictures and signs their addresses."""

    async def store(self, key: str, content: bytes, content_type: str) -> None:
        """Keep a picture under its key, replacing what was there."""
        ...

    def uri(self, key: str) -> str:
        """Return an address a browser can fetch for a week at least."""
        ...


@dataclass(frozen=True, slots=True)
class WriterStarted:
    """Which model writes."""

    model: str


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text."""

    text: str


@dataclass(frozen=True, slots=True)
class WriterFinished:
    """The text is whole."""

    degraded: Sequence[str]


WriterEvent = WriterStarted | TextDelta | WriterFinished


class Copywriter(Protocol):
    """Writes from a brief. Raises Unavailable when it cannot."""

    def write(self, brief: CopyBrief) -> AsyncGenerator[WriterEvent, None]:
        """Stream a text."""
        ...


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        ...


class Suffixes(Protocol):
    """Makes the short endings that keep generated ids apart."""

    def suffix(self) -> str:
        """Return a few letters and digits at random."""
        ...
