"""What the recommendations' route takes and gives."""

from typing import Literal

from pydantic import BaseModel, Field

from bff.inputs import PageSize, ProductId, Query
from bff.presentation import Product

Placement = Literal["home", "product", "basket"]


class RecommendationQuery(Query):
    """Where recommendations will be shown, and beside what."""

    placement: Placement
    product_id: str = Field("", max_length=120, description="The product the page is about.")
    basket: list[ProductId] = Field(default_factory=list, max_length=50)
    page_size: PageSize = 0


class Item(BaseModel):
    """One recommended product."""

    product: Product
    reason: str


class Shelf(BaseModel):
    """A row of products with a reason."""

    id: str
    title: str
    anchor_product_id: str | None
    items: list[Item]


class Recommendations(BaseModel):
    """Shelves in the order they should be shown."""

    shelves: list[Shelf]
    degraded: list[str]
    cached: bool
