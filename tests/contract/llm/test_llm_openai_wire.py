"""The wire to OpenAI's protocol, held against OpenAI's own client and against servers that break off anywhere."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.llm.adapters.openai_provider import OpenAIProvider
from services.llm.adapters.prompt_to_openai import Reading, usage_of
from services.llm.adapters.provider_connections import retry_after
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
    ToolChoice,
    ToolChoiceMode,
)
from services.llm.domain.usage import TokenUsage
from tests.fakes.llm_http_server import Exchange, listening
from tests.fakes.llm_models import CHEAP

KEY = "sk-very-secret-1234567890"
MODEL = replace(CHEAP, provider_id="gpt-6-luna", options={"reasoning_effort": "none"})
PROMPT = Prompt(
    [
        Message(Role.SYSTEM, "Be kind."),
        Message(Role.USER, "Look", images=[Image("image/png", b"png")]),
        Message(Role.ASSISTANT, "", tool_calls=[ToolCall("c1", "find_order", '{"id":7}')]),
        Message(Role.TOOL, "sent", tool_call_id="c1"),
    ],
    max_output_tokens=50,
    temperature=0.5,
    stop=("END",),
    seed=3,
    tools=[
        Tool("find_order", "Finds an order.", '{"type":"object","properties":{"id":{"type":"integer"}}}', strict=True)
    ],
    tool_choice=ToolChoice(ToolChoiceMode.NAMED, "find_order"),
    response_format=ResponseFormat(FormatKind.JSON_SCHEMA, "mood", '{"type":"object"}', strict=True),
)
USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 64},
    "completion_tokens_details": {"reasoning_tokens": 8},
}


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    head = {"id": "chatcmpl-9", "object": "chat.completion.chunk", "created": 1, "model": "gpt-6-luna-2026-10-01"}
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return b"data: " + json.dumps({**head, "choices": choices, **more}).encode() + b"\n\n"


def call_delta(index: int, **part: Any) -> dict[str, Any]:
    named = {key: part[key] for key in ("id",) if key in part}
    return {"tool_calls": [{"index": index, **named, "function": {k: v for k, v in part.items() if k != "id"}}]}


STREAM = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "Warm "}),
    chunk({"content": "tëa"}),
    chunk(call_delta(0, id="c1", name="find_order", arguments="")),
    chunk(call_delta(0, arguments='{"id"')),
    chunk(call_delta(1, id="c2", name="find_order", arguments='{"id": 8}')),
    chunk(call_delta(0, arguments=": 7}")),
    chunk({}, "tool_calls"),
    b'data: {"id": "chatcmpl-9", "choices": [], "usage": ' + json.dumps(USAGE).encode() + b"}\n\n",
    b"data: [DONE]\n\n",
]
WHOLE: list[ProviderEvent] = [
    TextDelta("Warm "),
    TextDelta("tëa"),
    ToolCall("c1", "find_order", '{"id": 7}'),
    ToolCall("c2", "find_order", '{"id": 8}'),
    Ended(
        FinishReason.TOOL_CALLS,
        TokenUsage(100, 20, cached_input_tokens=64, reasoning_tokens=8),
        "gpt-6-luna-2026-10-01",
        "chatcmpl-9",
    ),
]


class Server:
    """Answers every request with the given bytes, in the given pieces, and then as it is told."""

    def __init__(self) -> None:
        self.seen: list[Exchange] = []
        self.pieces: list[bytes] = STREAM
        self.whole: bytes | None = None
        self.ends = True
        self.url = ""

    async def handle(self, exchange: Exchange) -> bool:
        self.seen.append(exchange)
        if self.whole is not None:
            await exchange.whole(200, self.whole)
            return True
        exchange.begin("text/event-stream")
        for piece in self.pieces:
            if piece:
                await exchange.chunk(piece)
        if self.ends:
            await exchange.end()
        return self.ends


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    async with listening(server.handle) as port:
        server.url = f"http://127.0.0.1:{port}/v1"
        yield server


async def read(server: Server, prompt: Prompt = PROMPT, stream: bool = True) -> list[ProviderEvent]:
    async with (
        OpenAIProvider(KEY, server.url, 5.0) as provider,
        aclosing(provider.generate(MODEL, prompt, stream)) as events,
    ):
        return [event async for event in events]


async def test_stream_with_parallel_tool_calls_is_put_together(server: Server) -> None:
    assert await read(server) == WHOLE


@pytest.mark.parametrize("size", [1, 3, 7, 64])
async def test_stream_means_the_same_however_it_is_cut_into_pieces(server: Server, size: int) -> None:
    joined = b"".join(STREAM)
    server.pieces = [joined[at : at + size] for at in range(0, len(joined), size)]
    assert await read(server) == WHOLE


async def test_every_prefix_of_a_stream_is_whole_or_a_typed_failure(server: Server) -> None:
    joined = b"".join(STREAM)
    decided = joined.index(b'"finish_reason": "tool_calls"')
    for length in range(0, len(joined), 5):
        server.pieces, server.ends = [joined[:length]], length % 2 == 0
        try:
            events = await read(server)
        except ProviderFailed as failed:
            assert failed.kind is FailureKind.BROKEN
            continue
        assert length > decided
        assert events[:4] == WHOLE[:4]


@given(st.binary(max_size=200))
def test_garbage_is_a_typed_failure(data: bytes) -> None:
    for read_it in (Reading().chunk, Reading().whole):
        try:
            read_it(data)
        except ProviderFailed as failed:
            assert failed.kind in (FailureKind.BROKEN, FailureKind.THROTTLED)


FIELDS = (
    "choices", "delta", "content", "usage", "message", "tool_calls", "function", "error", "finish_reason", "index",
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=12,
)


@given(JSON)
def test_json_of_any_shape_is_a_typed_failure(value: Any) -> None:
    for read_it in (Reading().chunk, Reading().whole):
        try:
            read_it(json.dumps(value).encode())
        except ProviderFailed as failed:
            assert failed.kind in (FailureKind.BROKEN, FailureKind.THROTTLED)


async def test_arguments_that_are_no_object_are_never_passed_on(server: Server) -> None:
    for arguments in ('{"id": 7', "[7]", "seven"):
        server.pieces = [chunk(call_delta(0, id="c1", name="f", arguments=arguments)), chunk({}, "tool_calls")]
        with pytest.raises(ProviderFailed):
            await read(server)


async def test_answer_in_one_piece(server: Server) -> None:
    message = {"role": "assistant", "content": "Warm tea"}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    answer = {"id": "x", "model": "gpt-6-luna", "choices": choices, "usage": USAGE}
    server.whole = json.dumps(answer).encode()
    usage = TokenUsage(100, 20, cached_input_tokens=64, reasoning_tokens=8)
    for stream in (False, True):
        events = await read(server, stream=stream)
        assert events == [TextDelta("Warm tea"), Ended(FinishReason.STOP, usage, "gpt-6-luna", "x")]
    assert server.seen[0].json().get("stream") is None
    server.whole = json.dumps({**answer, "choices": []}).encode()
    with pytest.raises(ProviderFailed):
        await read(server, stream=False)


async def test_wire_says_what_openais_own_client_says(server: Server) -> None:
    """The same call through both: the same path, the same key, the same body."""
    await read(server)
    async with openai.AsyncOpenAI(api_key=KEY, base_url=server.url, max_retries=0) as client:
        schema = {"type": "object", "properties": {"id": {"type": "integer"}}}
        function = {"name": "find_order", "description": "Finds an order.", "parameters": schema, "strict": True}
        call = {"id": "c1", "type": "function", "function": {"name": "find_order", "arguments": '{"id":7}'}}
        picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"}}
        messages: Any = [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": [{"type": "text", "text": "Look"}, picture]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": "sent", "tool_call_id": "c1"},
        ]
        shape: Any = {"name": "mood", "schema": {"type": "object"}, "strict": True}
        tools: Any = [{"type": "function", "function": function}]
        stream: Any = await client.chat.completions.create(
            model="gpt-6-luna", messages=messages, max_tokens=50, temperature=0.5, stop=["END"], seed=3, stream=True,
            stream_options={"include_usage": True}, reasoning_effort="none",
            tools=tools,
            tool_choice={"type": "function", "function": {"name": "find_order"}},
            response_format={"type": "json_schema", "json_schema": shape},
        )  # fmt: skip
        chunks = [one async for one in stream]
    ours, theirs = server.seen
    assert ours.json() == theirs.json()
    assert (ours.method, ours.path) == (theirs.method, theirs.path)
    for header in ("authorization", "content-type"):
        assert ours.headers[header] == theirs.headers[header]
    text = "".join(one.choices[0].delta.content or "" for one in chunks if one.choices)
    assert text == "".join(event.text for event in WHOLE if isinstance(event, TextDelta))
    assert chunks[-1].usage is not None
    assert usage_of(chunks[-1].usage.to_dict()) == TokenUsage(100, 20, cached_input_tokens=64, reasoning_tokens=8)


async def test_connection_is_kept_after_a_whole_stream(server: Server) -> None:
    async with OpenAIProvider(KEY, server.url, 5.0) as provider:
        for _ in range(3):
            async with aclosing(provider.generate(MODEL, PROMPT)) as events:
                assert len([event async for event in events]) == 5
        assert len({exchange.writer.get_extra_info("peername") for exchange in server.seen}) == 1


@pytest.mark.parametrize(("calls_before", "requests"), [(0, 1), (1, 3)])
async def test_call_is_sent_again_only_when_a_kept_connection_was_dead(calls_before: int, requests: int) -> None:
    seen = 0

    async def handle(exchange: Exchange) -> bool:
        nonlocal seen
        seen += 1
        if seen == calls_before + 1:
            return False
        exchange.begin("text/event-stream")
        for piece in STREAM:
            await exchange.chunk(piece)
        await exchange.end()
        return True

    async with listening(handle) as port, OpenAIProvider(KEY, f"http://127.0.0.1:{port}/v1", 5.0) as provider:
        for _ in range(calls_before):
            async with aclosing(provider.generate(MODEL, PROMPT)) as events:
                assert len([event async for event in events]) == 5
        try:
            async with aclosing(provider.generate(MODEL, PROMPT)) as events:
                assert [event async for event in events] == WHOLE
        except ProviderFailed as failed:
            # The server may have begun to answer, and to charge: whether to ask again is not the wire's to say.
            assert (failed.kind, calls_before) == (FailureKind.BROKEN, 0)
    assert seen == requests


NOW = datetime(2026, 11, 26, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0.0),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "Thu, 26 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Thu, 26 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "6m0s"}, 360.0),
        ({"x-ratelimit-reset-requests": "20ms"}, 0.02),
        ({"x-ratelimit-reset-tokens": "1h2m3.5s"}, 3723.5),
    ],
)
def test_wait_is_heard_however_it_is_said(headers: dict[str, str], seconds: float) -> None:
    assert retry_after(headers, NOW) == pytest.approx(seconds)


async def test_key_is_nowhere_to_be_seen(server: Server) -> None:
    async with OpenAIProvider(KEY, server.url, 5.0) as provider:
        assert KEY not in repr(provider) + str(vars(provider).keys())
