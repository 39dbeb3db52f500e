"""A turn of conversation: stored before it is told, one at a time, told again on request, ended whatever happens."""

import asyncio
from contextlib import aclosing
from uuid import uuid4

import pytest

from services.chat.application.delete_conversation import DeleteConversation
from services.chat.application.read_conversation import GetConversation, ListMessages
from services.chat.application.send_message import Said
from services.chat.domain.conversation import Author, State
from services.chat.domain.event import Finished, Started, TextDelta
from services.runtime.errors import Conflict, Invalid, NotFound
from tests.unit.chat.rig import OWNER, Rig, last

QUESTION = "How many days do I have to return something?"


@pytest.fixture
async def rig() -> Rig:
    made = Rig()
    await made.learn()
    return made


async def test_both_messages_exist_before_the_first_event(rig: Rig) -> None:
    key = await rig.begin()
    async with aclosing(rig.send(Said(key, OWNER, QUESTION))) as events:
        started = await anext(events)
        assert isinstance(started, Started)
        assert [(one.author, one.state) for one in rig.talks.said] == [
            (Author.SHOPPER, State.COMPLETE),
            (Author.ASSISTANT, State.STREAMING),
        ]


async def test_the_answer_is_stored_before_the_last_event(rig: Rig) -> None:
    key = await rig.begin()
    async with aclosing(rig.send(Said(key, OWNER, QUESTION))) as events:
        async for event in events:
            if isinstance(event, Finished):
                stored = rig.talks.said[1]
                assert (stored.text, stored.state) == (event.message.text, State.COMPLETE)
                assert rig.talks.conversations[key].answering == ""


async def test_the_first_question_names_the_conversation(rig: Rig) -> None:
    key = await rig.begin()
    await rig.ask(key, QUESTION)
    await rig.ask(key, "hello")
    assert rig.talks.conversations[key].title == QUESTION


async def test_leaving_stores_what_was_said_as_interrupted(rig: Rig) -> None:
    key = await rig.begin()
    async with aclosing(rig.send(Said(key, OWNER, QUESTION))) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                break
    stored = rig.talks.said[1]
    assert (stored.text, stored.state) == ("You", State.INTERRUPTED)
    assert rig.talks.conversations[key].answering == ""


async def test_a_cancelled_call_stores_the_answer_as_interrupted(rig: Rig) -> None:
    rig.writer.text, rig.writer.gate = "You have 30 days to return something. [1] Sale items too. [1]", asyncio.Event()
    key = await rig.begin()
    speaks = asyncio.Event()

    async def listen() -> None:
        async for event in rig.send(Said(key, OWNER, QUESTION)):
            if isinstance(event, TextDelta):
                speaks.set()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(listen())
        await speaks.wait()
        task.cancel()
    stored = rig.talks.said[1]
    assert stored.state is State.INTERRUPTED
    assert stored.text == "You have 30 days to return something. [1]"


async def test_a_failed_answer_is_stored_as_failed_and_still_finishes(rig: Rig) -> None:
    key = await rig.begin()
    rig.clock.move(minutes=1)
    rig.book.away = True
    message = last(await rig.ask(key, QUESTION))
    assert message.state is State.FAILED
    assert message.text.startswith("I can't reach our help pages")
    assert rig.talks.said[1].state is State.FAILED


async def test_a_fault_of_ours_is_stored_as_failed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(rig.index, "by_words", broken)
    with pytest.raises(ZeroDivisionError):
        await rig.ask(await rig.begin(), QUESTION)
    assert rig.talks.said[1].state is State.FAILED


async def test_the_same_request_tells_the_stored_answer_again(rig: Rig) -> None:
    key, request_id = await rig.begin(), str(uuid4())
    first = await rig.ask(key, QUESTION, request_id=request_id)
    rig.embedder.away = rig.shop.away = True
    again = await rig.ask(key, QUESTION, request_id=request_id)
    assert last(again).text == last(first).text
    assert last(again).key == last(first).key
    assert "".join(event.text for event in again if isinstance(event, TextDelta)) == last(first).text
    assert len(rig.talks.said) == 2


async def test_an_interrupted_answer_is_told_again_as_it_was_left(rig: Rig) -> None:
    key, request_id = await rig.begin(), str(uuid4())
    async with aclosing(rig.send(Said(key, OWNER, QUESTION, "", request_id))) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                break
    again = last(await rig.ask(key, QUESTION, request_id=request_id))
    assert (again.text, again.state) == ("You", State.INTERRUPTED)


async def test_another_text_under_the_same_request_is_refused(rig: Rig) -> None:
    key, request_id = await rig.begin(), str(uuid4())
    await rig.ask(key, QUESTION, request_id=request_id)
    with pytest.raises(Invalid) as caught:
        await rig.ask(key, "something else", request_id=request_id)
    assert caught.value.reason == "REQUEST_ID_REUSED"


async def test_one_answer_at_a_time(rig: Rig) -> None:
    key = await rig.begin()
    async with aclosing(rig.send(Said(key, OWNER, QUESTION, "", str(uuid4())))) as events:
        await anext(events)
        with pytest.raises(Conflict) as caught:
            await rig.ask(key, QUESTION, request_id=str(uuid4()))
    assert caught.value.reason == "ANSWER_IN_PROGRESS"
    assert len(rig.talks.said) == 2


async def test_the_same_request_waits_for_its_answer_and_is_told_it(rig: Rig) -> None:
    key, request_id = await rig.begin(), str(uuid4())
    async with aclosing(rig.send(Said(key, OWNER, QUESTION, "", request_id))) as events, asyncio.TaskGroup() as group:
        await anext(events)
        again = group.create_task(rig.ask(key, QUESTION, request_id=request_id))
        await asyncio.sleep(0)
        told = [event async for event in events]
    first, second = last(told), last(again.result())
    assert (second.key, second.text, second.state) == (first.key, first.text, State.COMPLETE)
    assert len(rig.talks.said) == 2


async def test_a_claim_without_a_sign_of_life_lapses(rig: Rig) -> None:
    key = await rig.begin()
    dead = rig.send(Said(key, OWNER, QUESTION))
    await anext(dead)
    rig.clock.move(seconds=21)
    assert last(await rig.ask(key, QUESTION)).state is State.COMPLETE
    assert [one.state for one in rig.talks.said] == [State.COMPLETE, State.FAILED, State.COMPLETE, State.COMPLETE]
    await dead.aclose()


async def test_a_running_answer_keeps_its_claim(rig: Rig) -> None:
    key = await rig.begin()
    async with aclosing(rig.send(Said(key, OWNER, QUESTION))) as events:
        await anext(events)
        await anext(events)
        for _ in range(4):
            rig.clock.move(seconds=10)
            await rig.recover.beat()
        with pytest.raises(Conflict):
            await rig.ask(key, QUESTION)


async def test_a_restarted_process_ends_what_its_former_self_left(rig: Rig) -> None:
    key = await rig.begin()
    dead = rig.send(Said(key, OWNER, QUESTION))
    await anext(dead)
    assert await rig.recover.at_start() == 1
    assert rig.talks.said[1].state is State.FAILED
    assert last(await rig.ask(key, QUESTION)).state is State.COMPLETE
    await dead.aclose()


async def test_somebody_else_s_conversation_is_not_found(rig: Rig) -> None:
    key = await rig.begin()
    for attempt in (
        GetConversation(rig.talks)(key, "eve"),
        ListMessages(rig.talks)(key, "eve", 0, 10),
        DeleteConversation(rig.talks)(key, "eve"),
        anext(rig.send(Said(key, "eve", QUESTION))),
    ):
        with pytest.raises(NotFound) as caught:
            await attempt
        assert caught.value.reason == "CONVERSATION_NOT_FOUND"
    assert rig.talks.said == []


async def test_a_text_of_invisible_characters_says_nothing(rig: Rig) -> None:
    with pytest.raises(Invalid):
        await rig.ask(await rig.begin(), "\u200b\u2060 \U000e0041")


async def test_a_deleted_conversation_takes_its_messages_along(rig: Rig) -> None:
    key = await rig.begin()
    await rig.ask(key, QUESTION)
    await DeleteConversation(rig.talks)(key, OWNER)
    assert rig.talks.said == []
