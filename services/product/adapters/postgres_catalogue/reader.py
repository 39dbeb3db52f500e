"""Reads of the catalogue."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.product.adapters.postgres_catalogue.conditions import always, by_facet, ordered, whole
from services.product.adapters.postgres_catalogue.rows import (
    COLUMNS,
    REVIEW_COLUMNS,
    SHORT_COLUMNS,
    parsed,
    to_mentions,
    to_product,
    to_review,
    unpacked,
)
from services.product.application.ports import StoredVector
from services.product.domain.aspects import summaries
from services.product.domain.facets import FIELDS, IN_STOCK, MOST_VALUES, Counts, price_edges
from services.product.domain.product import Category, Product
from services.product.domain.product_filter import Cursor, ProductFilter, ProductOrder
from services.product.domain.ranking import Candidate
from services.product.domain.review import ReviewPage


class PostgresReader:
    """Reads within one session."""

    def __init__(self, session: AsyncSession, currency: str) -> None:
        """Take an open session, and the currency price buckets are counted in."""
        self._session = session
        self._currency = currency

    async def products(self, ids: Sequence[str]) -> dict[str, Product]:
        """Return the products that exist, by id."""
        rows = await self._rows(_BY_ID.format(columns=COLUMNS), {"ids": list(ids)})
        return {row["id"]: to_product(row) for row in rows}

    async def page(
        self, condition: ProductFilter, order: ProductOrder, after: Cursor | None, limit: int
    ) -> list[Product]:
        """Return the products after the cursor in the order."""
        conditions, values = whole(condition)
        by, place, cursor = ordered(order, after)
        statement = f"SELECT {COLUMNS} FROM products p WHERE {conditions} AND {place} ORDER BY {by} LIMIT :limit"  # noqa: S608
        rows = await self._rows(statement, {**values, **cursor, "limit": limit})
        return [to_product(row) for row in rows]

    async def facet_counts(self, condition: ProductFilter) -> tuple[int, Counts]:
        """Count every facet in one pass; each without its own part of the filter."""
        parts, values = by_facet(condition)
        others = {field: " AND ".join(f"keeps_{other}" for other in FIELDS if other != field) for field in FIELDS}
        statement = _FACETS.format(
            always=always(condition), whole=" AND ".join(f"keeps_{field}" for field in FIELDS), **others,
            **{f"{field}_part": part for field, part in parts.items()}, most=MOST_VALUES,
        )  # fmt: skip
        rows = await self._rows(statement, {**values, "edges": price_edges(self._currency)})
        counts: dict[str, dict[str, int]] = {field: {} for field in (*FIELDS, "total")}
        for row in rows:
            counts[row["field"]][row["value"]] = row["count"]
        stars = {int(value): count for value, count in counts["rating"].items()}
        counts["rating"] = {
            str(least): sum(count for star, count in stars.items() if star >= least) for least in (4, 3, 2, 1)
        }
        return counts.pop("total")[IN_STOCK], counts

    async def candidates(self, ids: Sequence[str]) -> dict[str, Candidate]:
        """Return the short fields of the products that exist."""
        rows = await self._rows(_BY_ID.format(columns=f"{SHORT_COLUMNS}, p.codes"), {"ids": list(ids)})
        return {row["id"]: Candidate(to_product(row), tuple(parsed(row["codes"]))) for row in rows}

    async def found_by_words(self, query: str, condition: ProductFilter, limit: int) -> dict[str, float]:
        """Return full-text scores: products with all of the words stand above those with some."""
        conditions, values = whole(condition)
        rows = await self._rows(_WORDS.format(condition=conditions), {**values, "query": query, "limit": limit})
        return {row["id"]: float(row["score"]) for row in rows}

    async def categories(self) -> list[Category]:
        """Return the departments by title, with the number of active products in each."""
        return [Category(**row) for row in await self._rows(_CATEGORIES, {})]

    async def category_titles(self) -> dict[str, str]:
        """Return the titles of the departments by id."""
        return {row["id"]: row["title"] for row in await self._rows("SELECT id, title FROM categories", {})}

    async def reviews(self, product_id: str, after: tuple[int, str] | None, limit: int) -> ReviewPage:
        """Return reviews newest first, with what holds for all of the product's reviews."""
        asked = {"product": product_id, "limit": limit + 1}
        place = _REVIEWS_AFTER if after else ""
        cursor = {"after_time": after[0], "after_id": after[1]} if after else {}
        rows = await self._rows(_REVIEWS.format(place=place), {**asked, **cursor})
        stars = await self._rows(_STARS, {"product": product_id})
        counts = {row["rating"]: row["count"] for row in stars}
        said = await self._rows(_MENTIONS, {"product": product_id})
        mentions = [pair for row in said for pair in to_mentions(row["id"], row["mentions"])]
        return ReviewPage(
            reviews=[to_review(row) for row in rows[:limit]],
            star_counts=(counts.get(1, 0), counts.get(2, 0), counts.get(3, 0), counts.get(4, 0), counts.get(5, 0)),
            aspects=summaries(mentions),
            more=len(rows) > limit,
        )

    async def vectors(self, ids: Sequence[str]) -> dict[str, StoredVector]:
        """Return the vectors that are stored, by product id."""
        return {
            row["product_id"]: StoredVector(
                row["product_id"], row["passage_hash"], row["model"], unpacked(bytes(row["vector"]))
            )
            for row in await self._rows(_VECTORS, {"ids": list(ids)})
        }

    async def existing(self, ids: Sequence[str]) -> set[str]:
        """Return those of the ids that are products."""
        return {row["id"] for row in await self._rows(_EXISTING, {"ids": list(ids)})}

    async def marked(self, ids: Sequence[str]) -> list[str]:
        """Return those of the products that the search index has not seen as they are."""
        return [row["product_id"] for row in await self._rows(_MARKED, {"ids": list(ids)})]

    async def any_marked(self) -> bool:
        """Return whether the search index is behind at all."""
        return bool((await self._rows("SELECT EXISTS (SELECT FROM pending_index) AS behind", {}))[0]["behind"])

    async def size(self) -> int:
        """Return the number of products in all states."""
        return int((await self._rows("SELECT count(*) AS count FROM products", {}))[0]["count"])

    async def _rows(self, statement: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        result = await self._session.execute(text(statement), dict(values))
        return [dict(row) for row in result.mappings()]


def as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as the one parameter of a bulk statement."""
    return json.dumps(list(rows), ensure_ascii=False)


_BY_ID = "SELECT {columns} FROM products p WHERE p.id = ANY(CAST(:ids AS text[]))"
_EXISTING = "SELECT id FROM products WHERE id = ANY(CAST(:ids AS text[]))"
_MARKED = "SELECT product_id FROM pending_index WHERE product_id = ANY(CAST(:ids AS text[]))"
_VECTORS = (
    "SELECT product_id, passage_hash, model, vector FROM product_vectors WHERE product_id = ANY(CAST(:ids AS text[]))"
)
_FACETS = """
WITH listed AS MATERIALIZED (
    SELECT p.category, p.brand, width_bucket(p.price_minor, CAST(:edges AS bigint[])) - 1 AS bucket,
        floor(p.rating_average)::int AS stars, p.stock_quantity > 0 AS stocked,
        {category_part} AS keeps_category, {brand_part} AS keeps_brand, {price_part} AS keeps_price,
        {rating_part} AS keeps_rating, {availability_part} AS keeps_availability
    FROM products p WHERE {always})
SELECT 'total' AS field, 'in_stock' AS value, count(*) AS count FROM listed WHERE {whole}
UNION ALL SELECT 'availability', 'in_stock', count(*) FROM listed WHERE {availability} AND stocked
UNION ALL SELECT 'category', category, count(*) FROM listed WHERE {category} GROUP BY category
UNION ALL SELECT 'price', bucket::text, count(*) FROM listed WHERE {price} GROUP BY bucket
UNION ALL SELECT 'rating', stars::text, count(*) FROM listed WHERE {rating} GROUP BY stars
UNION ALL (SELECT 'brand', brand, count(*) FROM listed WHERE {brand} AND brand <> ''
           GROUP BY brand ORDER BY 3 DESC, brand COLLATE "C" LIMIT {most})
"""
_WORDS = """
WITH asked AS (
    SELECT plainto_tsquery('english', :query) AS every,
        replace(plainto_tsquery('english', :query)::text, ' & ', ' | ')::tsquery AS some)
SELECT p.id, ts_rank_cd('{{0.1, 0.2, 0.4, 1.0}}', d.words, asked.some, 1)
    + CASE WHEN d.words @@ asked.every THEN 1 ELSE 0 END AS score
FROM search_documents d JOIN products p ON p.id = d.product_id, asked
WHERE d.words @@ asked.some AND {condition}
ORDER BY score DESC, p.id LIMIT :limit
"""
_CATEGORIES = """
SELECT c.id, c.title, c.blurb, c.tint, count(p.id)::int AS product_count
FROM categories c LEFT JOIN products p ON p.category = c.id AND p.state = 2
GROUP BY c.id ORDER BY lower(c.title), c.id
"""
_REVIEWS = f"""
SELECT {REVIEW_COLUMNS} FROM reviews WHERE product_id = :product {{place}}
ORDER BY create_time DESC, id DESC LIMIT :limit
"""  # noqa: S608 - column names of our own
_REVIEWS_AFTER = """
AND (create_time, id) < ('epoch'::timestamptz + CAST(:after_time AS bigint) * interval '1 microsecond',
                         CAST(:after_id AS text))
"""
_STARS = "SELECT rating, count(*) AS count FROM reviews WHERE product_id = :product GROUP BY rating"
_MENTIONS = "SELECT id, mentions FROM reviews WHERE product_id = :product AND mentions <> '[]'"
