"""The contract of the analytics service to its use cases and back."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from aisle.analytics.v1 import analytics_service_pb2 as pb
from aisle.analytics.v1 import event_pb2
from aisle.analytics.v1.analytics_service_pb2_grpc import AnalyticsServiceServicer
from services.analytics.application.ports import Clock
from services.analytics.application.query_report import QueryReport
from services.analytics.application.record_events import RecordEvents
from services.analytics.domain.event import Event, EventType, normalised_query
from services.analytics.domain.report import Cell, Report
from services.runtime.errors import FieldViolation, Invalid

_TYPE = "EVENT_TYPE_"
_REPORT = "REPORT_"


class AnalyticsServicer(AnalyticsServiceServicer):
    """Translates calls; everything else happens in the use cases."""

    def __init__(self, record: RecordEvents, query: QueryReport, clock: Clock) -> None:
        """Take the use cases, and the time for events that name none."""
        self._record = record
        self._query = query
        self._clock = clock

    async def WriteEvents(self, request: pb.WriteEventsRequest, context: Any) -> pb.WriteEventsResponse:
        """Take events in."""
        now = self._clock.now()
        accepted = await self._record([_checked(message, place, now) for place, message in enumerate(request.events)])
        return pb.WriteEventsResponse(accepted_count=accepted)

    async def QueryReport(self, request: pb.QueryReportRequest, context: Any) -> pb.QueryReportResponse:
        """Answer a report."""
        report = Report(pb.Report.Name(request.report).removeprefix(_REPORT).lower())
        start = request.start_time.ToDatetime(UTC) if request.HasField("start_time") else None
        end = request.end_time.ToDatetime(UTC) if request.HasField("end_time") else None
        answer = await self._query(report, start, end, request.limit)
        reply = pb.QueryReportResponse(
            columns=answer.table.columns,
            rows=[pb.Row(values=[_value(cell) for cell in row]) for row in answer.table.rows],
            pending_count=answer.pending,
            degraded=answer.degraded,
        )
        reply.start_time.FromDatetime(answer.interval.start)
        reply.end_time.FromDatetime(answer.interval.end)
        return reply


def _checked(message: event_pb2.Event, place: int, now: datetime) -> Event:
    """Return an event that the store can keep. Raises Invalid (FIELD_INVALID) for a time outside the calendar."""
    try:
        return event_of(message, now)
    except (ValueError, OverflowError):
        raise _field_invalid(f"events[{place}].event_time", "is not a time") from None


def event_of(message: event_pb2.Event, now: datetime) -> Event:
    """Return the event of a message; one without a time happened now."""
    return Event(
        id=UUID(message.event_id),
        type=EventType(event_pb2.EventType.Name(message.type).removeprefix(_TYPE).lower()),
        shopper=_kept(message.shopper),
        session=_kept(message.session),
        product=message.product,
        query=normalised_query(_kept(message.query)),
        result_count=message.result_count,
        quantity=message.quantity,
        value_minor=message.value_minor,
        currency=message.currency_code,
        placement=_kept(message.placement),
        time=message.event_time.ToDatetime(UTC) if message.HasField("event_time") else now,
    )


def encode_event(event: Event) -> bytes:
    """Return an event as the contract's message, the form in which other services read it from the stream."""
    message = event_pb2.Event(
        event_id=str(event.id),
        type=event_pb2.EventType.Value(_TYPE + event.type.upper()),
        shopper=event.shopper,
        session=event.session,
        product=event.product,
        query=event.query,
        result_count=event.result_count,
        quantity=event.quantity,
        value_minor=event.value_minor,
        currency_code=event.currency,
        placement=event.placement,
    )
    message.event_time.FromDatetime(event.time)
    return message.SerializeToString()


def decode_event(content: bytes) -> Event:
    """Return the event that `encode_event` wrote. Raises ValueError for anything else."""
    message = event_pb2.Event.FromString(content)
    if not message.HasField("event_time"):
        raise ValueError("an event on the stream has a time")
    return event_of(message, datetime.now(UTC))


def _kept(text: str) -> str:
    """Return a text without the one character that PostgreSQL cannot keep: its batch would be tried for ever."""
    return text.replace("\x00", "")


def _field_invalid(field: str, problem: str) -> Invalid:
    return Invalid(
        "FIELD_INVALID", "{field}: {problem}.", [FieldViolation(field, problem)], field=field, problem=problem
    )


def _value(cell: Cell) -> pb.Value:
    if isinstance(cell, str):
        return pb.Value(text=cell)
    return pb.Value(integer=cell) if isinstance(cell, int) else pb.Value(number=cell)
