"""The models for programs that speak OpenAI's protocol, driven with OpenAI's own library."""

import asyncio
import base64
import struct
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from aisle.llm.v1 import llm_service_pb2 as llm
from services.runtime.errors import Exhausted, Invalid, Unavailable
from tests.unit.bff.conftest import Bff
from tests.unit.bff.fake_shop import FakeShop

HELLO: list[Any] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Returns?"}]


@pytest.fixture
async def sdk(running: Bff) -> AsyncIterator[openai.AsyncOpenAI]:
    base = f"http://127.0.0.1:{running.settings.listen_port}/v1"
    async with openai.AsyncOpenAI(base_url=base, api_key="sk-two", max_retries=0) as client:
        yield client


async def test_library_completes(sdk: openai.AsyncOpenAI, shop: FakeShop) -> None:
    completion = await sdk.chat.completions.create(
        model="auto", messages=HELLO, temperature=0, top_p=0, max_tokens=50, stop=["END"], seed=7
    )
    assert completion.choices[0].message.content == "Returns are free [1]."
    assert completion.choices[0].finish_reason == "length"
    assert completion.model == "tiny"
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens, completion.usage.total_tokens) == (
        7,
        3,
        10,
    )
    assert completion.model_extra is not None
    assert completion.model_extra["aisle"]["degraded"] == ["PREFERRED_PROVIDER"]
    asked = shop.last("GenerateText")
    assert [(m.role, m.text) for m in asked.messages] == [
        (llm.CHAT_ROLE_SYSTEM, "Be brief."),
        (llm.CHAT_ROLE_USER, "Returns?"),
    ]
    assert (asked.model, asked.max_output_tokens, list(asked.stop), asked.seed) == ("models/auto", 50, ["END"], 7)
    assert asked.HasField("temperature") and 0 < asked.top_p < 0.001
    assert shop.callers[-1][1].startswith("key:")


async def test_library_reads_content_in_parts(sdk: openai.AsyncOpenAI, shop: FakeShop) -> None:
    parts: list[Any] = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    await sdk.chat.completions.create(model="tiny", messages=[{"role": "user", "content": parts}])
    assert shop.last("GenerateText").messages[0].text == "one\ntwo"


async def test_library_streams_as_it_is_written(sdk: openai.AsyncOpenAI, shop: FakeShop) -> None:
    shop.gate.clear()
    stream = await sdk.chat.completions.create(
        model="auto", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = []
    async for chunk in stream:
        chunks.append(chunk)
        if chunk.choices and chunk.choices[0].delta.content == "Returns ":
            # Only the first words were written so far, and they are here.
            shop.gate.set()
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "Returns are free [1]."
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["length"]
    assert chunks[-1].usage is not None and chunks[-1].usage.total_tokens == 10
    assert {chunk.model for chunk in chunks} == {"tiny"}
    assert len({chunk.id for chunk in chunks}) == 1


async def test_leaving_a_stream_stops_the_generation(sdk: openai.AsyncOpenAI, shop: FakeShop) -> None:
    shop.gate.clear()
    stream = await sdk.chat.completions.create(model="auto", messages=HELLO, stream=True)
    async for _ in stream:
        break
    await stream.close()
    await asyncio.wait_for(shop.stream_ended.wait(), 3)


async def test_stream_ends_with_done(running: Bff) -> None:
    headers = {"Authorization": "Bearer sk-one"}
    body = {"messages": HELLO, "stream": True}
    answer = await running.client.post("/v1/chat/completions", json=body, headers=headers)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.endswith("data: [DONE]\n\n")
    assert '"usage"' not in answer.text


async def test_library_embeds(sdk: openai.AsyncOpenAI, shop: FakeShop) -> None:
    # The library asks for base64 unless told otherwise, and decodes it.
    packed = await sdk.embeddings.create(model="auto", input=["wool", "sun"])
    plain = await sdk.embeddings.create(model="minilm", input="wool", encoding_format="float")
    assert [item.embedding for item in packed.data] == [[4.0, 0.5, -1.0], [3.0, 0.5, -1.0]]
    assert plain.data[0].embedding == [4.0, 0.5, -1.0]
    assert (packed.model, packed.usage.prompt_tokens) == ("minilm", 2)
    assert shop.last("EmbedTexts").model == "models/minilm"


async def test_base64_is_little_endian_floats(bff: Bff) -> None:
    body = {"input": "wool", "model": "auto", "encoding_format": "base64"}
    answer = await bff.client.post("/v1/embeddings", json=body, headers={"Authorization": "Bearer sk-one"})
    packed = base64.b64decode(answer.json()["data"][0]["embedding"])
    assert struct.unpack("<3f", packed) == (4.0, 0.5, -1.0)


async def test_many_texts_are_embedded_by_one_model(sdk: openai.AsyncOpenAI, shop: FakeShop) -> None:
    reply = await sdk.embeddings.create(model="auto", input=[f"text {n}" for n in range(600)])
    assert [item.index for item in reply.data] == list(range(600))
    asked = [request.model for method, request in shop.asked if method == "EmbedTexts"]
    assert asked == ["", "models/minilm", "models/minilm"]


async def test_library_lists_models(sdk: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in await sdk.models.list()] == ["auto", "tiny", "minilm"]
    assert (await sdk.models.retrieve("tiny")).owned_by == "local"
    with pytest.raises(openai.NotFoundError):
        await sdk.models.retrieve("nothing")


async def test_library_knows_our_errors(sdk: openai.AsyncOpenAI, shop: FakeShop) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        await sdk.chat.completions.create(model="nothing", messages=HELLO)
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as bad:
        await sdk.chat.completions.create(model="auto", messages=HELLO, temperature=9)
    assert (bad.value.param, bad.value.type) == ("temperature", "invalid_request_error")
    for failure, kind, code in (
        (Exhausted("TOKEN_BUDGET_SPENT", "Spent.", 7), openai.RateLimitError, "token_budget_spent"),
        (Unavailable("PROVIDER_UNAVAILABLE", "Gone."), openai.InternalServerError, "provider_unavailable"),
        (Invalid("CONTEXT_TOO_LONG", "Too long."), openai.BadRequestError, "context_length_exceeded"),
        (RuntimeError("hunter2"), openai.InternalServerError, "internal"),
    ):
        shop.failures["GenerateText"] = failure
        for stream in (False, True):
            with pytest.raises(kind) as caught:
                await sdk.chat.completions.create(model="auto", messages=HELLO, stream=stream)
            assert caught.value.code == code
            assert "hunter2" not in str(caught.value)


async def test_error_in_the_middle_of_a_stream_is_raised_by_the_library(
    sdk: openai.AsyncOpenAI, shop: FakeShop
) -> None:
    shop.failures["mid-stream"] = Unavailable("PROVIDER_UNAVAILABLE", "Gone.")
    stream = await sdk.chat.completions.create(model="auto", messages=HELLO, stream=True)
    with pytest.raises(openai.APIError, match="Gone"):
        async for _ in stream:
            pass


async def test_wrong_key_is_refused(running: Bff) -> None:
    base = f"http://127.0.0.1:{running.settings.listen_port}/v1"
    async with openai.AsyncOpenAI(base_url=base, api_key="sk-three", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError) as refused:
            await client.models.list()
    assert refused.value.code == "invalid_api_key"


async def test_staff_needs_no_key_and_shoppers_have_none(bff: Bff) -> None:
    assert (await bff.client.get("/v1/models", headers=await bff.signed_in("admin"))).status_code == 200
    assert (await bff.client.get("/v1/models", headers=await bff.signed_in("maya"))).status_code == 403
    nobody = await bff.client.get("/v1/models")
    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": HELLO, "n": 2}, "n"),
        ({"messages": HELLO, "tools": [{"type": "function"}]}, "tools"),
        ({"messages": HELLO, "response_format": {"type": "json_object"}}, "response_format"),
        ({"messages": HELLO, "stop": ["a"] * 5}, "stop"),
        ({"messages": HELLO, "model": "../secret"}, "model"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, None),
    ],
)
async def test_what_is_not_served_is_refused_and_named(bff: Bff, body: Any, param: str | None) -> None:
    answer = await bff.client.post("/v1/chat/completions", json=body, headers={"Authorization": "Bearer sk-one"})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    if param:
        assert error["param"] == param


@pytest.mark.parametrize(
    "body",
    [{"input": ""}, {"input": []}, {"input": [1, 2]}, {"input": ["a", ""]}, {"input": "a", "dimensions": 7}, {}],
)
async def test_embeddings_of_nonsense_are_refused(bff: Bff, body: Any) -> None:
    answer = await bff.client.post("/v1/embeddings", json=body, headers={"Authorization": "Bearer sk-one"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


async def test_errors_of_the_router_have_the_same_shape(bff: Bff) -> None:
    headers = {"Authorization": "Bearer sk-one"}
    for answer in (
        await bff.client.get("/v1/unheard-of", headers=headers),
        await bff.client.get("/v1/embeddings", headers=headers),
        await bff.client.post("/v1/embeddings", content=b"{", headers={**headers, "Content-Type": "application/json"}),
        await bff.client.post("/v1/embeddings", content=b"{}", headers={**headers, "Content-Type": "text/plain"}),
    ):
        assert 400 <= answer.status_code < 500
        assert answer.json()["error"]["message"]


async def test_larger_bodies_are_taken_than_elsewhere(bff: Bff) -> None:
    headers = {"Authorization": "Bearer sk-one"}
    fits = await bff.client.post("/v1/embeddings", json={"input": ["x" * 90_000] * 20}, headers=headers)
    assert fits.status_code == 200
    refused = await bff.client.post("/v1/embeddings", json={"input": ["x" * 90_000] * 50}, headers=headers)
    assert (refused.status_code, refused.json()["error"]["type"]) == (413, "invalid_request_error")
