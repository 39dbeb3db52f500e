"""Products that are alike, from the vectors the product service writes to Milvus. We only read."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc

from services.runtime import telemetry
from services.runtime.channel import without_pandas
from services.runtime.errors import Unavailable
from services.runtime.serve import leave_if_cancelled

with without_pandas():
    from pymilvus import AsyncMilvusClient, MilvusException

TIMEOUT = 1.5
# Fields of the product service's collection. A product that could not be embedded yet holds a place-holder there.
_KEY, _VECTOR = "id", "meaning"
_EMBEDDED = "embedded == true"
_NAME = "products/"


class MilvusSimilarItems:
    """Nearest neighbours by the cosine of what products mean."""

    def __init__(self, client: AsyncMilvusClient, collection: str) -> None:
        """Take a client and the collection's name."""
        self._milvus = client
        self._collection = collection

    async def alike(self, products: Sequence[str], limit: int) -> Mapping[str, Mapping[str, float]]:
        """Return the neighbours of each product whose vector is known; similarities are between 0 and 1."""
        ids = [product.removeprefix(_NAME) for product in products]
        async with _translated():
            with telemetry.database_span("milvus", "query", self._collection):
                rows: Any = await self._milvus.query(
                    self._collection,
                    filter=f"{_KEY} in {json.dumps(ids)} and {_EMBEDDED}",
                    output_fields=[_KEY, _VECTOR],
                    timeout=TIMEOUT,
                )
            if not rows:
                return {}
            with telemetry.database_span("milvus", "search", self._collection):
                found: Any = await self._milvus.search(
                    self._collection,
                    [row[_VECTOR] for row in rows],
                    anns_field=_VECTOR,
                    filter=_EMBEDDED,
                    limit=limit + 1,
                    search_params={"metric_type": "COSINE"},
                    timeout=TIMEOUT,
                )
        return {
            _NAME + row[_KEY]: {
                _NAME + hit[_KEY]: max(float(hit["distance"]), 0.0) for hit in hits if hit[_KEY] != row[_KEY]
            }
            for row, hits in zip(rows, found, strict=True)
        }


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except (MilvusException, grpc.aio.AioRpcError, OSError, TimeoutError) as error:
        raise Unavailable("VECTORS_UNAVAILABLE", "What is alike is out of reach.") from error
    finally:
        leave_if_cancelled()
