"""What is shown: shelves with a title, and the reason of each product on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Placement(StrEnum):
    """Places in the shop."""

    HOME = "home"
    PRODUCT = "product"
    BASKET = "basket"


class ShelfId(StrEnum):
    """Stable names of shelves, for measuring them."""

    FOR_YOU = "for-you"
    BECAUSE = "because-you-viewed"
    SIMILAR = "similar"
    TOGETHER = "bought-together"
    POPULAR = "popular"


@dataclass(frozen=True, slots=True)
class Card:
    """What a shelf needs to know of a product."""

    product: str
    title: str
    category: str
    available: bool


@dataclass(frozen=True, slots=True)
class Recommended:
    """A product on a shelf and why it is there."""

    product: str
    reason: str


@dataclass(frozen=True, slots=True)
class Shelf:
    """A row of products."""

    id: ShelfId
    title: str
    anchor: str
    items: Sequence[Recommended]


@dataclass(frozen=True, slots=True)
class Shelves:
    """An answer: shelves in their order, and the steps that were left out."""

    shelves: Sequence[Shelf]
    degraded: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """Where shelves are wanted, for whom, and around what. Products are resource names."""

    placement: Placement
    shopper: str
    product: str
    basket: Sequence[str]
    size: int
