"""What the routes of events and reports take and give."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, StringConstraints

from bff.inputs import Input, ProductId, Query, Text, Uuid
from bff.presentation import Money

EventType = Literal[
    "page_view", "product_view", "search", "add_to_cart", "purchase", "recommendation_click", "chat_message"
]
ReportName = Literal["daily", "top-products", "top-searches", "empty-searches", "funnel"]


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is outside the calendar") from None


_Moment = Annotated[AwareDatetime, Field(strict=False), AfterValidator(_in_utc)]
_Count = Annotated[int, Field(ge=0, le=2**31 - 1)]


class Event(Input):
    """Something a shopper did."""

    event_id: Uuid = Field(description="The same id twice counts once.")
    type: EventType
    session_id: Annotated[Text, StringConstraints(max_length=120)]
    product_id: ProductId | None = None
    query: Annotated[Text, StringConstraints(max_length=1000)] | None = None
    result_count: _Count | None = None
    quantity: Annotated[int, Field(ge=0, le=100_000)] | None = None
    value: Money | None = None
    placement: Annotated[Text, StringConstraints(max_length=200)] | None = None
    event_time: _Moment | None = None


class EventBatch(Input):
    """Events to keep."""

    events: list[Event] = Field(min_length=1, max_length=100)


class Accepted(BaseModel):
    """What became of the events."""

    accepted_count: int


class Interval(Query):
    """How many days until now."""

    days: int = Field(30, ge=1, le=365)


class ReportQuery(Interval):
    """How many days until now, and how many rows."""

    limit: int | None = Field(None, ge=1, le=1000, description="Rows at the most: 20 unless the report is by day.")


class Figures(BaseModel):
    """What happened in an interval."""

    visitors: int
    sessions: int
    product_views: int
    searches: int
    add_to_carts: int
    purchases: int
    revenue: Money
    conversion: float


class Overview(BaseModel):
    """An interval and the one before it."""

    start_time: datetime
    end_time: datetime
    pending_count: int = Field(description="Events taken in but not counted yet.")
    current: Figures
    previous: Figures


class ReportProduct(BaseModel):
    """What to show for a product's id."""

    title: str
    image_uri: str


class Report(BaseModel):
    """A table."""

    columns: list[str]
    rows: list[list[str | int | float | None]]
    start_time: datetime
    end_time: datetime
    pending_count: int = Field(description="Events taken in but not counted yet.")
    products: dict[str, ReportProduct] | None = Field(None, description="The products in the first column.")


class Model(BaseModel):
    """A language or embedding model."""

    id: str
    display_name: str
    provider: str
    kind: Literal["text", "embedding"]
    quality: Literal["basic", "standard", "premium", ""]
    available: bool
    context_tokens: int


class Models(BaseModel):
    """The configured models."""

    models: list[Model]
