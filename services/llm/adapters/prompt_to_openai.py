"""Prompts as OpenAI's protocol says them, and its answers in our words."""

import base64
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import orjson

from services.llm.domain.embedding import Vector
from services.llm.domain.errors import FailureKind, ProviderFailed
from services.llm.domain.generation import (
    Ended,
    FinishReason,
    FormatKind,
    Image,
    Message,
    Prompt,
    ProviderEvent,
    TextDelta,
    Tool,
    ToolCall,
    ToolChoice,
    ToolChoiceMode,
)
from services.llm.domain.model import Model
from services.llm.domain.usage import TokenUsage

_REASONS = {
    "length": FinishReason.LENGTH,
    "content_filter": FinishReason.CONTENT_FILTER,
    "tool_calls": FinishReason.TOOL_CALLS,
    "function_call": FinishReason.TOOL_CALLS,
}
_BROKEN = (KeyError, TypeError, AttributeError, ValueError, IndexError)


def chat_body(model: Model, prompt: Prompt, stream: bool, limit_field: str) -> bytes:
    """Return the body of a request for a completion."""
    body: dict[str, Any] = {
        "model": model.provider_id,
        "messages": [_turn(message) for message in prompt.messages],
        limit_field: prompt.max_output_tokens,
    }
    if stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    if model.sampling:
        sampled = {"temperature": prompt.temperature, "top_p": prompt.top_p, "seed": prompt.seed}
        body.update((name, value) for name, value in sampled.items() if value is not None)
    if prompt.stop:
        body["stop"] = list(prompt.stop)
    if prompt.tools:
        body["tools"] = [_tool(tool) for tool in prompt.tools]
        if prompt.tool_choice.mode is not ToolChoiceMode.AUTO:
            body["tool_choice"] = _choice(prompt.tool_choice)
    if prompt.response_format.kind is not FormatKind.TEXT:
        body["response_format"] = _format(prompt)
    body.update(model.options)
    return orjson.dumps(body)


def _turn(message: Message) -> dict[str, Any]:
    turn: dict[str, Any] = {"role": message.role.value, "content": message.text}
    if message.images:
        text = [{"type": "text", "text": message.text}] if message.text else []
        turn["content"] = [*text, *map(_picture, message.images)]
    if message.tool_calls:
        turn["content"] = message.text or None
        turn["tool_calls"] = [
            {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.tool_call_id:
        turn["tool_call_id"] = message.tool_call_id
    return turn


def _picture(image: Image) -> dict[str, Any]:
    url = f"data:{image.media_type};base64,{base64.b64encode(image.data).decode()}"
    return {"type": "image_url", "image_url": {"url": url}}


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    if tool.schema:
        function["parameters"] = orjson.loads(tool.schema)
    if tool.strict:
        function["strict"] = True
    return {"type": "function", "function": function}


def _choice(choice: ToolChoice) -> Any:
    if choice.mode is ToolChoiceMode.NAMED:
        return {"type": "function", "function": {"name": choice.name}}
    return choice.mode.value


def _format(prompt: Prompt) -> dict[str, Any]:
    wanted = prompt.response_format
    if wanted.kind is FormatKind.JSON_OBJECT:
        return {"type": "json_object"}
    schema = {"name": wanted.name or "answer", "schema": orjson.loads(wanted.schema), "strict": wanted.strict}
    return {"type": "json_schema", "json_schema": schema}


class Reading:
    """Puts the chunks of one answer together. Whatever a server sends, the end is whole or ProviderFailed(BROKEN)."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.reason: FinishReason | None = None
        self._usage: TokenUsage | None = None
        self._calls: dict[int, list[str]] = {}
        self._model = self._id = ""

    def chunk(self, data: bytes) -> str:
        """Take one chunk of a stream in, and return the text it adds. Raises ProviderFailed."""
        try:
            chunk = orjson.loads(data)
            if chunk.get("error"):
                raise ProviderFailed(_failure_inside(chunk["error"]))
            self._note(chunk)
            choices = chunk.get("choices")
            if not choices:
                return ""
            choice = choices[0]
            if choice.get("finish_reason"):
                self.reason = _REASONS.get(choice["finish_reason"], FinishReason.STOP)
            delta = choice.get("delta") or {}
            if calls := delta.get("tool_calls"):
                self._add_calls(calls)
            return _text(delta)
        except _BROKEN:
            raise ProviderFailed(FailureKind.BROKEN) from None

    def whole(self, data: bytes) -> list[ProviderEvent]:
        """Return the events of an answer that came in one piece. Raises ProviderFailed."""
        try:
            answer = orjson.loads(data)
            if answer.get("error"):
                raise ProviderFailed(_failure_inside(answer["error"]))
            self._note(answer)
            choice = answer["choices"][0]
            self.reason = _REASONS.get(choice["finish_reason"], FinishReason.STOP) if choice["finish_reason"] else None
            message = choice["message"]
            self._add_calls([{**call, "index": at} for at, call in enumerate(message.get("tool_calls") or ())])
            text = _text(message)
        except _BROKEN:
            raise ProviderFailed(FailureKind.BROKEN) from None
        return [*([TextDelta(text)] if text else []), *self.end()]

    def end(self) -> Iterator[ProviderEvent]:
        """Yield whole tool calls, then the end. Raises ProviderFailed when the answer broke off before it."""
        if self.reason is None:
            raise ProviderFailed(FailureKind.BROKEN)
        for _, (call_id, name, arguments) in sorted(self._calls.items()):
            yield _call(call_id, name, arguments)
        # Some servers say "stop" after a call.
        reason = FinishReason.TOOL_CALLS if self._calls and self.reason is FinishReason.STOP else self.reason
        yield Ended(reason, self._usage, self._model, self._id)

    def _note(self, chunk: Mapping[str, Any]) -> None:
        if counted := chunk.get("usage"):
            self._usage = usage_of(counted)
        if not self._model:
            self._model = str(chunk.get("model") or "")
            self._id = str(chunk.get("id") or "")

    def _add_calls(self, calls: Sequence[Mapping[str, Any]]) -> None:
        for call in calls:
            function = call.get("function") or {}
            known = self._calls.setdefault(int(call.get("index") or 0), ["", "", ""])
            known[0] = known[0] or call.get("id") or ""
            known[1] += function.get("name") or ""
            known[2] += function.get("arguments") or ""


def _text(said: Mapping[str, Any]) -> str:
    text = said.get("content") or said.get("refusal") or ""
    if not isinstance(text, str):
        raise TypeError("content is no text")
    return text


def _call(call_id: str, name: str, arguments: str) -> ToolCall:
    """Return a tool call, if it is one: arguments that broke off are not an object."""
    try:
        is_object = isinstance(orjson.loads(arguments or "{}"), dict)
    except orjson.JSONDecodeError:
        is_object = False
    if not (is_object and name and call_id):
        raise ProviderFailed(FailureKind.BROKEN)
    return ToolCall(call_id, name, arguments or "{}")


def usage_of(counted: Mapping[str, Any]) -> TokenUsage:
    """Return what the provider counted; parts it does not know are none."""
    read = counted.get("prompt_tokens_details") or {}
    written = counted.get("completion_tokens_details") or {}
    return TokenUsage(
        int(counted.get("prompt_tokens") or 0),
        int(counted.get("completion_tokens") or 0),
        cached_input_tokens=int(read.get("cached_tokens") or 0),
        reasoning_tokens=int(written.get("reasoning_tokens") or 0),
    )


def _failure_inside(error: Any) -> FailureKind:
    code = str(error.get("code") or error.get("type") or "") if isinstance(error, Mapping) else ""
    return FailureKind.THROTTLED if "rate_limit" in code else FailureKind.BROKEN


def vector(numbers: object) -> Vector:
    """Return a vector from base64, or from the plain numbers of servers that know no base64."""
    if not isinstance(numbers, str):
        return array("f", cast(Sequence[float], numbers))
    found = array("f")
    found.frombytes(base64.b64decode(numbers, validate=True))
    return found
