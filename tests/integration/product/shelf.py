"""A small shelf of products, and calls as the BFF's staff and shoppers make them."""

from typing import Any

from google.type.money_pb2 import Money

from aisle.product.v1 import product_pb2 as resources
from aisle.product.v1 import product_service_pb2 as pb
from services.runtime.interceptors import Caller

STAFF = Caller(subject="ada", role="admin")
SHOPPER = Caller(subject="", role="anonymous")

CATEGORIES = {"footwear": "Footwear", "table": "At the table", "audio": "Audio"}


def product(
    product_id: str, title: str, category: str = "table", cents: int = 2_000, **fields: Any
) -> resources.Product:
    units, rest = divmod(cents, 100)
    price = Money(currency_code="EUR", units=units, nanos=rest * 10_000_000)
    fields.setdefault("stock_quantity", 3)
    return resources.Product(
        name=f"products/{product_id}" if product_id else "",
        title=title,
        category=f"categories/{category}",
        price=price,
        **fields,
    )


SHELF = [
    product("harbour-slippers", "Harbour wool slippers", "footwear", 4_900, brand="Fold & Harbour",
            description="Thick felted wool that keeps you warm.", attributes={"Material": "wool", "SKU": "FH-100"}),
    product("town-boots", "Town boots", "footwear", 15_900, brand="Fold & Harbour", stock_quantity=0,
            description="Leather boots for rain.", attributes={"Material": "leather"}),
    product("garden-mug", "Garden mug", "table", 1_800, brand="Kiln", description="A stoneware cup for tea."),
    product("river-teapot", "River teapot", "table", 6_400, brand="Kiln", description="Pours a pot of tea for four."),
    product("pocket-speaker", "Pocket speaker", "audio", 8_900, brand="Tonic", description="Small, plenty of bass.",
            attributes={"Bluetooth": "yes"}),
]  # fmt: skip


async def stocked(stub: Any, products: Any = SHELF) -> Any:
    categories = [resources.Category(name=f"categories/{key}", title=title) for key, title in CATEGORIES.items()]
    await stub.BatchUpsertCategories(pb.BatchUpsertCategoriesRequest(categories=categories), caller=STAFF)
    return await stub.BatchUpsertProducts(pb.BatchUpsertProductsRequest(products=products), caller=STAFF)


async def search(stub: Any, query: str, caller: Caller = SHOPPER, **fields: Any) -> Any:
    return await stub.SearchProducts(pb.SearchProductsRequest(query=query, **fields), caller=caller)


def names(reply: Any) -> list[str]:
    """Return the ids in a reply of products or results."""
    listed = [result.product for result in reply.results] if hasattr(reply, "results") else reply.products
    return [item.name.removeprefix("products/") for item in listed]
