"""One promise for the fake and the real keeper of conversations."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from services.chat.adapters import postgres_session
from services.chat.adapters.postgres_conversations import PostgresConversationBook
from services.chat.application.ports import ConversationBook
from services.chat.domain.conversation import Author, Citation, Conversation, Message, State
from services.runtime import sql
from tests.fakes.chat_conversation_book import FakeConversationBook

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


@pytest.fixture
async def postgres_book(database_url: Callable[[str], Awaitable[str]]) -> AsyncIterator[ConversationBook]:
    async with sql.connect(await database_url("chat"), service="chat") as database:
        await postgres_session.migrated(database)
        yield PostgresConversationBook(database)


@pytest.fixture(params=["fake", pytest.param("postgres", marks=pytest.mark.servers)])
def book(request: pytest.FixtureRequest) -> ConversationBook:
    if request.param == "fake":
        return FakeConversationBook()
    opened: ConversationBook = request.getfixturevalue("postgres_book")
    return opened


def conversation() -> Conversation:
    return Conversation(uuid4().hex, "maya", "", NOW, NOW)


def message(talk: Conversation, author: Author = Author.SHOPPER, **changes: object) -> Message:
    made = Message(uuid4().hex, talk.key, author, "Hello", State.COMPLETE, NOW)
    return replace(made, **changes)  # type: ignore[arg-type]


async def begun(book: ConversationBook, until: datetime = NOW + timedelta(seconds=20)) -> tuple[Conversation, Message]:
    """Return a conversation in which an answer is being written."""
    talk = conversation()
    answer = message(talk, Author.ASSISTANT, text="", state=State.STREAMING, reply_to="q")
    async with book.writing() as talks:
        await talks.add(talk)
        await talks.say(answer)
        talk = replace(talk, title="First", answering=answer.key, lease_until=until)
        await talks.claim(talk, "here")
    return talk, answer


async def test_what_is_said_is_kept_in_order_with_all_it_holds(book: ConversationBook) -> None:
    talk = conversation()
    full = message(
        talk, Author.ASSISTANT, citations=(Citation(1, "a", "Title", "Section", "“Passage”"),),
        products=("products/x",), degraded=("LLM",), reply_to="q", request_id="r", fingerprint="f",
    )  # fmt: skip
    said = [message(talk), full, message(talk)]
    async with book.writing() as talks:
        await talks.add(talk)
        for one in said:
            await talks.say(one)
    async with book.reading() as talks:
        found = await talks.messages(talk.key, 0, 10)
        assert [replace(one, position=0) for one in found] == said
        assert [one.key for one in await talks.messages(talk.key, found[0].position, 1)] == [said[1].key]
        assert [one.key for one in await talks.latest(talk.key, 2)] == [said[1].key, said[2].key]
        assert (await talks.asked_by(talk.key, "r")) == found[1]
        assert (await talks.answer_to(talk.key, "q")) == found[1]
        assert await talks.asked_by(talk.key, "other") is None
        assert await talks.find(talk.key) == talk
        assert await talks.find("other") is None


async def test_a_block_that_fails_leaves_nothing(book: ConversationBook) -> None:
    talk = conversation()
    with pytest.raises(ZeroDivisionError):
        async with book.writing() as talks:
            await talks.add(talk)
            raise ZeroDivisionError
    async with book.reading() as talks:
        assert await talks.find(talk.key) is None


async def test_finishing_frees_the_conversation_and_happens_once(book: ConversationBook) -> None:
    talk, answer = await begun(book)
    async with book.writing() as talks:
        held = await talks.lock(talk.key)
        assert held is not None
        assert held.busy(NOW)
        assert await talks.finish(replace(answer, text="Done", state=State.COMPLETE), NOW + timedelta(seconds=1))
        assert not await talks.finish(replace(answer, text="Again", state=State.FAILED), NOW)
        (stored,) = await talks.messages(talk.key, 0, 10)
        assert (stored.text, stored.state) == ("Done", State.COMPLETE)
        freed = await talks.find(talk.key)
    assert freed is not None
    assert not freed.busy(NOW)
    assert (freed.title, freed.answering) == ("First", "")


async def test_lapsed_claims_fail_and_renewed_ones_do_not(book: ConversationBook) -> None:
    lapsed, dead = await begun(book, NOW)
    alive, answer = await begun(book, NOW)
    async with book.writing() as talks:
        await talks.renew([answer.key], NOW + timedelta(seconds=60))
        assert await talks.fail_abandoned("", NOW + timedelta(seconds=10)) == 1
        assert (await talks.messages(lapsed.key, 0, 1))[0].state is State.FAILED
        assert (await talks.messages(alive.key, 0, 1))[0].state is State.STREAMING
        assert not await talks.finish(replace(dead, text="Late", state=State.COMPLETE), NOW)


async def test_a_holder_s_own_claims_fail_at_once(book: ConversationBook) -> None:
    talk, _ = await begun(book)
    async with book.writing() as talks:
        assert await talks.fail_abandoned("elsewhere", NOW) == 0
        assert await talks.fail_abandoned("here", NOW) == 1
        assert (await talks.messages(talk.key, 0, 1))[0].state is State.FAILED


async def test_deleting_takes_the_messages_along(book: ConversationBook) -> None:
    talk, _ = await begun(book)
    async with book.writing() as talks:
        await talks.delete(talk.key)
        assert await talks.find(talk.key) is None
        assert await talks.messages(talk.key, 0, 10) == []
