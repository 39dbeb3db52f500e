"""Deletes a conversation with everything said in it."""

from services.chat.application.ports import ConversationBook
from services.chat.application.read_conversation import owned


class DeleteConversation:
    """Deletes a conversation for its owner."""

    def __init__(self, book: ConversationBook) -> None:
        """Take where conversations are kept."""
        self._book = book

    async def __call__(self, key: str, owner: str) -> None:
        """Delete the conversation; a foreign one is not found."""
        async with self._book.writing() as conversations:
            await owned(conversations, key, owner)
            await conversations.delete(key)
