"""The openai SDK, as anybody would use it, against /v1."""

import openai
import pytest
from openai import OpenAI

from tests.e2e.shop import Shop


@pytest.fixture
def client(shop: Shop) -> OpenAI:
    return OpenAI(base_url=f"{shop.url}/v1", api_key=shop.api_key, max_retries=0, timeout=120)


def test_completes(client: OpenAI) -> None:
    reply = client.chat.completions.create(
        model="auto", messages=[{"role": "user", "content": "Say hello in one short sentence."}], max_tokens=24
    )
    assert reply.choices[0].message.content
    assert reply.usage is not None
    assert 0 < reply.usage.completion_tokens <= 24


def test_streams_piece_by_piece(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model="auto",
        messages=[{"role": "user", "content": "Count from one to ten in words."}],
        max_tokens=40,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert len(pieces) > 3
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 3


def test_embeds_texts_that_mean_the_same_close_together(client: OpenAI) -> None:
    reply = client.embeddings.create(
        model="all-minilm-l6-v2", input=["warm slippers", "cosy house shoes", "a bicycle bell"]
    )
    slippers, shoes, bell = (row.embedding for row in reply.data)

    def alike(left: list[float], right: list[float]) -> float:
        return sum(a * b for a, b in zip(left, right, strict=True))

    assert len(slippers) == 384
    assert alike(slippers, shoes) > alike(slippers, bell) + 0.1


def test_lists_models(client: OpenAI) -> None:
    assert any("smollm2" in model.id.lower() for model in client.models.list())


def test_errors_are_the_sdks_own(shop: Shop, client: OpenAI) -> None:
    with pytest.raises((openai.NotFoundError, openai.BadRequestError)):
        client.chat.completions.create(model="no-such-model", messages=[{"role": "user", "content": "hi"}])
    with pytest.raises((openai.BadRequestError, openai.UnprocessableEntityError)):
        client.chat.completions.create(model="auto", messages=[])
    stranger = OpenAI(base_url=f"{shop.url}/v1", api_key="wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        stranger.models.list()
