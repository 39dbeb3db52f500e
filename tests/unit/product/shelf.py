"""Products for tests."""

from typing import Any

from services.product.domain.price import Money
from services.product.domain.product import Product, sound


def product(product_id: str = "harbour-slippers", title: str = "Harbour wool slippers", **fields: Any) -> Product:
    fields.setdefault("category", "footwear")
    fields.setdefault("price", Money("EUR", 4_900))
    fields.setdefault("stock_quantity", 3)
    return sound(Product(id=product_id, title=title, **fields))
