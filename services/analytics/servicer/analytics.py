"""The contract of the analytics service to its use cases and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from aisle.analytics.v1 import analytics_service_pb2 as pb
from aisle.analytics.v1 import event_pb2, usage_pb2
from aisle.analytics.v1.analytics_service_pb2_grpc import AnalyticsServiceServicer
from services.analytics.application.list_usage import ListUsage
from services.analytics.application.ports import Clock
from services.analytics.application.query_report import QueryReport
from services.analytics.application.query_usage import QueryUsage
from services.analytics.application.record_events import RecordEvents
from services.analytics.application.record_usage import RecordUsage
from services.analytics.domain.event import Event
from services.analytics.domain.report import Cell, Report
from services.analytics.domain.usage import UsageRecord
from services.analytics.servicer import usage_messages
from services.analytics.servicer.events import event_of
from services.runtime.errors import Denied, FieldViolation, Invalid
from services.runtime.interceptors import current_call
from services.runtime.paging import PageTokens, page_size

_REPORT = "REPORT_"

_PAGE = 50
_LARGEST_PAGE = 200
Bounds = tuple[datetime | None, datetime | None]


@dataclass(frozen=True, slots=True)
class UsageCases:
    """The use cases about calls to language models, and what makes page tokens."""

    record: RecordUsage
    query: QueryUsage
    list: ListUsage
    tokens: PageTokens


class AnalyticsServicer(AnalyticsServiceServicer):
    """Translates calls; everything else happens in the use cases."""

    def __init__(self, record: RecordEvents, query: QueryReport, clock: Clock, usage: UsageCases) -> None:
        """Take the use cases, and the time for events that name none."""
        self._record = record
        self._query = query
        self._clock = clock
        self._usage = usage

    async def WriteEvents(self, request: pb.WriteEventsRequest, context: Any) -> pb.WriteEventsResponse:
        """Take events in."""
        now = self._clock.now()
        _only_of_caller(request.events)
        accepted = await self._record([_checked(message, place, now) for place, message in enumerate(request.events)])
        return pb.WriteEventsResponse(accepted_count=accepted)

    async def QueryReport(self, request: pb.QueryReportRequest, context: Any) -> pb.QueryReportResponse:
        """Answer a report."""
        report = Report(pb.Report.Name(request.report).removeprefix(_REPORT).lower())
        start, end = _interval(request)
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

    async def WriteUsageRecords(
        self, request: pb.WriteUsageRecordsRequest, context: Any
    ) -> pb.WriteUsageRecordsResponse:
        """Take usage records in."""
        records = [_checked_usage(message, place) for place, message in enumerate(request.records)]
        new = await self._usage.record(records)
        return pb.WriteUsageRecordsResponse(accepted_count=len(records), new_count=new)

    async def QueryUsage(self, request: pb.QueryUsageRequest, context: Any) -> pb.QueryUsageResponse:
        """Answer what calls to models took."""
        start, end = _interval(request)
        by = [usage_messages.dimension_of(number) for number in request.group_by]
        answer = await self._usage.query(start, end, by, usage_messages.filter_of(request.filter), request.limit)
        reply = pb.QueryUsageResponse(
            rows=[usage_messages.row_message(keys, figures) for keys, figures in answer.rows],
            total=usage_messages.figures_message(answer.total),
            truncated=answer.truncated,
        )
        reply.start_time.FromDatetime(answer.interval.start)
        reply.end_time.FromDatetime(answer.interval.end)
        return reply

    async def ListUsageRecords(self, request: pb.ListUsageRecordsRequest, context: Any) -> pb.ListUsageRecordsResponse:
        """List single calls."""
        cursor, size = self._usage.tokens.read(request), page_size(request.page_size, _PAGE, _LARGEST_PAGE)
        after = (datetime.fromisoformat(cursor[0]), UUID(cursor[1])) if cursor else None
        start, end = _interval(request)
        wanted = usage_messages.filter_of(request.filter)
        records = await self._usage.list(start, end, wanted, after, size + 1)
        token = ""
        if len(records) > size:
            last = records[size - 1]
            token = self._usage.tokens.make([last.time.isoformat(), str(last.id)], request)
        return pb.ListUsageRecordsResponse(
            records=[usage_messages.record_message(record) for record in records[:size]], next_page_token=token
        )


def _interval(request: pb.QueryReportRequest | pb.QueryUsageRequest | pb.ListUsageRecordsRequest) -> Bounds:
    """Return the bounds a request names. Raises Invalid (FIELD_INVALID) for a time outside the calendar."""
    return _moment(request, "start_time"), _moment(request, "end_time")


def _moment(request: Any, field: str) -> datetime | None:
    if not request.HasField(field):
        return None
    try:
        moment: datetime = getattr(request, field).ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise _field_invalid(field, "is not a time") from None
    return moment


def _checked_usage(message: usage_pb2.UsageRecord, place: int) -> UsageRecord:
    """Return a record that the store can keep. Raises Invalid (FIELD_INVALID) for a time outside the calendar."""
    try:
        return usage_messages.record_of(message)
    except (ValueError, OverflowError):
        raise _field_invalid(f"records[{place}].record_time", "is not a time") from None


def _checked(message: event_pb2.Event, place: int, now: datetime) -> Event:
    """Return an event that the store can keep. Raises Invalid (FIELD_INVALID) for a time outside the calendar."""
    try:
        return event_of(message, now)
    except (ValueError, OverflowError):
        raise _field_invalid(f"events[{place}].event_time", "is not a time") from None


def _only_of_caller(events: Sequence[event_pb2.Event]) -> None:
    """Refuse events about anybody but the user the call is made for; staff may tell about everybody."""
    call = current_call.get()
    if call is None or call.caller.role == "admin":
        return
    if any(event.shopper != call.caller.subject for event in events):
        raise Denied("SHOPPER_NOT_CALLER", "Events tell about whoever sends them.")


def _field_invalid(field: str, problem: str) -> Invalid:
    return Invalid(
        "FIELD_INVALID", "{field}: {problem}.", [FieldViolation(field, problem)], field=field, problem=problem
    )


def _value(cell: Cell) -> pb.Value:
    if isinstance(cell, str):
        return pb.Value(text=cell)
    return pb.Value(integer=cell) if isinstance(cell, int) else pb.Value(number=cell)
