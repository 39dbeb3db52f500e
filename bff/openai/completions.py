"""Chat completions: our stream of events as OpenAI's chunks, or as one answer."""

import json
import time
import uuid
from collections.abc import AsyncGenerator
from typing import Any

from aisle.llm.v1 import llm_service_pb2 as pb
from aisle.llm.v1.llm_service_pb2_grpc import LlmServiceStub
from bff.inputs import last_part
from bff.openai.schemas import CompletionRequest
from bff.sse import data_only
from bff.upstreams import events_of
from services.runtime.errors import Unavailable

_ROLES: dict[str, Any] = {
    "system": pb.CHAT_ROLE_SYSTEM,
    "developer": pb.CHAT_ROLE_SYSTEM,
    "user": pb.CHAT_ROLE_USER,
    "assistant": pb.CHAT_ROLE_ASSISTANT,
}
_REASONS: dict[int, str] = {
    pb.FINISH_REASON_LENGTH: "length",
    pb.FINISH_REASON_CONTENT_FILTER: "content_filter",
}
# OpenAI takes 0 for the narrowest sampling; our contract wants more than 0.
_NARROWEST = 1e-6


def model_name(model: str) -> str:
    """Return the resource name of a model by its bare id."""
    return model if model.startswith("models/") else f"models/{model}"


def generation_of(asked: CompletionRequest) -> pb.GenerateTextRequest:
    """Return the request to the llm service."""
    request = pb.GenerateTextRequest(
        messages=[pb.ChatMessage(role=_ROLES[turn.role], text=turn.text) for turn in asked.messages],
        model=model_name(asked.model),
        max_output_tokens=asked.max_completion_tokens or asked.max_tokens or 0,
        stop=asked.stops,
    )
    if asked.temperature is not None:
        request.temperature = asked.temperature
    if asked.top_p is not None:
        request.top_p = max(asked.top_p, _NARROWEST)
    if asked.seed is not None:
        request.seed = asked.seed
    return request


class Completion:
    """One answer, told as chunks or whole."""

    def __init__(self, llm: LlmServiceStub, asked: CompletionRequest) -> None:
        """Take the llm service and what is asked of it."""
        self._llm = llm
        self._asked = asked
        self._head: dict[str, Any] = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": asked.model,
        }
        self._route: dict[str, Any] = {}

    async def whole(self) -> dict[str, Any]:
        """Return the answer in one piece."""
        text: list[str] = []
        async with events_of(self._llm.GenerateText(generation_of(self._asked))) as events:
            async for event in events:
                self._note(event)
                if event.HasField("finished"):
                    return self._complete("".join(text), event.finished)
                text.append(event.text_delta)
        raise _cut_off()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the answer as it is written."""
        async with events_of(self._llm.GenerateText(generation_of(self._asked))) as events:
            async for event in events:
                self._note(event)
                kind = event.WhichOneof("event")
                if kind == "started":
                    yield self._chunk({"role": "assistant", "content": ""})
                elif kind == "text_delta":
                    yield self._chunk({"content": event.text_delta})
                elif kind == "finished":
                    yield self._chunk({}, _REASONS.get(event.finished.reason, "stop"))
                    if self._asked.wants_usage:
                        yield self._rendered([], _usage(event.finished.usage))
                    yield data_only("[DONE]")
                    return
        raise _cut_off()

    def _note(self, event: pb.GenerateTextResponse) -> None:
        if event.HasField("started"):
            self._head["model"] = last_part(event.started.model)
            self._route = {"provider": event.started.provider, "route_reason": event.started.route_reason}
        elif event.HasField("finished"):
            self._route["degraded"] = list(event.finished.degraded)

    def _complete(self, text: str, finished: pb.GenerationFinished) -> dict[str, Any]:
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text, "refusal": None},
            "finish_reason": _REASONS.get(finished.reason, "stop"),
            "logprobs": None,
        }
        return {
            **self._head,
            "object": "chat.completion",
            "choices": [choice],
            "usage": _usage(finished.usage),
            "aisle": self._route,
        }

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> bytes:
        return self._rendered([{"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}], None)

    def _rendered(self, choices: list[dict[str, Any]], usage: dict[str, int] | None) -> bytes:
        chunk: dict[str, Any] = {**self._head, "object": "chat.completion.chunk", "choices": choices}
        if self._asked.wants_usage:
            chunk["usage"] = usage
        return data_only(json.dumps(chunk, ensure_ascii=False, separators=(",", ":")))


def _usage(usage: pb.TokenUsage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def _cut_off() -> Unavailable:
    return Unavailable("PROVIDER_UNAVAILABLE", "The answer broke off before its end.")
