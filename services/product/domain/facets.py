"""Ways of narrowing a list, with counts. A facet's own choice does not count against its other values."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from services.product.domain.price import Money, decimals
from services.product.domain.product import Product
from services.product.domain.product_filter import ProductFilter

FIELDS = ("category", "brand", "price", "rating", "availability")
MOST_VALUES = 20
IN_STOCK = "in_stock"
# Upper ends of price buckets in whole units; the last bucket is open.
_PRICE_STEPS = (10, 25, 50, 100, 200, 500, 1000, 2000)
_RATING_STEPS = (4, 3, 2, 1)


@dataclass(frozen=True, slots=True)
class FacetValue:
    """One value of a facet: what to send in the filter, what to show, and how many products have it."""

    value: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Facet:
    """One way of narrowing a list."""

    field: str
    values: tuple[FacetValue, ...]


# Counts of one facet by raw value: category id, brand, bucket number, least whole stars, or IN_STOCK.
Counts = Mapping[str, Mapping[str, int]]


def price_edges(currency: str) -> list[int]:
    """Return the lower ends of the price buckets in minor units."""
    return [0, *(step * 10 ** decimals(currency) for step in _PRICE_STEPS)]


def counted(products: Iterable[Product], condition: ProductFilter, currency: str) -> dict[str, Counter[str]]:
    """Count the values of products; each facet counts what all conditions but its own keep."""
    edges = price_edges(currency)
    counts: dict[str, Counter[str]] = {field: Counter() for field in FIELDS}
    for product in products:
        for field in FIELDS:
            if condition.keeps(product, ignoring=(field,)):
                counts[field].update(_values(product, field, edges))
    return counts


def facets(counts: Counts, category_titles: Mapping[str, str], currency: str) -> list[Facet]:
    """Return the facets of counted values as a shopper reads them; empty ones are left out."""
    made = [
        Facet("category", _frequent(counts, "category", lambda value: category_titles.get(value, value))),
        Facet("brand", _frequent(counts, "brand", lambda value: value)),
        Facet("price", _prices(counts.get("price", {}), currency)),
        Facet("rating", _ratings(counts.get("rating", {}))),
        Facet("availability", _frequent(counts, "availability", lambda value: "In stock")),
    ]
    return [facet for facet in made if facet.values]


def _values(product: Product, field: str, edges: list[int]) -> list[str]:
    if field == "category":
        return [product.category]
    if field == "brand":
        return [product.brand] if product.brand else []
    if field == "price":
        return [str(sum(1 for edge in edges if edge <= product.price.minor) - 1)]
    if field == "rating":
        return [str(step) for step in _RATING_STEPS if product.rating.average >= step]
    return [IN_STOCK] if product.stock_quantity > 0 else []


def _frequent(counts: Counts, field: str, label: Callable[[str], str]) -> tuple[FacetValue, ...]:
    most = sorted(counts.get(field, {}).items(), key=lambda item: (-item[1], item[0]))
    return tuple(FacetValue(value, label(value), count) for value, count in most[:MOST_VALUES] if value and count)


def _prices(counts: Mapping[str, int], currency: str) -> tuple[FacetValue, ...]:
    edges = price_edges(currency)
    made = []
    for number, (low, high) in enumerate(pairwise([*edges, 0])):
        count = counts.get(str(number), 0)
        if count:
            made.append(FacetValue(f"{low}-{high - 1 if high else ''}", _price_label(low, high, currency), count))
    return tuple(made)


def _price_label(low: int, high: int, currency: str) -> str:
    if low == 0:
        return f"Under {Money(currency, high)}"
    if high == 0:
        return f"{Money(currency, low)} and more"
    return f"{Money(currency, low)} to {Money(currency, high)}"


def _ratings(counts: Mapping[str, int]) -> tuple[FacetValue, ...]:
    found = ((step, counts.get(str(step), 0)) for step in _RATING_STEPS)
    labels = {step: f"{step} stars and more" for step in _RATING_STEPS} | {1: "1 star and more"}
    return tuple(FacetValue(str(step), labels[step], count) for step, count in found if count)
