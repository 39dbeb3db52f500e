"""Vectors from the llm service."""

from collections.abc import Sequence

from aisle.llm.v1 import llm_service_pb2 as pb
from aisle.llm.v1.llm_service_pb2_grpc import LlmServiceStub
from services.chat.application.ports import Vectors
from services.runtime.channel import MeshChannel
from services.runtime.errors import Internal, Unavailable
from services.runtime.interceptors import Caller, current_call

# Somebody waits for a question's vector; nobody for an article's.
_URGENT_SECONDS = 3.0
_PATIENT_SECONDS = 45.0


class LlmEmbedder:
    """Turns texts into vectors."""

    def __init__(self, channel: MeshChannel) -> None:
        """Take the channel to the llm service."""
        self._stub = LlmServiceStub(channel)

    async def embed(self, texts: Sequence[str], urgent: bool) -> Vectors:
        """Return a vector of unit length for every text."""
        priority = pb.EMBEDDING_PRIORITY_UNSPECIFIED if urgent else pb.EMBEDDING_PRIORITY_BATCH
        request = pb.EmbedTextsRequest(texts=texts, priority=priority)
        timeout = _URGENT_SECONDS if urgent else _PATIENT_SECONDS
        # Background work has no caller of its own: it is the shop's.
        caller = None if current_call.get() else Caller(role="admin")
        try:
            reply = await self._stub.EmbedTexts(request, timeout=timeout, caller=caller)
        except Internal as broken:
            raise Unavailable("EMBEDDINGS_UNAVAILABLE", "No vectors could be made.") from broken
        if len(reply.embeddings) != len(texts):
            raise Unavailable("EMBEDDINGS_UNAVAILABLE", "Fewer vectors came back than texts were sent.")
        return Vectors(reply.model, tuple(tuple(embedding.values) for embedding in reply.embeddings))
