"""What a shopper did with a product, and how much it says about their taste."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID


class Kind(StrEnum):
    """Ways of showing interest, the weakest first."""

    VIEW = "view"
    CLICK = "click"
    ADD_TO_CART = "add_to_cart"
    PURCHASE = "purchase"


# How much an act says, a view being one. Choosing costs more than looking, so it says more.
WEIGHTS = {Kind.VIEW: 1.0, Kind.CLICK: 1.5, Kind.ADD_TO_CART: 3.0, Kind.PURCHASE: 5.0}
HALF_LIFE = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Interaction:
    """One act. `product` is a resource name."""

    id: UUID
    shopper: str
    session: str
    product: str
    kind: Kind
    time: datetime


@dataclass(frozen=True, slots=True)
class Interest:
    """How interested a shopper is in a product, and when they last showed it."""

    product: str
    weight: float
    bought: bool
    last_time: datetime


def interests(history: list[Interaction], now: datetime) -> list[Interest]:
    """Return a shopper's interests, the strongest first; what is a half-life old counts half."""
    weights: dict[str, float] = {}
    latest: dict[str, datetime] = {}
    bought: set[str] = set()
    for act in history:
        age = max((now - act.time) / HALF_LIFE, 0.0)
        weights[act.product] = weights.get(act.product, 0.0) + WEIGHTS[act.kind] * 0.5**age
        latest[act.product] = max(latest.get(act.product, act.time), act.time)
        if act.kind is Kind.PURCHASE:
            bought.add(act.product)
    found = [Interest(product, weight, product in bought, latest[product]) for product, weight in weights.items()]
    return sorted(found, key=lambda interest: (-interest.weight, interest.product))
