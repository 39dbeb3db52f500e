"""Our words to Bedrock's and back: Converse requests and events, and the bodies of its embedding models."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from services.llm.domain.embedding import Embedded, Vector, chunks
from services.llm.domain.errors import FailureKind, ProviderFailed
from services.llm.domain.generation import Ended, FinishReason, Message, Prompt, ProviderEvent, Role, TextDelta
from services.llm.domain.model import Model
from services.llm.domain.usage import TokenUsage

_REASONS = {
    "max_tokens": FinishReason.LENGTH,
    "guardrail_intervened": FinishReason.CONTENT_FILTER,
    "content_filtered": FinishReason.CONTENT_FILTER,
}
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
    if model.options:
        request["additionalModelRequestFields"] = dict(model.options)
    return request


def _turns(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return turns that alternate and begin with the user, which is all that Converse takes."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        if message.role is Role.SYSTEM or not message.text.strip():
            continue
        if turns and turns[-1]["role"] == message.role.value:
            turns[-1]["content"].append({"text": message.text})
        else:
            turns.append({"role": message.role.value, "content": [{"text": message.text}]})
    if not turns or turns[0]["role"] != Role.USER.value:
        turns.insert(0, {"role": Role.USER.value, "content": [{"text": "…"}]})
    return turns


def events(stream: Iterable[Mapping[str, Any]]) -> Iterator[ProviderEvent]:
    """Return a stream's events in our words. Errors inside the stream are raised by botocore itself."""
    reason: FinishReason | None = None
    usage: TokenUsage | None = None
    for event in stream:
        if text := event.get("contentBlockDelta", {}).get("delta", {}).get("text"):
            yield TextDelta(text)
        elif stop := event.get("messageStop"):
            reason = _REASONS.get(stop.get("stopReason", ""), FinishReason.STOP)
        elif counted := event.get("metadata", {}).get("usage"):
            usage = TokenUsage(counted["inputTokens"], counted["outputTokens"])
    if reason is None:
        raise ProviderFailed(FailureKind.BROKEN)
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
