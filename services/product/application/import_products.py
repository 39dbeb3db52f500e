"""Bulk writes of products: stored in one statement, searchable before the answer where that can be."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.product.application.change_product import known_titles
from services.product.application.index_products import IndexProducts, documents_of
from services.product.application.ports import Catalogue, Clock
from services.product.domain.errors import field_invalid
from services.product.domain.product import Product, sound

# Seconds of the call's two minutes that may go into indexing; the rest is done in the background.
_INDEX_BUDGET = 90.0


@dataclass(frozen=True, slots=True)
class ImportedProducts:
    """What became of a bulk write."""

    created: int
    updated: int
    indexed: int


class ImportProducts:
    """Creates or replaces many products."""

    def __init__(self, catalogue: Catalogue, index: IndexProducts, clock: Clock) -> None:
        """Take where products are kept and made searchable, and the time."""
        self._catalogue = catalogue
        self._index = index
        self._clock = clock

    async def __call__(self, products: Sequence[Product]) -> ImportedProducts:
        """Store all products or none; one product named twice is refused."""
        now = self._clock.now()
        seen: set[str] = set()
        tidy = []
        for number, product in enumerate(products):
            path = f"products[{number}]"
            if not product.id or product.id in seen:
                raise field_invalid(f"{path}.name", "must be given, and only once")
            seen.add(product.id)
            tidy.append(sound(replace(product, create_time=now, update_time=now), path))
        tidy.sort(key=lambda product: product.id)
        ids = [product.id for product in tidy]
        async with self._catalogue.transaction() as writer:
            titles = await known_titles(writer, tidy)
            created = await writer.upsert(tidy)
            await writer.save_words(documents_of(tidy, titles))
            await writer.queue(ids)
        indexed = await self._index(ids, _INDEX_BUDGET)
        return ImportedProducts(created, len(tidy) - created, indexed)
