"""Writes catalogues into a running platform through the product service's own contract."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aisle.product.v1 import product_pb2, product_service_pb2
from aisle.product.v1.product_service_pb2_grpc import ProductServiceStub
from local.settings import LocalSettings
from services.runtime.channel import MeshChannel
from services.runtime.interceptors import Caller

STAFF = Caller(subject="cli", role="admin")
# Enough products a call for good embedding batches, enough calls at once to overlap embedding and storing.
BATCH = 128
AT_ONCE = 3


@dataclass(slots=True)
class Outcome:
    """What became of the products that were sent."""

    created: int = 0
    updated: int = 0
    indexed: int = 0


class Catalogue:
    """The catalogue of a running platform, as its staff may write it."""

    def __init__(self, channel: MeshChannel) -> None:
        """Take a channel to the product service."""
        self._stub = ProductServiceStub(channel)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: LocalSettings) -> AsyncIterator["Catalogue"]:
        """Yield the catalogue behind the local egress."""
        egress = f"127.0.0.1:{settings.ports()['egress']}"
        async with MeshChannel("cli", "product", egress) as channel:
            yield cls(channel)

    async def put_categories(self, titles: Mapping[str, str]) -> None:
        """Create or replace categories given as name and title; those there are keep their blurb and tint."""
        known = await self._stub.ListCategories(product_service_pb2.ListCategoriesRequest(), caller=STAFF)
        there = {category.name for category in known.categories}
        missing = [product_pb2.Category(name=name, title=title) for name, title in titles.items() if name not in there]
        for start in range(0, len(missing), 500):
            request = product_service_pb2.BatchUpsertCategoriesRequest(categories=missing[start : start + 500])
            await self._stub.BatchUpsertCategories(request, caller=STAFF)

    async def put_products(self, products: Sequence[product_pb2.Product], advance: Callable[[int], None]) -> Outcome:
        """Create or replace products; `advance` is told how many each finished call wrote."""
        outcome = Outcome()
        gate = asyncio.Semaphore(AT_ONCE)

        async def send(batch: Sequence[product_pb2.Product]) -> None:
            request = product_service_pb2.BatchUpsertProductsRequest(products=batch)
            async with gate:
                reply = await self._stub.BatchUpsertProducts(request, caller=STAFF)
            outcome.created += reply.created_count
            outcome.updated += reply.updated_count
            outcome.indexed += reply.indexed_count
            advance(len(batch))

        try:
            async with asyncio.TaskGroup() as group:
                for start in range(0, len(products), BATCH):
                    group.create_task(send(products[start : start + BATCH]))
        except* Exception as failed:  # house: allow any-exception - the first failure is the one to tell
            raise failed.exceptions[0] from None
        return outcome
