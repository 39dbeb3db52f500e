"""The values that make up the demo shop, free of any service's own types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

EventType = Literal["page_view", "product_view", "search", "add_to_cart", "purchase", "recommendation_click"]


@dataclass(frozen=True, slots=True)
class DemoCategory:
    """A department of the shop and the tint its pictures stand on."""

    id: str
    title: str
    blurb: str
    tint: str


@dataclass(frozen=True, slots=True)
class DemoImage:
    """One picture of a product, named by the key it is stored under."""

    key: str
    alt: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class DemoProduct:
    """One thing the shop sells."""

    id: str
    title: str
    subtitle: str
    description: str
    category_id: str
    brand: str
    price_minor: int
    list_price_minor: int | None
    currency: str
    stock: int
    attributes: Mapping[str, str]
    tags: tuple[str, ...]
    images: tuple[DemoImage, ...]
    delivery: str
    family: str


@dataclass(frozen=True, slots=True)
class DemoReview:
    """What one customer wrote about one product."""

    id: str
    product_id: str
    author: str
    rating: int
    title: str
    body: str
    created: datetime
    verified: bool


@dataclass(frozen=True, slots=True)
class DemoArticle:
    """One page of the support knowledge base."""

    id: str
    title: str
    topic: str
    body_markdown: str
    updated: date


@dataclass(frozen=True, slots=True)
class DemoShopper:
    """A customer with preferences that steer everything they do in the shop."""

    id: str
    name: str
    email: str
    taste: Mapping[str, float]
    favourite_families: tuple[str, ...]
    favourite_brands: tuple[str, ...]
    price_sensitivity: float
    activity: float


@dataclass(frozen=True, slots=True)
class DemoEvent:
    """One thing a shopper did, in the words the analytics service counts."""

    id: str
    type: EventType
    shopper_id: str
    session_id: str
    product_id: str | None
    query: str | None
    result_count: int | None
    quantity: int | None
    value_minor: int | None
    time: datetime


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All departments and products, in a fixed order."""

    categories: tuple[DemoCategory, ...]
    products: tuple[DemoProduct, ...]

    def product(self, product_id: str) -> DemoProduct:
        """Return the product with this id, or raise KeyError."""
        for product in self.products:
            if product.id == product_id:
                return product
        raise KeyError(product_id)
