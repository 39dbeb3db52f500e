"""Conversations in memory: transactions roll back, and only one writes at a time."""

import asyncio
import copy
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

from services.chat.domain.conversation import Conversation, Message, State
from services.runtime.errors import Unavailable


class FakeConversationBook:
    """Opens transactions over conversations in memory."""

    def __init__(self) -> None:
        self.conversations: dict[str, Conversation] = {}
        self.holders: dict[str, str] = {}
        self.said: list[Message] = []
        self.away = False
        self._writer = asyncio.Lock()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator["FakeConversations"]:
        self._check()
        async with self._writer:
            before = copy.copy(self.conversations), copy.copy(self.holders), copy.copy(self.said)
            try:
                yield FakeConversations(self)
                self._check()
            except BaseException:
                self.conversations, self.holders, self.said = before
                raise

    @asynccontextmanager
    async def reading(self) -> AsyncIterator["FakeConversations"]:
        self._check()
        yield FakeConversations(self)

    def _check(self) -> None:
        if self.away:
            raise Unavailable("STORAGE_UNAVAILABLE", "away")


class FakeConversations:
    """Conversations inside one transaction."""

    def __init__(self, book: FakeConversationBook) -> None:
        self._book = book

    async def add(self, conversation: Conversation) -> None:
        self._book.conversations[conversation.key] = conversation

    async def find(self, key: str) -> Conversation | None:
        return self._book.conversations.get(key)

    async def lock(self, key: str) -> Conversation | None:
        return self._book.conversations.get(key)

    async def delete(self, key: str) -> None:
        self._book.conversations.pop(key, None)
        self._book.said = [message for message in self._book.said if message.conversation != key]

    async def say(self, message: Message) -> None:
        position = max((one.position for one in self._book.said), default=0) + 1
        self._book.said = [*self._book.said, replace(message, position=position)]

    async def messages(self, key: str, after: int, limit: int) -> list[Message]:
        return [one for one in self._of(key) if one.position > after][:limit]

    async def latest(self, key: str, limit: int) -> list[Message]:
        return self._of(key)[-limit:]

    async def asked_by(self, key: str, request_id: str) -> Message | None:
        return next((one for one in self._of(key) if one.request_id == request_id), None)

    async def answer_to(self, key: str, question: str) -> Message | None:
        return next((one for one in self._of(key) if one.reply_to == question), None)

    async def claim(self, conversation: Conversation, holder: str) -> None:
        self._book.conversations[conversation.key] = conversation
        self._book.holders[conversation.key] = holder

    async def finish(self, message: Message, now: datetime) -> bool:
        changed = self._end(message.key, message)
        conversation = self._book.conversations.get(message.conversation)
        if conversation is not None and conversation.answering == message.key:
            self._free(replace(conversation, update_time=now))
        return changed

    async def renew(self, answers: Sequence[str], until: datetime) -> None:
        for conversation in list(self._book.conversations.values()):
            if conversation.answering in answers:
                self._book.conversations[conversation.key] = replace(conversation, lease_until=until)

    async def fail_abandoned(self, holder: str, now: datetime) -> int:
        ended = 0
        for conversation in list(self._book.conversations.values()):
            lapsed = conversation.lease_until is not None and conversation.lease_until < now
            own = self._book.holders.get(conversation.key) == holder
            if conversation.answering and (own if holder else lapsed):
                ended += self._end(conversation.answering, None)
                self._free(conversation)
        return ended

    def _of(self, key: str) -> list[Message]:
        return [message for message in self._book.said if message.conversation == key]

    def _free(self, conversation: Conversation) -> None:
        self._book.conversations[conversation.key] = replace(conversation, answering="", lease_until=None)
        self._book.holders.pop(conversation.key, None)

    def _end(self, key: str, ended: Message | None) -> bool:
        for place, message in enumerate(self._book.said):
            if message.key == key and message.state is State.STREAMING:
                changed = message if ended is None else replace(ended, position=message.position)
                said = list(self._book.said)
                said[place] = replace(changed, state=State.FAILED) if ended is None else changed
                self._book.said = said
                return True
        return False
