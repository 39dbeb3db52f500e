"""What calls to models took: use cases, figures and the contract, without any server."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import protovalidate
import pytest

from aisle.analytics.v1 import analytics_service_pb2 as pb
from aisle.analytics.v1 import usage_pb2
from services.analytics.application.forget_usage import BATCH, ForgetUsage
from services.analytics.application.query_usage import QueryUsage
from services.analytics.domain.usage import (
    BUCKETS,
    Dimension,
    Summary,
    UsageFilter,
    UsageRecord,
    bucket_of,
    figures,
    quantile,
)
from services.analytics.servicer.usage_messages import record_message, record_of
from services.runtime.errors import Invalid
from tests.fakes.analytics_event_stream import FakeEventStream
from tests.fakes.analytics_usage_store import FakeUsageStore
from tests.unit.analytics.test_analytics import NOW, FixedClock, servicer_of


def call(**changes: object) -> UsageRecord:
    usual = UsageRecord(
        uuid4(), NOW - timedelta(hours=1), "chat", "openai", "models/small", "chat_support", "ok", "tenants/shop",
        cost_micros=10, latency=1_000_000, first_token=200_000,
    )  # fmt: skip
    return replace(usual, **changes)  # type: ignore[arg-type]


async def test_the_most_expensive_group_comes_first_and_the_total_holds_what_did_not_fit() -> None:
    store = FakeUsageStore()
    await store.store([call(model=f"models/{number}", cost_micros=number) for number in range(5)])
    answer = await QueryUsage(store, FixedClock(), 90)(None, None, (Dimension.MODEL,), UsageFilter(), 2)
    assert [keys for keys, _ in answer.rows] == [("models/4",), ("models/3",)]
    assert answer.truncated
    assert (answer.total.calls, answer.total.sums.cost_micros) == (5, 10)


async def test_days_come_in_their_order() -> None:
    store = FakeUsageStore()
    await store.store([call(time=NOW - timedelta(days=number), cost_micros=number) for number in (1, 3, 2)])
    answer = await QueryUsage(store, FixedClock(), 90)(None, None, (Dimension.DAY,), UsageFilter(), 0)
    assert [keys for keys, _ in answer.rows] == [("2026-02-26",), ("2026-02-27",), ("2026-02-28",)]
    assert not answer.truncated


async def test_before_single_records_were_kept_intervals_begin_with_a_day() -> None:
    query = QueryUsage(FakeUsageStore(), FixedClock(), 32)
    old = await query(NOW - timedelta(days=33), NOW, (), UsageFilter(), 0)
    young = await query(NOW - timedelta(days=31), NOW, (), UsageFilter(), 0)
    assert old.interval.start == datetime(2026, 1, 27, tzinfo=UTC)
    assert young.interval.start == NOW - timedelta(days=31)


async def test_forgetting_goes_batch_by_batch() -> None:
    store = FakeUsageStore()
    await store.store([call(time=NOW - timedelta(days=100, seconds=number)) for number in range(3)])
    await store.store([call()])
    assert await ForgetUsage(store, FixedClock(), 90, 800)() == 3 < BATCH
    assert len(store.records) == 1


def test_figures_of_nothing_are_zero() -> None:
    nothing = figures([])
    assert (nothing.calls, nothing.failed, nothing.latency_p95, nothing.attempts_per_answer) == (0, 0, 0.0, 0.0)


def test_summaries_add_up() -> None:
    one, other, both = Summary(), Summary(), Summary()
    for number in range(20):
        record = call(latency=number * 100_000, outcome="ok" if number % 3 else "broken", hedge=number % 2 == 0)
        (one if number % 2 else other).add(record)
        both.add(record)
    one.join(other)
    assert one == both


@pytest.mark.parametrize("microseconds", [0, 1, 500, 501, 999_999, 10**9, 10**12])
def test_every_duration_has_a_bucket_and_comes_out_of_it_again(microseconds: int) -> None:
    bucket = bucket_of(microseconds)
    assert 0 <= bucket < BUCKETS
    if 500 < microseconds < 10**9:
        assert quantile({bucket: 1}, 1.0) == pytest.approx(microseconds / 1e6, rel=0.13)


async def test_records_survive_the_wire() -> None:
    full = call(
        user="maya", api_key="apiKeys/one", prompt_version="v2", cache="miss", input_tokens=1, output_tokens=2,
        cached_input_tokens=3, cache_write_tokens=4, cache_write_1h_tokens=5, reasoning_tokens=6, estimated=True,
        saved_micros=7, route_reason="cheapest", degraded=("BUDGET",), attempt=2, hedge=True, batch=True,
        price_date="2026-11-01",
    )  # fmt: skip
    message = record_message(full)
    protovalidate.validate(message)
    assert record_of(message) == full


async def test_what_the_store_could_never_keep_does_not_reach_it() -> None:
    store = FakeUsageStore()
    servicer = servicer_of(FakeEventStream(), store)
    message = record_message(call(user="ma\0ya", input_tokens=2**62))
    await servicer.WriteUsageRecords(pb.WriteUsageRecordsRequest(records=[message]), None)
    (kept,) = store.records.values()
    assert (kept.user, kept.input_tokens) == ("maya", 10**12)
    message.record_time.seconds = 10**13
    with pytest.raises(Invalid) as refused:
        await servicer.WriteUsageRecords(pb.WriteUsageRecordsRequest(records=[message]), None)
    assert refused.value.violations[0].field == "records[0].record_time"


async def test_usage_is_answered_in_the_words_of_the_contract() -> None:
    servicer = servicer_of(FakeEventStream(), FakeUsageStore())
    records = [call(), call(outcome="timed out", cost_micros=0), call(cache="exact", saved_micros=9, cost_micros=0)]
    request = pb.WriteUsageRecordsRequest(records=[record_message(record) for record in records])
    written = await servicer.WriteUsageRecords(request, None)
    again = await servicer.WriteUsageRecords(request, None)
    assert (written.accepted_count, written.new_count, again.accepted_count, again.new_count) == (3, 3, 3, 0)
    asked = pb.QueryUsageRequest(group_by=[usage_pb2.USAGE_DIMENSION_USE_CASE, usage_pb2.USAGE_DIMENSION_DAY])
    protovalidate.validate(asked)
    answer = await servicer.QueryUsage(asked, None)
    (row,) = answer.rows
    assert list(row.keys) == ["chat_support", "2026-03-01"]
    assert row.figures == answer.total
    assert (answer.total.calls, answer.total.ok_calls, answer.total.failed_calls, answer.total.exact_hits) == (
        3,
        2,
        1,
        1,
    )
    assert [(one.outcome, one.calls) for one in answer.total.failures] == [("timed out", 1)]
    assert answer.total.saved_micros == 9


async def test_failed_calls_are_listed_page_by_page() -> None:
    store = FakeUsageStore()
    servicer = servicer_of(FakeEventStream(), store)
    failed = [call(outcome="broken", time=NOW - timedelta(minutes=number)) for number in range(1, 6)]
    await store.store([*failed, call()])
    request = pb.ListUsageRecordsRequest(filter=usage_pb2.UsageFilter(failed_only=True), page_size=2)
    listed: list[UUID] = []
    while True:
        page = await servicer.ListUsageRecords(request, None)
        listed += [UUID(record.record_id) for record in page.records]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert listed == [record.id for record in failed]
    request.filter.failed_only = False
    with pytest.raises(Invalid) as refused:
        await servicer.ListUsageRecords(request, None)
    assert refused.value.reason == "PAGE_TOKEN_MISMATCH"
