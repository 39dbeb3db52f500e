"""Plays one month of shopping: sessions at people's own hours, led by taste and by what belongs together."""

from __future__ import annotations

import random
import uuid
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate

from local.demo.catalogue import complements
from local.demo.families import families
from local.demo.model import Catalogue, DemoEvent, DemoProduct, DemoShopper, EventType

SEED = 31
DAYS = 30
_SPACE = uuid.UUID("0a2fd4d0-3c0f-4f5e-8e4f-9a4b4a1e2c77")
_SESSIONS_PER_DAY = 0.52
# How busy each hour is, from midnight on: a small peak at lunch, a large one after dinner.
_HOURS = (2, 1, 1, 0, 0, 1, 3, 6, 8, 9, 10, 11, 14, 12, 9, 9, 10, 12, 14, 18, 24, 23, 15, 7)
# Monday first; people shop from the sofa on Sundays.
_WEEKDAYS = (1.0, 0.95, 0.95, 1.0, 0.9, 1.1, 1.35)


@dataclass(frozen=True, slots=True)
class _Shelf:
    """Products with the running weights to draw one in a single step."""

    products: tuple[DemoProduct, ...]
    running: tuple[float, ...]

    def draw(self, rng: random.Random) -> DemoProduct:
        """Return one product, the likelier the more it appeals."""
        return self.products[bisect(self.running, rng.random() * self.running[-1])]


@dataclass(slots=True)
class _Visit:
    """One session in the making: who, where in time, and what they have seen and hold."""

    shopper: DemoShopper
    rng: random.Random
    session_id: str
    time: datetime
    basket: dict[str, tuple[DemoProduct, int]] = field(default_factory=dict)
    count: int = 0

    def event(
        self, kind: EventType, product: DemoProduct | None = None, *, query: str | None = None,
        results: int | None = None, quantity: int | None = None, value: int | None = None,
    ) -> DemoEvent:  # fmt: skip
        """Let some seconds pass and write down what happened."""
        self.time += timedelta(seconds=self.rng.randint(6, 95))
        self.count += 1
        return DemoEvent(
            id=str(uuid.uuid5(_SPACE, f"{self.session_id}/{self.count}")),
            type=kind, shopper_id=self.shopper.id, session_id=self.session_id,
            product_id=product.id if product else None, query=query, result_count=results,
            quantity=quantity, value_minor=value, time=self.time,
        )  # fmt: skip


def build_events(catalogue: Catalogue, shoppers: Sequence[DemoShopper], end: datetime) -> list[DemoEvent]:
    """Return the events of the thirty days before `end`, in order of time."""
    popularity = _popularity(catalogue)
    events: list[DemoEvent] = []
    for shopper in shoppers:
        rng = random.Random(f"{SEED}:{shopper.id}")
        shelves = _shelves(catalogue, shopper, popularity)
        for number, start in enumerate(_starts(shopper, end, rng)):
            session_id = str(uuid.uuid5(_SPACE, f"{shopper.id}/{number}"))
            events.extend(_session(_Visit(shopper, rng, session_id, start), shelves))
    return sorted((event for event in events if event.time < end), key=lambda event: (event.time, event.id))


def _popularity(catalogue: Catalogue) -> dict[str, float]:
    rng = random.Random(SEED)
    return {product.id: min(rng.paretovariate(1.3), 12.0) for product in catalogue.products}


def _shelves(catalogue: Catalogue, shopper: DemoShopper, popularity: dict[str, float]) -> dict[str, _Shelf]:
    """Weigh every family's products by this shopper's brands and purse."""
    grouped: dict[str, list[DemoProduct]] = {}
    for product in catalogue.products:
        grouped.setdefault(product.family, []).append(product)
    shelves: dict[str, _Shelf] = {}
    for family_id, products in grouped.items():
        usual = sorted(product.price_minor for product in products)[len(products) // 2]
        weights = [_appeal(product, shopper, popularity[product.id], usual) for product in products]
        shelves[family_id] = _Shelf(tuple(products), tuple(accumulate(weights)))
    return shelves


def _appeal(product: DemoProduct, shopper: DemoShopper, popularity: float, usual: int) -> float:
    appeal = popularity * (2.2 if product.brand in shopper.favourite_brands else 1.0)
    appeal *= float((usual / product.price_minor) ** (2.0 * (shopper.price_sensitivity - 0.3)))
    if product.list_price_minor:
        appeal *= 1.0 + shopper.price_sensitivity
    return appeal if product.stock else appeal * 0.4


def _starts(shopper: DemoShopper, end: datetime, rng: random.Random) -> Iterator[datetime]:
    first_day = (end - timedelta(days=DAYS)).replace(minute=0, second=0, microsecond=0)
    for day in range(DAYS):
        date = first_day + timedelta(days=day)
        expected = _SESSIONS_PER_DAY * shopper.activity * _WEEKDAYS[date.weekday()]
        for _ in range(_poisson(expected, rng)):
            hour = rng.choices(range(24), _HOURS)[0]
            start = date.replace(hour=hour) + timedelta(seconds=rng.randrange(3600))
            if start < first_day + timedelta(hours=1):
                start += timedelta(days=1)
            yield start


def _poisson(expected: float, rng: random.Random) -> int:
    count, left = 0, rng.expovariate(1.0)
    while left < expected:
        count += 1
        left += rng.expovariate(1.0)
    return count


def _session(visit: _Visit, shelves: dict[str, _Shelf]) -> Iterator[DemoEvent]:
    rng = visit.rng
    if rng.random() < 0.6:
        yield visit.event("page_view")
    family_id = _interest(visit.shopper, rng)
    for _ in range(1 + _poisson(0.7, rng)):
        yield from _look_around(visit, shelves, family_id)
        related = complements(family_id)
        stays = bool(related) and rng.random() < 0.62
        family_id = rng.choice(related) if stays else _interest(visit.shopper, rng)
    if visit.basket and rng.random() < 0.46:
        yield from _buy(visit)


def _interest(shopper: DemoShopper, rng: random.Random) -> str:
    """Choose what this visit is about: a favourite kind of thing, or something in a department they like."""
    category = rng.choices(tuple(shopper.taste), tuple(shopper.taste.values()))[0]
    inside = [family.id for family in families().values() if family.category_id == category]
    weights = [4.0 if family_id in shopper.favourite_families else 1.0 for family_id in inside]
    return rng.choices(inside, weights)[0]


def _look_around(visit: _Visit, shelves: dict[str, _Shelf], family_id: str) -> Iterator[DemoEvent]:
    rng, shelf = visit.rng, shelves[family_id]
    if rng.random() < 0.48:
        query = rng.choice(families()[family_id].queries)
        yield visit.event("search", query=query, results=len(shelf.products) + rng.randint(2, 24))
    elif rng.random() < 0.5:
        yield visit.event("page_view")
    for _ in range(1 + _poisson(1.7, rng)):
        product = shelf.draw(rng)
        yield visit.event("product_view", product)
        if rng.random() < 0.24 and product.stock:
            yield from _add(visit, product)
            yield from _follow(visit, shelves, family_id)


def _follow(visit: _Visit, shelves: dict[str, _Shelf], family_id: str) -> Iterator[DemoEvent]:
    """After something lands in the basket, look at what goes with it."""
    related = complements(family_id)
    if not related or visit.rng.random() > 0.55:
        return
    partner = shelves[visit.rng.choice(related[:2])].draw(visit.rng)
    if visit.rng.random() < 0.6:
        yield visit.event("recommendation_click", partner)
    yield visit.event("product_view", partner)
    if partner.stock and visit.rng.random() < 0.42:
        yield from _add(visit, partner)


def _add(visit: _Visit, product: DemoProduct) -> Iterator[DemoEvent]:
    if product.id in visit.basket:
        return
    quantity = 2 if product.price_minor < 2500 and visit.rng.random() < 0.25 else 1
    visit.basket[product.id] = (product, quantity)
    yield visit.event("add_to_cart", product, quantity=quantity, value=product.price_minor * quantity)


def _buy(visit: _Visit) -> Iterator[DemoEvent]:
    for product, quantity in visit.basket.values():
        yield visit.event("purchase", product, quantity=quantity, value=product.price_minor * quantity)
