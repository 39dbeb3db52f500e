"""What the chat's routes and socket take and give."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints, TypeAdapter

from bff.inputs import Input, ProductId, Text, Uuid
from bff.presentation import Product

LONGEST_TEXT = 4000

MessageState = Literal["streaming", "complete", "interrupted", "failed"]


class Citation(BaseModel):
    """A passage an answer rests on."""

    index: int = Field(description="The number in the text's mark, from 1.")
    article_id: str
    title: str
    section: str
    passage: str


class Message(BaseModel):
    """Something said in a session."""

    id: str
    author: Literal["shopper", "assistant"]
    text: str
    citations: list[Citation]
    products: list[Product]
    degraded: list[str]
    state: MessageState
    create_time: datetime


class ChatSession(BaseModel):
    """A session with what was said in it."""

    id: str
    title: str
    messages: list[Message]


class NewChatSession(BaseModel):
    """A session that was just begun."""

    id: str


class Question(Input):
    """Says something and waits for the whole answer."""

    session_id: str | None = Field(None, max_length=120, description="Begins a new session when absent.")
    text: Annotated[Text, StringConstraints(min_length=1, max_length=LONGEST_TEXT)]
    product_id: ProductId | None = None


class Answer(BaseModel):
    """The answer to a question."""

    session_id: str
    message: Message


class ArticleSummary(BaseModel):
    """A help article without its text."""

    id: str
    title: str
    topic: str
    update_time: datetime


class Article(ArticleSummary):
    """A help article."""

    body: str = Field(description="Markdown.")


class Articles(BaseModel):
    """The help articles by title."""

    articles: list[ArticleSummary]


class SendFrame(Input):
    """Client: asks something. The same request id again replays the answer."""

    type: Literal["send"]
    request_id: Uuid
    text: str
    product_id: str | None = None


class ResumeFrame(Input):
    """Client: asks again for the answer to a question that was sent before the line broke."""

    type: Literal["resume"]
    request_id: Uuid
    text: str
    product_id: str | None = None


class StopFrame(Input):
    """Client: enough."""

    type: Literal["stop"]


class PingFrame(Input):
    """Client: are you there?"""

    type: Literal["ping"]


ClientFrame = Annotated[SendFrame | ResumeFrame | StopFrame | PingFrame, Field(discriminator="type")]
CLIENT_FRAME: TypeAdapter[ClientFrame] = TypeAdapter(ClientFrame)
