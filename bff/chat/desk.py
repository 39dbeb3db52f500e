"""What routes and socket ask of the chat service."""

from typing import Annotated

from fastapi import Depends

from aisle.chat.v1 import chat_service_pb2 as pb
from aisle.chat.v1 import conversation_pb2
from bff.chat import schemas
from bff.chat.messages import cards_or_none, message_of
from bff.inputs import conversation_name, last_part
from bff.parallel import both
from bff.presentation import Shopfront, shopfront_of
from bff.upstreams import Upstreams, events_of, upstreams_of
from services.runtime.errors import Unavailable

_PAGE = 200
# What a page can show of a very long talk: its end.
_MESSAGES_SHOWN = 1000


class Desk:
    """The chat service, seen by one owner's requests."""

    def __init__(
        self,
        services: Annotated[Upstreams, Depends(upstreams_of)],
        front: Annotated[Shopfront, Depends(shopfront_of)],
    ) -> None:
        """Take the services and the shop front."""
        self.chat = services.chat
        self.front = front

    async def begin(self, owner: str, request_id: str = "") -> str:
        """Begin a session and return its id."""
        request = pb.CreateConversationRequest(owner=owner, request_id=request_id)
        return last_part((await self.chat.CreateConversation(request)).name)

    async def check(self, session_id: str, owner: str) -> None:
        """Raise NotFound when a session is not the owner's."""
        await self.chat.GetConversation(pb.GetConversationRequest(name=conversation_name(session_id), owner=owner))

    async def read(self, session_id: str, owner: str) -> schemas.ChatSession:
        """Return a session with what was said in it."""
        name = conversation_name(session_id)
        request = pb.GetConversationRequest(name=name, owner=owner)
        conversation, messages = await both(self._conversation(request), self._messages(name, owner))
        names = (product for message in messages for product in message.products)
        cards = await cards_or_none(self.front, names)
        return schemas.ChatSession(
            id=session_id, title=conversation.title, messages=[message_of(message, cards) for message in messages]
        )

    async def ask(self, request: pb.SendMessageRequest) -> schemas.Message:
        """Ask something and return the whole answer."""
        async with events_of(self.chat.SendMessage(request)) as events:
            async for event in events:
                if event.WhichOneof("event") == "finished":
                    cards = await cards_or_none(self.front, event.finished.products)
                    return message_of(event.finished, cards)
        raise broken_off()

    async def _conversation(self, request: pb.GetConversationRequest) -> conversation_pb2.Conversation:
        found: conversation_pb2.Conversation = await self.chat.GetConversation(request)
        return found

    async def _messages(self, name: str, owner: str) -> list[conversation_pb2.Message]:
        found: list[conversation_pb2.Message] = []
        request = pb.ListMessagesRequest(parent=name, owner=owner, page_size=_PAGE)
        while True:
            reply = await self.chat.ListMessages(request)
            found = [*found, *reply.messages][-_MESSAGES_SHOWN:]
            if not reply.next_page_token:
                return found
            request.page_token = reply.next_page_token


def broken_off() -> Unavailable:
    """Return what to say when an answer ends without its last event."""
    return Unavailable("ANSWER_BROKEN_OFF", "The answer broke off. Ask again.")
