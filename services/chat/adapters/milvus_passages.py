"""Passages in Milvus: one collection with vectors and BM25, written by this service alone."""

import asyncio
import json
import logging
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc

from services.chat.domain.retrieval import Stored, Vector
from services.runtime import telemetry
from services.runtime.channel import UNPINGED, without_pandas
from services.runtime.errors import Unavailable
from services.runtime.serve import leave_if_cancelled

with without_pandas():
    from pymilvus import AsyncMilvusClient, DataType, Function, FunctionType, MilvusException

_READ_TIMEOUT = 2.0
_WRITE_TIMEOUT = 15.0
_NO_COLLECTION = 100
_COUNT = "count(*)"

# The client logs every failure with a traceback; ours say what matters.
logging.getLogger("pymilvus").setLevel(logging.CRITICAL)


class MilvusPassages:
    """Finds passages by meaning and by words."""

    def __init__(self, uri: str, collection: str, token: str = "") -> None:
        """Take the server's address, the collection's name, and the server's token. Connects with the first call."""
        self._uri = uri
        self._token = token
        self._collection = collection
        self._client: AsyncMilvusClient | None = None
        self._dimension = 0
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            await self._client.close()

    async def replace(self, articles: Sequence[str], passages: Sequence[Stored]) -> None:
        """Make these the only passages of these articles."""
        rows = [_row(stored) for stored in passages]
        async with self._errors():
            if rows:
                await self._ensure(len(rows[0]["dense"]))
                # A row that Milvus refuses would take its older self with it: all are checked before any is sent.
                _check(rows, self._dimension)
                with telemetry.database_span("milvus", "upsert", self._collection):
                    await self._connected().upsert(self._collection, rows, timeout=_WRITE_TIMEOUT)
            elif not await self._exists():
                return
            stale = f"article in {json.dumps(list(articles), ensure_ascii=False)}"
            if rows:
                stale += f" and key not in {json.dumps([row['key'] for row in rows], ensure_ascii=False)}"
            await self._connected().delete(self._collection, filter=stale, timeout=_WRITE_TIMEOUT)

    async def by_meaning(self, vector: Vector, model: str, limit: int) -> list[str]:
        """Return the keys of the nearest passages of a model."""
        async with self._errors():
            if not await self._dimension_known() or len(vector) != self._dimension:
                return []
            return await self._search(
                data=[list(vector)],
                anns_field="dense",
                search_params={"metric_type": "COSINE"},
                filter=f"model == {json.dumps(model, ensure_ascii=False)}",
                limit=limit,
            )

    async def by_words(self, text: str, limit: int) -> list[str]:
        """Return the keys of passages that hold the words, best first."""
        async with self._errors():
            return await self._search(
                data=[text], anns_field="sparse", search_params={"metric_type": "BM25"}, limit=limit
            )

    async def count(self) -> int:
        """Return how many passages it holds; none without a collection."""
        async with self._errors():
            try:
                rows = await self._connected().query(self._collection, output_fields=[_COUNT], timeout=_READ_TIMEOUT)
            except MilvusException as error:
                if error.code == _NO_COLLECTION:
                    return 0
                raise
            return int(rows[0][_COUNT])

    async def _search(self, **arguments: Any) -> list[str]:
        try:
            with telemetry.database_span("milvus", "search", self._collection):
                found = await self._connected().search(
                    self._collection, output_fields=["key"], timeout=_READ_TIMEOUT, **arguments
                )
        except MilvusException as error:
            if error.code == _NO_COLLECTION:
                self._dimension = 0
                return []
            raise
        return [str(hit["key"]) for hit in found[0]]

    async def _ensure(self, dimension: int) -> None:
        """Create the collection; one of another dimension is of another model and made anew."""
        async with self._opening:
            # Asked every time: another replica, or a lost volume, may have changed it.
            self._dimension = 0
            if await self._dimension_known() and self._dimension != dimension:
                await self._connected().drop_collection(self._collection, timeout=_WRITE_TIMEOUT)
                self._dimension = 0
            if not self._dimension:
                await self._connected().create_collection(
                    self._collection,
                    schema=_schema(dimension),
                    index_params=_indexes(),
                    consistency_level="Strong",
                    timeout=_WRITE_TIMEOUT,
                )
                self._dimension = dimension

    async def _dimension_known(self) -> bool:
        if not self._dimension and await self._exists():
            described = await self._connected().describe_collection(self._collection, timeout=_READ_TIMEOUT)
            fields = {field["name"]: field for field in described["fields"]}
            self._dimension = int(fields["dense"]["params"]["dim"])
        return bool(self._dimension)

    async def _exists(self) -> bool:
        return bool(await self._connected().has_collection(self._collection, timeout=_READ_TIMEOUT))

    def _connected(self) -> AsyncMilvusClient:
        if self._client is None:
            self._client = AsyncMilvusClient(uri=self._uri, token=self._token, grpc_options=dict(UNPINGED))
        return self._client

    @asynccontextmanager
    async def _errors(self) -> AsyncIterator[None]:
        try:
            yield
        except (MilvusException, grpc.aio.AioRpcError, OSError) as away:
            self._dimension = 0
            raise Unavailable("SEARCH_INDEX_UNAVAILABLE", "The search index cannot be reached.") from away
        finally:
            leave_if_cancelled()


def _row(stored: Stored) -> dict[str, Any]:
    return {
        "key": stored.passage.key,
        "article": stored.passage.article,
        "model": stored.model,
        "dense": list(stored.vector),
        "text": stored.passage.headed,
    }


def _check(rows: Sequence[dict[str, Any]], dimension: int) -> None:
    for row in rows:
        if len(row["dense"]) != dimension or not all(map(math.isfinite, row["dense"])):
            raise Unavailable("VECTORS_UNUSABLE", "The vectors of {key} cannot be stored.", key=row["key"])


def _schema(dimension: int) -> Any:
    schema = AsyncMilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("key", DataType.VARCHAR, is_primary=True, max_length=200)
    schema.add_field("article", DataType.VARCHAR, max_length=100)
    schema.add_field("model", DataType.VARCHAR, max_length=200)
    schema.add_field("dense", DataType.FLOAT_VECTOR, dim=dimension)
    schema.add_field(
        "text", DataType.VARCHAR, max_length=65_535, enable_analyzer=True, analyzer_params={"type": "english"}
    )
    schema.add_field("sparse", DataType.SPARSE_FLOAT_VECTOR)
    schema.add_function(
        Function(
            name="bm25", function_type=FunctionType.BM25, input_field_names=["text"], output_field_names=["sparse"]
        )
    )
    return schema


def _indexes() -> Any:
    indexes = AsyncMilvusClient.prepare_index_params()
    # Knowledge is thousands of passages, not millions: exact search costs less than a graph.
    indexes.add_index("dense", index_type="FLAT", metric_type="COSINE")
    indexes.add_index(
        "sparse",
        index_type="SPARSE_INVERTED_INDEX",
        metric_type="BM25",
        params={"bm25_k1": 1.2, "bm25_b": 0.75},
    )
    return indexes
