"""What a shopper did."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class EventType(StrEnum):
    """Kinds of events."""

    PAGE_VIEW = "page_view"
    PRODUCT_VIEW = "product_view"
    SEARCH = "search"
    ADD_TO_CART = "add_to_cart"
    PURCHASE = "purchase"
    RECOMMENDATION_CLICK = "recommendation_click"
    CHAT_MESSAGE = "chat_message"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing a shopper did. Values are in minor units of the currency; ids are resource names or empty."""

    id: UUID
    type: EventType
    shopper: str
    session: str
    product: str
    query: str
    result_count: int
    quantity: int
    value_minor: int
    currency: str
    placement: str
    time: datetime


def normalised_query(query: str) -> str:
    """Return a search as it is counted: lower case, single spaces."""
    return " ".join(query.lower().split())
