"""What the assistant needs of the world, in its own words."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.chat.domain.article import Article, Passage
from services.chat.domain.budget import Budget
from services.chat.domain.conversation import Conversation, Message
from services.chat.domain.product import Opinions, Product
from services.chat.domain.prompt import Prompt
from services.chat.domain.retrieval import Stored, Vector


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the time with its zone."""
        ...


class Conversations(Protocol):
    """Conversations inside one transaction."""

    async def add(self, conversation: Conversation) -> None:
        """Store a new conversation."""
        ...

    async def find(self, key: str) -> Conversation | None:
        """Return a conversation."""
        ...

    async def lock(self, key: str) -> Conversation | None:
        """Return a conversation and keep others from changing it until the transaction ends."""
        ...

    async def delete(self, key: str) -> None:
        """Delete a conversation with everything said in it."""
        ...

    async def say(self, message: Message) -> None:
        """Store a new message at the end of its conversation."""
        ...

    async def messages(self, key: str, after: int, limit: int) -> list[Message]:
        """Return messages behind a position, oldest first."""
        ...

    async def latest(self, key: str, limit: int) -> list[Message]:
        """Return the last messages, oldest first."""
        ...

    async def asked_by(self, key: str, request_id: str) -> Message | None:
        """Return the question that a request said."""
        ...

    async def answer_to(self, key: str, question: str) -> Message | None:
        """Return the answer to a question."""
        ...

    async def claim(self, conversation: Conversation, holder: str) -> None:
        """Store title, time and claim of a conversation as they stand in `conversation`."""
        ...

    async def finish(self, message: Message, now: datetime) -> bool:
        """Store an answer that has ended and free its conversation; False when it had been ended already."""
        ...

    async def renew(self, answers: Sequence[str], until: datetime) -> None:
        """Keep the claims of these answers alive."""
        ...

    async def fail_abandoned(self, holder: str, now: datetime) -> int:
        """Mark answers as failed whose claim lapsed, or is `holder`'s when one is named. Returns how many."""
        ...


class ConversationBook(Protocol):
    """Opens transactions over conversations. Raises Unavailable while the database is away."""

    def writing(self) -> AbstractAsyncContextManager[Conversations]:
        """Open a transaction that commits when the block ends well."""
        ...

    def reading(self) -> AbstractAsyncContextManager[Conversations]:
        """Open a transaction that only reads."""
        ...


@dataclass(frozen=True, slots=True)
class Pending:
    """An article whose passages wait for their vectors, and the version of it that waits."""

    article: str
    version: int
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What changes seldom and is asked for with every question."""

    version: int
    topics: tuple[str, ...]
    pending: bool


class Articles(Protocol):
    """Articles inside one transaction."""

    async def put(self, article: Article, passages: Sequence[Passage], now: datetime) -> bool:
        """Create or replace an article; False when nothing about it is new."""
        ...

    async def find(self, key: str) -> Article | None:
        """Return an article."""
        ...

    async def page(self, after: tuple[str, str] | None, limit: int) -> list[Article]:
        """Return articles behind a (title, key), by title."""
        ...

    async def knowledge(self) -> Knowledge:
        """Return what is known about all articles together; cheap."""
        ...

    async def texts(self) -> list[str]:
        """Return all passages under their title paths."""
        ...

    async def pending(self, keys: Sequence[str], limit: int) -> list[Pending]:
        """Return articles that wait, of the given ones when any are given."""
        ...

    async def indexed(self, pending: Pending, stored: Sequence[Stored]) -> None:
        """Keep the vectors of an article that is indexed now, unless it changed meanwhile."""
        ...

    async def indexed_count(self, keys: Sequence[str]) -> int:
        """Return how many passages are indexed, of the given articles when any are given."""
        ...

    async def wait_again(self, other_than_model: str) -> int:
        """Make articles wait for new vectors: those of other models, or all when no model is named."""
        ...

    async def passages(self, keys: Sequence[str]) -> list[Stored]:
        """Return passages that still exist, in any order."""
        ...

    async def by_words(self, text: str, limit: int, pending_only: bool) -> list[str]:
        """Return the keys of passages found by full text, best first."""
        ...


class ArticleBook(Protocol):
    """Opens transactions over articles. Raises Unavailable while the database is away."""

    def writing(self) -> AbstractAsyncContextManager[Articles]:
        """Open a transaction that commits when the block ends well."""
        ...

    def reading(self) -> AbstractAsyncContextManager[Articles]:
        """Open a transaction that only reads."""
        ...


class PassageIndex(Protocol):
    """Finds passages by meaning and by words. Raises Unavailable while it is away."""

    async def replace(self, articles: Sequence[str], passages: Sequence[Stored]) -> None:
        """Make these the only passages of these articles."""
        ...

    async def by_meaning(self, vector: Vector, model: str, limit: int) -> list[str]:
        """Return the keys of the nearest passages of a model."""
        ...

    async def by_words(self, text: str, limit: int) -> list[str]:
        """Return the keys of passages that hold the words, best first."""
        ...

    async def count(self) -> int:
        """Return how many passages it holds."""
        ...


@dataclass(frozen=True, slots=True)
class Vectors:
    """Vectors of one model."""

    model: str
    vectors: tuple[Vector, ...]


class Embedder(Protocol):
    """Turns texts into vectors. Raises Unavailable or another refusal while it cannot."""

    async def embed(self, texts: Sequence[str], urgent: bool) -> Vectors:
        """Return a vector of unit length for every text."""
        ...


class Writer(Protocol):
    """A language model that follows instructions reliably."""

    def write(self, prompt: Prompt) -> AsyncGenerator[str, None]:
        """Stream what it writes. Raises an AisleError when there is no such model or it fails."""
        ...


@dataclass(frozen=True, slots=True)
class Offer:
    """A product found for a wish, and whether words found it."""

    product: Product
    by_words: bool


@dataclass(frozen=True, slots=True)
class Offers:
    """Products found for a wish, best first."""

    offers: tuple[Offer, ...]
    degraded: tuple[str, ...] = ()


class Shop(Protocol):
    """The catalogue. Raises Unavailable while it is away."""

    async def search(self, wish: str, budget: Budget, limit: int) -> Offers:
        """Return products for a wish."""
        ...

    async def product(self, key: str) -> Product:
        """Return a product; raises NotFound when there is none."""
        ...

    async def products(self, keys: Sequence[str]) -> list[Product]:
        """Return the products that exist."""
        ...

    async def opinions(self, key: str) -> Opinions:
        """Return what reviewers say about a product."""
        ...
