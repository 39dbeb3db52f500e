"""Answers to similar questions through the whole service: gRPC, the real encoder, Redis and Milvus."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
import redis.asyncio as redis
from pydantic import SecretStr

from aisle.llm.v1 import llm_service_pb2 as pb
from tests.fakes.llm_openai_server import OpenAIServer, openai_server
from tests.integration.llm.conftest import Serve

pytestmark = pytest.mark.servers
FIRST, SAME, OTHER = (
    "Standard shipping price?",
    "What do you charge for normal shipping?",
    "How much is express delivery?",
)


@dataclass
class House:
    """The service, and the provider that is paid for each answer."""

    stub: Any
    server: OpenAIServer

    async def ask(self, text: str, **fields: Any) -> pb.GenerationFinished:
        request = pb.GenerateTextRequest(
            messages=[pb.ChatMessage(role=pb.CHAT_ROLE_USER, text=text)],
            **{
                "use_case": pb.USE_CASE_CHAT_SUPPORT,
                "cache_use": pb.CACHE_USE_SIMILAR,
                "tenant": "tenants/shop",
                **fields,
            },
        )
        async with aclosing(self.stub.GenerateText(request)) as stream:
            replies = [reply async for reply in stream]
        assert "".join(reply.text_delta for reply in replies) == "Warm tea"
        finished: pb.GenerationFinished = replies[-1].finished
        return finished

    async def known(self, **fields: Any) -> str:
        """Ask a question, and return the tenant whose similar question it answers: the store opens a moment later."""
        async with asyncio.timeout(60):
            for number in count():
                tenant = f"tenants/t{number}"
                assert (await self.ask(FIRST, tenant=tenant, **fields)).cache_outcome == pb.CACHE_OUTCOME_MISS
                await asyncio.sleep(0.2)
                if (await self.ask(SAME, tenant=tenant, **fields)).cache_outcome == pb.CACHE_OUTCOME_SIMILAR:
                    return tenant
        raise AssertionError

    @property
    def paid(self) -> int:
        return sum(request.path.endswith("/chat/completions") for request in self.server.requests)


@pytest.fixture
async def given(redis_url: str, model_server: str) -> AsyncIterator[tuple[OpenAIServer, dict[str, Any]]]:
    async with redis.Redis.from_url(redis_url) as client:
        await client.flushdb()
    async with openai_server() as server:
        server.models = ["gpt-6-luna", "gpt-6.1-terra", "gpt-6.1-sol", "text-embedding-3-small"]
        yield (
            server,
            {
                "local_url": model_server,
                "openai_api_key": SecretStr("sk-1"),
                "openai_base_url": server.url,
                "redis_url": SecretStr(redis_url),
            },
        )


async def test_similar_question_is_answered_for_nothing_until_it_is_purged(
    serve: Serve, given: tuple[OpenAIServer, dict[str, Any]], milvus_uri: str
) -> None:
    server, settings = given
    async with serve(**settings, milvus_uri=milvus_uri) as stub:
        house = House(stub, server)
        tenant = await house.known(cache_tags=["articles/shipping"])
        mine = {"tenant": tenant, "cache_tags": ["articles/shipping"]}
        paid = house.paid
        found = await house.ask(SAME, **mine)
        assert (found.cache_outcome, found.cost_micros, house.paid) == (pb.CACHE_OUTCOME_SIMILAR, 0, paid)
        strangers: list[dict[str, Any]] = [
            {"text": OTHER, **mine},
            {"text": SAME, **mine, "tenant": "tenants/stranger"},
            {"text": SAME, **mine, "use_case": pb.USE_CASE_FREE, "min_quality": 2},
            {"text": SAME, **mine, "prompt_version": "2"},
            {"text": SAME, **mine, "privacy": pb.PROMPT_PRIVACY_PERSONAL, "user": "u1"},
            {"text": SAME, **mine, "cache_use": pb.CACHE_USE_EXACT},
        ]
        for stranger in strangers:
            assert (await house.ask(**stranger)).cache_outcome == pb.CACHE_OUTCOME_MISS, stranger
        # Those who wanted the same question only left an answer of their own: it is purged with the rest.
        purged = await stub.PurgeAnswers(pb.PurgeAnswersRequest(tags=["articles/shipping"]))
        assert purged.purged_count >= 2
        assert (await house.ask(SAME, **mine)).cache_outcome == pb.CACHE_OUTCOME_MISS


async def test_while_milvus_is_away_models_answer_and_the_same_questions_are_known(
    serve: Serve, given: tuple[OpenAIServer, dict[str, Any]]
) -> None:
    server, settings = given
    async with serve(**settings, milvus_uri="http://127.0.0.1:1") as stub:
        house = House(stub, server)
        outcomes = [(await house.ask(text)).cache_outcome for text in (FIRST, SAME, FIRST)]
        assert outcomes == [pb.CACHE_OUTCOME_MISS, pb.CACHE_OUTCOME_MISS, pb.CACHE_OUTCOME_EXACT]
        assert (await stub.PurgeAnswers(pb.PurgeAnswersRequest(tags=["articles/shipping"]))).purged_count == 0
