"""The catalogue, through the product service."""

from collections.abc import Sequence

from google.type.money_pb2 import Money

from aisle.product.v1 import product_pb2
from aisle.product.v1 import product_service_pb2 as pb
from aisle.product.v1.product_service_pb2_grpc import ProductServiceStub
from services.chat.application.ports import Offer, Offers
from services.chat.domain.budget import Budget
from services.chat.domain.product import Aspect, Opinions, Price, Product
from services.chat.domain.text import clean
from services.runtime.channel import MeshChannel

_REVIEWS = 5
_SECONDS = 4.0
_QUOTE_WORDS = 40


class ProductShop:
    """Finds products and reads about them."""

    def __init__(self, channel: MeshChannel) -> None:
        """Take the channel to the product service."""
        self._stub = ProductServiceStub(channel)

    async def search(self, wish: str, budget: Budget, limit: int) -> Offers:
        """Return products for a wish, what can be bought only."""
        request = pb.SearchProductsRequest(
            query=wish,
            page_size=limit,
            filter=pb.ProductFilter(min_price_minor=budget.least, max_price_minor=budget.most),
        )
        reply = await self._stub.SearchProducts(request, timeout=_SECONDS)
        offers = [
            Offer(_product(result.product), pb.MATCH_KIND_WORDS in result.match_kinds) for result in reply.results
        ]
        return Offers(tuple(offers), tuple(f"PRODUCT_{step}" for step in reply.degraded))

    async def product(self, key: str) -> Product:
        """Return a product; raises NotFound when there is none."""
        return _product(await self._stub.GetProduct(pb.GetProductRequest(name=f"products/{key}"), timeout=_SECONDS))

    async def products(self, keys: Sequence[str]) -> list[Product]:
        """Return the products that exist."""
        request = pb.BatchGetProductsRequest(names=[f"products/{key}" for key in keys])
        reply = await self._stub.BatchGetProducts(request, timeout=_SECONDS)
        return [_product(product) for product in reply.products]

    async def opinions(self, key: str) -> Opinions:
        """Return what reviewers say about a product."""
        request = pb.ListReviewsRequest(parent=f"products/{key}", page_size=_REVIEWS)
        reply = await self._stub.ListReviews(request, timeout=_SECONDS)
        aspects = [
            Aspect(clean(one.aspect), one.positive_count, one.negative_count, _quote(one.quote))
            for one in reply.aspects
        ]
        quotes = [_quote(review.body) for review in reply.reviews]
        return Opinions(tuple(aspects), tuple(quote for quote in quotes if quote))


def _product(product: product_pb2.Product) -> Product:
    return Product(
        key=product.name.removeprefix("products/"),
        title=clean(product.title),
        price=_price(product.price),
        subtitle=clean(product.subtitle),
        description=clean(product.description),
        brand=clean(product.brand),
        list_price=_price(product.list_price) if product.HasField("list_price") else None,
        stock=product.stock_quantity,
        attributes={clean(name): clean(value) for name, value in sorted(product.attributes.items())},
        tags=tuple(clean(tag) for tag in product.tags),
        rating=product.rating.average,
        review_count=product.rating.review_count,
        delivery_note=clean(product.delivery_note),
    )


def _price(money: Money) -> Price:
    return Price(money.units * 100 + round(money.nanos / 10_000_000), money.currency_code or "EUR")


def _quote(text: str) -> str:
    """Return a reviewer's words in one line, short enough to quote whole; longer ones are cut at a word."""
    tokens = clean(text).split()
    return " ".join(tokens) if len(tokens) <= _QUOTE_WORDS else " ".join(tokens[:_QUOTE_WORDS]) + " …"
