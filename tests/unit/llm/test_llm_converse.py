"""Our words to Bedrock's Converse and back."""

from collections.abc import Mapping
from typing import Any

import pytest

from services.llm.adapters.prompt_to_converse import ANSWER_TOOL, converse_request, events, usage_of
from services.llm.domain.errors import ProviderFailed
from services.llm.domain.generation import (
    Ended,
    FinishReason,
    FormatKind,
    Image,
    Message,
    Prompt,
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
    assert list(events(stream)) == [TextDelta('{"mood":"glad"}'), Ended(FinishReason.STOP, TokenUsage(5, 3))]


def test_tool_calls_come_whole_after_the_text() -> None:
    use = {"toolUse": {"toolUseId": "c1", "name": "find_order"}}
    stream: list[dict[str, Any]] = [
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Let me look."}}},
        {"contentBlockStart": {"contentBlockIndex": 1, "start": use}},
        {"contentBlockDelta": {"contentBlockIndex": 1, "delta": {"toolUse": {"input": '{"id": '}}}},
        {"contentBlockDelta": {"contentBlockIndex": 1, "delta": {"toolUse": {"input": "7}"}}}},
        {"messageStop": {"stopReason": "tool_use"}},
    ]
    assert list(events(stream)) == [TextDelta("Let me look."), CALL, Ended(FinishReason.TOOL_CALLS, None)]
    with pytest.raises(ProviderFailed):
        list(events([*stream[:3], stream[4]]))
    with pytest.raises(ProviderFailed):
        list(events(stream[:4]))


def test_whole_input_counts_what_the_cache_read_and_wrote() -> None:
    counted = {"inputTokens": 10, "outputTokens": 3, "cacheReadInputTokens": 100, "cacheWriteInputTokens": 50}
    assert usage_of(counted) == TokenUsage(160, 3, cached_input_tokens=100, cache_write_tokens=50)
