"""Lists the departments of the shop."""

from services.product.application.ports import Catalogue
from services.product.domain.product import Category


class ListCategories:
    """Lists the departments with the number of products in each."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Take where departments are kept."""
        self._catalogue = catalogue

    async def __call__(self) -> list[Category]:
        """Return the departments by title."""
        async with self._catalogue.reading() as reader:
            return await reader.categories()
