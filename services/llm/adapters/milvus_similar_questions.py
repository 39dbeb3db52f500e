"""Questions whose answers are remembered, in Milvus: found by what they mean, within their circle only.

Only questions stand here; their answers stay where they are kept, and expire and are purged there. While Milvus is away
nobody waits for it: a call that fails closes the door, and the background job opens it again.

Milvus' client brings pandas with it, forty megabytes: it is imported when somebody first asks for similar questions.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import grpc

from services.llm.domain.answer_cache import KnownQuestion, Question
from services.runtime import telemetry
from services.runtime.channel import UNPINGED, without_pandas
from services.runtime.serve import leave_if_cancelled

if TYPE_CHECKING:
    from pymilvus import AsyncMilvusClient

log = logging.getLogger("aisle.llm.cache")
# The client logs every failure with a traceback; ours say what matters.
logging.getLogger("pymilvus").setLevel(logging.CRITICAL)

_SEARCH_SECONDS = 0.5
_WRITE_SECONDS = 5.0
_OPEN_SECONDS = 15.0
_PAUSE_SECONDS = 5.0
_SWEEP_SECONDS = 300.0
# Bytes and numbers that a row holds at most; what is longer is not kept.
_LONGEST = 4_096
_MOST_TAGS, _LONGEST_TAG = 64, 512
# Part of the collection's name: rows of another shape are in another collection.
_SHAPE = "1"


class MilvusSimilarQuestions:
    """A `SimilarQuestions`."""

    def __init__(self, uri: str, model: str, dimension: int, prefix: str = "llm_questions", token: str = "") -> None:
        """Take the server's address and token, and the model of the vectors: those of two models never meet."""
        self._uri = uri
        self._token = token
        self._dimension = dimension
        made_of = blake2b(f"{_SHAPE}:{model}:{dimension}".encode(), digest_size=6).hexdigest()
        self._collection = f"{prefix}_{made_of}"
        self._client: AsyncMilvusClient | None = None
        # Whether anybody wanted to, and whether it can be asked.
        self._wanted = asyncio.Event()
        self.opened = asyncio.Event()
        self._closed = asyncio.Event()

    async def close(self) -> None:
        """Close the connection."""
        self.opened.clear()
        if self._client is not None:
            await self._client.close()

    async def nearest(self, question: Question, vector: Sequence[float], limit: int) -> Sequence[KnownQuestion]:
        """Return the questions of the same circle whose vectors are nearest, nearest first; none while it is away."""
        self._wanted.set()
        if not self.opened.is_set():
            return []
        found: Any = []
        async with self._within(_SEARCH_SECONDS) as client:
            found = await self._search(client, question.circle, vector, limit, _SEARCH_SECONDS)
        # Whom an answer is for is not left to a filter alone.
        mine = (question.tenant, question.circle)
        return [
            KnownQuestion(hit["exact"], hit["text"], hit["vector"])
            for hit in found
            if (hit["tenant"], hit["circle"]) == mine
        ]

    async def remember(self, question: Question, vector: Sequence[float]) -> None:
        """Keep a question for as long as it says; what does not fit is not kept, as nothing is while it is away."""
        self._wanted.set()
        row = _row(question, vector)
        if not self.opened.is_set() or len(vector) != self._dimension or not _fits(row):
            return
        async with self._within(_WRITE_SECONDS) as client:
            await client.upsert(self._collection, [row], timeout=_WRITE_SECONDS)

    async def purge(self, tags: Sequence[str]) -> None:
        """Forget the questions that carry any of the tags. While it is away they stay, and lead to no answer."""
        if self.opened.is_set() and tags:
            await self._delete(f"array_contains_any(tags, {json.dumps(list(tags), ensure_ascii=False)})")

    async def run(self) -> None:
        """Open the collection once it is wanted, again after failures, and drop what has expired, until cancelled."""
        await self._wanted.wait()
        # Not on the loop: it takes a second, in which no call would go on.
        await asyncio.to_thread(_client_library)
        while True:
            self._closed.clear()
            async with self._within(_OPEN_SECONDS) as client:
                await self._ensure(client)
                self.opened.set()
            while self.opened.is_set():
                await self._delete(f"expires <= {int(time.time())}")
                await _first(self._closed.wait(), _SWEEP_SECONDS)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _ensure(self, client: "AsyncMilvusClient") -> None:
        if not await client.has_collection(self._collection, timeout=_WRITE_SECONDS):
            await client.create_collection(
                self._collection,
                schema=_schema(self._dimension),
                index_params=_indexes(),
                consistency_level="Bounded",
                timeout=_OPEN_SECONDS,
            )
        await client.load_collection(self._collection, timeout=_OPEN_SECONDS)
        # The first search of a process takes long: nobody shall wait for it.
        await self._search(client, "", [1.0] * self._dimension, 1, _OPEN_SECONDS)

    async def _search(
        self, client: "AsyncMilvusClient", circle: str, vector: Sequence[float], limit: int, seconds: float
    ) -> Any:
        with telemetry.database_span("milvus", "search", self._collection):
            found = await client.search(
                self._collection,
                [list(vector)],
                anns_field="vector",
                filter=f"circle == {json.dumps(circle)} and expires > {int(time.time())}",
                limit=limit,
                output_fields=["exact", "circle", "tenant", "text", "vector"],
                search_params={"metric_type": "COSINE"},
                timeout=seconds,
            )
        return found[0]

    async def _delete(self, rows: str) -> None:
        async with self._within(_WRITE_SECONDS) as client:
            await client.delete(self._collection, filter=rows, timeout=_WRITE_SECONDS)

    @asynccontextmanager
    async def _within(self, seconds: float) -> AsyncIterator["AsyncMilvusClient"]:
        """Lend the client for a while; who fails closes the door behind them."""
        library = _client_library()
        try:
            async with asyncio.timeout(seconds):
                if self._client is None:
                    self._client = library.AsyncMilvusClient(
                        uri=self._uri, token=self._token, grpc_options=dict(UNPINGED)
                    )
                yield self._client
        except (library.MilvusException, grpc.aio.AioRpcError, OSError, TimeoutError) as away:
            self.opened.clear()
            self._closed.set()
            log.warning("similar questions are not known", extra={"data": {"reason": type(away).__name__}})
        finally:
            leave_if_cancelled()


def _client_library() -> Any:
    with without_pandas():
        import pymilvus

    return pymilvus


async def _first(wait: Any, seconds: float) -> None:
    """Wait, but not longer."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await wait


def _row(question: Question, vector: Sequence[float]) -> dict[str, Any]:
    return {
        "exact": question.exact,
        "tenant": question.tenant,
        "circle": question.circle,
        "text": question.text,
        "tags": sorted(set(question.tags)),
        "expires": int(time.time() + question.seconds),
        "vector": list(vector),
    }


def _fits(row: dict[str, Any]) -> bool:
    texts = [len(row[name].encode("utf-8", "replace")) for name in ("text", "tenant")]
    tags = [len(tag.encode("utf-8", "replace")) for tag in row["tags"]]
    return max(texts) <= _LONGEST and len(tags) <= _MOST_TAGS and max(tags, default=0) <= _LONGEST_TAG


def _schema(dimension: int) -> Any:
    library = _client_library()
    kinds = library.DataType
    schema = library.AsyncMilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("exact", kinds.VARCHAR, is_primary=True, max_length=64)
    schema.add_field("tenant", kinds.VARCHAR, max_length=_LONGEST)
    schema.add_field("circle", kinds.VARCHAR, max_length=64)
    schema.add_field("text", kinds.VARCHAR, max_length=_LONGEST)
    schema.add_field("tags", kinds.ARRAY, element_type=kinds.VARCHAR, max_capacity=_MOST_TAGS, max_length=_LONGEST_TAG)
    schema.add_field("expires", kinds.INT64)
    schema.add_field("vector", kinds.FLOAT_VECTOR, dim=dimension)
    return schema


def _indexes() -> Any:
    indexes = _client_library().AsyncMilvusClient.prepare_index_params()
    # A circle is a small part of what is remembered for hours: going through it costs less than a graph.
    indexes.add_index("vector", index_type="FLAT", metric_type="COSINE")
    return indexes
