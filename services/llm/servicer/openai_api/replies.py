"""Answers as OpenAI's clients read them: whole, or chunk by chunk."""

import base64
import sys
import time
import uuid
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import orjson

from services.llm.application.embed_texts import EmbeddedTexts
from services.llm.domain.generation import (
    Answer,
    Continued,
    Finished,
    GenerationEvent,
    Started,
    TextDelta,
    ToolCall,
)
from services.llm.domain.model import Model
from services.llm.domain.usage import TokenUsage

DONE = b"data: [DONE]\n\n"
_PREFIX, _END = b"data: ", b"\n\n"


@dataclass(frozen=True, slots=True)
class Shown:
    """What of an answer its reader wants to see."""

    # Whether a stream ends with what it took.
    usage: bool = False
    # Whether one tool call is passed on at the most: with its result the model may ask for the next.
    one_call: bool = False


def last_part(name: str) -> str:
    """Return the id in a resource name."""
    return name.rpartition("/")[2]


def sse(value: Any) -> bytes:
    """Return an event without a name."""
    return _PREFIX + orjson.dumps(value) + _END


class Chunks:
    """Turns the events of one answer into chunks."""

    def __init__(self, asked_model: str, shown: Shown = Shown()) -> None:
        """Take the model as it was asked for, and what is shown."""
        self._shown = shown
        self._calls = 0
        self._route: dict[str, Any] = {}
        self._head: dict[str, Any] = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": asked_model,
            "system_fingerprint": None,
        }
        # The part of a chunk that stays the same is rendered once: a stream has hundreds of them.
        self._before, self._after = b"", b""

    def of(self, event: GenerationEvent) -> bytes:
        """Return what is sent for an event, which may be nothing."""
        if isinstance(event, TextDelta):
            return self._before + orjson.dumps(event.text) + self._after
        if isinstance(event, Started):
            self._begin(event)
            return self._chunk({"role": "assistant", "content": ""})
        if isinstance(event, ToolCall):
            if self._calls and self._shown.one_call:
                return b""
            self._calls += 1
            return self._chunk({"tool_calls": [{"index": self._calls - 1, **call_of(event)}]})
        if isinstance(event, Finished):
            return self._end(event)
        if isinstance(event, Continued):
            self._route["continued_by"] = last_part(event.model.name)
        return b""

    def _begin(self, event: Started) -> None:
        self._head["model"] = last_part(event.model.name)
        self._head["system_fingerprint"] = fingerprint(event.model)
        self._route = {"provider": event.model.provider, "route_reason": event.route_reason}
        before, after = self._chunk({"content": "\x01"}).split(b'"\\u0001"')
        self._before, self._after = before, after

    def _end(self, event: Finished) -> bytes:
        last = self._chunk({}, event.reason.value, {"aisle": _how(self._route, event)})
        if self._shown.usage:
            last += sse({**self._head, "choices": [], "usage": usage_of(event.usage)})
        return last + DONE

    def _chunk(self, delta: dict[str, Any], reason: str | None = None, more: dict[str, Any] | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
        chunk: dict[str, Any] = {**self._head, "choices": [choice], **(more or {})}
        if self._shown.usage:
            chunk["usage"] = None
        return sse(chunk)


def whole(answer: Answer, shown: Shown = Shown()) -> bytes:
    """Return an answer in one piece."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None}
    if answer.tool_calls:
        message["content"] = answer.text or None
        message["tool_calls"] = [call_of(call) for call in answer.tool_calls[: 1 if shown.one_call else None]]
    model = answer.started.model
    route = {"provider": model.provider, "route_reason": answer.started.route_reason}
    reason = answer.finished.reason.value
    return orjson.dumps(
        {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": last_part(model.name),
            "system_fingerprint": fingerprint(model),
            "choices": [{"index": 0, "message": message, "finish_reason": reason, "logprobs": None}],
            "usage": usage_of(answer.finished.usage),
            "aisle": _how(route, answer.finished),
        }
    )


def fingerprint(model: Model) -> str:
    """Return what changes when something else begins to answer under a model's name."""
    return _digest(f"{model.provider}/{model.provider_id}")


@lru_cache(256)
def _digest(text: str) -> str:
    return f"fp_{blake2b(text.encode(), digest_size=5).hexdigest()}"


def _how(route: dict[str, Any], finished: Finished) -> dict[str, Any]:
    return {
        **route,
        "degraded": list(finished.degraded),
        "cache": finished.cache.name.lower(),
        "cost_micros": finished.cost_micros,
        "attempts": finished.attempts,
    }


def call_of(call: ToolCall) -> dict[str, Any]:
    """Return a tool call, whole."""
    return {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def usage_of(usage: TokenUsage) -> dict[str, Any]:
    """Return what an answer took."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_input_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def embeddings(made: Sequence[EmbeddedTexts], packed: bool) -> bytes:
    """Return vectors, packed as little-endian floats in base64 or as numbers."""
    vectors = [vector for part in made for vector in part.vectors]
    tokens = sum(part.usage.input_tokens for part in made)
    data = [
        {"object": "embedding", "index": index, "embedding": _packed(vector) if packed else list(vector)}
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return orjson.dumps({"object": "list", "data": data, "model": last_part(made[0].model.name), "usage": usage})


def _packed(vector: Sequence[float]) -> str:
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return base64.b64encode(numbers.tobytes()).decode()


def model_list(models: Sequence[tuple[Model, bool]]) -> list[dict[str, Any]]:
    """Return the models by their ids; `auto` lets the router choose."""
    rows = [("auto", "aisle"), *((last_part(model.name), model.provider) for model, _ in models)]
    return [{"id": name, "object": "model", "created": 0, "owned_by": owner} for name, owner in rows]
