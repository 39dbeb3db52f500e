"""Which fields of a product an update may change, and how a mask says so (AIP-134)."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from services.product.domain.errors import field_not_updatable
from services.product.domain.product import Product

UPDATABLE = (
    "title",
    "subtitle",
    "description",
    "category",
    "brand",
    "price",
    "list_price",
    "stock_quantity",
    "attributes",
    "tags",
    "images",
    "state",
    "delivery_note",
)


def fields_to_change(mask: Collection[str], populated: Collection[str]) -> tuple[str, ...]:
    """Return the fields a mask means: empty is all that are populated, `*` is all; refuse any that cannot change."""
    if not mask:
        return tuple(path for path in UPDATABLE if path in populated)
    if "*" in mask:
        if len(mask) > 1:
            raise field_not_updatable("*")
        return UPDATABLE
    for path in mask:
        if path not in UPDATABLE:
            raise field_not_updatable(path)
    return tuple(path for path in UPDATABLE if path in mask)


def changed(stored: Product, wanted: Product, fields: Collection[str]) -> Product:
    """Return the stored product with the given fields taken from the wanted one."""
    taken: dict[str, Any] = {name: getattr(wanted, name) for name in fields}
    return replace(stored, **taken)
