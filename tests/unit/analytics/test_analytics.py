"""The analytics use cases and their values, without any server."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from aisle.analytics.v1 import analytics_service_pb2 as pb
from aisle.analytics.v1 import event_pb2
from services.analytics.application.list_usage import ListUsage
from services.analytics.application.query_report import QueryReport
from services.analytics.application.query_usage import QueryUsage
from services.analytics.application.record_events import RecordEvents
from services.analytics.application.record_usage import RecordUsage
from services.analytics.application.store_events import StoreEvents
from services.analytics.domain.event import Event, EventType, normalised_query
from services.analytics.domain.report import Interval, Report, conversion
from services.analytics.servicer.analytics import AnalyticsServicer, UsageCases
from services.analytics.servicer.events import decode_event, encode_event
from services.runtime.errors import Invalid, Unavailable
from services.runtime.paging import PageTokens
from tests.fakes.analytics_event_store import FakeEventStore
from tests.fakes.analytics_event_stream import FakeEventStream
from tests.fakes.analytics_usage_store import FakeUsageStore

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class FixedClock:
    def now(self) -> datetime:
        return NOW


def viewed(product: str = "products/lamp", at: datetime = NOW, event_id: UUID | None = None) -> Event:
    return Event(event_id or uuid4(), EventType.PRODUCT_VIEW, "maya", "s1", product, "", 0, 0, 0, "", "home", at)


def servicer_of(stream: FakeEventStream, records: FakeUsageStore) -> AnalyticsServicer:
    clock = FixedClock()
    usage = UsageCases(
        RecordUsage(records), QueryUsage(records, clock, 90), ListUsage(records, clock), PageTokens("key")
    )
    return AnalyticsServicer(RecordEvents(stream), QueryReport(FakeEventStore(), stream, clock), clock, usage)


async def test_event_sent_twice_is_stored_once() -> None:
    stream, store = FakeEventStream(), FakeEventStore()
    event = viewed()
    await RecordEvents(stream)([event])
    await RecordEvents(stream)([event])
    await StoreEvents(stream, store, 10)()
    assert list(store.events) == [event.id]
    assert not stream.waiting


async def test_nothing_is_acknowledged_while_the_store_is_away() -> None:
    stream, store = FakeEventStream(), FakeEventStore()
    await RecordEvents(stream)([viewed(), viewed()])
    store.away = True
    with pytest.raises(Unavailable):
        await StoreEvents(stream, store, 10)()
    assert len(stream.waiting) == 2
    store.away = False
    assert await StoreEvents(stream, store, 10)() == 2


async def test_events_are_refused_while_the_stream_is_away() -> None:
    stream = FakeEventStream()
    stream.away = True
    with pytest.raises(Unavailable):
        await RecordEvents(stream)([viewed()])


async def test_overview_holds_the_interval_before_beside_the_one_asked_for() -> None:
    stream, store = FakeEventStream(), FakeEventStore()
    await store.store([viewed(at=NOW - timedelta(hours=1)), viewed(at=NOW - timedelta(days=40))])
    answer = await QueryReport(store, stream, FixedClock())(Report.OVERVIEW, None, None, 0)
    assert dict(zip(answer.table.columns, answer.table.rows[0], strict=True)) == {
        "visitors": 1,
        "product_views": 1,
        "previous_visitors": 1,
        "previous_product_views": 1,
    }
    assert answer.interval == Interval(NOW - timedelta(days=30), NOW)


async def test_report_tells_how_many_events_it_does_not_know_yet() -> None:
    stream, store = FakeEventStream(), FakeEventStore()
    await RecordEvents(stream)([viewed()])
    answer = await QueryReport(store, stream, FixedClock())(Report.TOP_PRODUCTS, None, None, 0)
    assert answer.pending == 1


async def test_report_is_answered_while_the_stream_is_away_and_says_so() -> None:
    stream, store = FakeEventStream(), FakeEventStore()
    stream.away = True
    answer = await QueryReport(store, stream, FixedClock())(Report.TOP_PRODUCTS, None, None, 0)
    assert (answer.pending, answer.degraded) == (0, ("PENDING_COUNT",))


@pytest.mark.parametrize(
    ("start", "end"), [(NOW, NOW), (NOW, NOW - timedelta(days=1)), (NOW - timedelta(days=400), NOW)]
)
def test_impossible_interval_names_the_field(start: datetime, end: datetime) -> None:
    with pytest.raises(Invalid) as refused:
        Interval.of(start, end, NOW)
    assert refused.value.reason == "INTERVAL_INVALID"
    assert refused.value.violations[0].field == "start_time"


def test_event_survives_the_stream() -> None:
    event = viewed()
    assert decode_event(encode_event(event)) == event


def test_conversion_without_visits_is_zero() -> None:
    assert conversion(0, 0) == 0
    assert conversion(8, 2) == 0.25


def test_searches_are_counted_alike_however_they_were_typed() -> None:
    assert normalised_query("  Warm   SOCKS ") == "warm socks"


def test_interval_at_the_edge_of_the_calendar_is_cut_there() -> None:
    first = datetime.min.replace(tzinfo=UTC)
    interval = Interval.of(None, first + timedelta(days=2), NOW)
    assert interval.start == first
    assert interval.before().start == first


async def test_event_that_the_store_could_never_keep_does_not_reach_the_stream() -> None:
    stream = FakeEventStream()
    servicer = servicer_of(stream, FakeUsageStore())
    event = event_pb2.Event(event_id=str(uuid4()), type=event_pb2.EVENT_TYPE_SEARCH, shopper="ma\0ya", query="wo\0ol")
    await servicer.WriteEvents(pb.WriteEventsRequest(events=[event]), None)
    (delivery,) = await stream.take(10)
    assert delivery.event is not None
    assert (delivery.event.shopper, delivery.event.query) == ("maya", "wool")
    event.event_time.seconds = 10**13
    with pytest.raises(Invalid) as refused:
        await servicer.WriteEvents(pb.WriteEventsRequest(events=[event]), None)
    assert refused.value.violations[0].field == "events[0].event_time"
