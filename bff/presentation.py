"""How products and money look to a page: shared by the features that show them."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, cast

from google.type.money_pb2 import Money as MoneyMessage
from pydantic import BaseModel, Field
from starlette.requests import HTTPConnection

from aisle.product.v1 import product_pb2, product_service_pb2
from aisle.product.v1.product_service_pb2_grpc import ProductServiceStub
from bff.inputs import Input, last_part
from bff.parallel import every
from services.runtime.errors import AisleError

ProductState = Literal["active", "draft", "archived"]

STATES: dict[ProductState, Any] = {
    "active": product_pb2.PRODUCT_STATE_ACTIVE,
    "draft": product_pb2.PRODUCT_STATE_DRAFT,
    "archived": product_pb2.PRODUCT_STATE_ARCHIVED,
}
_STATE_NAMES: dict[int, ProductState] = {value: name for name, value in STATES.items()}

_NAMES_A_CALL = 200
_CATEGORIES_KEPT_SECONDS = 60.0
# After a failure, or a category nobody knows, ask again no sooner than this.
_ASK_AGAIN_SECONDS = 2.0


# No sum of money here is larger; the numbers of browsers are exact up to nine times as much.
LARGEST_AMOUNT = 10**15


class Money(Input):
    """An amount in minor units, for example cents."""

    currency: str = Field(pattern="^[A-Z]{3}$", description="ISO 4217.")
    minor: int = Field(ge=0, le=LARGEST_AMOUNT, description="Hundredths of the currency's unit.")


class CategoryLabel(BaseModel):
    """A department as it stands on a product."""

    id: str
    title: str
    tint: str


class Category(BaseModel):
    """A department of the shop."""

    id: str
    title: str
    blurb: str
    tint: str = Field(description="Name of the design token that tints its pictures.")
    product_count: int


class Image(BaseModel):
    """A picture of a product."""

    uri: str
    alt_text: str
    width: int
    height: int


class Rating(BaseModel):
    """The ratings of a product in two numbers."""

    average: float
    review_count: int


class Product(BaseModel):
    """Something the shop sells."""

    id: str
    title: str
    subtitle: str
    description: str
    category: CategoryLabel
    brand: str
    price: Money
    list_price: Money | None = Field(description="What it cost before a reduction.")
    stock_quantity: int
    attributes: dict[str, str]
    tags: list[str]
    images: list[Image]
    rating: Rating
    state: ProductState
    create_time: datetime
    update_time: datetime
    etag: str
    delivery_note: str


def money_from(message: Any) -> Money:
    """Return a google.type.Money in minor units."""
    minor = message.units * 100 + round(message.nanos / 10_000_000)
    return Money.model_construct(currency=message.currency_code or "EUR", minor=minor)


def money_to(money: Money) -> Any:
    """Return minor units as google.type.Money."""
    units, cents = divmod(money.minor, 100)
    return MoneyMessage(currency_code=money.currency, units=units, nanos=cents * 10_000_000)


def time_of(timestamp: Any) -> datetime:
    """Return a moment in UTC."""
    return cast(datetime, timestamp.ToDatetime(tzinfo=UTC))


class Shopfront:
    """Turns what the catalogue knows into what pages show."""

    def __init__(self, catalogue: ProductServiceStub) -> None:
        """Take the catalogue."""
        self._catalogue = catalogue
        self._categories: dict[str, Category] = {}
        self._asked = float("-inf")
        self._asking = asyncio.Lock()

    async def categories(self) -> list[Category]:
        """Return all departments as they are now."""
        reply = await self._catalogue.ListCategories(product_service_pb2.ListCategoriesRequest())
        found = [_category(message) for message in reply.categories]
        self._categories = {category.id: category for category in found}
        self._asked = time.monotonic()
        return found

    async def present(self, products: Sequence[product_pb2.Product]) -> list[Product]:
        """Return products as pages show them."""
        await self._know({last_part(product.category) for product in products})
        return [self._product(product) for product in products]

    async def cards(self, names: Iterable[str]) -> dict[str, Product]:
        """Return the products of these resource names that shoppers can see, by name."""
        wanted = list(dict.fromkeys(names))
        batches = [wanted[start : start + _NAMES_A_CALL] for start in range(0, len(wanted), _NAMES_A_CALL)]
        replies = await every(self._batch(batch) for batch in batches)
        visible = [p for found in replies for p in found if p.state == product_pb2.PRODUCT_STATE_ACTIVE]
        return dict(zip((product.name for product in visible), await self.present(visible), strict=True))

    async def _batch(self, names: list[str]) -> list[product_pb2.Product]:
        request = product_service_pb2.BatchGetProductsRequest(names=names)
        return list((await self._catalogue.BatchGetProducts(request)).products)

    async def _know(self, category_ids: set[str]) -> None:
        """Refresh the departments when they are old or one is missing; without them their ids must do."""
        if self._fresh(category_ids):
            return
        async with self._asking:
            if self._fresh(category_ids):
                return
            try:
                await self.categories()
            except AisleError:
                self._asked = time.monotonic() - _CATEGORIES_KEPT_SECONDS + _ASK_AGAIN_SECONDS

    def _fresh(self, category_ids: set[str]) -> bool:
        age = time.monotonic() - self._asked
        if category_ids <= self._categories.keys():
            return age < _CATEGORIES_KEPT_SECONDS
        return age < _ASK_AGAIN_SECONDS

    def _label(self, category_id: str) -> CategoryLabel:
        known = self._categories.get(category_id)
        if known is None:
            return CategoryLabel(id=category_id, title=category_id.replace("-", " ").capitalize(), tint="")
        return CategoryLabel(id=known.id, title=known.title, tint=known.tint)

    def _product(self, message: product_pb2.Product) -> Product:
        return Product(
            id=last_part(message.name),
            title=message.title,
            subtitle=message.subtitle,
            description=message.description,
            category=self._label(last_part(message.category)),
            brand=message.brand,
            price=money_from(message.price),
            list_price=money_from(message.list_price) if message.HasField("list_price") else None,
            stock_quantity=message.stock_quantity,
            attributes=dict(message.attributes),
            tags=list(message.tags),
            images=[
                Image(uri=image.uri, alt_text=image.alt_text, width=image.width, height=image.height)
                for image in message.images
            ],
            rating=rating_from(message.rating),
            state=_STATE_NAMES.get(message.state, "active"),
            create_time=time_of(message.create_time),
            update_time=time_of(message.update_time),
            etag=message.etag,
            delivery_note=message.delivery_note,
        )


def rating_from(message: product_pb2.RatingSummary) -> Rating:
    """Return a rating summary."""
    return Rating(average=round(message.average, 2), review_count=message.review_count)


def _category(message: product_pb2.Category) -> Category:
    return Category(
        id=last_part(message.name),
        title=message.title,
        blurb=message.blurb,
        tint=message.tint,
        product_count=message.product_count,
    )


def shopfront_of(connection: HTTPConnection) -> Shopfront:
    """Return the shop front, for routes to depend on."""
    found: Shopfront = connection.app.state.shopfront
    return found
