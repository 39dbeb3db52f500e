"""What the catalogue's routes take and give."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints, field_validator

from bff.inputs import Input, PageSize, PageToken, ProductId, Query, Text
from bff.presentation import Category, Money, Product, ProductState, Rating

Order = Literal["newest", "price", "-price", "rating", "title"]
Tone = Literal["warm", "plain", "lively"]
Match = Literal["words", "meaning"]
_Minor = Annotated[int, Field(ge=0, le=10**15)]
_Short = Annotated[Text, StringConstraints(max_length=120)]
_Line = Annotated[Text, StringConstraints(max_length=300)]
_CategoryId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")]
_Tag = Annotated[Text, StringConstraints(max_length=80)]
_AttributeName = Annotated[Text, StringConstraints(min_length=1, max_length=120)]
_AttributeValue = Annotated[Text, StringConstraints(max_length=2000)]
_Attributes = Annotated[dict[_AttributeName, _AttributeValue], Field(max_length=200)]
_Stock = Annotated[int, Field(ge=0, le=2**31 - 1)]


class FilterQuery(Query):
    """Conditions a product must meet, all of them."""

    page_size: PageSize = 0
    page_token: PageToken = ""
    category: list[_CategoryId] = Field(default_factory=list, max_length=50)
    brand: list[_Short] = Field(default_factory=list, max_length=50)
    min_price: _Minor = Field(0, description="In minor units.")
    max_price: _Minor = Field(0, description="In minor units; 0 means none.")
    in_stock: bool = False
    min_rating: float = Field(0, ge=0, le=5)
    reduced: bool = False
    state: list[ProductState | Literal["all"]] = Field(
        default_factory=list, max_length=3, description="For staff only; what is on sale when absent."
    )


class ListQuery(FilterQuery):
    """A page of the catalogue."""

    order: Order = "newest"


class SearchQuery(FilterQuery):
    """A page of what was found."""

    q: Annotated[Text, StringConstraints(min_length=1, max_length=1000)]
    order: Order | None = Field(None, description="Orders the products of a page; best match first when absent.")

    @field_validator("q")
    @classmethod
    def _says_something(cls, query: str) -> str:
        if not query.strip():
            raise ValueError("must say what to look for")
        return query


class PageQuery(Query):
    """A page."""

    page_size: PageSize = 0
    page_token: PageToken = ""


class FacetValue(BaseModel):
    """One value of a facet."""

    value: str
    label: str
    count: int


class Facet(BaseModel):
    """One way of narrowing a list."""

    field: Literal["category", "brand", "price", "rating", "availability"]
    values: list[FacetValue]


class ProductPage(BaseModel):
    """A page of products."""

    products: list[Product]
    next_page_token: str
    total_size: int
    facets: list[Facet]


class FoundProduct(Product):
    """A product, and how it was found."""

    match: list[Match]


class SearchPage(BaseModel):
    """A page of what was found."""

    products: list[FoundProduct]
    next_page_token: str
    total_size: int
    facets: list[Facet]
    degraded: list[str] = Field(description="Steps that were left out.")
    understood_as: str = Field(description="What the query was taken to mean; empty when it is plain.")


class Categories(BaseModel):
    """The departments."""

    categories: list[Category]


class _Facts(Input):
    title: _Line = ""
    subtitle: _Line = ""
    description: Annotated[Text, StringConstraints(max_length=20_000)] = ""
    brand: _Short = ""
    list_price: Money | None = None
    stock_quantity: _Stock = 0
    attributes: _Attributes = Field(default_factory=dict)
    tags: list[_Tag] = Field(default_factory=list, max_length=50)
    state: ProductState = "active"
    delivery_note: Annotated[Text, StringConstraints(max_length=200)] = ""

    @field_validator("attributes", mode="before")
    @classmethod
    def _as_text(cls, given: object) -> object:
        """Facts are kept as text, however a form holds them."""
        if not isinstance(given, dict):
            return given
        return {name: _fact(value) for name, value in given.items()}


def _fact(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return str(value)[:2000]
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ", ".join(value)
    return value


class ProductInput(_Facts):
    """A new product."""

    id: ProductId | None = Field(None, description="Chosen by the caller; generated when absent.")
    title: Annotated[Text, StringConstraints(min_length=1, max_length=300)]
    category_id: _CategoryId
    price: Money


class ProductPatch(_Facts):
    """The fields of a product to change."""

    title: Annotated[Text, StringConstraints(min_length=1, max_length=300)] = "unchanged"
    category_id: _CategoryId = "unchanged"
    price: Money = Money(currency="EUR", minor=0)
    etag: Annotated[Text, StringConstraints(max_length=200)] | None = Field(
        None, description="Refuses to overwrite somebody else's edit when it is not the current one."
    )


class Draft(_Facts):
    """Facts of a product that is not stored yet."""

    category_id: _CategoryId | Literal[""] | None = None
    price: Money | None = None


class DescriptionRequest(Input):
    """Asks for a product text."""

    product_id: ProductId | None = None
    draft: Draft | None = None
    tone: Tone = "warm"
    keywords: list[Annotated[Text, StringConstraints(max_length=80)]] = Field(default_factory=list, max_length=20)
    target_words: int = Field(80, ge=0, le=400)


class Finding(BaseModel):
    """Something an editor should look at."""

    rule: str
    message: str
    excerpt: str


class Description(BaseModel):
    """A product text."""

    text: str
    model: str | None = Field(description="The model that wrote it; null when it was composed from facts alone.")
    degraded: list[str]
    findings: list[Finding]


class Review(BaseModel):
    """What a shopper says about a product."""

    id: str
    author: str
    rating: int
    title: str
    body: str
    verified_purchase: bool
    create_time: datetime


class Aspect(BaseModel):
    """What reviewers say about one aspect."""

    aspect: str
    positive_count: int
    negative_count: int
    quote: str
    review_id: str


class ReviewPage(BaseModel):
    """A page of reviews, and what all of them say together."""

    reviews: list[Review]
    next_page_token: str
    rating: Rating
    star_counts: list[int] = Field(description="Number of reviews with 1, 2, 3, 4 and 5 stars.")
    aspects: list[Aspect]
