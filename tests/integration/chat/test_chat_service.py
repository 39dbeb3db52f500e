"""The whole chat service over the wire, with real PostgreSQL and Milvus, and upstreams that obey the tests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import grpc
import pytest
from pydantic import SecretStr

from aisle.chat.v1 import chat_service_pb2 as pb
from aisle.chat.v1 import conversation_pb2 as talk
from aisle.chat.v1.chat_service_pb2_grpc import ChatServiceStub
from services.chat.__main__ import build
from services.chat.adapters.milvus_passages import MilvusPassages
from services.chat.adapters.postgres_conversations import PostgresConversationBook
from services.chat.adapters.system_clock import SystemClock
from services.chat.application.send_message import RunningAnswers, Said, SendMessage
from services.chat.settings import ChatSettings
from services.runtime import sql
from services.runtime.channel import MeshChannel
from services.runtime.errors import Conflict, Denied, Invalid, NotFound, Unauthenticated
from services.runtime.interceptors import Caller, MeshInterceptor
from tests.fakes.chat_upstreams import FakeLlm, serve_upstreams

pytestmark = pytest.mark.servers
ADMIN = Caller(subject="staff", role="admin")
OWNER = "maya"
QUESTION = "How many days do I have to return something?"
ARTICLES = [
    talk.Article(name="articles/returns", title="Returns", topic="returns",
                 body="You have 30 days to return something. Sale items may be returned too."),
    talk.Article(name="articles/delivery", title="Delivery", topic="delivery",
                 body="Standard delivery costs 4.90 EUR. Delivery to Norway takes a week."),
]  # fmt: skip


@dataclass
class World:
    """A chat service with its surroundings."""

    settings: ChatSettings
    llm: FakeLlm
    stub: Any

    async def begin(self, owner: str = OWNER) -> str:
        request, caller = pb.CreateConversationRequest(owner=owner), Caller(subject=owner, role="shopper")
        return str((await self.stub.CreateConversation(request, caller=caller)).name)

    async def ask(self, parent: str, text: str = QUESTION, **more: str) -> list[Any]:
        request = pb.SendMessageRequest(parent=parent, owner=OWNER, text=text, **more)
        return [event async for event in self.stub.SendMessage(request)]

    async def messages(self, parent: str) -> list[Any]:
        return list((await self.stub.ListMessages(pb.ListMessagesRequest(parent=parent, owner=OWNER))).messages)

    async def settled(self, parent: str) -> Any:
        """Return the answer once nobody writes it any more."""
        for _ in range(250):
            answer = (await self.messages(parent))[-1]
            if answer.state != talk.MESSAGE_STATE_STREAMING:
                return answer
            await asyncio.sleep(0.02)
        raise AssertionError("the answer is still being written")

    async def learn(self) -> Any:
        return await self.stub.BatchUpsertArticles(pb.BatchUpsertArticlesRequest(articles=ARTICLES), caller=ADMIN)


class OwnersChannel(MeshChannel):
    """Calls for the owner unless a test says for whom."""

    def _metadata(self, caller: Caller | None, span: Any) -> Any:
        return super()._metadata(caller or Caller(subject=OWNER, role="shopper"), span)


@asynccontextmanager
async def running(settings: ChatSettings) -> AsyncIterator[Any]:
    """Run the service as its process would, without the process; yields a stub."""
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        service = await build(settings, stack)
        server = grpc.aio.server(interceptors=[MeshInterceptor("chat.aisle", service.replies)])
        service.register(server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        jobs = [group.create_task(job()) for job in service.background]
        async with OwnersChannel("bff", "chat", f"127.0.0.1:{port}") as channel:
            yield ChatServiceStub(channel)
        await server.stop(1)
        for job in jobs:
            job.cancel()


@pytest.fixture
async def world(database_url: Callable[[str], Awaitable[str]], milvus_uri: str) -> AsyncIterator[World]:
    model = FakeLlm()
    upstreams, egress = await serve_upstreams(model)
    settings = ChatSettings(
        listen_port=50953,
        token_key=SecretStr("k"),
        egress_address=egress,
        database_url=SecretStr(await database_url("chat")),
        milvus_uri=milvus_uri,
        passages_collection=f"passages_{uuid4().hex[:8]}",
    )
    async with running(settings) as stub:
        yield World(settings, model, stub)
    model.go_on.set()
    await upstreams.stop(None)


async def test_stream_begins_with_both_names_and_ends_with_the_stored_answer(world: World) -> None:
    learned = await world.learn()
    assert (learned.written_count, learned.indexed_passage_count) == (2, 2)
    parent = await world.begin()
    events = await world.ask(parent)
    kinds = [event.WhichOneof("event") for event in events]
    assert kinds[:4] == ["started", "activity", "activity", "citation"]
    assert set(kinds[4:-1]) == {"text_delta"}
    answer = events[-1].finished
    assert answer.name == events[0].started.answer
    assert answer.state == talk.MESSAGE_STATE_COMPLETE
    assert answer.text.startswith("You have 30 days to return something.")
    assert answer.citations[0].article == "articles/returns"
    question, stored = await world.messages(parent)
    assert question.name == events[0].started.question
    assert stored == answer
    named = await world.stub.GetConversation(pb.GetConversationRequest(name=parent, owner=OWNER))
    assert named.title == QUESTION


async def test_a_product_wish_comes_with_cards(world: World) -> None:
    events = await world.ask(await world.begin(), "show me wool slippers under 60 euro")
    assert [event.product for event in events if event.product] == ["products/harbour-wool-slippers"]
    assert "Harbour Wool Slippers: €59, in stock, rated 4.5 of 5 by 12 reviewers." in events[-1].finished.text
    assert list(events[-1].finished.degraded) == ["PRODUCT_VECTORS"]


async def test_a_question_on_a_product_page_is_answered_from_the_product(world: World) -> None:
    events = await world.ask(await world.begin(), "what are they made of?", product="products/harbour-wool-slippers")
    assert events[-1].finished.text == "Material: felted wool."


async def test_leaving_the_stream_stops_the_model_and_stores_the_answer_as_interrupted(world: World) -> None:
    await world.learn()
    world.llm.text = "You have 30 days to return something. [1] And"
    parent = await world.begin()
    request = pb.SendMessageRequest(parent=parent, owner=OWNER, text=QUESTION)
    async with aclosing(world.stub.SendMessage(request)) as events:
        async for event in events:
            if event.WhichOneof("event") == "text_delta":
                break
    answer = await world.settled(parent)
    assert answer.state == talk.MESSAGE_STATE_INTERRUPTED
    assert answer.text.startswith("You")
    await asyncio.wait_for(world.llm.left.wait(), 2)
    assert (await world.ask(parent, "hello"))[-1].finished.state == talk.MESSAGE_STATE_COMPLETE


async def test_the_same_request_replays_and_another_text_is_refused(world: World) -> None:
    await world.learn()
    parent, request_id = await world.begin(), str(uuid4())
    first = await world.ask(parent, request_id=request_id)
    again = await world.ask(parent, request_id=request_id)
    assert again[0] == first[0]
    assert again[-1] == first[-1]
    assert len(await world.messages(parent)) == 2
    with pytest.raises(Invalid) as caught:
        await world.ask(parent, "something else", request_id=request_id)
    assert caught.value.reason == "REQUEST_ID_REUSED"


async def test_of_ten_questions_at_once_one_is_answered_and_nothing_is_doubled(world: World) -> None:
    await world.learn()
    world.llm.text = "You have 30 days to return something. [1]"
    parent = await world.begin()
    refused: list[Conflict] = []

    async def ask() -> None:
        try:
            await world.ask(parent)
        except Conflict as conflict:
            refused.append(conflict)
        finally:
            if len(refused) == 9:
                world.llm.go_on.set()

    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(ask())
    assert {conflict.reason for conflict in refused} == {"ANSWER_IN_PROGRESS"}
    assert len(await world.messages(parent)) == 2


async def test_a_crash_leaves_a_failed_answer_and_a_conversation_that_goes_on(world: World) -> None:
    parent = await world.begin()
    key = parent.removeprefix("conversations/")
    url = world.settings.database_url.get_secret_value()
    async with sql.connect(url, service="chat") as database:
        talks = PostgresConversationBook(database)
        nobody: Any = None
        dying = SendMessage(talks, nobody, RunningAnswers(world.settings.holder), SystemClock())
        events = dying(Said(key, OWNER, QUESTION))
        await anext(events)
        assert (await world.messages(parent))[-1].state == talk.MESSAGE_STATE_STREAMING
        with pytest.raises(Conflict):
            await world.ask(parent)
        # What a killed process leaves behind is what stands in the database; a new one of its name starts.
        async with running(world.settings):
            assert (await world.messages(parent))[-1].state == talk.MESSAGE_STATE_FAILED
        assert (await world.ask(parent, "hello"))[-1].finished.state == talk.MESSAGE_STATE_COMPLETE
        await events.aclose()


async def test_articles_are_indexed_later_when_the_models_were_away(world: World) -> None:
    world.llm.away = True
    learned = await world.learn()
    assert (learned.written_count, learned.indexed_passage_count) == (2, 0)
    waiting = (await world.ask(await world.begin()))[-1].finished
    assert waiting.citations[0].article == "articles/returns"
    assert list(waiting.degraded) == ["VECTORS", "LLM"]
    world.llm.away = False
    index = MilvusPassages(world.settings.milvus_uri, world.settings.passages_collection)
    for _ in range(100):
        if await index.count() == 2:
            break
        await asyncio.sleep(0.2)
    assert await index.count() == 2
    await index.close()
    assert list((await world.ask(await world.begin()))[-1].finished.degraded) == ["LLM"]


async def test_without_milvus_full_text_answers(
    database_url: Callable[[str], Awaitable[str]],
) -> None:
    model = FakeLlm()
    upstreams, egress = await serve_upstreams(model)
    settings = ChatSettings(
        listen_port=50954,
        token_key=SecretStr("k"),
        egress_address=egress,
        database_url=SecretStr(await database_url("chat")),
        milvus_uri="http://127.0.0.1:1",
    )
    async with running(settings) as stub:
        world = World(settings, model, stub)
        assert (await world.learn()).indexed_passage_count == 0
        answer = (await world.ask(await world.begin()))[-1].finished
    assert answer.citations[0].article == "articles/returns"
    assert list(answer.degraded) == ["SEARCH_INDEX", "LLM"]
    await upstreams.stop(None)


async def test_foreign_conversations_do_not_exist(world: World) -> None:
    parent = await world.begin("somebody-else")
    for attempt in (
        world.ask(parent),
        world.messages(parent),
        world.stub.GetConversation(pb.GetConversationRequest(name=parent, owner=OWNER)),
        world.stub.DeleteConversation(pb.DeleteConversationRequest(name=parent, owner=OWNER)),
    ):
        with pytest.raises(NotFound) as caught:
            await attempt
        assert caught.value.reason == "CONVERSATION_NOT_FOUND"


async def test_pages_of_messages_and_articles_join_to_the_whole(world: World) -> None:
    await world.learn()
    parent = await world.begin()
    for _ in range(2):
        await world.ask(parent, "hello")
    names, token = [], ""
    while True:
        page = await world.stub.ListMessages(
            pb.ListMessagesRequest(parent=parent, owner=OWNER, page_size=3, page_token=token)
        )
        names += [message.name for message in page.messages]
        token = page.next_page_token
        if not token:
            break
    assert names == [message.name for message in await world.messages(parent)]
    first = await world.stub.ListArticles(pb.ListArticlesRequest(page_size=1))
    second = await world.stub.ListArticles(pb.ListArticlesRequest(page_size=1, page_token=first.next_page_token))
    assert [page.articles[0].title for page in (first, second)] == ["Delivery", "Returns"]
    assert second.next_page_token == ""
    with pytest.raises(Invalid):
        await world.stub.ListArticles(pb.ListArticlesRequest(page_token="forged"))


async def test_articles_are_read_by_all_and_written_by_staff(world: World) -> None:
    with pytest.raises(Unauthenticated):
        await world.stub.BatchUpsertArticles(pb.BatchUpsertArticlesRequest(articles=ARTICLES), caller=Caller())
    with pytest.raises(Denied):
        await world.stub.BatchUpsertArticles(
            pb.BatchUpsertArticlesRequest(articles=ARTICLES), caller=Caller(subject="s", role="shopper")
        )
    await world.learn()
    article = await world.stub.GetArticle(pb.GetArticleRequest(name="articles/returns"))
    assert (article.title, article.topic) == ("Returns", "returns")
    assert article.HasField("update_time")
    with pytest.raises(NotFound) as caught:
        await world.stub.GetArticle(pb.GetArticleRequest(name="articles/none"))
    assert caught.value.reason == "ARTICLE_NOT_FOUND"


async def test_a_deleted_conversation_is_gone(world: World) -> None:
    parent = await world.begin()
    await world.ask(parent, "hello")
    await world.stub.DeleteConversation(pb.DeleteConversationRequest(name=parent, owner=OWNER))
    with pytest.raises(NotFound):
        await world.messages(parent)
