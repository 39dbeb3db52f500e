"""Begins a conversation."""

from uuid import uuid4

from services.chat.application.ports import Clock, ConversationBook
from services.chat.domain.conversation import Conversation


class CreateConversation:
    """Begins a conversation under a name nobody can guess."""

    def __init__(self, book: ConversationBook, clock: Clock) -> None:
        """Take where conversations are kept."""
        self._book = book
        self._clock = clock

    async def __call__(self, owner: str) -> Conversation:
        """Return a new conversation of the owner."""
        now = self._clock.now()
        conversation = Conversation(uuid4().hex, owner, "", now, now)
        async with self._book.writing() as conversations:
            await conversations.add(conversation)
        return conversation
