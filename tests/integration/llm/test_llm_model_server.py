"""The llm service and its OpenAI adapter before the real model server."""

import math
from contextlib import aclosing

import pytest

from aisle.llm.v1 import llm_service_pb2 as pb
from aisle.llm.v1 import model_pb2
from services.llm.adapters.local_provider import LocalProvider
from services.llm.adapters.openai_provider import OpenAIProvider
from services.llm.adapters.yaml_models import PACKAGED, read
from services.llm.domain.errors import PromptTooLong
from services.llm.domain.generation import Ended, Message, Prompt, Role, TextDelta
from services.llm.domain.model import Model
from services.runtime.errors import Precondition
from tests.integration.llm.conftest import Serve

pytestmark = pytest.mark.servers
PROMPT = Prompt([Message(Role.USER, "Say hello to a customer.")], max_output_tokens=24, temperature=0.0, seed=-7)
Adapter = LocalProvider | OpenAIProvider


def model(name: str) -> Model:
    found = read(PACKAGED).find(name)
    assert found is not None
    return found


def adapter(kind: str, url: str) -> Adapter:
    return LocalProvider(url, 60) if kind == "local" else OpenAIProvider("", url, 60)


@pytest.mark.parametrize("kind", ["local", "openai"])
async def test_real_stream_comes_in_pieces_and_is_counted(kind: str, model_server: str) -> None:
    # The server wants seeds of 32 bits without a sign, which the local adapter sees to.
    prompt = PROMPT if kind == "local" else Prompt(PROMPT.messages, 24, 0.0, seed=7)
    async with (
        adapter(kind, model_server) as provider,
        aclosing(provider.generate(model("models/smollm2-135m-instruct"), prompt)) as events,
    ):
        *deltas, end = [event async for event in events]
    assert len([delta for delta in deltas if isinstance(delta, TextDelta)]) > 3
    assert isinstance(end, Ended)
    assert end.usage is not None
    assert end.usage.input_tokens > 5
    assert 3 < end.usage.output_tokens <= 24


@pytest.mark.parametrize("kind", ["local", "openai"])
async def test_real_vectors_are_close_when_meanings_are(kind: str, model_server: str) -> None:
    async with adapter(kind, model_server) as provider:
        found = await provider.embed(model("models/all-minilm-l6-v2"), ["a warm coat", "winter jacket", "teapot"], True)
    coat, jacket, teapot = found.vectors
    assert sum(map(float.__mul__, coat, jacket)) > sum(map(float.__mul__, coat, teapot)) + 0.2
    assert math.isclose(math.hypot(*coat), 1.0, rel_tol=1e-3)


@pytest.mark.parametrize("kind", ["local", "openai"])
async def test_real_server_lists_the_ids_of_the_table(kind: str, model_server: str) -> None:
    async with adapter(kind, model_server) as provider:
        assert await provider.offered() == frozenset({"smollm2-135m-instruct", "all-minilm-l6-v2"})


@pytest.mark.parametrize("kind", ["local", "openai"])
async def test_real_server_says_when_a_prompt_is_too_long(kind: str, model_server: str) -> None:
    # Digits are a token each: an estimate by bytes does not see it coming.
    prompt = Prompt([Message(Role.USER, "1 2 3 4 5 6 7 8 9 " * 1_000)], 8)
    async with adapter(kind, model_server) as provider:
        with pytest.raises(PromptTooLong):
            async with aclosing(provider.generate(model("models/smollm2-135m-instruct"), prompt)) as events:
                assert [event async for event in events]


async def test_service_generates_and_embeds_without_a_key(serve: Serve, model_server: str) -> None:
    message = pb.ChatMessage(role=pb.CHAT_ROLE_USER, text="Name one colour.")
    async with serve(local_url=model_server) as stub:
        request = pb.GenerateTextRequest(messages=[message], max_output_tokens=16)
        async with aclosing(stub.GenerateText(request)) as stream:
            started, *deltas, finished = [reply async for reply in stream]
        assert started.started.model == "models/smollm2-135m-instruct"
        assert "".join(reply.text_delta for reply in deltas).strip()
        assert finished.finished.usage.output_tokens > 0
        made = await stub.EmbedTexts(pb.EmbedTextsRequest(texts=["tea", " "]))
        assert [len(embedding.values) for embedding in made.embeddings] == [384, 384]
        with pytest.raises(Precondition):
            standard = model_pb2.QUALITY_TIER_STANDARD
            async with aclosing(
                stub.GenerateText(pb.GenerateTextRequest(messages=[message], min_quality=standard))
            ) as s:
                assert [reply async for reply in s]
