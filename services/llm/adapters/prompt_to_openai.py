"""Prompts as OpenAI's protocol says them, and its answers in our words."""

import base64
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import orjson

from services.llm.adapters import served_model
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


class _Call:
    """A tool call on its way."""

    def __init__(self, index: int, call_id: str) -> None:
        self.index, self.call_id = index, call_id
        self._name = ""
        self._arguments: list[str] = []

    def add(self, part: Mapping[str, Any]) -> None:
        """Take a part in."""
        function = part.get("function") or {}
        self.call_id = self.call_id or str(part.get("id") or "")
        self._name = self._name or str(function.get("name") or "")
        if said := function.get("arguments"):
            self._arguments.append(_text(said))

    def whole(self) -> ToolCall:
        """Return the call, if it is one: arguments that broke off are not an object. Raises ProviderFailed."""
        arguments = "".join(self._arguments) or "{}"
        if not (self._name and self.call_id and is_object(arguments)):
            raise ProviderFailed(FailureKind.BROKEN)
        return ToolCall(self.call_id, self._name, arguments)


class Reading:
    """Puts the chunks of one answer together. Whatever a server sends, the end is whole or a ProviderFailed."""

    def __init__(self, asked: str = "") -> None:
        """Begin with nothing. With the name of the model that was asked, no other may answer."""
        self.reason: FinishReason | None = None
        self._asked = asked
        self._counted: Any = None
        self._calls: list[_Call] = []
        self._model = self._id = ""

    def chunk(self, data: bytes) -> str | None:
        """Take one chunk of a stream in, and return the text it adds; None when it says nothing of the answer.

        Parts of tool calls and thinking are no text but signs of life: they return an empty one. Raises ProviderFailed.
        """
        try:
            chunk = orjson.loads(data)
            choice = self._noted(chunk)
            if choice is None:
                return None
            delta = choice.get("delta") or {}
            if said := delta.get("content"):
                if choice.get("finish_reason"):
                    self._end(choice["finish_reason"])
                return _text(said)
            return self._beside_text(choice, delta)
        except _BROKEN:
            raise ProviderFailed(FailureKind.BROKEN) from None

    def whole(self, data: bytes) -> list[ProviderEvent]:
        """Return the events of an answer that came in one piece. Raises ProviderFailed."""
        try:
            choice = self._noted(orjson.loads(data))
            if choice is None:
                raise ProviderFailed(FailureKind.BROKEN)
            if choice["finish_reason"]:
                self._end(choice["finish_reason"])
            message = choice["message"]
            for call in message.get("tool_calls") or ():
                self._calls.append(_Call(len(self._calls), call["id"]))
                self._calls[-1].add(call)
            text = _text(message.get("content") or message.get("refusal") or "")
        except _BROKEN:
            raise ProviderFailed(FailureKind.BROKEN) from None
        return [*([TextDelta(text)] if text else []), *self.end()]

    def end(self) -> Iterator[ProviderEvent]:
        """Yield whole tool calls, then the end. Raises ProviderFailed when the answer broke off before it."""
        if self.reason is None:
            raise ProviderFailed(FailureKind.BROKEN)
        # All are looked at before the first is passed on: of an answer with half a call nothing is carried out.
        yield from [call.whole() for call in sorted(self._calls, key=lambda call: call.index)]
        # Some servers say "stop" after a call.
        reason = FinishReason.TOOL_CALLS if self._calls and self.reason is FinishReason.STOP else self.reason
        yield Ended(reason, usage_of(self._counted), self._model, self._id)

    def _noted(self, chunk: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Note what a chunk says about the answer as a whole, and return its first choice."""
        if error := chunk.get("error"):
            raise ProviderFailed(_failure_inside(error))
        if counted := chunk.get("usage"):
            self._counted = counted
        if not self._model and (named := chunk.get("model")):
            self._model = str(named)
            if self._asked:
                served_model.require(self._asked, self._model)
        if not self._id and (identified := chunk.get("id")):
            self._id = str(identified)
        choices: Sequence[Mapping[str, Any]] | None = chunk.get("choices")
        return choices[0] if choices else None

    def _beside_text(self, choice: Mapping[str, Any], delta: Mapping[str, Any]) -> str | None:
        """Take in what is no content: the end, parts of tool calls, a refusal, thinking."""
        if reason := choice.get("finish_reason"):
            self._end(reason)
        if calls := delta.get("tool_calls"):
            for part in calls:
                self._call_of(part).add(part)
            return ""
        if refused := delta.get("refusal"):
            return _text(refused)
        return "" if delta.get("reasoning_content") or delta.get("reasoning") else None

    def _end(self, reason: str) -> None:
        if reason == "error":
            raise ProviderFailed(FailureKind.BROKEN)
        self.reason = _REASONS.get(reason, FinishReason.STOP)

    def _call_of(self, part: Mapping[str, Any]) -> _Call:
        """Return the call a part belongs to. Some servers number none of their calls, or all alike."""
        index, call_id = part.get("index"), part.get("id")
        for call in reversed(self._calls):
            if (index is None or call.index == index) and (not call_id or call.call_id in ("", call_id)):
                return call
        self._calls.append(_Call(len(self._calls) if index is None else int(index), ""))
        return self._calls[-1]


def is_object(text: str) -> bool:
    """Return whether a text is a JSON object."""
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False


def _text(said: Any) -> str:
    if not isinstance(said, str):
        raise TypeError("is no text")
    return said


def usage_of(counted: Any) -> TokenUsage | None:
    """Return what the provider counted, None when it is no count; parts it does not know are none.

    Servers that count thinking, or what their cache read, beside the whole show it in their total or by parts larger
    than the whole.
    """
    try:
        read = counted.get("prompt_tokens_details") or {}
        written = counted.get("completion_tokens_details") or {}
        inward, outward = int(counted.get("prompt_tokens") or 0), int(counted.get("completion_tokens") or 0)
        cached, thought = int(read.get("cached_tokens") or 0), int(written.get("reasoning_tokens") or 0)
        stored, total = int(read.get("cache_write_tokens") or 0), int(counted.get("total_tokens") or 0)
    except (TypeError, ValueError, AttributeError):
        return None
    if min(inward, outward, cached, thought, stored) < 0:
        return None
    if cached + stored > inward:
        inward += cached + stored
    if thought and (thought > outward or total == inward + outward + thought):
        outward += thought
    return TokenUsage(inward, outward, cached_input_tokens=cached, cache_write_tokens=stored, reasoning_tokens=thought)


def _failure_inside(error: Any) -> FailureKind:
    code = f"{error.get('code') or ''} {error.get('type') or ''}" if isinstance(error, Mapping) else ""
    return FailureKind.THROTTLED if "rate_limit" in code or code.startswith("429") else FailureKind.BROKEN


def vector(numbers: object) -> Vector:
    """Return a vector from base64, or from the plain numbers of servers that know no base64."""
    if not isinstance(numbers, str):
        return array("f", cast(Sequence[float], numbers))
    found = array("f")
    found.frombytes(base64.b64decode(numbers, validate=True))
    return found
