"""Reads of the catalogue: one product, named ones, and lists page by page."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.product.application.ports import Catalogue
from services.product.domain.errors import product_not_found, states_hidden
from services.product.domain.facets import Facet, facets
from services.product.domain.product import Product, ProductState
from services.product.domain.product_filter import Cursor, ProductFilter, ProductOrder, cursor


@dataclass(frozen=True, slots=True)
class ProductPage:
    """A page of a list, with what holds for the whole list."""

    products: Sequence[Product]
    total_size: int
    facets: Sequence[Facet]
    # Where the next page begins; None on the last one.
    after: Cursor | None


class GetProduct:
    """Returns one product."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Take where products are kept."""
        self._catalogue = catalogue

    async def __call__(self, product_id: str, *, staff: bool) -> Product:
        """Return the product; drafts exist for staff only."""
        async with self._catalogue.reading() as reader:
            product = (await reader.products([product_id])).get(product_id)
        if product is None or (product.state is ProductState.DRAFT and not staff):
            raise product_not_found(product_id)
        return product


class GetProducts:
    """Returns named products."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Take where products are kept."""
        self._catalogue = catalogue

    async def __call__(self, ids: Sequence[str], *, staff: bool) -> list[Product]:
        """Return the products in the order asked for; unknown ones, and drafts but for staff, are left out."""
        async with self._catalogue.reading() as reader:
            found = await reader.products(list(dict.fromkeys(ids)))
        listed = (found[product_id] for product_id in ids if product_id in found)
        return [product for product in listed if staff or product.state is not ProductState.DRAFT]


class ListProducts:
    """Lists products page by page with facets."""

    def __init__(self, catalogue: Catalogue, currency: str) -> None:
        """Take where products are kept, and the currency price buckets are shown in."""
        self._catalogue = catalogue
        self._currency = currency

    async def __call__(
        self, condition: ProductFilter, order: ProductOrder, after: Cursor | None, size: int, *, staff: bool
    ) -> ProductPage:
        """Return the page after the cursor."""
        visible(condition, staff=staff)
        async with self._catalogue.reading() as reader:
            products = await reader.page(condition, order, after, size + 1)
            total, counts = await reader.facet_counts(condition)
            titles = await reader.category_titles()
        page = products[:size]
        return ProductPage(
            products=page,
            total_size=total,
            facets=facets(counts, titles, self._currency),
            after=cursor(page[-1], order) if len(products) > size else None,
        )


def visible(condition: ProductFilter, *, staff: bool) -> None:
    """Refuse lists of drafts to all but staff."""
    if ProductState.DRAFT in condition.states and not staff:
        raise states_hidden()
