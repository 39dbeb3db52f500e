"""The messages of the llm contract in the domain's words, and back."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from aisle.llm.v1 import llm_service_pb2 as pb
from aisle.llm.v1 import model_pb2
from services.llm.domain.generation import (
    DEFAULT_OUTPUT_TOKENS,
    SHOP,
    Answer,
    CacheOutcome,
    CacheUse,
    Continued,
    Finished,
    FinishReason,
    FormatKind,
    GenerationEvent,
    Image,
    Message,
    Priority,
    Privacy,
    Prompt,
    ResponseFormat,
    Role,
    Started,
    TextDelta,
    Tool,
    ToolCall,
    ToolChoice,
    ToolChoiceMode,
    Wanted,
)
from services.llm.domain.model import Kind, Model, Quality
from services.llm.domain.usage import TokenUsage

_ROLES = {
    pb.CHAT_ROLE_SYSTEM: Role.SYSTEM,
    pb.CHAT_ROLE_USER: Role.USER,
    pb.CHAT_ROLE_ASSISTANT: Role.ASSISTANT,
    pb.CHAT_ROLE_TOOL: Role.TOOL,
}
_USE_CASES = {
    pb.USE_CASE_UNSPECIFIED: "default",
    pb.USE_CASE_CHAT_SUPPORT: "chat_support",
    pb.USE_CASE_RECOMMENDATIONS: "recommendations",
    pb.USE_CASE_DESCRIPTION: "description",
    pb.USE_CASE_SENTIMENT: "sentiment",
    pb.USE_CASE_FREE: "free",
}
_REASONS = {
    FinishReason.STOP: pb.FINISH_REASON_STOP,
    FinishReason.LENGTH: pb.FINISH_REASON_LENGTH,
    FinishReason.CONTENT_FILTER: pb.FINISH_REASON_CONTENT_FILTER,
    FinishReason.TOOL_CALLS: pb.FINISH_REASON_TOOL_CALLS,
}
_CHOICES = {
    pb.TOOL_CHOICE_MODE_UNSPECIFIED: ToolChoiceMode.AUTO,
    pb.TOOL_CHOICE_MODE_NONE: ToolChoiceMode.NONE,
    pb.TOOL_CHOICE_MODE_REQUIRED: ToolChoiceMode.REQUIRED,
    pb.TOOL_CHOICE_MODE_NAMED: ToolChoiceMode.NAMED,
}
_FORMATS = {
    pb.RESPONSE_FORMAT_KIND_UNSPECIFIED: FormatKind.TEXT,
    pb.RESPONSE_FORMAT_KIND_JSON_OBJECT: FormatKind.JSON_OBJECT,
    pb.RESPONSE_FORMAT_KIND_JSON_SCHEMA: FormatKind.JSON_SCHEMA,
}
_OUTCOMES = {
    CacheOutcome.NOT_ASKED: pb.CACHE_OUTCOME_UNSPECIFIED,
    CacheOutcome.MISS: pb.CACHE_OUTCOME_MISS,
    CacheOutcome.EXACT: pb.CACHE_OUTCOME_EXACT,
    CacheOutcome.SIMILAR: pb.CACHE_OUTCOME_SIMILAR,
    CacheOutcome.SHARED: pb.CACHE_OUTCOME_SHARED,
}
_KINDS = {Kind.TEXT: model_pb2.MODEL_KIND_TEXT, Kind.EMBEDDING: model_pb2.MODEL_KIND_EMBEDDING}
_QUALITIES = {
    Quality.ANY: model_pb2.QUALITY_TIER_UNSPECIFIED,
    Quality.BASIC: model_pb2.QUALITY_TIER_BASIC,
    Quality.STANDARD: model_pb2.QUALITY_TIER_STANDARD,
    Quality.PREMIUM: model_pb2.QUALITY_TIER_PREMIUM,
}


def wanted_of(request: pb.GenerateTextRequest, subject: str) -> Wanted:
    """Return what a request wants; `subject` is whom the call was made for, when the request names nobody."""
    return Wanted(
        prompt=_prompt(request),
        model=request.model,
        use_case=_USE_CASES[request.use_case],
        min_quality=Quality(request.min_quality),
        tenant=request.tenant or SHOP,
        user=request.user or subject,
        prompt_version=request.prompt_version,
        privacy=Privacy(request.privacy),
        cache_use=CacheUse(request.cache_use),
        cache_tags=tuple(request.cache_tags),
        priority=Priority(request.priority),
        accepts_restart=request.accepts_restart,
    )


def use_case_name(number: pb.UseCase.ValueType) -> str:
    """Return what the domain calls a use case."""
    return _USE_CASES[number]


def use_case_number(name: str) -> pb.UseCase.ValueType:
    """Return what the contract calls a use case."""
    return next((number for number, known in _USE_CASES.items() if known == name), pb.USE_CASE_UNSPECIFIED)


def _prompt(request: pb.GenerateTextRequest) -> Prompt:
    return Prompt(
        messages=[_message(turn) for turn in request.messages],
        max_output_tokens=request.max_output_tokens or DEFAULT_OUTPUT_TOKENS,
        temperature=request.temperature if request.HasField("temperature") else None,
        top_p=request.top_p if request.HasField("top_p") else None,
        stop=tuple(request.stop),
        seed=request.seed if request.HasField("seed") else None,
        tools=tuple(Tool(tool.name, tool.description, tool.parameters_schema, tool.strict) for tool in request.tools),
        tool_choice=ToolChoice(_CHOICES[request.tool_choice.mode], request.tool_choice.name),
        response_format=_format(request.response_format),
    )


def _format(wanted: pb.ResponseFormat) -> ResponseFormat:
    return ResponseFormat(_FORMATS[wanted.kind], wanted.name, wanted.schema, wanted.strict)


def _message(turn: pb.ChatMessage) -> Message:
    return Message(
        role=_ROLES[turn.role],
        text=turn.text,
        tool_calls=tuple(ToolCall(call.call_id, call.name, call.arguments) for call in turn.tool_calls),
        tool_call_id=turn.tool_call_id,
        images=tuple(Image(image.media_type, image.data) for image in turn.images),
    )


def event_message(event: GenerationEvent) -> pb.GenerateTextResponse:
    """Return an event of the stream."""
    if isinstance(event, TextDelta):
        return pb.GenerateTextResponse(text_delta=event.text)
    if isinstance(event, Started):
        return pb.GenerateTextResponse(started=_started(event.requested_model, event))
    if isinstance(event, Finished):
        return pb.GenerateTextResponse(finished=_finished(event))
    if isinstance(event, ToolCall):
        return pb.GenerateTextResponse(tool_call=_call(event))
    if isinstance(event, Continued):
        continued = pb.GenerationContinued(
            attempt=event.attempt, model=event.model.name, provider=event.model.provider, reason=event.reason
        )
        return pb.GenerateTextResponse(continued=continued)
    restarted = pb.GenerationRestarted(
        attempt=event.attempt,
        model=event.model.name,
        provider=event.model.provider,
        reason=event.reason,
        discard_bytes=event.discard_bytes,
    )
    return pb.GenerateTextResponse(restarted=restarted)


def complete_message(asked: str, answer: Answer) -> pb.CompleteTextResponse:
    """Return a whole answer."""
    return pb.CompleteTextResponse(
        text=answer.text,
        tool_calls=[_call(call) for call in answer.tool_calls],
        started=_started(asked, answer.started),
        finished=_finished(answer.finished),
    )


def _started(asked: str, event: Started) -> pb.GenerationStarted:
    return pb.GenerationStarted(
        requested_model=asked,
        model=event.model.name,
        provider=event.model.provider,
        route_reason=event.route_reason,
    )


def _finished(event: Finished) -> pb.GenerationFinished:
    return pb.GenerationFinished(
        reason=_REASONS[event.reason],
        usage=_usage(event.usage),
        degraded=event.degraded,
        cost_micros=event.cost_micros,
        cache_outcome=_OUTCOMES[event.cache],
        attempts=event.attempts,
    )


def _usage(usage: TokenUsage) -> pb.TokenUsage:
    return pb.TokenUsage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_input_tokens=usage.cached_input_tokens,
        cache_write_tokens=usage.cache_write_tokens + usage.cache_write_1h_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        estimated=usage.estimated,
    )


def _call(call: ToolCall) -> pb.ToolCall:
    return pb.ToolCall(call_id=call.call_id, name=call.name, arguments=call.arguments)


def model_message(model: Model, available: bool) -> model_pb2.Model:
    """Return a row of the capability table."""
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
        tools=model.tools,
        vision=model.vision,
        structured_output=model.structured_output,
        region=model.region,
        output_tokens=model.output_tokens,
    )


def timestamp(moment: datetime | None) -> Timestamp | None:
    """Return a moment as contracts have it; none stays absent."""
    if moment is None:
        return None
    made = Timestamp()
    made.FromDatetime(moment)
    return made
