"""Usage records on their way to analytics: at least once, in order, whatever happens on the way."""

import asyncio

import pytest

from services.llm.application.deliver_usage import BATCH, DeliverUsage
from services.runtime.errors import Unavailable
from tests.fakes.llm_usage import FakeUsageSink, FakeUsageSpool


def records(count: int, first: int = 0) -> list[bytes]:
    return [str(number).encode() for number in range(first, first + count)]


async def test_segments_are_delivered_in_order_and_removed() -> None:
    spool, sink = FakeUsageSpool(records(3), records(2, 3)), FakeUsageSink()
    assert await DeliverUsage(spool, sink).once() == 5
    assert sink.delivered == records(5)
    assert not spool.segments


async def test_large_segments_go_in_batches() -> None:
    spool, sink = FakeUsageSpool(records(BATCH * 2 + 1)), FakeUsageSink()
    await DeliverUsage(spool, sink).once()
    assert sink.calls == [BATCH, BATCH, 1]


async def test_a_segment_stays_until_all_of_it_has_arrived() -> None:
    spool, sink = FakeUsageSpool(records(BATCH + 5)), FakeUsageSink()
    sink.lose_answer = True
    with pytest.raises(Unavailable):
        await DeliverUsage(spool, sink).once()
    assert list(spool.segments) == ["000"]
    await DeliverUsage(spool, sink).once()
    assert set(sink.delivered) == set(records(BATCH + 5))
    assert not spool.segments


async def test_one_record_that_is_refused_for_ever_holds_up_no_other() -> None:
    bad = records(50)[17]
    spool, sink = FakeUsageSpool(records(50), records(2, 50)), FakeUsageSink(refuse=[bad])
    await DeliverUsage(spool, sink).once()
    assert spool.refused == [bad]
    assert set(sink.delivered) == set(records(52)) - {bad}


async def test_waits_longer_and_longer_while_analytics_is_away_and_starts_over_when_it_is_back() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 12:
            raise asyncio.CancelledError

    spool, sink = FakeUsageSpool(records(1)), FakeUsageSink()
    sink.failures_to_come = 9
    with pytest.raises(asyncio.CancelledError):
        await DeliverUsage(spool, sink, sleep, lambda: 1.0)()
    assert waits[:9] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    assert waits[9:] == [0.5, 0.5, 0.5]
    assert sink.delivered == records(1)


async def test_leaving_delivers_what_was_not_due_yet() -> None:
    spool, sink = FakeUsageSpool(), FakeUsageSink()
    spool.open = records(2)
    await DeliverUsage(spool, sink).drain(5)
    assert sink.delivered == records(2)


async def test_leaving_without_analytics_keeps_records_for_the_next_process() -> None:
    spool, sink = FakeUsageSpool(records(2)), FakeUsageSink()
    sink.failures_to_come = 1
    await DeliverUsage(spool, sink).drain(5)
    assert list(spool.segments) == ["000"]
