"""What shoppers say about products."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.product.domain.errors import field_invalid
from services.product.domain.plain_text import clean, one_line


@dataclass(frozen=True, slots=True)
class Mention:
    """What one review says about one aspect: polarity above 0 praises, below 0 finds fault."""

    aspect: str
    polarity: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Review:
    """What one shopper says about one product."""

    product_id: str
    id: str
    author: str
    rating: int
    title: str
    body: str
    verified_purchase: bool
    create_time: datetime

    @property
    def text(self) -> str:
        """Return headline and body as one text."""
        return f"{self.title}\n{self.body}".strip()


@dataclass(frozen=True, slots=True)
class AspectSummary:
    """What the reviewers of a product say about one aspect."""

    aspect: str
    positive_count: int
    negative_count: int
    quote: str
    review_id: str


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """A page of reviews with what holds for all of them."""

    reviews: Sequence[Review]
    # Number of reviews with 1, 2, 3, 4 and 5 stars.
    star_counts: tuple[int, int, int, int, int]
    aspects: Sequence[AspectSummary]
    more: bool

    @property
    def count(self) -> int:
        """Return the number of all reviews."""
        return sum(self.star_counts)

    @property
    def average(self) -> float:
        """Return the mean of all stars, 0 without reviews."""
        stars = sum(star * count for star, count in enumerate(self.star_counts, start=1))
        return stars / self.count if self.count else 0.0


def sound_review(review: Review, path: str) -> Review:
    """Return the review with its texts cleaned; refuse one without stars."""
    if not 1 <= review.rating <= 5:
        raise field_invalid(f"{path}.rating", "must be 1 to 5 stars")
    return replace(review, author=one_line(review.author), title=one_line(review.title), body=clean(review.body))
