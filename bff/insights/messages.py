"""Between the routes of events and reports and their contracts."""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from google.protobuf.timestamp_pb2 import Timestamp

from aisle.analytics.v1 import analytics_service_pb2 as pb
from aisle.analytics.v1 import event_pb2
from aisle.llm.v1 import model_pb2
from bff.inputs import last_part
from bff.insights import schemas
from bff.presentation import LARGEST_AMOUNT, Money, time_of

REPORTS: dict[schemas.ReportName, Any] = {
    "daily": pb.REPORT_DAILY,
    "top-products": pb.REPORT_TOP_PRODUCTS,
    "top-searches": pb.REPORT_TOP_SEARCHES,
    "empty-searches": pb.REPORT_EMPTY_SEARCHES,
    "funnel": pb.REPORT_FUNNEL,
}
_EVENTS: dict[schemas.EventType, Any] = {
    "page_view": event_pb2.EVENT_TYPE_PAGE_VIEW,
    "product_view": event_pb2.EVENT_TYPE_PRODUCT_VIEW,
    "search": event_pb2.EVENT_TYPE_SEARCH,
    "add_to_cart": event_pb2.EVENT_TYPE_ADD_TO_CART,
    "purchase": event_pb2.EVENT_TYPE_PURCHASE,
    "recommendation_click": event_pb2.EVENT_TYPE_RECOMMENDATION_CLICK,
    "chat_message": event_pb2.EVENT_TYPE_CHAT_MESSAGE,
}
_QUALITIES: dict[int, Literal["basic", "standard", "premium"]] = {
    model_pb2.QUALITY_TIER_BASIC: "basic",
    model_pb2.QUALITY_TIER_STANDARD: "standard",
    model_pb2.QUALITY_TIER_PREMIUM: "premium",
}


def event_of(event: schemas.Event, shopper: str) -> event_pb2.Event:
    """Return an event of the shopper who sent it."""
    message = event_pb2.Event(
        event_id=str(event.event_id),
        type=_EVENTS[event.type],
        shopper=shopper,
        session=event.session_id,
        product=f"products/{event.product_id}" if event.product_id else "",
        query=event.query or "",
        result_count=event.result_count or 0,
        quantity=event.quantity or 0,
        value_minor=event.value.minor if event.value else 0,
        currency_code=event.value.currency if event.value else "",
        placement=event.placement or "",
    )
    if event.event_time is not None:
        message.event_time.FromDatetime(event.event_time)
    return message


def report_request(report: Any, days: int, limit: int) -> pb.QueryReportRequest:
    """Return the question about the days until now."""
    start = Timestamp()
    start.FromDatetime(datetime.now(UTC) - timedelta(days=days))
    return pb.QueryReportRequest(report=report, start_time=start, limit=limit)


def rows_of(reply: pb.QueryReportResponse) -> list[list[str | int | float | None]]:
    """Return a table's rows as plain values."""
    return [[_plain(value) for value in row.values] for row in reply.rows]


def overview_of(reply: pb.QueryReportResponse, currency: str) -> schemas.Overview:
    """Return the overview's single row by name."""
    rows = rows_of(reply)
    named = dict(zip(reply.columns, rows[0] if rows else [], strict=False))
    return schemas.Overview(
        start_time=time_of(reply.start_time),
        end_time=time_of(reply.end_time),
        pending_count=reply.pending_count,
        current=_figures(named, "", currency),
        previous=_figures(named, "previous_", currency),
    )


def model_of(model: model_pb2.Model) -> schemas.Model:
    """Return a model."""
    return schemas.Model(
        id=last_part(model.name),
        display_name=model.display_name,
        provider=model.provider,
        kind="embedding" if model.kind == model_pb2.MODEL_KIND_EMBEDDING else "text",
        quality=_QUALITIES.get(model.quality, ""),
        available=model.available,
        context_tokens=model.context_tokens,
    )


def _figures(named: dict[str, Any], prefix: str, currency: str) -> schemas.Figures:
    def count(name: str) -> int:
        return int(named.get(prefix + name) or 0)

    return schemas.Figures(
        visitors=count("visitors"),
        sessions=count("sessions"),
        product_views=count("product_views"),
        searches=count("searches"),
        add_to_carts=count("add_to_carts"),
        purchases=count("purchases"),
        revenue=Money(currency=currency, minor=min(count("revenue_minor"), LARGEST_AMOUNT)),
        conversion=float(named.get(f"{prefix}conversion") or 0),
    )


def _plain(value: pb.Value) -> str | int | float | None:
    kind = value.WhichOneof("kind")
    return getattr(value, kind) if kind else None
