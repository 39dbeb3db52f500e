"""Products and their reviews as the assistant may speak of them: facts of the catalogue, never more."""

from collections.abc import Mapping
from dataclasses import dataclass, field

_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£"}
_FEW = 5


@dataclass(frozen=True, slots=True)
class Price:
    """An amount in minor units."""

    minor: int
    currency: str = "EUR"

    def __str__(self) -> str:
        """Return the amount as shoppers read it: "€49", "€49.50"."""
        whole, cents = divmod(self.minor, 100)
        amount = f"{whole:,}" if not cents else f"{whole:,}.{cents:02d}"
        symbol = _SYMBOLS.get(self.currency)
        return f"{symbol}{amount}" if symbol else f"{amount} {self.currency}"


@dataclass(frozen=True, slots=True)
class Product:
    """Something the shop sells. `key` is the last part of its name."""

    key: str
    title: str
    price: Price
    subtitle: str = ""
    description: str = ""
    brand: str = ""
    list_price: Price | None = None
    stock: int = 0
    attributes: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    rating: float = 0.0
    review_count: int = 0
    delivery_note: str = ""

    @property
    def words(self) -> str:
        """Everything that is written about it."""
        facts = " ".join(f"{name} {value}" for name, value in self.attributes.items())
        return f"{self.title} {self.subtitle} {self.description} {self.brand} {' '.join(self.tags)} {facts}"


@dataclass(frozen=True, slots=True)
class Aspect:
    """What reviewers say about one side of a product, with a sentence of one of them."""

    name: str
    praised: int
    faulted: int
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Opinions:
    """What reviewers say about a product."""

    aspects: tuple[Aspect, ...] = ()
    quotes: tuple[str, ...] = ()


def price_fact(product: Product) -> str:
    """Return the price, and what it was before."""
    if product.list_price and product.list_price.minor > product.price.minor:
        return f"{product.price} (was {product.list_price})"
    return str(product.price)


def stock_fact(product: Product) -> str:
    """Return whether it can be shipped today."""
    if product.stock <= 0:
        return "out of stock at the moment"
    return f"only {product.stock} left" if product.stock <= _FEW else "in stock"


def rating_fact(product: Product) -> str:
    """Return the reviewers' verdict in numbers; empty without reviews."""
    if not product.review_count:
        return ""
    reviewers = "1 reviewer" if product.review_count == 1 else f"{product.review_count} reviewers"
    return f"rated {product.rating:.1f} of 5 by {reviewers}"


def card_line(product: Product) -> str:
    """Return the one plain sentence under a product's card."""
    facts = [price_fact(product), stock_fact(product), rating_fact(product)]
    return f"{product.title}: {', '.join(fact for fact in facts if fact)}."
