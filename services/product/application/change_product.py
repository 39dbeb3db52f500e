"""Changes of single products by people: create, update, delete."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from services.product.application.index_products import documents_of
from services.product.application.ports import Catalogue, CatalogueWriter, Clock, Searchable, Suffixes
from services.product.domain.errors import (
    category_not_found,
    etag_stale,
    product_already_exists,
    product_not_found,
)
from services.product.domain.product import Product, generated_id, sound
from services.product.domain.product_changes import changed, fields_to_change

# Seconds a person waits for a change to be searchable before it is left to the background.
_INDEX_BUDGET = 4.0


class CreateProduct:
    """Creates a product."""

    def __init__(self, catalogue: Catalogue, index: Searchable, clock: Clock, suffixes: Suffixes) -> None:
        """Take where products are kept and made searchable, the time, and endings for generated ids."""
        self._catalogue = catalogue
        self._index = index
        self._clock = clock
        self._suffixes = suffixes

    async def __call__(self, product: Product) -> Product:
        """Store the product under its id, or a generated one when it has none."""
        chosen = product.id or generated_id(product.title, self._suffixes.suffix())
        now = self._clock.now()
        product = sound(replace(product, id=chosen, create_time=now, update_time=now))
        async with self._catalogue.transaction() as writer:
            titles = await known_titles(writer, [product])
            if not await writer.insert(product):
                raise product_already_exists(product.id)
            await writer.save_words(documents_of([product], titles))
            await writer.queue([product.id])
        await self._index([product.id], _INDEX_BUDGET)
        return product


@dataclass(frozen=True, slots=True)
class ProductUpdate:
    """A wanted change: new values, the mask as sent, and which fields the sender filled."""

    product: Product
    mask: Collection[str]
    populated: Collection[str]


class UpdateProduct:
    """Changes the masked fields of a product."""

    def __init__(self, catalogue: Catalogue, index: Searchable, clock: Clock) -> None:
        """Take where products are kept and made searchable, and the time."""
        self._catalogue = catalogue
        self._index = index
        self._clock = clock

    async def __call__(self, update: ProductUpdate) -> Product:
        """Store the change and return the product as it is now; refuse an etag that is not the current one."""
        fields = fields_to_change(update.mask, update.populated)
        wanted = update.product
        async with self._catalogue.transaction() as writer:
            stored = await writer.locked(wanted.id)
            if stored is None:
                raise product_not_found(wanted.id)
            if wanted.etag and wanted.etag != stored.etag:
                raise etag_stale(wanted.id)
            product = sound(changed(stored, wanted, fields))
            if product.etag == stored.etag:
                return stored
            product = replace(product, update_time=self._clock.now())
            titles = await known_titles(writer, [product])
            await writer.upsert([product])
            await writer.save_words(documents_of([product], titles))
            await writer.queue([product.id])
        await self._index([product.id], _INDEX_BUDGET)
        return product


class DeleteProduct:
    """Deletes a product and everything found through it."""

    def __init__(self, catalogue: Catalogue, index: Searchable) -> None:
        """Take where products are kept and made searchable."""
        self._catalogue = catalogue
        self._index = index

    async def __call__(self, product_id: str, etag: str) -> None:
        """Delete; refuse an etag that is not the current one."""
        async with self._catalogue.transaction() as writer:
            stored = await writer.locked(product_id)
            if stored is None:
                raise product_not_found(product_id)
            if etag and etag != stored.etag:
                raise etag_stale(product_id)
            await writer.delete(product_id)
            await writer.queue([product_id])
        await self._index([product_id], _INDEX_BUDGET)


async def known_titles(writer: CatalogueWriter, products: Collection[Product]) -> dict[str, str]:
    """Return the departments' titles; refuse products of a department that does not exist."""
    titles = await writer.category_titles()
    unknown = [product.category for product in products if product.category not in titles]
    if unknown:
        raise category_not_found(unknown[0])
    return titles
