"""Takes what a shopper says and streams the answer; both are stored whatever happens."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from uuid import uuid4

from services.chat.application.answer_question import AnswerQuestion, Asked
from services.chat.application.ports import Clock, ConversationBook, Conversations
from services.chat.domain import phrasing
from services.chat.domain.conversation import (
    LEASE,
    Author,
    Citation,
    Conversation,
    Message,
    State,
    earlier_questions,
    fingerprint,
    last_shown,
    title_of,
)
from services.chat.domain.errors import (
    answer_in_progress,
    conversation_not_found,
    nothing_said,
    request_id_reused,
)
from services.chat.domain.event import (
    AnswerPart,
    Cited,
    Degraded,
    Event,
    Finished,
    Shown,
    Started,
    TextDelta,
)
from services.chat.domain.text import clean
from services.runtime.errors import AisleError, Unavailable

log = logging.getLogger("aisle.chat")

_REMEMBERED = 8
# Seconds between tries to store an answer while the database restarts.
_STORE_AGAIN = (0.2, 0.5, 1.0, 2.0, 4.0)
# Seconds between looks whether an answer that another call is writing is there.
_FIRST_LOOK, _LAST_LOOK = 0.1, 1.0


@dataclass(frozen=True, slots=True)
class Said:
    """What a shopper says. `product` is the last part of a product's name or empty."""

    conversation: str
    owner: str
    text: str
    product: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class _Begun:
    """A turn that has begun, or one that is over and only told again."""

    question: Message
    answer: Message
    earlier: tuple[Message, ...] = ()
    again: bool = False


class RunningAnswers:
    """The answers this process is writing, and the name under which it claims them."""

    def __init__(self, holder: str) -> None:
        """Take a name that a restarted process will have again."""
        self.holder = holder
        self.keys: set[str] = set()


@dataclass(slots=True)
class _Draft:
    """An answer while it is written."""

    message: Message
    text: str = ""
    citations: list[Citation] = field(default_factory=list)
    products: list[str] = field(default_factory=list)
    degraded: list[str] = field(default_factory=list)

    def add(self, part: AnswerPart) -> None:
        """Take in a part."""
        match part:
            case TextDelta(text):
                self.text += text
            case Cited(citation):
                self.citations.append(citation)
            case Shown(product):
                self.products.append(product)
            case Degraded(step) if step not in self.degraded:
                self.degraded.append(step)
            case _:
                pass

    def ended(self, state: State) -> Message:
        """Return the message as it is stored."""
        return replace(
            self.message,
            text=self.text.strip(),
            citations=tuple(self.citations),
            products=tuple(self.products),
            degraded=tuple(self.degraded),
            state=state,
        )


class SendMessage:
    """One turn of a conversation."""

    def __init__(
        self, book: ConversationBook, answer_question: AnswerQuestion, running: RunningAnswers, clock: Clock
    ) -> None:
        """Take where conversations are kept and what answers."""
        self._book = book
        self._answer = answer_question
        self._running = running
        self._clock = clock

    async def __call__(self, said: Said) -> AsyncGenerator[Event, None]:
        """Store the question, stream the answer, store it, and end with it as stored."""
        text = clean(said.text)
        if not text:
            raise nothing_said()
        begun = await self._begun(replace(said, text=text))
        yield Started(begun.question, begun.answer)
        if begun.again:
            for event in _told_again(begun.answer):
                yield event
            return
        asked = Asked(text, said.product, tuple(earlier_questions(begun.earlier)), last_shown(begun.earlier))
        draft, state = _Draft(begun.answer), State.FAILED
        self._running.keys.add(begun.answer.key)
        try:
            parts = self._answer(asked)
            async with aclosing(parts):
                async for part in parts:
                    draft.add(part)
                    if not isinstance(part, Degraded):
                        yield part
            state = State.COMPLETE
        except (asyncio.CancelledError, GeneratorExit):
            state = State.INTERRUPTED
            raise
        except AisleError as failed:
            log.warning("answer failed", extra={"data": {"reason": failed.reason}})
            if not draft.text:
                draft.text = phrasing.ARTICLES_AWAY
                yield TextDelta(draft.text)
        finally:
            # Storing goes on even when whoever listened is gone for good.
            message = draft.ended(state)
            await asyncio.shield(self._end(message))
        yield Finished(message)

    async def _begun(self, said: Said) -> _Begun:
        """Return the turn. The same request sent twice waits for the answer to the first, and is told that."""
        begun, pause = await self._begin(said), _FIRST_LOOK
        while begun.again and begun.answer.state is State.STREAMING:
            await asyncio.sleep(pause)
            begun, pause = await self._begin(said), min(2 * pause, _LAST_LOOK)
        return begun

    async def _begin(self, said: Said) -> _Begun:
        now = self._clock.now()
        async with self._book.writing() as conversations:
            conversation = await conversations.lock(said.conversation)
            if conversation is None or conversation.owner != said.owner:
                raise conversation_not_found(said.conversation)
            again = await self._again(conversations, conversation, said)
            if again is not None:
                return again
            if conversation.busy(now):
                raise answer_in_progress(conversation.key)
            earlier = await conversations.latest(conversation.key, _REMEMBERED)
            await _give_up(conversations, earlier, self._clock)
            question = Message(
                uuid4().hex, said.conversation, Author.SHOPPER, said.text, State.COMPLETE, now,
                request_id=said.request_id, fingerprint=fingerprint(said.text, said.product),
            )  # fmt: skip
            answer = Message(
                uuid4().hex, said.conversation, Author.ASSISTANT, "", State.STREAMING, now, reply_to=question.key
            )
            await conversations.say(question)
            await conversations.say(answer)
            claimed = replace(
                conversation,
                title=conversation.title or title_of(said.text),
                update_time=now,
                answering=answer.key,
                lease_until=now + LEASE,
            )
            await conversations.claim(claimed, self._running.holder)
        return _Begun(question, answer, tuple(earlier))

    async def _again(self, conversations: Conversations, conversation: Conversation, said: Said) -> _Begun | None:
        """Return the turn that the same request began before, if there was one: its answer may still stream."""
        if not said.request_id:
            return None
        question = await conversations.asked_by(conversation.key, said.request_id)
        if question is None:
            return None
        if question.fingerprint != fingerprint(said.text, said.product):
            raise request_id_reused(said.request_id)
        answer = await conversations.answer_to(conversation.key, question.key)
        if answer is None:
            return None
        if answer.state is State.STREAMING and not conversation.busy(self._clock.now()):
            answer = replace(answer, state=State.FAILED)
            await conversations.finish(answer, self._clock.now())
        return _Begun(question, answer, again=True)

    async def _end(self, message: Message) -> None:
        """Store the answer, patiently while the database restarts."""
        try:
            for pause in (*_STORE_AGAIN, 0.0):
                try:
                    async with self._book.writing() as conversations:
                        await conversations.finish(message, self._clock.now())
                    return
                except Unavailable:
                    if not pause:
                        raise
                    await asyncio.sleep(pause)
        finally:
            self._running.keys.discard(message.key)


async def _give_up(conversations: Conversations, earlier: list[Message], clock: Clock) -> None:
    """Mark an answer as failed whose writer is gone: its claim has lapsed, or this turn would have been refused."""
    for message in earlier:
        if message.state is State.STREAMING:
            await conversations.finish(message.ended(State.FAILED), clock.now())


def _told_again(answer: Message) -> list[Event]:
    """Return a stored answer as a stream."""
    events: list[Event] = [Cited(citation) for citation in answer.citations]
    events += [Shown(product) for product in answer.products]
    events += [TextDelta(delta) for delta in phrasing.deltas(answer.text)]
    return [*events, Finished(answer)]
