"""Reads a conversation and what was said in it: its owner's only."""

from services.chat.application.ports import ConversationBook, Conversations
from services.chat.domain.conversation import Conversation, Message
from services.chat.domain.errors import conversation_not_found


class GetConversation:
    """Returns a conversation to its owner."""

    def __init__(self, book: ConversationBook) -> None:
        """Take where conversations are kept."""
        self._book = book

    async def __call__(self, key: str, owner: str) -> Conversation:
        """Return the conversation; a foreign one is not found."""
        async with self._book.reading() as conversations:
            return await owned(conversations, key, owner)


class ListMessages:
    """Returns what was said, page by page."""

    def __init__(self, book: ConversationBook) -> None:
        """Take where conversations are kept."""
        self._book = book

    async def __call__(self, key: str, owner: str, after: int, limit: int) -> list[Message]:
        """Return messages behind a position, oldest first."""
        async with self._book.reading() as conversations:
            await owned(conversations, key, owner)
            return await conversations.messages(key, after, limit)


async def owned(conversations: Conversations, key: str, owner: str) -> Conversation:
    """Return a conversation if it belongs to the owner; raises NotFound alike for foreign and for missing ones."""
    conversation = await conversations.find(key)
    if conversation is None or conversation.owner != owner:
        raise conversation_not_found(key)
    return conversation
