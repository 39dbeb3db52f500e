"""Product filters and orders as SQL with bound values."""

from typing import Any

from services.product.domain.product_filter import Cursor, ProductFilter, ProductOrder

_KEYS = {
    ProductOrder.NEWEST: "p.create_time",
    ProductOrder.PRICE_ASCENDING: "p.price_minor",
    ProductOrder.PRICE_DESCENDING: "p.price_minor",
    ProductOrder.RATING: "p.rating_score",
    ProductOrder.TITLE: "p.title_key",
}
_CURSOR_VALUES = {
    ProductOrder.NEWEST: "'epoch'::timestamptz + CAST(:after_key AS bigint) * interval '1 microsecond'",
    ProductOrder.PRICE_ASCENDING: "CAST(:after_key AS bigint)",
    ProductOrder.PRICE_DESCENDING: "CAST(:after_key AS bigint)",
    ProductOrder.RATING: "CAST(:after_key AS double precision)",
    ProductOrder.TITLE: "CAST(:after_key AS text)",
}


def always(condition: ProductFilter) -> str:
    """Return the part of a filter no facet stands for; states are numbers of our own, never a caller's text."""
    states = ", ".join(str(int(state)) for state in sorted(condition.states))
    reduced = " AND p.list_price_minor IS NOT NULL" if condition.reduced else ""
    return f"p.state IN ({states}){reduced}"


def by_facet(condition: ProductFilter) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the part of the filter each facet stands for, and the values of its parameters."""
    parts = dict.fromkeys(("category", "brand", "price", "rating", "availability"), "true")
    values: dict[str, Any] = {}
    if condition.categories:
        parts["category"] = "p.category = ANY(CAST(:categories AS text[]))"
        values["categories"] = sorted(condition.categories)
    if condition.brands:
        parts["brand"] = "p.brand = ANY(CAST(:brands AS text[]))"
        values["brands"] = sorted(condition.brands)
    limits = []
    if condition.min_price_minor:
        limits.append("p.price_minor >= CAST(:min_price AS bigint)")
        values["min_price"] = condition.min_price_minor
    if condition.max_price_minor:
        limits.append("p.price_minor <= CAST(:max_price AS bigint)")
        values["max_price"] = condition.max_price_minor
    if limits:
        parts["price"] = f"({' AND '.join(limits)})"
    if condition.min_rating:
        parts["rating"] = "p.rating_average >= CAST(:min_rating AS double precision)"
        values["min_rating"] = condition.min_rating
    if condition.in_stock:
        parts["availability"] = "p.stock_quantity > 0"
    return parts, values


def whole(condition: ProductFilter) -> tuple[str, dict[str, Any]]:
    """Return the whole filter as one condition."""
    parts, values = by_facet(condition)
    stated = [always(condition), *(part for part in parts.values() if part != "true")]
    return " AND ".join(stated), values


def ordered(order: ProductOrder, after: Cursor | None) -> tuple[str, str, dict[str, Any]]:
    """Return ORDER BY, the condition of being after the cursor, and the values of its parameters."""
    key, direction = _KEYS[order], "DESC" if order.descending else "ASC"
    by = f"{key} {direction}, p.id {direction}"
    if after is None:
        return by, "true", {}
    compare = "<" if order.descending else ">"
    condition = f"({key}, p.id) {compare} ({_CURSOR_VALUES[order]}, CAST(:after_id AS text))"
    return by, condition, {"after_key": after[0], "after_id": after[1]}
