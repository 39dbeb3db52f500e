"""The llm contract over the use cases: proto to domain and back, nothing else."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from aisle.llm.v1 import llm_service_pb2 as pb
from aisle.llm.v1 import model_pb2
from aisle.llm.v1.llm_service_pb2_grpc import LlmServiceServicer
from services.llm.application.embed_texts import EmbedTexts
from services.llm.application.generate_text import GenerateText
from services.llm.application.list_models import ListModels
from services.llm.domain.generation import (
    DEFAULT_OUTPUT_TOKENS,
    Finished,
    FinishReason,
    GenerationEvent,
    Message,
    Prompt,
    Role,
    Started,
    TextDelta,
    Wanted,
)
from services.llm.domain.model import Kind, Model, Quality

_ROLES = {pb.CHAT_ROLE_SYSTEM: Role.SYSTEM, pb.CHAT_ROLE_USER: Role.USER, pb.CHAT_ROLE_ASSISTANT: Role.ASSISTANT}
_USE_CASES = {
    pb.USE_CASE_UNSPECIFIED: "default",
    pb.USE_CASE_CHAT_SUPPORT: "chat_support",
    pb.USE_CASE_RECOMMENDATIONS: "recommendations",
    pb.USE_CASE_DESCRIPTION: "description",
    pb.USE_CASE_SENTIMENT: "sentiment",
}
_REASONS = {
    FinishReason.STOP: pb.FINISH_REASON_STOP,
    FinishReason.LENGTH: pb.FINISH_REASON_LENGTH,
    FinishReason.CONTENT_FILTER: pb.FINISH_REASON_CONTENT_FILTER,
}
_KINDS = {Kind.TEXT: model_pb2.MODEL_KIND_TEXT, Kind.EMBEDDING: model_pb2.MODEL_KIND_EMBEDDING}
_QUALITIES = {
    Quality.ANY: model_pb2.QUALITY_TIER_UNSPECIFIED,
    Quality.BASIC: model_pb2.QUALITY_TIER_BASIC,
    Quality.STANDARD: model_pb2.QUALITY_TIER_STANDARD,
    Quality.PREMIUM: model_pb2.QUALITY_TIER_PREMIUM,
}


class LlmServicer(LlmServiceServicer):
    """Answers the llm service's methods."""

    def __init__(self, generate: GenerateText, embed: EmbedTexts, list_models: ListModels) -> None:
        """Take the use cases."""
        self._generate = generate
        self._embed = embed
        self._list_models = list_models

    async def GenerateText(
        self, request: pb.GenerateTextRequest, context: Any
    ) -> AsyncIterator[pb.GenerateTextResponse]:
        """Stream an answer."""
        async with aclosing(self._generate(_wanted(request))) as events:
            async for event in events:
                yield _event(event)

    async def EmbedTexts(self, request: pb.EmbedTextsRequest, context: Any) -> pb.EmbedTextsResponse:
        """Return the vectors of texts."""
        batch = request.priority == pb.EMBEDDING_PRIORITY_BATCH
        made = await self._embed(list(request.texts), request.model, batch)
        return pb.EmbedTextsResponse(
            embeddings=[pb.Embedding(values=vector) for vector in made.vectors],
            model=made.model.name,
            dimension=made.model.dimension,
            usage=pb.TokenUsage(input_tokens=made.usage.input_tokens),
        )

    async def ListModels(self, request: pb.ListModelsRequest, context: Any) -> pb.ListModelsResponse:
        """Return the configured models."""
        return pb.ListModelsResponse(models=[_model(*row) for row in await self._list_models()])


def _wanted(request: pb.GenerateTextRequest) -> Wanted:
    prompt = Prompt(
        messages=[Message(_ROLES[turn.role], turn.text) for turn in request.messages],
        max_output_tokens=request.max_output_tokens or DEFAULT_OUTPUT_TOKENS,
        temperature=request.temperature if request.HasField("temperature") else None,
        top_p=request.top_p if request.HasField("top_p") else None,
        stop=tuple(request.stop),
        seed=request.seed if request.HasField("seed") else None,
    )
    return Wanted(prompt, request.model, _USE_CASES[request.use_case], Quality(request.min_quality))


def _event(event: GenerationEvent) -> pb.GenerateTextResponse:
    if isinstance(event, TextDelta):
        return pb.GenerateTextResponse(text_delta=event.text)
    if isinstance(event, Started):
        started = pb.GenerationStarted(
            requested_model=event.requested_model,
            model=event.model.name,
            provider=event.model.provider,
            route_reason=event.route_reason,
        )
        return pb.GenerateTextResponse(started=started)
    if not isinstance(event, Finished):
        return pb.GenerateTextResponse()
    usage = pb.TokenUsage(input_tokens=event.usage.input_tokens, output_tokens=event.usage.output_tokens)
    finished = pb.GenerationFinished(reason=_REASONS[event.reason], usage=usage, degraded=event.degraded)
    return pb.GenerateTextResponse(finished=finished)


def _model(model: Model, available: bool) -> model_pb2.Model:
    return model_pb2.Model(
        name=model.name,
        display_name=model.display_name,
        provider=model.provider,
        kind=_KINDS[model.kind],
        quality=_QUALITIES[model.quality],
        context_tokens=model.context_tokens,
        available=available,
        input_price_micros=model.input_price_micros,
        output_price_micros=model.output_price_micros,
        dimension=model.dimension,
    )
