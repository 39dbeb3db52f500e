"""The simulated month carries the shoppers' preferences, so that recommendations have something to find."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import combinations

from local.demo.catalogue import build_catalogue, complements
from local.demo.events import DAYS, build_events
from local.demo.model import DemoEvent
from local.demo.shoppers import build_shoppers

CATALOGUE = build_catalogue()
SHOPPERS = build_shoppers()
END = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
EVENTS = build_events(CATALOGUE, SHOPPERS, END)
PRODUCTS = {product.id: product for product in CATALOGUE.products}


def _by_session(kind: str) -> dict[str, list[DemoEvent]]:
    sessions: dict[str, list[DemoEvent]] = defaultdict(list)
    for event in EVENTS:
        if event.type == kind:
            sessions[event.session_id].append(event)
    return sessions


def test_the_month_is_busy_and_lies_before_its_end() -> None:
    assert 15_000 <= len(EVENTS) <= 25_000
    assert all(END - timedelta(days=DAYS) <= event.time < END for event in EVENTS)
    assert [event.time for event in EVENTS] == sorted(event.time for event in EVENTS)
    assert len({event.id for event in EVENTS}) == len(EVENTS)


def test_playing_the_month_twice_gives_the_same_events() -> None:
    assert build_events(CATALOGUE, SHOPPERS, END) == EVENTS


def test_events_name_known_products_and_shoppers_and_carry_their_fields() -> None:
    known = {shopper.id for shopper in SHOPPERS}
    for event in EVENTS:
        assert event.shopper_id in known
        if event.type == "search":
            assert event.query
            assert event.result_count is not None
        elif event.type != "page_view":
            assert event.product_id in PRODUCTS
        if event.type in ("add_to_cart", "purchase"):
            assert event.product_id is not None
            assert event.quantity
            assert event.value_minor == event.quantity * PRODUCTS[event.product_id].price_minor


def test_shoppers_spend_far_more_than_a_uniform_share_on_what_they_love() -> None:
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for event in EVENTS:
        if event.product_id:
            seen[event.shopper_id][PRODUCTS[event.product_id].category_id] += 1
    uniform = 1 / len(CATALOGUE.categories)
    shares = []
    for shopper in SHOPPERS:
        counts = seen[shopper.id]
        favourite = max(shopper.taste, key=lambda name: shopper.taste[name])
        if sum(counts.values()) >= 30:
            shares.append(counts[favourite] / sum(counts.values()))
    assert len(shares) > 80
    assert sum(shares) / len(shares) > 5 * uniform
    assert sum(share > 2 * uniform for share in shares) > 0.95 * len(shares)


def test_maya_has_a_rich_history_of_wool_tea_and_candles() -> None:
    own = [event for event in EVENTS if event.shopper_id == "maya"]
    loved = Counter(PRODUCTS[event.product_id].category_id for event in own if event.product_id)
    assert len(own) >= 200
    assert loved.most_common(1)[0][0] == "knitwear"
    assert sum(loved[name] for name in ("knitwear", "tea-coffee", "lighting", "footwear")) > 0.6 * sum(loved.values())
    assert sum(event.type == "purchase" for event in own) >= 5


def test_what_is_bought_together_belongs_together() -> None:
    together, pairs = 0, 0
    for bought in _by_session("purchase").values():
        kinds = {PRODUCTS[event.product_id].family for event in bought if event.product_id}
        for one, other in combinations(sorted(kinds), 2):
            pairs += 1
            together += other in complements(one) or one in complements(other)
    families = len({product.family for product in CATALOGUE.products})
    by_chance = sum(len(complements(product.family)) for product in CATALOGUE.products) / len(PRODUCTS) * 2 / families
    assert pairs > 100
    assert together / pairs > 4 * by_chance


def test_everything_purchased_was_put_in_the_basket_first() -> None:
    added = {(e.session_id, e.product_id): e.time for e in EVENTS if e.type == "add_to_cart"}
    for event in EVENTS:
        if event.type == "purchase":
            assert added[event.session_id, event.product_id] < event.time


def test_evenings_are_busier_than_nights() -> None:
    hours = Counter(event.time.hour for event in EVENTS)
    assert sum(hours[hour] for hour in (19, 20, 21)) > 8 * sum(hours[hour] for hour in (2, 3, 4))
