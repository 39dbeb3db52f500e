"""Lists what shoppers say about a product."""

from services.product.application.ports import Catalogue
from services.product.domain.errors import product_not_found
from services.product.domain.product import ProductState
from services.product.domain.review import ReviewPage


class ListReviews:
    """Lists the reviews of a product, newest first."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Take where reviews are kept."""
        self._catalogue = catalogue

    async def __call__(self, product_id: str, after: tuple[int, str] | None, size: int, *, staff: bool) -> ReviewPage:
        """Return the page after (microseconds, id); drafts exist for staff only."""
        async with self._catalogue.reading() as reader:
            product = (await reader.products([product_id])).get(product_id)
            if product is None or (product.state is ProductState.DRAFT and not staff):
                raise product_not_found(product_id)
            return await reader.reviews(product_id, after, size)
