"""Changes of the catalogue within one transaction."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from services.product.adapters.postgres_catalogue.reader import PostgresReader, as_json
from services.product.adapters.postgres_catalogue.rows import COLUMNS, PRODUCT_SHAPE, packed, to_product, to_row
from services.product.application.ports import Claim, StoredVector
from services.product.domain.product import Category, Product
from services.product.domain.review import Mention, Review
from services.product.domain.search_document import SearchDocument

_NAMES = [part.split()[0] for part in PRODUCT_SHAPE.split(", ")]
_REPLACED = ", ".join(f"{name} = EXCLUDED.{name}" for name in _NAMES if name not in ("id", "create_time"))


class PostgresWriter(PostgresReader):
    """Reads and changes within one session; committing is the session owner's."""

    async def locked(self, product_id: str) -> Product | None:
        """Return the product and keep others from changing it until the transaction ends."""
        rows = await self._rows(f"SELECT {COLUMNS} FROM products p WHERE p.id = :id FOR UPDATE", {"id": product_id})  # noqa: S608
        return to_product(rows[0]) if rows else None

    async def existing(self, ids: Sequence[str]) -> set[str]:
        """Return those of the ids that are products, and keep them from being deleted until the transaction ends."""
        return {row["id"] for row in await self._rows(_EXISTING_LOCKED, {"ids": sorted(ids)})}

    async def insert(self, product: Product) -> bool:
        """Store a new product; False when the id is taken."""
        return bool(await self._rows(_INSERT + " ON CONFLICT DO NOTHING RETURNING id", {"rows": _rows_of([product])}))

    async def upsert(self, products: Sequence[Product]) -> int:
        """Store products in one statement; return how many were new."""
        written = await self._rows(_UPSERT, {"rows": _rows_of(products)})
        return sum(1 for row in written if row["created"])

    async def delete(self, product_id: str) -> bool:
        """Remove a product with its reviews; False when there was none."""
        for table in ("search_documents", "product_vectors"):
            await self._run(f"DELETE FROM {table} WHERE product_id = :id", id=product_id)  # noqa: S608
        return bool(await self._rows("DELETE FROM products WHERE id = :id RETURNING id", {"id": product_id}))

    async def save_words(self, documents: Sequence[tuple[str, SearchDocument]]) -> None:
        """Keep the words products are found by, where they changed."""
        rows = [
            {"id": key, "hash": document.words_hash, "heading": document.heading, "body": document.text}
            for key, document in documents
        ]
        await self._run(_SAVE_WORDS, rows=as_json(rows))

    async def save_vectors(self, vectors: Sequence[StoredVector]) -> None:
        """Keep vectors, so that they are made once."""
        await self._run(
            _SAVE_VECTORS,
            ids=[vector.product_id for vector in vectors],
            hashes=[vector.passage_hash for vector in vectors],
            models=[vector.model for vector in vectors],
            vectors=[packed(vector.values) for vector in vectors],
        )

    async def upsert_categories(self, categories: Sequence[Category]) -> list[str]:
        """Store departments; return those whose title changed."""
        before = await self.category_titles()
        rows = [{"id": c.id, "title": c.title, "blurb": c.blurb, "tint": c.tint} for c in categories]
        await self._run(_UPSERT_CATEGORIES, rows=as_json(rows))
        return [c.id for c in categories if before.get(c.id, c.title) != c.title]

    async def upsert_reviews(self, reviews: Sequence[tuple[Review, Sequence[Mention]]]) -> None:
        """Store reviews with what they mention, and refresh the products' ratings."""
        rows = [_review_row(review, mentions) for review, mentions in reviews]
        await self._run(_UPSERT_REVIEWS, rows=as_json(rows))
        await self._run(_REFRESH_RATINGS, ids=sorted({review.product_id for review, _ in reviews}))

    async def queue(self, ids: Sequence[str]) -> None:
        """Mark products as changed since the search index saw them."""
        await self._run(_QUEUE, ids=sorted(ids))

    async def queue_categories(self, categories: Sequence[str]) -> None:
        """Mark all products of the departments."""
        await self._run(_QUEUE_SELECTED.format("p.category = ANY(CAST(:ids AS text[]))"), ids=list(categories))

    async def queue_all(self) -> None:
        """Mark all products."""
        await self._run(_QUEUE_SELECTED.format("true"))

    async def claim(self, ids: Sequence[str] | None, limit: int, seconds: float) -> list[Claim]:
        """Take marked products that nobody else has taken."""
        among = "(retry_at IS NULL OR retry_at < now())" if ids is None else "product_id = ANY(CAST(:ids AS text[]))"
        values: dict[str, Any] = {"limit": limit, "seconds": seconds}
        if ids is not None:
            values["ids"] = list(ids)
        rows = await self._rows(_CLAIM.format(among=among), values)
        return [Claim(row["product_id"], row["ticket"]) for row in rows]

    async def release(self, claims: Sequence[Claim], seconds: float) -> None:
        """Give claims back, to be tried again by themselves after so many seconds."""
        await self._run(_RELEASE, ids=[claim.product_id for claim in claims], seconds=seconds)

    async def settle(self, claims: Sequence[Claim]) -> None:
        """Remove the marks of products that did not change since they were taken, and give the others back."""
        values = {"ids": [claim.product_id for claim in claims], "tickets": [claim.ticket for claim in claims]}
        await self._run(_SETTLE, **values)
        await self._run(_GIVE_BACK, ids=values["ids"])

    async def _run(self, statement: str, **values: Any) -> None:
        await self._session.execute(text(statement), values)


def _rows_of(products: Sequence[Product]) -> str:
    return as_json([to_row(product) for product in products])


def _review_row(review: Review, mentions: Sequence[Mention]) -> dict[str, Any]:
    return {
        "product_id": review.product_id,
        "id": review.id,
        "author": review.author,
        "rating": review.rating,
        "title": review.title,
        "body": review.body,
        "verified_purchase": review.verified_purchase,
        "create_time": review.create_time.isoformat(),
        "mentions": [[mention.aspect, mention.polarity, mention.sentence] for mention in mentions],
    }


# Names and shapes below are our own; values are always bound.
_INSERT = (
    f"INSERT INTO products ({', '.join(_NAMES)}) "  # noqa: S608
    f"SELECT {', '.join(_NAMES)} FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r ({PRODUCT_SHAPE})"
)
_UPSERT = (
    f"{_INSERT} ON CONFLICT (id) DO UPDATE SET {_REPLACED} "
    "WHERE products.etag <> EXCLUDED.etag RETURNING id, (xmax = 0) AS created"
)
_EXISTING_LOCKED = "SELECT id FROM products WHERE id = ANY(CAST(:ids AS text[])) ORDER BY id FOR KEY SHARE"
_SAVE_WORDS = """
INSERT INTO search_documents (product_id, words_hash, words)
SELECT r.id, r.hash,
    setweight(to_tsvector('english', r.heading), 'A') || setweight(to_tsvector('english', r.body), 'C')
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (id text, hash text, heading text, body text)
LEFT JOIN search_documents d ON d.product_id = r.id
WHERE d.words_hash IS DISTINCT FROM r.hash
ORDER BY r.id
ON CONFLICT (product_id) DO UPDATE SET words_hash = EXCLUDED.words_hash, words = EXCLUDED.words
"""
_SAVE_VECTORS = """
INSERT INTO product_vectors (product_id, passage_hash, model, vector)
SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:hashes AS text[]), CAST(:models AS text[]), CAST(:vectors AS bytea[]))
ON CONFLICT (product_id) DO UPDATE
SET passage_hash = EXCLUDED.passage_hash, model = EXCLUDED.model, vector = EXCLUDED.vector
"""
_UPSERT_CATEGORIES = """
INSERT INTO categories (id, title, blurb, tint)
SELECT id, title, blurb, tint FROM jsonb_to_recordset(CAST(:rows AS jsonb))
    AS r (id text, title text, blurb text, tint text)
ON CONFLICT (id) DO UPDATE SET title = EXCLUDED.title, blurb = EXCLUDED.blurb, tint = EXCLUDED.tint
"""
_UPSERT_REVIEWS = """
INSERT INTO reviews (product_id, id, author, rating, title, body, verified_purchase, create_time, mentions)
SELECT product_id, id, author, rating, title, body, verified_purchase, create_time, mentions
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS r (product_id text, id text, author text, rating smallint, title text,
    body text, verified_purchase boolean, create_time timestamptz, mentions jsonb)
ON CONFLICT (product_id, id) DO UPDATE SET author = EXCLUDED.author, rating = EXCLUDED.rating, title = EXCLUDED.title,
    body = EXCLUDED.body, verified_purchase = EXCLUDED.verified_purchase, create_time = EXCLUDED.create_time,
    mentions = EXCLUDED.mentions
"""
_REFRESH_RATINGS = """
UPDATE products p SET rating_average = r.average, rating_count = r.count
FROM (SELECT product_id, avg(rating)::double precision AS average, count(*)::int AS count
      FROM reviews WHERE product_id = ANY(CAST(:ids AS text[])) GROUP BY product_id) r
WHERE p.id = r.product_id
"""
_QUEUE = """
INSERT INTO pending_index (product_id) SELECT unnest(CAST(:ids AS text[]))
ON CONFLICT (product_id) DO UPDATE SET ticket = nextval('index_tickets'), retry_at = NULL
"""
_QUEUE_SELECTED = """
INSERT INTO pending_index (product_id) SELECT p.id FROM products p WHERE {} ORDER BY p.id
ON CONFLICT (product_id) DO UPDATE SET ticket = nextval('index_tickets'), retry_at = NULL
"""
_CLAIM = """
UPDATE pending_index SET leased_until = now() + make_interval(secs => :seconds)
WHERE product_id IN (
    SELECT product_id FROM pending_index
    WHERE (leased_until IS NULL OR leased_until < now()) AND {among}
    ORDER BY retry_at NULLS FIRST, ticket LIMIT :limit FOR UPDATE SKIP LOCKED)
RETURNING product_id, ticket
"""
_RELEASE = """
UPDATE pending_index SET leased_until = NULL, retry_at = now() + make_interval(secs => :seconds)
WHERE product_id = ANY(CAST(:ids AS text[]))
"""
_SETTLE = """
DELETE FROM pending_index q USING unnest(CAST(:ids AS text[]), CAST(:tickets AS bigint[])) AS done (id, ticket)
WHERE q.product_id = done.id AND q.ticket = done.ticket
"""
_GIVE_BACK = "UPDATE pending_index SET leased_until = NULL WHERE product_id = ANY(CAST(:ids AS text[]))"
