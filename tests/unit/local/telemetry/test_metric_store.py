"""The last hour of metrics, and sums of it."""

import pytest

from local.telemetry.metrics import KEPT, Kind, MetricStore, Question, Series, Value

BOUNDS = (10.0, 20.0, 50.0)


def told(
    store: MetricStore, moment: float, value: Value, kind: Kind = Kind.COUNTER, since: float = 0.0, **attributes: str
) -> None:
    fresh = Series(attributes, kind, "ms", BOUNDS if value.buckets else (), since)
    series = store.series("m", attributes, fresh)
    assert series is not None
    series.add(moment, value)


def test_a_count_is_what_was_added_within_the_time() -> None:
    store = MetricStore()
    for moment, value in ((100.0, 5.0), (110.0, 9.0), (120.0, 12.0)):
        told(store, moment, Value(value), since=50.0)
    (line,) = store.answer(Question("m"), 100, 120, 2).lines
    assert line.total.value == 7
    assert [step.value for step in line.steps] == [4, 3]


def test_what_a_process_counted_before_it_was_heard_of_does_not_count() -> None:
    store = MetricStore()
    told(store, 1000.0, Value(500.0), since=10.0)
    told(store, 1010.0, Value(503.0), since=10.0)
    assert store.answer(Question("m"), 900, 1020, 1).lines[0].total.value == 3


def test_a_process_that_began_within_the_time_counts_from_nothing() -> None:
    store = MetricStore()
    told(store, 1000.0, Value(5.0), since=950.0)
    assert store.answer(Question("m"), 900, 1020, 1).lines[0].total.value == 5


def test_a_process_that_was_started_again_is_not_subtracted() -> None:
    store = MetricStore()
    told(store, 100.0, Value(50.0), since=10.0, instance="a")
    told(store, 110.0, Value(60.0), since=10.0, instance="a")
    told(store, 120.0, Value(2.0), since=115.0, instance="b")
    assert store.answer(Question("m"), 105, 125, 1).lines[0].total.value == 12


def test_series_are_told_apart_by_what_is_asked_and_summed_up_by_the_rest() -> None:
    store = MetricStore()
    for code, method, value in (("OK", "Get", 3.0), ("OK", "List", 4.0), ("INTERNAL", "Get", 1.0)):
        told(store, 100.0, Value(value), since=95.0, code=code, method=method)
    by_code = {
        line.attributes["code"]: line.total.value for line in store.answer(Question("m", ("code",)), 90, 110, 1).lines
    }
    assert by_code == {"OK": 7, "INTERNAL": 1}
    only = store.answer(Question("m", (), (("method", "Get"),)), 90, 110, 1).lines
    assert only[0].total.value == 4


def test_quantiles_lie_within_their_buckets() -> None:
    store = MetricStore()
    told(store, 100.0, Value(0.0, 0, (0, 0, 0, 0)), Kind.HISTOGRAM, since=50.0)
    told(store, 110.0, Value(1000.0, 100, (50, 40, 10, 0)), Kind.HISTOGRAM, since=50.0)
    total = store.answer(Question("m"), 100, 120, 1).lines[0].total
    assert total.count == 100
    assert total.quantile(0.5) == pytest.approx(10.0)
    assert total.quantile(0.9) == pytest.approx(20.0)
    assert 20 < total.quantile(0.95) < 50


def test_a_gauge_tells_its_highest_and_its_last_value() -> None:
    store = MetricStore()
    for moment, value in ((100.0, 3.0), (110.0, 9.0), (120.0, 4.0)):
        told(store, moment, Value(value), Kind.GAUGE)
    total = store.answer(Question("m"), 90, 130, 1).lines[0].total
    assert (total.value, total.last) == (9, 4)


def test_what_does_not_change_takes_no_room_and_what_is_old_leaves() -> None:
    series = Series({}, Kind.COUNTER, "1")
    for turn in range(2000):
        series.add(turn * 10.0, Value(1.0))
    assert len(series.times) == 2
    for turn in range(2000, 4000):
        series.add(turn * 10.0, Value(float(turn)))
    assert series.times[0] >= 39_990 - KEPT - 10
    assert len(series.times) <= KEPT / 10 + 2


def test_series_of_processes_that_left_are_forgotten() -> None:
    store = MetricStore()
    told(store, 100.0, Value(1.0))
    store.forget(100.0 + KEPT + 1)
    assert store.names() == set()
