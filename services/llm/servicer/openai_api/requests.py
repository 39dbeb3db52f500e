"""What OpenAI's clients send, in the domain's words.

Fields that would change an answer and are not served are refused, never ignored; fields without effect on it are. Read
by hand: a validation library would cost more than everything else on the way.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

import orjson

from services.llm.domain.api_key import KeyHolder
from services.llm.domain.generation import (
    DEFAULT_OUTPUT_TOKENS,
    CacheUse,
    FormatKind,
    Image,
    Message,
    Priority,
    Privacy,
    Prompt,
    ResponseFormat,
    Role,
    Tool,
    ToolCall,
    ToolChoice,
    ToolChoiceMode,
    Wanted,
)
from services.llm.domain.model import AUTO, Quality
from services.llm.servicer.openai_api.fields import Bad, Fields, text_of
from services.llm.servicer.openai_api.replies import Shown

_MODEL = re.compile(r"(?:models/)?[A-Za-z0-9][A-Za-z0-9._:-]{0,119}")
_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DATA_URL = re.compile(r"data:(image/(?:png|jpeg|webp|gif));base64,", re.IGNORECASE)
_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.SYSTEM,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "tool": Role.TOOL,
}
_CHOICES = {"none": ToolChoiceMode.NONE, "auto": ToolChoiceMode.AUTO, "required": ToolChoiceMode.REQUIRED}
_FORMATS = {kind.value: kind for kind in FormatKind}
_MOST_TEXT, _MOST_TOKENS, _MOST_IMAGE = 400_000, 32_768, 4 << 20
_USE_CASES = ("free", "default", "chat_support", "recommendations", "description", "sentiment")
# Not served, with what they may say without changing anything.
_UNSERVED: Mapping[str, tuple[Any, ...]] = {
    "n": (1,),
    "functions": ([],),
    "function_call": (),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "frequency_penalty": (0, 0.0),
    "presence_penalty": (0, 0.0),
    "logit_bias": ({},),
    "modalities": (["text"],),
    "audio": (),
    "prediction": (),
    "web_search_options": (),
}


def model_name(given: str) -> str:
    """Return the resource name of a model by its bare id. Raises Bad."""
    if not _MODEL.fullmatch(given):
        raise Bad("model", "is no name of a model")
    return given if given.startswith("models/") else f"models/{given}"


def user_of(holder: KeyHolder, user: str) -> str:
    """Return whose a call is. A team's users are its own: the same name under another key is somebody else."""
    return f"{holder.name}/{user}" if user else holder.name


def completion_of(body: Mapping[str, Any], holder: KeyHolder) -> Wanted:
    """Return what a request for a completion wants. Raises Bad with the field at fault."""
    fields = Fields(body)
    for name, harmless in _UNSERVED.items():
        if body.get(name) is not None and body[name] not in harmless:
            raise Bad(name, "is not served")
    extra = Fields(fields.mapping("aisle") or {}, "aisle.")
    user = fields.text("user", longest=128)
    return Wanted(
        prompt=_prompt(fields),
        model=model_name(fields.text("model", longest=200) or AUTO),
        use_case=extra.choice("use_case", _USE_CASES, "free"),
        min_quality=Quality[extra.choice("min_quality", ("any", "basic", "standard", "premium"), "any").upper()],
        tenant=holder.tenant,
        user=user_of(holder, user),
        api_key=holder.name,
        prompt_version=extra.text("prompt_version", longest=64),
        privacy=Privacy[extra.choice("privacy", ("by_content", "shared", "personal"), "by_content").upper()],
        cache_use=CacheUse[extra.choice("cache", ("by_policy", "off", "exact", "similar"), "by_policy").upper()],
        cache_tags=tuple(extra.texts("cache_tags", most=32, longest=128)),
        priority=Priority[extra.choice("priority", ("interactive", "batch"), "interactive").upper()],
        stream=fields.flag("stream"),
    )


def shown_of(body: Mapping[str, Any]) -> Shown:
    """Return what an answer is to show. Raises Bad."""
    fields = Fields(body)
    options = Fields(fields.mapping("stream_options") or {}, "stream_options.")
    parallel = fields.flag("parallel_tool_calls", default=True)
    return Shown(usage=options.flag("include_usage"), one_call=not parallel)


def _prompt(fields: Fields) -> Prompt:
    turns = fields.list("messages", least=1, most=200)
    limit = fields.integer("max_completion_tokens", 1, _MOST_TOKENS) or fields.integer("max_tokens", 1, _MOST_TOKENS)
    top_p = fields.number("top_p", 0, 1)
    return Prompt(
        messages=[_message(Fields.within(turn, f"messages.{at}")) for at, turn in enumerate(turns)],
        max_output_tokens=limit or DEFAULT_OUTPUT_TOKENS,
        temperature=fields.number("temperature", 0, 2),
        # OpenAI takes 0 for the narrowest sampling.
        top_p=None if top_p is None else max(top_p, 1e-6),
        stop=tuple(fields.texts("stop", most=4, longest=200, single=True)),
        seed=fields.integer("seed", -(2**63), 2**63 - 1),
        tools=[_tool(Fields.within(one, f"tools.{at}")) for at, one in enumerate(fields.list("tools", most=128))],
        tool_choice=_choice(fields),
        response_format=_format(fields),
    )


def _message(turn: Fields) -> Message:
    role = _ROLES.get(turn.text("role", longest=20))
    if role is None:
        raise Bad(turn.at("role"), "is none of system, developer, user, assistant, tool")
    content = turn.value("content")
    calls = tuple(
        _call(Fields.within(one, turn.at(f"tool_calls.{at}"))) for at, one in enumerate(turn.list("tool_calls"))
    )
    if content is None and not calls:
        raise Bad(turn.at("content"), "is missing")
    images: list[Image] = []
    if isinstance(content, list):
        text = "\n".join(
            _part(Fields.within(part, turn.at(f"content.{at}")), images) for at, part in enumerate(content)
        )
    else:
        text = "" if content is None else text_of(content, turn.at("content"), _MOST_TEXT)
    call_id = turn.text("tool_call_id", longest=128)
    return Message(role, text.strip("\n") if images else text, calls, call_id, tuple(images))


def _part(part: Fields, images: list[Image]) -> str:
    kind = part.text("type", longest=20)
    if kind == "text":
        return text_of(part.value("text"), part.at("text"), _MOST_TEXT)
    if kind != "image_url":
        raise Bad(part.at("type"), "is neither text nor image_url")
    url = text_of((part.mapping("image_url") or {}).get("url"), part.at("image_url.url"), 2 * _MOST_IMAGE)
    found = _DATA_URL.match(url)
    if found is None:
        # Fetching what a caller names would be a call to wherever they like.
        raise Bad(part.at("image_url.url"), "must be a data: URL of a png, jpeg, webp or gif")
    try:
        images.append(Image(found[1].lower(), base64.b64decode(url[found.end() :], validate=True)))
    except binascii.Error:
        raise Bad(part.at("image_url.url"), "is not base64") from None
    return ""


def _call(call: Fields) -> ToolCall:
    function = Fields(call.mapping("function") or {}, call.at("function."))
    name = _name(function)
    arguments = text_of(function.value("arguments") or "{}", function.at("arguments"), _MOST_TEXT)
    return ToolCall(call.text("id", longest=128), name, arguments)


def _tool(tool: Fields) -> Tool:
    if tool.text("type", longest=20) != "function":
        raise Bad(tool.at("type"), "must be function")
    function = Fields(tool.mapping("function") or {}, tool.at("function."))
    schema = function.mapping("parameters")
    written = _written(schema, function.at("parameters")) if schema is not None else ""
    return Tool(_name(function), function.text("description", longest=20_000), written, function.flag("strict"))


def _written(schema: Mapping[str, Any], at: str) -> str:
    try:
        return orjson.dumps(schema).decode()
    except orjson.JSONEncodeError:
        # More is read than can be written again: some 250 levels.
        raise Bad(at, "is nested too deeply") from None


def _name(function: Fields) -> str:
    name = function.text("name", longest=64)
    if not _TOOL_NAME.fullmatch(name):
        raise Bad(function.at("name"), "is no name of a function")
    return name


def _choice(fields: Fields) -> ToolChoice:
    given = fields.value("tool_choice")
    if given is None:
        return ToolChoice()
    if isinstance(given, str) and given in _CHOICES:
        return ToolChoice(_CHOICES[given])
    if isinstance(given, Mapping) and isinstance(function := given.get("function"), Mapping):
        return ToolChoice(ToolChoiceMode.NAMED, text_of(function.get("name"), "tool_choice.function.name", 64))
    raise Bad("tool_choice", "is none of none, auto, required or a function")


def _format(fields: Fields) -> ResponseFormat:
    given = fields.mapping("response_format")
    if given is None:
        return ResponseFormat()
    shape = Fields(given, "response_format.")
    kind = _FORMATS.get(shape.text("type", longest=20))
    if kind is None:
        raise Bad("response_format.type", "is none of text, json_object, json_schema")
    if kind is not FormatKind.JSON_SCHEMA:
        return ResponseFormat(kind)
    wanted = Fields(shape.mapping("json_schema") or {}, "response_format.json_schema.")
    schema = wanted.mapping("schema")
    if schema is None:
        raise Bad("response_format.json_schema.schema", "is missing")
    return ResponseFormat(
        kind, wanted.text("name", longest=64), _written(schema, wanted.at("schema")), wanted.flag("strict")
    )
