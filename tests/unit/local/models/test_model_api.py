"""The model server's HTTP face answers in OpenAI's shapes, whatever it is sent."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import numpy as np
import pytest
from numpy.typing import NDArray

from local.models import encoder, generator
from local.models.app import build_app
from local.models.encoder import Encoder, Vectors
from local.models.generator import Generator
from local.models.packages import ModelPackageMissingError
from local.models.settings import ModelServerSettings
from local.models.shelf import Slot, held

CHAT, EMBED = "/v1/chat/completions", "/v1/embeddings"
QUESTION = {"model": generator.MODEL, "messages": [{"role": "user", "content": "hello"}]}


def engine(request: dict[str, Any], receive: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
    if len(request["messages"][0]["content"]) > 1000:
        return {"error": {"code": 400, "type": "exceed_context_size_error", "message": "too long"}}
    for text in ("Good ", "day"):
        receive({"choices": [{"delta": {"content": text}, "finish_reason": None}]})
    receive({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    receive({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}})
    return None


def forward(ids: NDArray[np.int32], mask: NDArray[np.int32]) -> Vectors:
    return np.eye(len(ids), encoder.WIDTH, dtype=np.float32)


@asynccontextmanager
async def loaded_chat() -> AsyncIterator[Generator]:
    yield Generator(engine, slots=1, waiting=1)


@asynccontextmanager
async def loaded_encoder() -> AsyncIterator[Encoder]:
    yield Encoder(lambda texts: [[1, 2, 3] for _ in texts], forward, waiting=1000)


@asynccontextmanager
async def missing_encoder() -> AsyncIterator[Encoder]:
    raise ModelPackageMissingError("not installed")
    yield


class Client(httpx2.AsyncClient):
    """A client of the application in this process."""

    def __init__(self, chat: Slot[Generator], embeddings: Slot[Encoder]) -> None:
        app = build_app(ModelServerSettings(body_limit=20_000), chat, embeddings)
        super().__init__(transport=httpx2.ASGITransport(app), base_url="http://models")


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    chat, embeddings = Slot(generator.MODEL, loaded_chat), Slot(encoder.MODEL, loaded_encoder)
    async with held([chat, embeddings]), Client(chat, embeddings) as client:
        await asyncio.gather(chat.settled.wait(), embeddings.settled.wait())
        yield client


def events(body: str) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in body.splitlines() if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


async def test_a_whole_answer_has_text_reason_and_usage(client: Client) -> None:
    answer = (await client.post(CHAT, json=QUESTION)).json()
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": "Good day"}
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


async def test_a_stream_carries_the_same_text_and_usage_when_asked(client: Client) -> None:
    asked = {**QUESTION, "stream": True, "stream_options": {"include_usage": True}}
    response = await client.post(CHAT, json=asked)
    assert response.headers["content-type"].startswith("text/event-stream")
    chunks = events(response.text)
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"]) == "Good day"
    assert chunks[-1]["usage"]["total_tokens"] == 5
    assert len({chunk["id"] for chunk in chunks}) == 1


async def test_a_stream_without_the_wish_has_no_usage(client: Client) -> None:
    chunks = events((await client.post(CHAT, json={**QUESTION, "stream": True})).text)
    assert all("usage" not in chunk for chunk in chunks)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_prompt_too_long_is_a_400_even_for_a_stream(client: Client, stream: bool) -> None:
    asked = {**QUESTION, "messages": [{"role": "user", "content": "w" * 2000}], "stream": stream}
    response = await client.post(CHAT, json=asked)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "context_length_exceeded")


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"n": 2}, "n"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
    ],
)
async def test_wrong_chat_requests_name_the_field_at_fault(client: Client, change: dict[str, Any], param: str) -> None:
    response = await client.post(CHAT, json={**QUESTION, **change})
    error = response.json()["error"]
    assert (response.status_code, error["param"], error["type"]) == (400, param, "invalid_request_error")


@pytest.mark.parametrize("texts", ["", [], [""], ["a"] * 257, [1, 2], "x" * 40_000, None])
async def test_embeddings_refuse_what_is_not_a_bounded_list_of_texts(client: Client, texts: Any) -> None:
    response = await client.post(EMBED, json={"model": encoder.MODEL, "input": texts})
    assert response.status_code in (400, 413)


async def test_embeddings_come_as_numbers_or_as_base64_of_the_same(client: Client) -> None:
    asked = {"model": encoder.MODEL, "input": ["a", "b"]}
    plain = (await client.post(EMBED, json=asked)).json()
    packed = (await client.post(EMBED, json={**asked, "encoding_format": "base64"})).json()
    assert plain["usage"] == {"prompt_tokens": 6, "total_tokens": 6}
    for number, encoded in zip(plain["data"], packed["data"], strict=True):
        assert np.frombuffer(base64.b64decode(encoded["embedding"]), "<f4").tolist() == number["embedding"]


async def test_bodies_over_the_limit_are_refused_unread(client: Client) -> None:
    response = await client.post(EMBED, content=b"x" * 20_001)
    assert (response.status_code, response.json()["error"]["code"]) == (413, "request_too_large")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 10_000])
@pytest.mark.parametrize("path", [CHAT, EMBED])
async def test_bodies_that_are_not_requests_are_400(client: Client, path: str, body: bytes) -> None:
    assert (await client.post(path, content=body)).status_code == 400


async def test_unknown_models_and_paths_are_404_in_the_same_shape(client: Client) -> None:
    for response in (
        await client.post(CHAT, json={**QUESTION, "model": "gpt-x"}),
        await client.post(EMBED, json={"model": "gpt-x", "input": "a"}),
        await client.get("/v2/models"),
    ):
        assert response.status_code == 404
        assert set(response.json()["error"]) == {"message", "type", "param", "code"}


async def test_models_that_still_load_ask_to_come_back() -> None:
    chat, embeddings = Slot(generator.MODEL, loaded_chat), Slot(encoder.MODEL, loaded_encoder)
    async with Client(chat, embeddings) as client:
        health = await client.get("/health")
        assert (health.status_code, health.json()["status"]) == (503, "loading")
        response = await client.post(CHAT, json=QUESTION)
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")


async def test_one_model_that_cannot_load_leaves_the_other_working() -> None:
    chat, embeddings = Slot(generator.MODEL, loaded_chat), Slot(encoder.MODEL, missing_encoder)
    async with held([chat, embeddings]), Client(chat, embeddings) as client:
        await asyncio.gather(chat.settled.wait(), embeddings.settled.wait())
        health = await client.get("/health")
        assert (health.status_code, health.json()["status"]) == (200, "degraded")
        assert (await client.post(CHAT, json=QUESTION)).status_code == 200
        refused = await client.post(EMBED, json={"model": encoder.MODEL, "input": "a"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "model_failed")
