"""Bulk writes of departments."""

from collections.abc import Sequence
from dataclasses import replace

from services.product.application.ports import Catalogue
from services.product.domain.errors import field_invalid
from services.product.domain.plain_text import one_line
from services.product.domain.product import Category


class ImportCategories:
    """Creates or replaces departments."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Take where departments are kept."""
        self._catalogue = catalogue

    async def __call__(self, categories: Sequence[Category]) -> int:
        """Store all departments or none. Products of renamed ones are indexed again in the background."""
        tidy: dict[str, Category] = {}
        for number, category in enumerate(categories):
            title = one_line(category.title)
            if not category.id or category.id in tidy:
                raise field_invalid(f"categories[{number}].name", "must be given, and only once")
            if not title:
                raise field_invalid(f"categories[{number}].title", "must not be empty")
            tint = one_line(category.tint)
            tidy[category.id] = replace(category, title=title, blurb=one_line(category.blurb), tint=tint)
        async with self._catalogue.transaction() as writer:
            renamed = await writer.upsert_categories([tidy[key] for key in sorted(tidy)])
            if renamed:
                await writer.queue_categories(renamed)
        return len(tidy)
