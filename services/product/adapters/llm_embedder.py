"""Vectors from the llm service, through the mesh."""

import logging
from collections.abc import Sequence

from aisle.llm.v1 import llm_service_pb2 as llm
from aisle.llm.v1.llm_service_pb2_grpc import LlmServiceStub
from services.product.application.ports import Embedded
from services.product.domain.errors import embeddings_away
from services.runtime.channel import MeshChannel
from services.runtime.errors import AisleError
from services.runtime.interceptors import Caller

log = logging.getLogger("aisle.product")

# A shopper waits this long for meaning; after that words alone answer.
_QUERY_SECONDS = 1.2
_BATCH_SECONDS = 55.0
_QUERY_CHARACTERS = 500
# Nobody's call in particular: what a product is like is the same for all.
_OURSELVES = Caller(subject="", role="admin")


class LlmEmbedder:
    """Embeds through `llm.EmbedTexts`."""

    def __init__(self, channel: MeshChannel, model: str, dimension: int) -> None:
        """Take a channel to the llm service, the model to ask for (empty: its own choice), and the vectors' size."""
        self._stub = LlmServiceStub(channel)
        self._model = model
        self._dimension = dimension

    async def query(self, text: str) -> Embedded:
        """Embed a query that somebody waits for."""
        request = llm.EmbedTextsRequest(texts=[text[:_QUERY_CHARACTERS]], model=self._model)
        return await self._embedded(request, _QUERY_SECONDS)

    async def passages(self, texts: Sequence[str]) -> Embedded:
        """Embed texts nobody waits for."""
        priority = llm.EMBEDDING_PRIORITY_BATCH
        request = llm.EmbedTextsRequest(texts=texts, model=self._model, priority=priority)
        return await self._embedded(request, _BATCH_SECONDS)

    async def _embedded(self, request: llm.EmbedTextsRequest, seconds: float) -> Embedded:
        try:
            reply = await self._stub.EmbedTexts(request, timeout=seconds, caller=_OURSELVES)
        except AisleError as error:
            log.warning("embedding failed", extra={"data": {"reason": error.reason, "texts": len(request.texts)}})
            raise embeddings_away(error.reason) from error
        vectors = [embedding.values for embedding in reply.embeddings]
        if len(vectors) != len(request.texts) or any(len(vector) != self._dimension for vector in vectors):
            log.error("vectors do not fit", extra={"data": {"model": reply.model, "dimension": reply.dimension}})
            raise embeddings_away(f"{reply.model} makes vectors of another size")
        return Embedded([list(vector) for vector in vectors], reply.model)
