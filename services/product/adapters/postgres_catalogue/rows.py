"""Products and reviews as rows, both ways."""

import json
from array import array
from collections.abc import Mapping
from typing import Any

from services.product.application.ports import Vector
from services.product.domain.plain_text import sort_key
from services.product.domain.price import Money
from services.product.domain.product import Image, Product, ProductState, Rating
from services.product.domain.review import Mention, Review
from services.product.domain.search_document import product_codes

SHORT_COLUMNS = (
    "p.id, p.title, p.category, p.brand, p.currency, p.price_minor, p.list_price_minor, p.stock_quantity, p.state, "
    "p.rating_average, p.rating_count, p.create_time, p.update_time, p.etag"
)
COLUMNS = f"{SHORT_COLUMNS}, p.subtitle, p.description, p.attributes, p.tags, p.images, p.delivery_note"
REVIEW_COLUMNS = "product_id, id, author, rating, title, body, verified_purchase, create_time"

# The shape of rows sent as one JSON value: a bulk write is one statement with one parameter.
PRODUCT_SHAPE = (
    "id text, title text, title_key text, subtitle text, description text, category text, brand text, currency text, "
    "price_minor bigint, list_price_minor bigint, stock_quantity integer, attributes jsonb, tags jsonb, images jsonb, "
    "codes jsonb, state smallint, delivery_note text, etag text, create_time timestamptz, update_time timestamptz"
)


def to_row(product: Product) -> dict[str, Any]:
    """Return the product as a row of PRODUCT_SHAPE."""
    return {
        "id": product.id,
        "title": product.title,
        "title_key": sort_key(product.title),
        "subtitle": product.subtitle,
        "description": product.description,
        "category": product.category,
        "brand": product.brand,
        "currency": product.price.currency,
        "price_minor": product.price.minor,
        "list_price_minor": product.list_price.minor if product.list_price else None,
        "stock_quantity": product.stock_quantity,
        "attributes": dict(product.attributes),
        "tags": list(product.tags),
        "images": [[image.key, image.alt_text, image.width, image.height] for image in product.images],
        "codes": list(product_codes(product)),
        "state": int(product.state),
        "delivery_note": product.delivery_note,
        "etag": product.etag,
        "create_time": product.create_time.isoformat(),
        "update_time": product.update_time.isoformat(),
    }


def to_product(row: Mapping[str, Any]) -> Product:
    """Return the product of a row; one of the short columns alone has empty texts."""
    reduced_from = row["list_price_minor"]
    return Product(
        id=row["id"],
        title=row["title"],
        category=row["category"],
        price=Money(row["currency"], row["price_minor"]),
        subtitle=row.get("subtitle", ""),
        description=row.get("description", ""),
        brand=row["brand"],
        list_price=Money(row["currency"], reduced_from) if reduced_from is not None else None,
        stock_quantity=row["stock_quantity"],
        attributes=parsed(row.get("attributes", {})),
        tags=tuple(parsed(row.get("tags", ()))),
        images=tuple(Image(*image) for image in parsed(row.get("images", ()))),
        state=ProductState(row["state"]),
        delivery_note=row.get("delivery_note", ""),
        rating=Rating(row["rating_average"], row["rating_count"]),
        create_time=row["create_time"],
        update_time=row["update_time"],
        etag=row["etag"],
    )


def to_review(row: Mapping[str, Any]) -> Review:
    """Return the review of a row of REVIEW_COLUMNS."""
    return Review(**{column: row[column] for column in REVIEW_COLUMNS.split(", ")})


def to_mentions(review_id: str, stored: Any) -> list[tuple[str, Mention]]:
    """Return what a review mentions, with the review's id."""
    return [(review_id, Mention(*mention)) for mention in parsed(stored)]


def parsed(value: Any) -> Any:
    """Return a JSON column's value, which the driver gives as text."""
    return json.loads(value) if isinstance(value, str) else value


def packed(vector: Vector) -> bytes:
    """Return a vector as 32-bit floats."""
    return array("f", vector).tobytes()


def unpacked(stored: bytes) -> Vector:
    """Return the vector of stored floats."""
    vector = array("f")
    vector.frombytes(stored)
    return vector
