"""Lists what shoppers say about a product."""

from services.product.application.ports import Catalogue
from services.product.domain.errors import product_not_found
from services.product.domain.review import ReviewPage


class ListReviews:
    """Lists the reviews of a product, newest first."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Take where reviews are kept."""
        self._catalogue = catalogue

    async def __call__(self, product_id: str, after: tuple[int, str] | None, size: int) -> ReviewPage:
        """Return the page after (microseconds, id)."""
        async with self._catalogue.reading() as reader:
            if product_id not in await reader.existing([product_id]):
                raise product_not_found(product_id)
            return await reader.reviews(product_id, after, size)
