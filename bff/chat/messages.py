"""Between what the chat shows and its contract."""

from collections.abc import Iterable
from typing import Any, Literal

from aisle.chat.v1 import conversation_pb2
from bff.chat import schemas
from bff.inputs import last_part
from bff.presentation import Product, Shopfront, time_of
from services.runtime.errors import AisleError

_STATES: dict[int, schemas.MessageState] = {
    conversation_pb2.MESSAGE_STATE_STREAMING: "streaming",
    conversation_pb2.MESSAGE_STATE_COMPLETE: "complete",
    conversation_pb2.MESSAGE_STATE_INTERRUPTED: "interrupted",
    conversation_pb2.MESSAGE_STATE_FAILED: "failed",
}


def citation_of(citation: conversation_pb2.Citation) -> schemas.Citation:
    """Return a passage an answer rests on."""
    return schemas.Citation(
        index=citation.index,
        article_id=last_part(citation.article),
        title=citation.title,
        section=citation.section,
        passage=citation.passage,
    )


def message_of(message: conversation_pb2.Message, cards: dict[str, Product]) -> schemas.Message:
    """Return a message with the products that are still there."""
    author: Literal["shopper", "assistant"] = "assistant"
    if message.author == conversation_pb2.AUTHOR_SHOPPER:
        author = "shopper"
    return schemas.Message(
        id=last_part(message.name),
        author=author,
        text=message.text,
        citations=[citation_of(citation) for citation in message.citations],
        products=[cards[name] for name in message.products if name in cards],
        degraded=list(message.degraded),
        state=_STATES.get(message.state, "complete"),
        create_time=time_of(message.create_time),
    )


def article_of(article: conversation_pb2.Article) -> schemas.Article:
    """Return a help article."""
    return schemas.Article(**_summary(article), body=article.body)


def summary_of(article: conversation_pb2.Article) -> schemas.ArticleSummary:
    """Return a help article without its text."""
    return schemas.ArticleSummary(**_summary(article))


async def cards_or_none(front: Shopfront, names: Iterable[str]) -> dict[str, Product]:
    """Return the cards of products; none while the catalogue is away: a talk is worth showing without them."""
    try:
        return await front.cards(names)
    except AisleError:
        return {}


def _summary(article: conversation_pb2.Article) -> dict[str, Any]:
    return {
        "id": last_part(article.name),
        "title": article.title,
        "topic": article.topic,
        "update_time": time_of(article.update_time),
    }
