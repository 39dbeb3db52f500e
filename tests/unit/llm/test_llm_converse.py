"""Our words to Bedrock's Converse and back."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import pytest

from services.llm.adapters.converse_to_events import ConverseReading, usage_of
from services.llm.adapters.prompt_to_converse import ANSWER_TOOL, converse_request, prefill
from services.llm.domain.errors import ProviderFailed
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
from tests.fakes.llm_models import CHEAP


def events(stream: Sequence[Mapping[str, Any]], reading: ConverseReading | None = None) -> list[ProviderEvent]:
    """Return what a stream of events comes to."""
    reading = reading or ConverseReading()
    found: list[ProviderEvent] = []
    for event in stream:
        for name, said in event.items():
            if text := reading.event(name, said):
                found.append(TextDelta(text))
    return [*found, *reading.end()]


CALL = ToolCall("c1", "find_order", '{"id": 7}')
TALK = [
    Message(Role.SYSTEM, "Be kind."),
    Message(Role.USER, "Where is it?", images=[Image("image/jpeg", b"jpg")]),
    Message(Role.ASSISTANT, "", tool_calls=[CALL]),
    Message(Role.TOOL, "sent", tool_call_id="c1"),
    Message(Role.USER, "Thanks."),
]
FIND = Tool("find_order", "Finds an order.", '{"type":"object"}')


def test_conversation_with_tools_and_pictures_alternates() -> None:
    request = converse_request(CHEAP, Prompt(TALK, tools=[FIND]))
    assert request["messages"] == [
        {
            "role": "user",
            "content": [{"text": "Where is it?"}, {"image": {"format": "jpeg", "source": {"bytes": b"jpg"}}}],
        },
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "c1", "name": "find_order", "input": {"id": 7}}}]},
        {
            "role": "user",
            "content": [{"toolResult": {"toolUseId": "c1", "content": [{"text": "sent"}]}}, {"text": "Thanks."}],
        },
    ]
    spec = {"name": "find_order", "inputSchema": {"json": {"type": "object"}}, "description": "Finds an order."}
    assert request["toolConfig"] == {"tools": [{"toolSpec": spec}]}


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (ToolChoice(ToolChoiceMode.REQUIRED), {"any": {}}),
        (ToolChoice(ToolChoiceMode.NAMED, "find_order"), {"tool": {"name": "find_order"}}),
    ],
)
def test_choice_of_a_tool_is_said(choice: ToolChoice, said: Mapping[str, Any]) -> None:
    assert converse_request(CHEAP, Prompt(TALK, tools=[FIND], tool_choice=choice))["toolConfig"]["toolChoice"] == said


def test_answer_of_a_schema_is_the_call_of_a_tool() -> None:
    shape = ResponseFormat(FormatKind.JSON_SCHEMA, "mood", '{"type":"object","required":["mood"]}')
    config = converse_request(CHEAP, Prompt(TALK[:2], response_format=shape))["toolConfig"]
    assert config["toolChoice"] == {"tool": {"name": ANSWER_TOOL}}
    stream: list[dict[str, Any]] = [
        {"contentBlockStart": {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "t", "name": ANSWER_TOOL}}}},
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"toolUse": {"input": '{"mood":'}}}},
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"toolUse": {"input": '"glad"}'}}}},
        {"messageStop": {"stopReason": "tool_use"}},
        {"metadata": {"usage": {"inputTokens": 5, "outputTokens": 3}}},
    ]
    assert events(stream) == [
        TextDelta('{"mood":'),
        TextDelta('"glad"}'),
        Ended(FinishReason.STOP, TokenUsage(5, 3)),
    ]
    with pytest.raises(ProviderFailed):
        events([*stream[:2], *stream[3:]])


def test_tool_calls_come_whole_after_the_text() -> None:
    use = {"toolUse": {"toolUseId": "c1", "name": "find_order"}}
    stream: list[dict[str, Any]] = [
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Let me look."}}},
        {"contentBlockStart": {"contentBlockIndex": 1, "start": use}},
        {"contentBlockDelta": {"contentBlockIndex": 1, "delta": {"toolUse": {"input": '{"id": '}}}},
        {"contentBlockDelta": {"contentBlockIndex": 1, "delta": {"toolUse": {"input": "7}"}}}},
        {"messageStop": {"stopReason": "tool_use"}},
    ]
    assert events(stream) == [TextDelta("Let me look."), CALL, Ended(FinishReason.TOOL_CALLS, None)]
    with pytest.raises(ProviderFailed):
        events([*stream[:3], stream[4]])
    with pytest.raises(ProviderFailed):
        events(stream[:4])


def test_whole_input_counts_what_the_cache_read_and_wrote() -> None:
    counted = {"inputTokens": 10, "outputTokens": 3, "cacheReadInputTokens": 100, "cacheWriteInputTokens": 50}
    assert usage_of(counted) == TokenUsage(160, 3, cached_input_tokens=100, cache_write_tokens=50)


def test_writes_kept_for_an_hour_are_told_apart() -> None:
    details = [{"ttl": "5m", "inputTokens": 20}, {"ttl": "1h", "inputTokens": 30}]
    counted = {"inputTokens": 10, "outputTokens": 3, "cacheWriteInputTokens": 50, "cacheDetails": details}
    assert usage_of(counted) == TokenUsage(60, 3, cache_write_tokens=20, cache_write_1h_tokens=30)


@pytest.mark.parametrize("counted", ["many", {"inputTokens": "?"}, {"cacheDetails": [3]}, {"cacheDetails": 3}])
def test_count_that_is_none_leaves_the_answer_whole(counted: Any) -> None:
    told: list[dict[str, Any]] = [
        {"contentBlockDelta": {"delta": {"text": "tea"}}},
        {"messageStop": {"stopReason": "end_turn"}},
    ]
    assert events([*told, {"metadata": {"usage": counted}}]) == [TextDelta("tea"), Ended(FinishReason.STOP)]


def test_thinking_and_parts_of_calls_are_signs_of_life() -> None:
    reading = ConverseReading()
    assert reading.event("messageStart", {"role": "assistant"}) is None
    assert reading.event("contentBlockDelta", {"delta": {"reasoningContent": {"text": "hm"}}}) == ""
    use = {"toolUse": {"toolUseId": "c1", "name": "find_order"}}
    assert reading.event("contentBlockStart", {"contentBlockIndex": 1, "start": use}) == ""
    part = {"contentBlockIndex": 1, "delta": {"toolUse": {"input": '{"id"'}}}
    assert reading.event("contentBlockDelta", part) == ""


def test_text_to_go_on_from_ends_without_blanks_and_its_answer_does_not_repeat_them() -> None:
    prompt = Prompt([*TALK[:2], Message(Role.ASSISTANT, "Warm \n")])
    assert converse_request(CHEAP, prompt)["messages"][-1]["content"] == [{"text": "Warm"}]
    assert prefill(prompt)[1] == " \n"
    for said, whole in ((" \n tea", " tea"), ("tea", "tea"), (" tea", "tea"), ("\ntea", "\ntea")):
        deltas = [{"contentBlockDelta": {"delta": {"text": letter}}} for letter in said]
        found = events([*deltas, {"messageStop": {"stopReason": "end_turn"}}], ConverseReading(" \n"))
        assert "".join(event.text for event in found if isinstance(event, TextDelta)) == whole


def test_answer_in_one_piece() -> None:
    content = [{"text": "Let me look."}, {"toolUse": {"toolUseId": "c1", "name": "find_order", "input": {"id": 7}}}]
    answer = {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": "tool_use"}
    whole = ConverseReading().whole(orjson.dumps({**answer, "usage": {"inputTokens": 5, "outputTokens": 3}}))
    called = ToolCall("c1", "find_order", '{"id":7}')
    assert whole == [TextDelta("Let me look."), called, Ended(FinishReason.TOOL_CALLS, TokenUsage(5, 3))]
    for broken in ({}, {"output": {"message": {"content": None}}}, {**answer, "stopReason": "malformed_tool_use"}):
        with pytest.raises(ProviderFailed):
            ConverseReading().whole(orjson.dumps(broken))


def test_schema_beside_tools_is_one_more_tool() -> None:
    shape = ResponseFormat(FormatKind.JSON_OBJECT)
    config = converse_request(CHEAP, Prompt(TALK[:2], tools=[FIND], response_format=shape))["toolConfig"]
    assert [tool["toolSpec"]["name"] for tool in config["tools"]] == ["find_order", ANSWER_TOOL]
    assert config["toolChoice"] == {"any": {}}


def test_conversation_about_tools_always_brings_tools() -> None:
    config = converse_request(CHEAP, Prompt(TALK))["toolConfig"]
    assert [tool["toolSpec"]["name"] for tool in config["tools"]] == ["find_order"]
    none = ToolChoice(ToolChoiceMode.NONE)
    assert "toolConfig" not in converse_request(CHEAP, Prompt(TALK[:2], tools=[FIND], tool_choice=none))
