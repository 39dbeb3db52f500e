"""One answer on its way from the chat service to a socket, event by event."""

import asyncio
import dataclasses
from datetime import UTC, datetime
from typing import Any

from aisle.chat.v1 import chat_service_pb2 as pb
from bff.auth.tokens import Identity
from bff.chat import schemas
from bff.chat.desk import Desk, broken_off
from bff.chat.messages import cards_or_none, citation_of, message_of
from bff.inputs import PRODUCT_ID, conversation_name, invalid, last_part
from bff.parallel import together
from bff.presentation import Product
from bff.upstreams import events_of
from services.runtime.interceptors import current_call


class Relay:
    """Passes each event on as it comes; the bounded outbox makes the service wait for a slow reader."""

    def __init__(
        self,
        desk: Desk,
        identity: Identity,
        session_id: str,
        frame: schemas.SendFrame | schemas.ResumeFrame,
        outbox: asyncio.Queue[dict[str, Any]],
    ) -> None:
        """Take the question and where frames of the answer go."""
        self._desk = desk
        self._identity = identity
        self._session_id = session_id
        self._frame = frame
        self._outbox = outbox
        self._answer_id = ""
        self._text: list[str] = []
        self._citations: list[schemas.Citation] = []
        self._cards: dict[str, Product] = {}

    async def run(self) -> None:
        """Relay the whole answer. Raises what the chat service refuses with."""
        request = self._request()
        call = current_call.get()
        if call is not None:
            # Each question is a request of its own in the logs of the services.
            current_call.set(dataclasses.replace(call, request_id=request.request_id))
        async with together() as lookups, events_of(self._desk.chat.SendMessage(request)) as events:
            shown: list[asyncio.Task[None]] = []
            async for event in events:
                kind = event.WhichOneof("event")
                if kind == "product":
                    # A look-up beside the text: words must not wait for pictures.
                    shown.append(lookups.create_task(self._show(event.product)))
                elif kind == "finished":
                    if shown:
                        await asyncio.wait(shown)
                    await self._finish(event)
                    return
                elif kind is not None:
                    await self._pass_on(kind, event)
        raise broken_off()

    async def end_interrupted(self) -> None:
        """Tell what was said until the shopper stopped it."""
        if not self._answer_id:
            return
        message = schemas.Message(
            id=self._answer_id,
            author="assistant",
            text="".join(self._text),
            citations=self._citations,
            products=list(self._cards.values()),
            degraded=[],
            state="interrupted",
            create_time=datetime.now(UTC),
        )
        await self._outbox.put({"type": "finished", "message": message.model_dump(mode="json")})

    async def _pass_on(self, kind: str, event: pb.SendMessageResponse) -> None:
        if kind == "text_delta":
            self._text.append(event.text_delta)
            await self._outbox.put({"type": "delta", "text": event.text_delta})
        elif kind == "started":
            self._answer_id = last_part(event.started.answer)
            ids = {"question_id": last_part(event.started.question), "answer_id": self._answer_id}
            await self._outbox.put({"type": "started", "request_id": str(self._frame.request_id), **ids})
        elif kind == "activity":
            await self._outbox.put({"type": "activity", "kind": event.activity.kind, "text": event.activity.text})
        elif kind == "citation":
            citation = citation_of(event.citation)
            self._citations.append(citation)
            await self._outbox.put({"type": "citation", **citation.model_dump()})

    async def _show(self, name: str) -> None:
        found = await cards_or_none(self._desk.front, [name])
        self._cards.update(found)
        for card in found.values():
            await self._outbox.put({"type": "product", "product": card.model_dump(mode="json")})

    async def _finish(self, event: pb.SendMessageResponse) -> None:
        missing = [name for name in event.finished.products if name not in self._cards]
        if missing:
            self._cards.update(await cards_or_none(self._desk.front, missing))
        message = message_of(event.finished, self._cards)
        await self._outbox.put({"type": "finished", "message": message.model_dump(mode="json")})

    def _request(self) -> pb.SendMessageRequest:
        """Return the question. Raises Invalid for a text or a product that cannot be."""
        text, product_id = self._frame.text, self._frame.product_id
        if not text.strip() or len(text) > schemas.LONGEST_TEXT or "\x00" in text:
            raise invalid("text", f"say something, in {schemas.LONGEST_TEXT} characters at the most")
        if product_id and not PRODUCT_ID.fullmatch(product_id):
            raise invalid("product_id", "is not the id of a product")
        return pb.SendMessageRequest(
            parent=conversation_name(self._session_id),
            owner=self._identity.subject,
            text=text,
            product=f"products/{product_id}" if product_id else "",
            request_id=str(self._frame.request_id),
        )
