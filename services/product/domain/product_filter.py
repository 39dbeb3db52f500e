"""What a list keeps and in which order it stands."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from services.product.domain.plain_text import sort_key
from services.product.domain.product import Product, ProductState

# A few enthusiastic reviews weigh less than many good ones: each product starts with these.
_PRIOR_AVERAGE = 3.5
_PRIOR_COUNT = 5

Cursor = tuple[str | int | float, str]


class ProductOrder(IntEnum):
    """Orders of a product list."""

    NEWEST = 0
    PRICE_ASCENDING = 1
    PRICE_DESCENDING = 2
    RATING = 3
    TITLE = 4

    @property
    def descending(self) -> bool:
        """Whether the greatest comes first."""
        return self in (ProductOrder.NEWEST, ProductOrder.PRICE_DESCENDING, ProductOrder.RATING)


@dataclass(frozen=True, slots=True)
class ProductFilter:
    """Conditions a product must meet, all of them."""

    categories: frozenset[str] = frozenset()
    brands: frozenset[str] = frozenset()
    min_price_minor: int = 0
    max_price_minor: int = 0
    in_stock: bool = False
    min_rating: float = 0.0
    states: frozenset[ProductState] = frozenset({ProductState.ACTIVE})
    reduced: bool = False

    @property
    def narrowed(self) -> bool:
        """Whether a facet was chosen, so that counts with and without it differ."""
        prices = self.min_price_minor or self.max_price_minor
        return bool(self.categories or self.brands or prices or self.in_stock or self.min_rating)

    def without_facets(self) -> "ProductFilter":
        """Return only the conditions no facet stands for."""
        return ProductFilter(states=self.states, reduced=self.reduced)

    def keeps(self, product: Product, ignoring: Collection[str] = ()) -> bool:
        """Return whether the product meets all conditions but those of the facets to ignore."""
        return (
            product.state in self.states
            and (not self.reduced or product.reduced)
            and ("category" in ignoring or not self.categories or product.category in self.categories)
            and ("brand" in ignoring or not self.brands or product.brand in self.brands)
            and ("price" in ignoring or self.keeps_price(product.price.minor))
            and ("rating" in ignoring or product.rating.average >= self.min_rating)
            and ("availability" in ignoring or not self.in_stock or product.stock_quantity > 0)
        )

    def keeps_price(self, minor: int) -> bool:
        """Return whether the price lies within the limits."""
        return self.min_price_minor <= minor and (not self.max_price_minor or minor <= self.max_price_minor)


def rating_score(average: float, count: int) -> float:
    """Return what products are ordered by when the best rated come first; unrated ones come last."""
    if count == 0:
        return 0.0
    return (average * count + _PRIOR_AVERAGE * _PRIOR_COUNT) / (count + _PRIOR_COUNT)


def cursor(product: Product, order: ProductOrder) -> Cursor:
    """Return where the product stands in the order: two products never stand at the same place."""
    if order in (ProductOrder.PRICE_ASCENDING, ProductOrder.PRICE_DESCENDING):
        return product.price.minor, product.id
    if order is ProductOrder.RATING:
        return rating_score(product.rating.average, product.rating.count), product.id
    if order is ProductOrder.TITLE:
        return sort_key(product.title), product.id
    return _microseconds(product.create_time), product.id


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond
