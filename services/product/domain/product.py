"""What the shop sells, as values."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import IntEnum

from services.product.domain.errors import field_invalid
from services.product.domain.plain_text import clean, one_line, slug
from services.product.domain.price import Money

_MOST_STOCK = 2**31 - 1
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class ProductState(IntEnum):
    """Where a product stands; the numbers are stored."""

    DRAFT = 1
    ACTIVE = 2
    ARCHIVED = 3


@dataclass(frozen=True, slots=True)
class Image:
    """A picture, named by its key in the media store."""

    key: str
    alt_text: str = ""
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Rating:
    """What reviewers gave on the average."""

    average: float = 0.0
    count: int = 0


@dataclass(frozen=True, slots=True)
class Category:
    """A department of the shop."""

    id: str
    title: str
    blurb: str = ""
    tint: str = ""
    product_count: int = 0


@dataclass(frozen=True, slots=True)
class Product:
    """Something the shop sells."""

    id: str
    title: str
    category: str
    price: Money
    subtitle: str = ""
    description: str = ""
    brand: str = ""
    list_price: Money | None = None
    stock_quantity: int = 0
    attributes: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    images: tuple[Image, ...] = ()
    state: ProductState = ProductState.ACTIVE
    delivery_note: str = ""
    rating: Rating = Rating()
    create_time: datetime = NEVER
    update_time: datetime = NEVER
    etag: str = ""

    @property
    def reduced(self) -> bool:
        """Whether it costs less than before."""
        return self.list_price is not None and self.list_price.minor > self.price.minor


def sound(product: Product, path: str = "product") -> Product:
    """Return the product with its texts cleaned and its etag set; refuse what cannot be sold as it is."""
    title = one_line(product.title)
    if not title:
        raise field_invalid(f"{path}.title", "must not be empty")
    if not product.category:
        raise field_invalid(f"{path}.category", "must name a category")
    if product.stock_quantity > _MOST_STOCK or product.stock_quantity < 0:
        raise field_invalid(f"{path}.stock_quantity", "must be between 0 and 2147483647")
    if product.list_price is not None:
        if product.list_price.currency != product.price.currency:
            raise field_invalid(f"{path}.list_price", "must be of the currency of the price")
        if product.list_price.minor <= product.price.minor:
            raise field_invalid(f"{path}.list_price", "must be more than the price")
    tidy = replace(
        product,
        title=title,
        subtitle=one_line(product.subtitle),
        description=clean(product.description),
        brand=one_line(product.brand),
        delivery_note=one_line(product.delivery_note),
        attributes=_tidy_attributes(product.attributes),
        tags=tuple(dict.fromkeys(tag for tag in map(one_line, product.tags) if tag)),
        images=tuple(replace(image, alt_text=one_line(image.alt_text)) for image in product.images),
    )
    return replace(tidy, etag=content_etag(tidy))


def content_etag(product: Product) -> str:
    """Return a fingerprint of all that people can edit."""
    content = {
        "title": product.title,
        "subtitle": product.subtitle,
        "description": product.description,
        "category": product.category,
        "brand": product.brand,
        "price": [product.price.currency, product.price.minor],
        "list_price": product.list_price and [product.list_price.currency, product.list_price.minor],
        "stock": product.stock_quantity,
        "attributes": dict(product.attributes),
        "tags": product.tags,
        "images": [[i.key, i.alt_text, i.width, i.height] for i in product.images],
        "state": int(product.state),
        "delivery_note": product.delivery_note,
    }
    body = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(body.encode()).hexdigest()[:20]


def generated_id(title: str, suffix: str) -> str:
    """Return an id that reads like the title and ends in a suffix that keeps it apart from others."""
    return "-".join(part for part in (slug(title), suffix) if part)


def _tidy_attributes(attributes: Mapping[str, str]) -> dict[str, str]:
    tidy = ((one_line(name), clean(value)) for name, value in attributes.items())
    return {name: value for name, value in tidy if name and value}
