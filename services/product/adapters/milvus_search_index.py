"""The search index in Milvus: BM25 over text, and vectors, with the filters' fields beside them.

This service is the collection's only writer. A product without a vector holds a place-holder that no search by meaning
looks at, so that it is found by words meanwhile.
"""

import json
import logging
import math
import time
from collections.abc import Awaitable, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import grpc

from services.product.application.ports import IndexEntry, Vector
from services.product.domain.errors import search_index_away
from services.product.domain.product_filter import ProductFilter
from services.runtime import telemetry
from services.runtime.channel import UNPINGED, without_pandas
from services.runtime.serve import leave_if_cancelled

with without_pandas():
    from pymilvus import AsyncMilvusClient, DataType, Function, FunctionType, MilvusException

log = logging.getLogger("aisle.product")
T = TypeVar("T")

_SEARCH_SECONDS = 1.0
_WRITE_SECONDS = 20.0
# After a failure no search waits for the server again before this many seconds have passed; writes always try.
_PAUSE_SECONDS = 1.0
_NOBODY_ANSWERED = (0, 1, 2)
_BM25 = {"bm25_k1": 1.2, "bm25_b": 0.5}
_TEXT_BYTES = 65_535


class MilvusSearchIndex:
    """One collection of a Milvus server."""

    def __init__(self, uri: str, token: str, collection: str, dimension: int, vector_index: str) -> None:
        """Take the server's address and token, the collection's name, and how its vectors are made and indexed."""
        # The client logs each failure with a traceback; ours say what matters.
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
        self._client = AsyncMilvusClient(uri=uri, token=token, grpc_options=dict(UNPINGED))
        self._collection = collection
        self._dimension = dimension
        self._vector_index = vector_index
        self._placeholder = [1.0, *[0.0] * (dimension - 1)]
        self._paused_until = 0.0

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()

    async def ensure(self) -> bool:
        """Make the collection when it is missing, cut off while it was being made, or of another version.

        True when it was made: it is empty then.
        """
        if await self._reached(self._client.has_collection(self._collection, timeout=5.0)):
            if await self._is_whole():
                await self._reached(self._client.load_collection(self._collection, timeout=10.0))
                return False
            await self._reached(self._client.drop_collection(self._collection, timeout=10.0))
        making = self._client.create_collection(
            self._collection,
            schema=self._schema(),
            index_params=self._indexes(),
            consistency_level="Strong",
            timeout=15.0,
        )
        await self._reached(making)
        return True

    async def _is_whole(self) -> bool:
        """Return whether it has the indexes of this version, no more and no fewer: a killed server may lose some."""
        found: Any = await self._reached(self._client.list_indexes(self._collection, timeout=5.0))
        return set(found) == {"meaning", "words"}

    async def size(self) -> int:
        """Return the number of entries."""
        rows: Any = await self._reached(
            self._client.query(self._collection, filter="", output_fields=["count(*)"], timeout=5.0)
        )
        return int(rows[0]["count(*)"])

    async def upsert(self, entries: Sequence[IndexEntry]) -> None:
        """Store entries, replacing those of the same products."""
        if entries:
            # Checked before sending: a refused upsert has already removed the old rows.
            rows = [self._row(entry) for entry in entries]
            with self._span("upsert"):
                await self._reached(self._client.upsert(self._collection, rows, timeout=_WRITE_SECONDS))

    async def delete(self, ids: Sequence[str]) -> None:
        """Remove entries; unknown ones are no error."""
        if ids:
            with self._span("delete"):
                await self._reached(self._client.delete(self._collection, ids=list(ids), timeout=_WRITE_SECONDS))

    async def by_words(self, query: str, condition: ProductFilter, limit: int) -> dict[str, float]:
        """Return BM25 scores."""
        return await self._search(query, "words", "BM25", expression(condition), limit)

    async def by_meaning(self, vector: Vector, condition: ProductFilter, limit: int) -> dict[str, float]:
        """Return cosines of the nearest vectors."""
        if not self._usable(vector):
            raise search_index_away("the vector is not one of this index")
        stated = expression(condition)
        only = f"embedded == true and {stated}" if stated is not None else None
        return await self._search(list(vector), "meaning", "COSINE", only, limit)

    async def _search(
        self, data: str | list[float], field: str, metric: str, filtered: str | None, limit: int
    ) -> dict[str, float]:
        if filtered is None:
            return {}
        if time.monotonic() < self._paused_until:
            raise search_index_away("it did not answer a moment ago")
        searching = self._client.search(
            self._collection,
            [data],
            anns_field=field,
            filter=filtered,
            limit=limit,
            search_params={"metric_type": metric},
            timeout=_SEARCH_SECONDS,
        )
        with self._span("search"):
            found: Any = await self._reached(searching)
        return {hit["id"]: float(hit["distance"]) for hit in found[0]}

    def _span(self, operation: str) -> AbstractContextManager[None]:
        return telemetry.database_span("milvus", operation, self._collection)

    async def _reached(self, call: Awaitable[T]) -> T:
        """Await a call; raise Unavailable when it fails. Whoever was told to stop meanwhile stops."""
        try:
            answer = await call
        except (MilvusException, grpc.aio.AioRpcError, OSError) as failure:
            # Servers number their own errors from higher up: these mean that nobody answered.
            if getattr(failure, "code", 0) in _NOBODY_ANSWERED or not isinstance(failure, MilvusException):
                self._paused_until = time.monotonic() + _PAUSE_SECONDS
            log.warning("search index failed", extra={"data": {"cause": str(failure)[:300]}})
            raise search_index_away(type(failure).__name__) from failure
        finally:
            leave_if_cancelled()
        self._paused_until = 0.0
        return answer

    def _usable(self, vector: Vector) -> bool:
        return len(vector) == self._dimension and all(math.isfinite(value) for value in vector)

    def _row(self, entry: IndexEntry) -> dict[str, Any]:
        product = entry.product
        embedded = entry.vector is not None and self._usable(entry.vector)
        return {
            "id": product.id,
            "text": _within(entry.document.text, _TEXT_BYTES),
            "meaning": list(entry.vector) if embedded and entry.vector is not None else self._placeholder,
            "embedded": embedded,
            "category": product.category,
            "brand": product.brand,
            "price_minor": product.price.minor,
            "in_stock": product.stock_quantity > 0,
            "reduced": product.reduced,
            "state": int(product.state),
            "rating": product.rating.average,
        }

    def _schema(self) -> Any:
        schema = AsyncMilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=80)
        english = {"type": "english"}
        schema.add_field(
            "text", DataType.VARCHAR, max_length=_TEXT_BYTES, enable_analyzer=True, analyzer_params=english
        )
        schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
        schema.add_function(
            Function(
                name="bm25",
                function_type=FunctionType.BM25,
                input_field_names=["text"],
                output_field_names=["words"],
            )
        )
        schema.add_field("meaning", DataType.FLOAT_VECTOR, dim=self._dimension)
        schema.add_field("category", DataType.VARCHAR, max_length=80)
        schema.add_field("brand", DataType.VARCHAR, max_length=512)
        for name in ("price_minor", "state"):
            schema.add_field(name, DataType.INT64)
        for name in ("embedded", "in_stock", "reduced"):
            schema.add_field(name, DataType.BOOL)
        schema.add_field("rating", DataType.DOUBLE)
        return schema

    def _indexes(self) -> Any:
        indexes = AsyncMilvusClient.prepare_index_params()
        indexes.add_index("meaning", index_type=self._vector_index, metric_type="COSINE")
        indexes.add_index("words", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25", params=_BM25)
        return indexes


def expression(condition: ProductFilter) -> str | None:
    """Return the filter in Milvus' words; None when nothing can meet it."""
    parts = [f"state in {sorted(int(state) for state in condition.states)}"]
    for field, values in (("category", condition.categories), ("brand", condition.brands)):
        if values:
            # Stored texts hold no unprintable characters, so values that do are of no product.
            quoted = [json.dumps(value, ensure_ascii=False) for value in sorted(values) if value.isprintable()]
            if not quoted:
                return None
            parts.append(f"{field} in [{', '.join(quoted)}]")
    if condition.min_price_minor:
        parts.append(f"price_minor >= {condition.min_price_minor:d}")
    if condition.max_price_minor:
        parts.append(f"price_minor <= {condition.max_price_minor:d}")
    if condition.in_stock:
        parts.append("in_stock == true")
    if condition.min_rating:
        parts.append(f"rating >= {condition.min_rating:.6f}")
    if condition.reduced:
        parts.append("reduced == true")
    return " and ".join(parts)


def _within(text: str, size: int) -> str:
    """Return as much of the text as fits into so many bytes."""
    encoded = text.encode()
    return text if len(encoded) <= size else encoded[:size].decode(errors="ignore")
