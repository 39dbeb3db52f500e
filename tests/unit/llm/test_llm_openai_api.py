"""The models for programs that speak OpenAI's protocol, driven with OpenAI's own library over a real socket."""

import asyncio
import base64
import json
import struct
from typing import Any

import httpx2
import openai
import pytest

from services.llm.domain.errors import FailureKind, PromptTooLong, ProviderFailed
from services.llm.domain.generation import Ended, FinishReason, TextDelta, ToolCall
from services.llm.servicer.openai_api.streaming import EventStream, while_there
from services.runtime.errors import DeadlineExceeded
from tests.unit.llm.conftest import HELLO, USAGE, House


async def test_library_completes(sdk: openai.AsyncOpenAI, house: House) -> None:
    completion = await sdk.chat.completions.create(
        model="auto", messages=HELLO, temperature=0, top_p=0, max_tokens=50, stop=["END"], seed=7, user="anna"
    )
    assert completion.choices[0].message.content == "Returns are free [1]."
    assert (completion.choices[0].finish_reason, completion.model) == ("length", "tiny")
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens, completion.usage.total_tokens) == (
        7,
        3,
        10,
    )
    assert completion.usage.prompt_tokens_details is not None
    assert completion.usage.prompt_tokens_details.cached_tokens == 4
    assert completion.model_extra is not None
    assert completion.model_extra["aisle"]["provider"] == "local"
    prompt = house.provider.prompts[-1]
    assert [(turn.role.value, turn.text) for turn in prompt.messages] == [("system", "Be brief."), ("user", "Returns?")]
    assert (prompt.max_output_tokens, prompt.stop, prompt.seed, prompt.temperature) == (50, ("END",), 7, 0.0)
    assert prompt.top_p is not None and 0 < prompt.top_p < 0.001
    record = house.ledger.records[-1]
    assert record.api_key.startswith("apiKeys/settings-")
    assert (record.user, record.use_case) == (f"{record.api_key}/anna", "free")


async def test_library_reads_content_in_parts_and_pictures(sdk: openai.AsyncOpenAI, house: House) -> None:
    picture = "data:image/png;base64," + base64.b64encode(b"png").decode()
    parts: list[Any] = [
        {"type": "text", "text": "one"},
        {"type": "text", "text": "two"},
        {"type": "image_url", "image_url": {"url": picture}},
    ]
    await sdk.chat.completions.create(model="tiny", messages=[{"role": "user", "content": parts}])
    turn = house.provider.prompts[-1].messages[0]
    assert (turn.text, turn.images[0].media_type, turn.images[0].data) == ("one\ntwo", "image/png", b"png")


async def test_library_streams_as_it_is_written(sdk: openai.AsyncOpenAI, house: House) -> None:
    house.provider.gate.clear()
    stream = await sdk.chat.completions.create(
        model="auto", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = []
    async for chunk in stream:
        chunks.append(chunk)
        if chunk.choices and chunk.choices[0].delta.content == "Returns ":
            # Only the first words were written so far, and they are here.
            house.provider.gate.set()
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "Returns are free [1]."
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["length"]
    assert chunks[-1].usage is not None and chunks[-1].usage.total_tokens == 10
    assert {chunk.model for chunk in chunks} == {"tiny"}
    assert len({chunk.id for chunk in chunks}) == 1


async def test_words_with_quotes_and_signs_come_through_a_stream(sdk: openai.AsyncOpenAI, house: House) -> None:
    said = ['"quoted" ', "new\nline\u0001 ", "ünïcode 🧦"]
    house.provider.says = (*map(TextDelta, said), Ended(FinishReason.STOP, USAGE))
    stream = await sdk.chat.completions.create(model="auto", messages=HELLO, stream=True)
    heard = [chunk.choices[0].delta.content async for chunk in stream if chunk.choices[0].delta.content]
    assert heard == said


async def test_leaving_a_stream_stops_the_generation_and_is_accounted_for(
    sdk: openai.AsyncOpenAI, house: House
) -> None:
    house.provider.gate.clear()
    stream = await sdk.chat.completions.create(model="auto", messages=HELLO, stream=True)
    async for chunk in stream:
        if chunk.choices[0].delta.content:
            break
    await stream.close()
    await asyncio.wait_for(house.provider.left.wait(), 3)
    await asyncio.sleep(0.05)
    assert house.ledger.records[0].outcome == "left"
    assert len(house.budgets.settled) == 1


async def test_leaving_a_whole_answer_stops_the_generation(house: House) -> None:
    house.provider.gate.clear()
    with pytest.raises(httpx2.ReadTimeout):
        await house.client.post("/v1/chat/completions", json={"messages": HELLO}, timeout=0.3)
    await asyncio.wait_for(house.provider.left.wait(), 3)
    await asyncio.sleep(0.05)
    assert house.ledger.records[0].outcome == "left"


async def test_work_that_takes_too_long_is_stopped() -> None:
    stopped = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async def receive() -> Any:
        await asyncio.Event().wait()

    with pytest.raises(DeadlineExceeded):
        await while_there(receive, work(), 0.01)
    assert stopped.is_set()


async def test_silence_is_filled_with_comments_that_clients_pass_over() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def start() -> None:
        sent.append("start")

    stream = EventStream(send, start)
    await stream.keep_warm()
    assert sent == []
    stream.said_at -= 60
    await stream.keep_warm()
    assert [sent[0], sent[1]["body"][:1], sent[1]["more_body"]] == ["start", b":", True]


async def test_bug_in_the_middle_of_a_stream_is_told_by_a_fixed_text(
    sdk: openai.AsyncOpenAI, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.provider.cut_by = RuntimeError("hunter2")
    stream = await sdk.chat.completions.create(model="auto", messages=HELLO, stream=True)
    with pytest.raises(openai.APIError, match="failed on our side") as bug:
        async for _ in stream:
            pass
    assert "hunter2" not in str(bug.value)


async def test_log_line_of_a_request_names_the_key_and_the_problem_but_no_secret(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "aisle.http")
    house.provider.cut_by = ProviderFailed(FailureKind.THROTTLED)
    await house.client.post("/v1/chat/completions", json={"messages": HELLO, "stream": True})
    line = vars(caplog.records[-1])["data"]
    assert (line["status"], line["problem"]) == (200, "provider_unavailable")
    assert line["caller"].startswith("apiKeys/settings-") and "sk-one" not in str(line)


async def test_leaving_process_says_so_and_keeps_no_connection(house: House) -> None:
    kept = await house.client.get("/v1/models")
    house.api.leave()
    leaving = await house.client.get("/v1/models")
    assert ("connection" in kept.headers, leaving.headers["connection"]) == (False, "close")
    assert (await house.client.get("/healthz")).status_code == 503


async def test_one_call_at_a_time_where_that_is_asked_for(sdk: openai.AsyncOpenAI, house: House) -> None:
    calls = [ToolCall(f"call_{n}", "find_order", "{}") for n in (1, 2)]
    house.provider.says = (*calls, Ended(FinishReason.TOOL_CALLS, USAGE))
    tools: list[Any] = [{"type": "function", "function": {"name": "find_order"}}]
    for parallel, expected in ((True, ["call_1", "call_2"]), (False, ["call_1"])):
        asked: Any = {"model": "auto", "messages": HELLO, "tools": tools, "parallel_tool_calls": parallel}
        whole = await sdk.chat.completions.create(**asked)
        assert [call.id for call in whole.choices[0].message.tool_calls or ()] == expected
        stream = await sdk.chat.completions.create(**asked, stream=True)
        deltas = [chunk.choices[0].delta async for chunk in stream]
        assert [one.id for delta in deltas for one in delta.tool_calls or ()] == expected


async def test_last_words_of_a_stream_tell_how_it_was_answered(sdk: openai.AsyncOpenAI) -> None:
    stream = await sdk.chat.completions.create(model="auto", messages=HELLO, stream=True)
    *_, last = [chunk async for chunk in stream]
    assert last.choices[0].finish_reason == "length"
    assert last.system_fingerprint and last.system_fingerprint.startswith("fp_")
    assert last.model_extra is not None
    assert (last.model_extra["aisle"]["provider"], last.model_extra["aisle"]["attempts"]) == ("local", 1)


async def test_schema_that_is_too_deep_to_write_is_refused(house: House) -> None:
    schema: dict[str, Any] = {}
    for _ in range(400):
        schema = {"properties": schema}
    shape = {"type": "json_schema", "json_schema": {"name": "deep", "schema": schema}}
    tool = {"type": "function", "function": {"name": "deep", "parameters": schema}}
    for body, param in (
        ({"response_format": shape}, "response_format.json_schema.schema"),
        ({"tools": [tool]}, "tools.0.function.parameters"),
    ):
        answer = await house.client.post(
            "/v1/chat/completions",
            content=json.dumps({"messages": HELLO, **body}),
            headers={"Content-Type": "application/json"},
        )
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_stream_ends_with_done(house: House) -> None:
    answer = await house.client.post("/v1/chat/completions", json={"messages": HELLO, "stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.endswith("data: [DONE]\n\n")
    assert '"usage"' not in answer.text


async def test_tools_are_asked_for_and_answered(sdk: openai.AsyncOpenAI, house: House) -> None:
    call = ToolCall("call_1", "find_order", '{"id": 7}')
    house.provider.says = (call, Ended(FinishReason.TOOL_CALLS, USAGE))
    tools: list[Any] = [
        {"type": "function", "function": {"name": "find_order", "parameters": {"type": "object", "properties": {}}}}
    ]
    completion = await sdk.chat.completions.create(model="auto", messages=HELLO, tools=tools, tool_choice="required")
    message = completion.choices[0].message
    assert message.tool_calls is not None
    assert (message.content, message.tool_calls[0].to_dict()["function"]) == (
        None,
        {"name": "find_order", "arguments": '{"id": 7}'},
    )
    stream = await sdk.chat.completions.create(model="auto", messages=HELLO, tools=tools, stream=True)
    deltas = [chunk.choices[0].delta async for chunk in stream]
    asked = [one for delta in deltas for one in delta.tool_calls or ()]
    assert [(one.index, one.id, one.function and one.function.arguments) for one in asked] == [
        (0, "call_1", '{"id": 7}')
    ]
    house.provider.says = (TextDelta("Sent."), Ended(FinishReason.STOP, USAGE))
    turns: list[Any] = [*HELLO, message.to_dict(), {"role": "tool", "tool_call_id": "call_1", "content": "sent"}]
    again = await sdk.chat.completions.create(model="auto", messages=turns, tools=tools)
    assert again.choices[0].message.content == "Sent."
    assert [turn.role.value for turn in house.provider.prompts[-1].messages] == ["system", "user", "assistant", "tool"]


async def test_answer_of_a_schema_is_checked_and_never_half(sdk: openai.AsyncOpenAI, house: House) -> None:
    shape: Any = {
        "type": "json_schema",
        "json_schema": {"name": "mood", "schema": {"type": "object", "required": ["mood"]}, "strict": True},
    }
    house.provider.says = (TextDelta('{"mood":'), TextDelta(' "glad"}'), Ended(FinishReason.STOP, USAGE))
    good = await sdk.chat.completions.create(model="auto", messages=HELLO, response_format=shape)
    assert json.loads(good.choices[0].message.content or "") == {"mood": "glad"}
    house.provider.says = (TextDelta('{"tone": 1}'), Ended(FinishReason.STOP, USAGE))
    with pytest.raises(openai.InternalServerError) as bad:
        await sdk.chat.completions.create(model="auto", messages=HELLO, response_format=shape)
    assert bad.value.code == "answer_invalid"


async def test_library_embeds(sdk: openai.AsyncOpenAI) -> None:
    # The library asks for base64 unless told otherwise, and decodes it.
    packed = await sdk.embeddings.create(model="auto", input=["wool", "sun"])
    plain = await sdk.embeddings.create(model="vectors", input="wool", encoding_format="float")
    assert [item.embedding for item in packed.data] == [[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    assert (plain.data[0].embedding, packed.model) == ([1.0, 0.0, 0.0], "vectors")
    assert packed.usage.prompt_tokens == 2
    assert len((await sdk.embeddings.create(model="auto", input=[f"text {n}" for n in range(600)])).data) == 600


async def test_base64_is_little_endian_floats(house: House) -> None:
    body = {"input": "wool", "model": "auto", "encoding_format": "base64"}
    answer = await house.client.post("/v1/embeddings", json=body)
    assert struct.unpack("<3f", base64.b64decode(answer.json()["data"][0]["embedding"])) == (1.0, 0.0, 0.0)


async def test_library_lists_models(sdk: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in await sdk.models.list()] == ["auto", "tiny", "vectors"]
    assert (await sdk.models.retrieve("tiny")).owned_by == "local"
    with pytest.raises(openai.NotFoundError):
        await sdk.models.retrieve("nothing")


@pytest.mark.parametrize("stream", [False, True])
async def test_library_knows_our_errors(sdk: openai.AsyncOpenAI, house: House, stream: bool) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        await sdk.chat.completions.create(model="nothing", messages=HELLO, stream=stream)
    assert unknown.value.code == "model_not_found"
    house.provider.failure = PromptTooLong()
    with pytest.raises(openai.BadRequestError) as too_long:
        await sdk.chat.completions.create(model="auto", messages=HELLO, stream=stream)
    assert too_long.value.code == "context_length_exceeded"
    house.provider.failure = ProviderFailed(FailureKind.THROTTLED, 7.0)
    with pytest.raises(openai.InternalServerError) as away:
        await sdk.chat.completions.create(model="auto", messages=HELLO, stream=stream)
    assert (away.value.code, away.value.response.headers["retry-after"]) == ("provider_unavailable", "7")


async def test_spent_budget_is_a_rate_limit(sdk: openai.AsyncOpenAI, house: House) -> None:
    house.budgets.left = -1
    with pytest.raises(openai.RateLimitError) as spent:
        await sdk.chat.completions.create(model="auto", messages=HELLO)
    assert (spent.value.code, spent.value.response.headers["retry-after"]) == ("insufficient_quota", "30")
    assert house.provider.prompts == []


async def test_bug_is_answered_by_a_fixed_text(sdk: openai.AsyncOpenAI, house: House) -> None:
    house.provider.failure = RuntimeError("hunter2")
    with pytest.raises(openai.InternalServerError) as bug:
        await sdk.chat.completions.create(model="auto", messages=HELLO)
    assert (bug.value.code, "hunter2" in str(bug.value)) == ("internal", False)


async def test_error_in_the_middle_of_a_stream_is_raised_by_the_library(sdk: openai.AsyncOpenAI, house: House) -> None:
    house.provider.cut_by = ProviderFailed(FailureKind.THROTTLED)
    stream = await sdk.chat.completions.create(model="auto", messages=HELLO, stream=True)
    with pytest.raises(openai.APIError, match="stopped in the middle"):
        async for _ in stream:
            pass


async def test_wrong_key_is_refused(house: House) -> None:
    async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key="sk-three", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError) as refused:
            await client.models.list()
    assert refused.value.code == "invalid_api_key"
    nobody = await httpx2.AsyncClient(trust_env=False).get(f"{house.url}/v1/models")
    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, "Bearer")
