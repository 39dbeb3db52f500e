"""Resource names, taken apart and put together."""


def last_part(name: str) -> str:
    """Return the id in `products/{id}` or `categories/{id}`; nothing for nothing."""
    return name.rpartition("/")[2]


def review_ids(name: str) -> tuple[str, str]:
    """Return product and review of `products/{product}/reviews/{review}`; nothing for nothing."""
    parts = name.split("/")
    return (parts[1], parts[3]) if len(parts) == 4 else ("", "")


def product_name(product_id: str) -> str:
    """Return the name of a product."""
    return f"products/{product_id}"


def category_name(category_id: str) -> str:
    """Return the name of a category, nothing when there is none."""
    return f"categories/{category_id}" if category_id else ""


def review_name(product_id: str, review_id: str) -> str:
    """Return the name of a review."""
    return f"products/{product_id}/reviews/{review_id}"
