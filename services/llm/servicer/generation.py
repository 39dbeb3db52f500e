"""The llm contract over the use cases: proto to domain and back, nothing else."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from aisle.llm.v1 import llm_service_pb2 as pb
from aisle.llm.v1.llm_service_pb2_grpc import LlmServiceServicer
from services.llm.application.complete_text import CompleteText
from services.llm.application.embed_texts import EmbedTexts
from services.llm.application.generate_text import GenerateText
from services.llm.application.list_models import ListModels
from services.llm.application.purge_answers import PurgeAnswers
from services.llm.servicer.messages import complete_message, event_message, model_message, wanted_of
from services.runtime.interceptors import current_call


@dataclass(frozen=True, slots=True)
class UseCases:
    """What the llm service can be asked to do."""

    generate: GenerateText
    complete: CompleteText
    embed: EmbedTexts
    list_models: ListModels
    purge: PurgeAnswers


class LlmServicer(LlmServiceServicer):
    """Answers the llm service's methods."""

    def __init__(self, use_cases: UseCases) -> None:
        """Take the use cases."""
        self._do = use_cases

    async def GenerateText(
        self, request: pb.GenerateTextRequest, context: Any
    ) -> AsyncIterator[pb.GenerateTextResponse]:
        """Stream an answer."""
        async with aclosing(self._do.generate(wanted_of(request, _subject()))) as events:
            async for event in events:
                yield event_message(event)

    async def CompleteText(self, request: pb.CompleteTextRequest, context: Any) -> pb.CompleteTextResponse:
        """Return a whole answer."""
        wanted = wanted_of(request.generation, _subject())
        return complete_message(wanted.model, await self._do.complete(wanted))

    async def PurgeAnswers(self, request: pb.PurgeAnswersRequest, context: Any) -> pb.PurgeAnswersResponse:
        """Forget cached answers."""
        return pb.PurgeAnswersResponse(purged_count=await self._do.purge(list(request.tags)))

    async def EmbedTexts(self, request: pb.EmbedTextsRequest, context: Any) -> pb.EmbedTextsResponse:
        """Return the vectors of texts."""
        batch = request.priority == pb.EMBEDDING_PRIORITY_BATCH
        made = await self._do.embed(list(request.texts), request.model, batch)
        return pb.EmbedTextsResponse(
            embeddings=[pb.Embedding(values=vector) for vector in made.vectors],
            model=made.model.name,
            dimension=made.model.dimension,
            usage=pb.TokenUsage(input_tokens=made.usage.input_tokens),
        )

    async def ListModels(self, request: pb.ListModelsRequest, context: Any) -> pb.ListModelsResponse:
        """Return the configured models."""
        return pb.ListModelsResponse(models=[model_message(*row) for row in await self._do.list_models()])


def _subject() -> str:
    """Return whom the call was made for; empty when nobody is known."""
    call = current_call.get()
    return call.caller.subject if call is not None else ""
