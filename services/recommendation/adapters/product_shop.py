"""The catalogue, through the product service's contract."""

from collections.abc import Mapping, Sequence

from aisle.product.v1 import product_pb2, product_service_pb2
from aisle.product.v1.product_service_pb2_grpc import ProductServiceStub
from services.recommendation.domain.shelf import Card
from services.runtime.channel import MeshChannel
from services.runtime.errors import AisleError, Unavailable

LARGEST_BATCH = 200


class ProductShop:
    """Cards of products."""

    def __init__(self, channel: MeshChannel) -> None:
        """Take a channel to the product service."""
        self._stub = ProductServiceStub(channel)

    async def cards(self, products: Sequence[str]) -> Mapping[str, Card]:
        """Return the cards of products that exist."""
        found: dict[str, Card] = {}
        try:
            for start in range(0, len(products), LARGEST_BATCH):
                request = product_service_pb2.BatchGetProductsRequest(names=products[start : start + LARGEST_BATCH])
                reply = await self._stub.BatchGetProducts(request)
                found.update({product.name: _card(product) for product in reply.products})
        except AisleError as error:
            raise Unavailable("CATALOGUE_UNAVAILABLE", "The catalogue is out of reach.") from error
        return found

    async def newest(self, limit: int) -> Sequence[Card]:
        """Return the newest products."""
        try:
            reply = await self._stub.ListProducts(product_service_pb2.ListProductsRequest(page_size=limit))
        except AisleError as error:
            raise Unavailable("CATALOGUE_UNAVAILABLE", "The catalogue is out of reach.") from error
        return [_card(product) for product in reply.products]


def _card(product: product_pb2.Product) -> Card:
    available = product.state == product_pb2.PRODUCT_STATE_ACTIVE and product.stock_quantity > 0
    return Card(product.name, product.title, product.category, available)
