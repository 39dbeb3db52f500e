"""What the recommendation use cases need from the outside, in their own words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.recommendation.domain.interaction import Interaction
from services.recommendation.domain.ranking import Together
from services.recommendation.domain.shelf import Card, Question, Shelves


class AnswerCache(Protocol):
    """Answers kept for a while. An answer is void as soon as its shopper does something."""

    async def find(self, question: Question) -> Shelves | None:
        """Return a kept answer. Raises Unavailable."""
        ...

    async def keep(self, question: Question, answer: Shelves) -> None:
        """Keep an answer. Raises Unavailable."""
        ...

    async def forget(self, shoppers: Sequence[str]) -> None:
        """Void the answers of shoppers. Raises Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """What is seen in the same visits as a product, and in how many visits that product is seen."""

    visits: int
    found: Sequence[Together]


class History(Protocol):
    """What shoppers did."""

    async def record(self, interactions: Sequence[Interaction]) -> int:
        """Keep interactions; one that is kept already is left alone. Returns how many were new. Raises Unavailable."""
        ...

    async def of_shopper(self, shopper: str, limit: int) -> Sequence[Interaction]:
        """Return what a shopper did, the latest first. Raises Unavailable."""
        ...

    async def seen_together(self, product: str, *, chosen_only: bool, limit: int) -> Neighbourhood:
        """Return what is seen with a product (`chosen_only`: put into the basket or bought). Raises Unavailable."""
        ...

    async def popular(self, since: datetime, limit: int) -> Mapping[str, float]:
        """Return the most wanted products with their weights. Raises Unavailable."""
        ...


class SimilarItems(Protocol):
    """Products that are alike."""

    async def alike(self, products: Sequence[str], limit: int) -> Mapping[str, Mapping[str, float]]:
        """Return, for each product that is known, what is alike with its similarity. Raises Unavailable."""
        ...


class Shop(Protocol):
    """The products as the catalogue has them now."""

    async def cards(self, products: Sequence[str]) -> Mapping[str, Card]:
        """Return the cards of products; those that are gone are left out. Raises Unavailable."""
        ...

    async def newest(self, limit: int) -> Sequence[Card]:
        """Return the newest products. Raises Unavailable."""
        ...


class Suggester(Protocol):
    """A language model that knows what goes with what."""

    async def suggest(self, liked: Sequence[Card], candidates: Sequence[Card]) -> Sequence[str]:
        """Return candidates' products, the best first. Raises Unavailable, or Precondition without a good model."""
        ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something taken from the stream of events. One that says nothing about taste has no interaction."""

    receipt: str
    interaction: Interaction | None


class InteractionStream(Protocol):
    """What shoppers do, as it happens, delivered at least once."""

    async def take(self, limit: int) -> Sequence[Delivery]:
        """Wait a moment for events. Raises Unavailable."""
        ...

    async def acknowledge(self, receipts: Sequence[str]) -> None:
        """Forget what was learnt. Raises Unavailable."""
        ...


class Clock(Protocol):
    """The time."""

    def now(self) -> datetime:
        """Return the current time in UTC."""
        ...
