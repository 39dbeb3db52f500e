"""Answers of Bedrock's Converse and ConverseStream in our words."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from services.llm.adapters.prompt_to_converse import ANSWER_TOOL
from services.llm.adapters.prompt_to_openai import is_object
from services.llm.domain.errors import FailureKind, ProviderFailed
from services.llm.domain.generation import Ended, FinishReason, ProviderEvent, TextDelta, ToolCall
from services.llm.domain.usage import TokenUsage

_REASONS = {
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "guardrail_intervened": FinishReason.CONTENT_FILTER,
    "content_filtered": FinishReason.CONTENT_FILTER,
    "tool_use": FinishReason.TOOL_CALLS,
}
# Bedrock's own words for an answer that is none.
_MALFORMED = ("malformed_model_output", "malformed_tool_use")
_BROKEN = (KeyError, TypeError, AttributeError, ValueError, IndexError)


class ConverseReading:
    """Puts one answer together. Whatever Bedrock sends, the end is whole or ProviderFailed(BROKEN)."""

    def __init__(self, owed: str = "") -> None:
        """Take the blanks that were cut off the text to go on from: the answer may begin with them again."""
        self.reason: FinishReason | None = None
        self.counted = False
        self._usage: TokenUsage | None = None
        self._owed = owed
        # Id, name and arguments of each call by its block; the answer of a schema is text and has none.
        self._calls: dict[int, tuple[str, str, list[str]]] = {}
        self._answer: list[str] | None = None
        self._answer_block = -1
        self._served = ""

    def event(self, name: str, said: Mapping[str, Any]) -> str | None:
        """Take one event of a stream in, and return the text it adds; None when it says nothing of the answer.

        Parts of tool calls and thinking are no text but signs of life: they return an empty one. Raises ProviderFailed.
        """
        try:
            match name:
                case "contentBlockDelta":
                    return self._delta(said.get("contentBlockIndex", 0), said["delta"])
                case "contentBlockStart":
                    return self._begin(said.get("contentBlockIndex", 0), said.get("start") or {})
                case "messageStop":
                    self._end(said["stopReason"])
                case "metadata":
                    self._count(said)
        except _BROKEN:
            raise ProviderFailed(FailureKind.BROKEN) from None
        return None

    def whole(self, data: bytes) -> list[ProviderEvent]:
        """Return the events of an answer that came in one piece. Raises ProviderFailed."""
        try:
            said = orjson.loads(data)
            texts = []
            for at, block in enumerate(said["output"]["message"]["content"]):
                if use := block.get("toolUse"):
                    self._begin(at, {"toolUse": use})
                    arguments = orjson.dumps(use.get("input") or {}).decode()
                    texts.append(self._delta(at, {"toolUse": {"input": arguments}}))
                else:
                    texts.append(self._delta(at, block))
            self._end(said["stopReason"])
            self._count(said)
        except _BROKEN:
            raise ProviderFailed(FailureKind.BROKEN) from None
        text = "".join(text for text in texts if text)
        return [*([TextDelta(text)] if text else []), *self.end()]

    def end(self) -> Iterator[ProviderEvent]:
        """Yield whole tool calls, then the end. Raises ProviderFailed when the answer broke off before it."""
        if self.reason is None:
            raise ProviderFailed(FailureKind.BROKEN)
        calls = []
        for _, (call_id, name, parts) in sorted(self._calls.items()):
            calls.append(ToolCall(call_id, name, "".join(parts) or "{}"))
        given = "".join(self._answer or ()) or "{}"
        # All are looked at before the first is passed on: of an answer with half a call nothing is carried out.
        if not all(call.call_id and call.name and is_object(call.arguments) for call in calls) or not is_object(given):
            raise ProviderFailed(FailureKind.BROKEN)
        yield from calls
        reason = self.reason
        if self._answer is not None and not calls and reason is FinishReason.TOOL_CALLS:
            reason = FinishReason.STOP
        yield Ended(reason, self._usage, self._served)

    def _begin(self, block: int, start: Mapping[str, Any]) -> str | None:
        use = start.get("toolUse")
        if not use:
            return None
        if use["name"] == ANSWER_TOOL:
            self._answer, self._answer_block = [], block
        else:
            self._calls[block] = (str(use["toolUseId"]), str(use["name"]), [])
        return ""

    def _delta(self, block: int, delta: Mapping[str, Any]) -> str | None:
        if (text := delta.get("text")) is not None:
            if not isinstance(text, str):
                raise TypeError("is no text")
            return self._without_owed(text) if self._owed else text
        use = delta.get("toolUse")
        if use is None:
            return "" if delta.get("reasoningContent") else None
        part = use.get("input") or ""
        if not isinstance(part, str):
            raise TypeError("is no text")
        if self._answer is not None and block == self._answer_block:
            self._answer.append(part)
            return part
        self._calls[block][2].append(part)
        return ""

    def _without_owed(self, text: str) -> str:
        """Return a text without the blanks that we have already."""
        while self._owed and text:
            if text[0] != self._owed[0]:
                self._owed = ""
                break
            text, self._owed = text[1:], self._owed[1:]
        return text

    def _end(self, reason: str) -> None:
        if reason in _MALFORMED:
            raise ProviderFailed(FailureKind.BROKEN)
        self.reason = _REASONS.get(reason, FinishReason.STOP)

    def _count(self, said: Mapping[str, Any]) -> None:
        if counted := said.get("usage"):
            self._usage = usage_of(counted)
            self.counted = True
        routed = (said.get("trace") or {}).get("promptRouter") or {}
        self._served = str(routed.get("invokedModelId") or "")


def usage_of(counted: Mapping[str, Any]) -> TokenUsage | None:
    """Return what Bedrock counted; what its cache read and wrote it counts beside the input, we within it."""
    try:
        fresh, written = int(counted.get("inputTokens") or 0), int(counted.get("cacheWriteInputTokens") or 0)
        cached, said = int(counted.get("cacheReadInputTokens") or 0), int(counted.get("outputTokens") or 0)
        details = counted.get("cacheDetails") or ()
        hour = sum(int(part.get("inputTokens") or 0) for part in details if part.get("ttl") == "1h")
    except (TypeError, ValueError, AttributeError):
        return None
    hour = min(hour, written)
    return TokenUsage(
        fresh + cached + written,
        said,
        cached_input_tokens=cached,
        cache_write_tokens=written - hour,
        cache_write_1h_tokens=hour,
    )
