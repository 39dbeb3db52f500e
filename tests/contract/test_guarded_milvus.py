"""Each service that keeps vectors is let in by a Milvus that asks for a token, and by none with a wrong one."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from uuid import uuid4

import pytest
from pydantic import SecretStr

from services.chat.adapters.milvus_passages import MilvusPassages
from services.chat.domain.article import Passage
from services.chat.domain.retrieval import Stored
from services.chat.settings import ChatSettings
from services.llm.adapters.milvus_similar_questions import MilvusSimilarQuestions
from services.llm.domain.answer_cache import Question
from services.llm.settings import LlmSettings
from services.product.adapters.milvus_search_index import MilvusSearchIndex
from services.product.settings import ProductSettings
from services.recommendation.__main__ import vectors_of
from services.recommendation.adapters.milvus_similar_items import MilvusSimilarItems
from services.recommendation.settings import RecommendationSettings
from services.runtime.errors import Unavailable
from services.runtime.settings import RuntimeSettings
from tests.fakes.guarded_milvus import guarded

pytestmark = pytest.mark.servers

TOKEN = "root:of-this-test"


@pytest.fixture
async def items(milvus_uri: str) -> str:
    """Return the name of a collection that the product service has made."""
    name = f"items_{uuid4().hex[:8]}"
    index = MilvusSearchIndex(milvus_uri, "", name, 3, "FLAT")
    assert await index.ensure()
    await index.close()
    return name


async def product(uri: str, token: str, _: str) -> None:
    index = MilvusSearchIndex(uri, token, f"items_{uuid4().hex[:8]}", 3, "FLAT")
    try:
        assert await index.ensure()
        assert await index.size() == 0
    finally:
        await index.close()


async def chat(uri: str, token: str, _: str) -> None:
    index = MilvusPassages(uri, f"passages_{uuid4().hex[:8]}", token)
    try:
        await index.replace(
            ["wool"], [Stored(Passage("wool.0", "wool", "Wool", "", "Wash cool."), "m", (1.0, 0.0, 0.0))]
        )
    finally:
        await index.close()


async def llm(uri: str, token: str, _: str) -> None:
    known = MilvusSimilarQuestions(uri, "models/vectors", 3, f"q{uuid4().hex[:8]}", token)
    async with asyncio.TaskGroup() as tasks:
        job = tasks.create_task(known.run())
        try:
            await known.nearest(Question("e", "scope", "Any wool?", 60.0, (), "tenants/shop"), (1.0, 0.0, 0.0), 5)
            with suppress(TimeoutError):
                await asyncio.wait_for(known.opened.wait(), 10)
        finally:
            opened = known.opened.is_set()
            job.cancel()
            await known.close()
    if not opened:
        raise Unavailable("SEARCH_INDEX_UNAVAILABLE", "It was not opened.")


async def recommendation(uri: str, token: str, items: str) -> None:
    settings = RecommendationSettings(
        listen_port=1,
        token_key=SecretStr("k" * 32),
        database_url=SecretStr(""),
        redis_url=SecretStr(""),
        milvus_uri=uri,
        milvus_token=SecretStr(token),
    )
    async with AsyncExitStack() as stack:
        assert await MilvusSimilarItems(vectors_of(settings, stack), items).alike(["products/a"], 3) == {}


User = Callable[[str, str, str], Awaitable[None]]
USERS = (product, chat, llm, recommendation)


@pytest.mark.parametrize("user", USERS)
async def test_whoever_has_the_token_is_let_in(user: User, milvus_uri: str, items: str) -> None:
    async with guarded(milvus_uri, TOKEN) as (uri, guard):
        await user(uri, TOKEN, items)
        assert guard.refused == 0
        assert guard.passed


@pytest.mark.parametrize("user", USERS)
async def test_whoever_has_none_is_not(user: User, milvus_uri: str, items: str) -> None:
    async with guarded(milvus_uri, TOKEN) as (uri, guard):
        with pytest.raises(Unavailable):
            await user(uri, "", items)
        assert guard.refused
        assert not guard.passed


@pytest.mark.parametrize("kind", [ProductSettings, ChatSettings, LlmSettings, RecommendationSettings])
def test_the_token_is_a_secret_of_each(kind: type[RuntimeSettings]) -> None:
    assert kind.model_fields["milvus_token"].annotation is SecretStr
