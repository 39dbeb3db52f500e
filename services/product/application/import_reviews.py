"""Bulk writes of reviews: what they say about single aspects is read here, once."""

from collections.abc import Sequence
from dataclasses import replace

from services.product.application.ports import Catalogue, Clock
from services.product.domain.aspects import mentions
from services.product.domain.errors import field_invalid, product_not_found
from services.product.domain.product import NEVER
from services.product.domain.review import Review, sound_review


class ImportReviews:
    """Creates or replaces reviews and refreshes the ratings of their products."""

    def __init__(self, catalogue: Catalogue, clock: Clock) -> None:
        """Take where reviews are kept, and the time for those that bring none."""
        self._catalogue = catalogue
        self._clock = clock

    async def __call__(self, reviews: Sequence[Review]) -> int:
        """Store all reviews or none. The new ratings reach the search index in the background."""
        tidy: dict[tuple[str, str], Review] = {}
        now = self._clock.now()
        for number, review in enumerate(reviews):
            key = (review.product_id, review.id)
            if not all(key) or key in tidy:
                raise field_invalid(f"reviews[{number}].name", "must be given, and only once")
            dated = review if review.create_time > NEVER else replace(review, create_time=now)
            tidy[key] = sound_review(dated, f"reviews[{number}]")
        products = sorted({review.product_id for review in tidy.values()})
        read = [(tidy[key], mentions(tidy[key].text)) for key in sorted(tidy)]
        async with self._catalogue.transaction() as writer:
            existing = await writer.existing(products)
            for product_id in products:
                if product_id not in existing:
                    raise product_not_found(product_id)
            await writer.upsert_reviews(read)
            await writer.queue(products)
        return len(tidy)
