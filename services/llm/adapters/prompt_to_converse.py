"""Our words to Bedrock's and back: Converse requests and events, and the bodies of its embedding models."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from services.llm.domain.embedding import Embedded, Vector, chunks
from services.llm.domain.errors import FailureKind, ProviderFailed
from services.llm.domain.generation import (
    Ended,
    FinishReason,
    FormatKind,
    Image,
    Message,
    Prompt,
    ProviderEvent,
    ResponseFormat,
    Role,
    TextDelta,
    Tool,
    ToolCall,
    ToolChoiceMode,
)
from services.llm.domain.model import Model
from services.llm.domain.usage import TokenUsage

_REASONS = {
    "max_tokens": FinishReason.LENGTH,
    "guardrail_intervened": FinishReason.CONTENT_FILTER,
    "content_filtered": FinishReason.CONTENT_FILTER,
    "tool_use": FinishReason.TOOL_CALLS,
}
# Converse knows no schema of an answer: the model is made to call this tool, and what it is called with is the answer.
ANSWER_TOOL = "give_answer"
_AREAS = {"ap": "apac"}
# What Cohere's models read in one call.
_COHERE_TEXTS = 96


def profile(model_id: str, region: str) -> str:
    """Return the id of the inference profile for a region's geography."""
    area = region.split("-")[0]
    return model_id.replace("{area}", _AREAS.get(area, area))


def converse_request(model: Model, prompt: Prompt) -> dict[str, Any]:
    """Return what ConverseStream takes beside the model."""
    inference: dict[str, Any] = {"maxTokens": prompt.max_output_tokens}
    if prompt.temperature is not None and model.sampling:
        # Bedrock's scale ends at 1.
        inference["temperature"] = min(prompt.temperature, 1.0)
    if prompt.top_p is not None and model.sampling:
        inference["topP"] = prompt.top_p
    if prompt.stop:
        inference["stopSequences"] = list(prompt.stop)
    request: dict[str, Any] = {"messages": _turns(prompt.messages), "inferenceConfig": inference}
    system = [{"text": turn.text} for turn in prompt.messages if turn.role is Role.SYSTEM and turn.text.strip()]
    if system:
        request["system"] = system
    if tools := _tools(prompt):
        request["toolConfig"] = tools
    if model.options:
        request["additionalModelRequestFields"] = dict(model.options)
    return request


def _tools(prompt: Prompt) -> dict[str, Any]:
    """Return the tools and which of them is called; an answer of a schema is a tool that must be called."""
    choice = prompt.tool_choice
    if prompt.response_format.kind is not FormatKind.TEXT and not prompt.tools:
        answer = Tool(ANSWER_TOOL, "Gives the answer.", _schema(prompt.response_format))
        return {"tools": [_tool(answer)], "toolChoice": {"tool": {"name": ANSWER_TOOL}}}
    if choice.mode is ToolChoiceMode.NONE and not any(turn.tool_calls for turn in prompt.messages):
        return {}
    if not prompt.tools:
        return {}
    config: dict[str, Any] = {"tools": [_tool(tool) for tool in prompt.tools]}
    if choice.mode is ToolChoiceMode.NAMED:
        config["toolChoice"] = {"tool": {"name": choice.name}}
    elif choice.mode is ToolChoiceMode.REQUIRED:
        config["toolChoice"] = {"any": {}}
    return config


def _schema(wanted: ResponseFormat) -> str:
    return wanted.schema or '{"type":"object"}'


def _tool(tool: Tool) -> dict[str, Any]:
    schema = orjson.loads(tool.schema) if tool.schema else {"type": "object", "properties": {}}
    spec: dict[str, Any] = {"name": tool.name, "inputSchema": {"json": schema}}
    if tool.description:
        spec["description"] = tool.description
    return {"toolSpec": spec}


def _turns(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return turns that alternate and begin with the user, which is all that Converse takes."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        content = [] if message.role is Role.SYSTEM else _content(message)
        if not content:
            continue
        # Results of tools are the user's to bring.
        role = Role.ASSISTANT if message.role is Role.ASSISTANT else Role.USER
        if turns and turns[-1]["role"] == role.value:
            turns[-1]["content"].extend(content)
        else:
            turns.append({"role": role.value, "content": content})
    if not turns or turns[0]["role"] != Role.USER.value:
        turns.insert(0, {"role": Role.USER.value, "content": [{"text": "…"}]})
    return turns


def _content(message: Message) -> list[dict[str, Any]]:
    if message.role is Role.TOOL:
        result = {"toolUseId": message.tool_call_id, "content": [{"text": message.text or " "}]}
        return [{"toolResult": result}]
    content: list[dict[str, Any]] = [{"text": message.text}] if message.text.strip() else []
    content += map(_picture, message.images)
    for call in message.tool_calls:
        content.append(
            {"toolUse": {"toolUseId": call.call_id, "name": call.name, "input": orjson.loads(call.arguments or "{}")}}
        )
    return content


def _picture(image: Image) -> dict[str, Any]:
    return {"image": {"format": image.media_type.partition("/")[2], "source": {"bytes": image.data}}}


def usage_of(counted: Mapping[str, Any]) -> TokenUsage:
    """Return what Bedrock counted; what its cache read and wrote it counts beside the input, we within it."""
    cached, written = int(counted.get("cacheReadInputTokens") or 0), int(counted.get("cacheWriteInputTokens") or 0)
    return TokenUsage(
        int(counted["inputTokens"]) + cached + written,
        int(counted["outputTokens"]),
        cached_input_tokens=cached,
        cache_write_tokens=written,
    )


def events(stream: Iterable[Mapping[str, Any]]) -> Iterator[ProviderEvent]:
    """Return a stream's events in our words. Errors inside the stream are raised by botocore itself."""
    reason: FinishReason | None = None
    usage: TokenUsage | None = None
    calls: dict[int, list[str]] = {}
    for event in stream:
        if begun := event.get("contentBlockStart"):
            use = begun.get("start", {}).get("toolUse")
            if use:
                calls[begun.get("contentBlockIndex", 0)] = [use["toolUseId"], use["name"], ""]
        elif told := event.get("contentBlockDelta"):
            delta = told.get("delta", {})
            if text := delta.get("text"):
                yield TextDelta(text)
            elif part := delta.get("toolUse", {}).get("input"):
                calls[told.get("contentBlockIndex", 0)][2] += part
        elif stop := event.get("messageStop"):
            reason = _REASONS.get(stop.get("stopReason", ""), FinishReason.STOP)
        elif counted := event.get("metadata", {}).get("usage"):
            usage = usage_of(counted)
    if reason is None:
        raise ProviderFailed(FailureKind.BROKEN)
    yield from _ended(calls, reason, usage)


def _ended(
    calls: Mapping[int, Sequence[str]], reason: FinishReason, usage: TokenUsage | None
) -> Iterator[ProviderEvent]:
    """Yield whole calls and the end; the call that gives an answer of a schema is that answer."""
    for _, (call_id, name, arguments) in sorted(calls.items()):
        try:
            whole = isinstance(orjson.loads(arguments or "{}"), dict)
        except orjson.JSONDecodeError:
            whole = False
        if not whole:
            raise ProviderFailed(FailureKind.BROKEN)
        if name == ANSWER_TOOL:
            yield TextDelta(arguments or "{}")
            reason = FinishReason.STOP
        else:
            yield ToolCall(call_id, name, arguments or "{}")
    yield Ended(reason, usage)


def embedding_body(model_id: str, texts: Sequence[str], dimension: int, query: bool) -> list[dict[str, object]]:
    """Return the bodies of the calls that embed the texts."""
    if "titan" in model_id:
        return [{"inputText": text, "dimensions": dimension, "normalize": True} for text in texts]
    kind = "search_query" if query else "search_document"
    return [
        {"texts": list(some), "input_type": kind, "embedding_types": ["float"], "truncate": "END"}
        for some in chunks(texts, _COHERE_TEXTS)
    ]


def embedding_reply(replies: Sequence[Mapping[str, Any]]) -> Embedded:
    """Return the vectors of all calls in order."""
    vectors: list[Vector] = []
    tokens = 0
    for reply in replies:
        if "embedding" in reply:
            vectors.append(array("f", reply["embedding"]))
            tokens += int(reply.get("inputTextTokenCount", 0))
        else:
            found = reply["embeddings"]
            vectors.extend(array("f", vector) for vector in (found["float"] if isinstance(found, Mapping) else found))
    return Embedded(vectors, tokens)
