"""Our words as Bedrock says them: Converse requests, and the bodies and replies of its embedding models."""

import base64
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from services.llm.domain.embedding import Embedded, Vector, chunks
from services.llm.domain.errors import PromptRefused
from services.llm.domain.generation import (
    FormatKind,
    Image,
    Message,
    Prompt,
    ResponseFormat,
    Role,
    Tool,
    ToolChoiceMode,
)
from services.llm.domain.model import Model

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
    """Return what Converse and ConverseStream take beside the model. Raises ValueError for a schema that is no JSON."""
    inference: dict[str, Any] = {"maxTokens": prompt.max_output_tokens}
    if prompt.temperature is not None and model.sampling:
        # Bedrock's scale ends at 1.
        inference["temperature"] = min(prompt.temperature, 1.0)
    if prompt.top_p is not None and model.sampling:
        inference["topP"] = prompt.top_p
    if prompt.stop:
        inference["stopSequences"] = list(prompt.stop)
    request: dict[str, Any] = {"messages": _turns(prefill(prompt)[0]), "inferenceConfig": inference}
    system = [{"text": turn.text} for turn in prompt.messages if turn.role is Role.SYSTEM and turn.text.strip()]
    if system:
        request["system"] = system
    if tools := _tools(prompt):
        request["toolConfig"] = tools
    if model.options:
        request["additionalModelRequestFields"] = dict(model.options)
    return request


def written(build: Callable[..., object], *about: object) -> bytes:
    """Return a body as JSON. Raises PromptRefused: what cannot be written is the caller's to mend."""
    try:
        return orjson.dumps(build(*about), default=_base64)
    except (TypeError, ValueError):
        raise PromptRefused("invalid_request") from None


def _base64(data: object) -> str:
    if not isinstance(data, bytes):
        raise TypeError("is not JSON")
    return base64.b64encode(data).decode()


def talks_of_tools(prompt: Prompt) -> bool:
    """Return whether a request says anything of tools, which an answer of a schema is too."""
    shaped = prompt.response_format.kind is not FormatKind.TEXT
    return bool(prompt.tools) or shaped or any(turn.tool_calls or turn.role is Role.TOOL for turn in prompt.messages)


def prefill(prompt: Prompt) -> tuple[Sequence[Message], str]:
    """Return the turns, and the blanks that the last one may not end with.

    Bedrock refuses to go on from a text with blanks at its end.
    """
    *before, last = prompt.messages
    text = last.text.rstrip()
    if last.role is not Role.ASSISTANT or text == last.text:
        return prompt.messages, ""
    return [*before, replace(last, text=text)], last.text[len(text) :]


def _tools(prompt: Prompt) -> dict[str, Any]:
    """Return the tools and which of them is called; an answer of a schema is a tool that must be called."""
    choice, shaped = prompt.tool_choice.mode, prompt.response_format.kind is not FormatKind.TEXT
    used = any(turn.tool_calls or turn.role is Role.TOOL for turn in prompt.messages)
    tools = [_tool(tool) for tool in prompt.tools]
    if choice is ToolChoiceMode.NONE and not used:
        tools = []
    elif used and not tools:
        # Bedrock takes no conversation about tools without any.
        names = {call.name: None for turn in prompt.messages for call in turn.tool_calls}
        tools = [_tool(Tool(name)) for name in names]
    if shaped and choice is not ToolChoiceMode.NAMED:
        answer = _tool(Tool(ANSWER_TOOL, "Gives the answer.", _schema(prompt.response_format)))
        free = prompt.tools and choice is not ToolChoiceMode.NONE
        return {"tools": [*tools, answer], "toolChoice": {"any": {}} if free else {"tool": {"name": ANSWER_TOOL}}}
    if not tools:
        return {}
    config: dict[str, Any] = {"tools": tools}
    if choice is ToolChoiceMode.NAMED:
        config["toolChoice"] = {"tool": {"name": prompt.tool_choice.name}}
    elif choice is ToolChoiceMode.REQUIRED:
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
        tokens += int(reply.get("inputTextTokenCount") or 0)
        if "embedding" in reply:
            vectors.append(array("f", reply["embedding"]))
        else:
            found = reply["embeddings"]
            vectors.extend(array("f", vector) for vector in (found["float"] if isinstance(found, Mapping) else found))
    return Embedded(vectors, tokens)
