"""The last hour of metrics: what was reported, and sums of it over any while within."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

# Seconds that are kept, and the least between two points of a series.
KEPT = 3600.0
APART = 5.0
# Series at the most; beyond, new ones are not taken.
MOST_SERIES = 10_000

Attributes = tuple[tuple[str, str], ...]


class Kind(Enum):
    """What a metric is."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Value:
    """What was reported of a series at one moment. Of counters and histograms it counts from the process's start."""

    value: float
    count: int = 0
    buckets: tuple[int, ...] = ()


NOTHING = Value(0.0)


@dataclass(slots=True)
class Series:
    """One line of one process's metric."""

    attributes: Mapping[str, str]
    kind: Kind
    unit: str
    bounds: tuple[float, ...] = ()
    # When the process began to count, as it says.
    since: float = 0.0
    times: list[float] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)

    def add(self, moment: float, value: Value) -> None:
        """Take what was reported; a point that comes too soon, or says the same as two before it, replaces the last."""
        tail = self.values[-2:]
        if len(tail) > 1 and (moment - self.times[-2] < APART or tail[0] == tail[1] == value):
            self.times[-1], self.values[-1] = moment, value
            return
        self.times.append(moment)
        self.values.append(value)
        old = bisect_right(self.times, moment - KEPT) - 1
        if old > 0:
            del self.times[:old], self.values[:old]

    def at(self, moment: float) -> Value:
        """Return what a count had come to at a moment."""
        found = bisect_right(self.times, moment) - 1
        if found >= 0:
            return self.values[found]
        # Before the first point there was nothing if the process began to count since, and else the same as then.
        return NOTHING if self.since >= moment or not self.values else self.values[0]

    def during(self, begin: float, end: float) -> Iterator[Value]:
        """Yield what was reported within a while, and what held at its begin."""
        first, last = bisect_right(self.times, begin), bisect_right(self.times, end)
        yield from self.values[max(first - 1, 0) : last]


@dataclass(frozen=True, slots=True)
class Question:
    """A metric, the attributes that are told apart, and those that must have a value."""

    metric: str
    by: tuple[str, ...] = ()
    where: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Sum:
    """A metric over some time."""

    value: float = 0.0
    count: float = 0.0
    last: float = 0.0
    bounds: tuple[float, ...] = ()
    buckets: list[float] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        """Return the value that a share of a histogram's values is below, by straight lines within its buckets."""
        wanted, seen = share * sum(self.buckets), 0.0
        if not wanted:
            return 0.0
        for number, found in enumerate(self.buckets):
            if found and seen + found >= wanted:
                low = self.bounds[number - 1] if number else 0.0
                high = self.bounds[number] if number < len(self.bounds) else low
                return low + (high - low) * (wanted - seen) / found
            seen += found
        return self.bounds[-1] if self.bounds else 0.0


@dataclass(slots=True)
class Line:
    """An answer for one combination of attributes."""

    attributes: Mapping[str, str]
    total: Sum
    steps: list[Sum]


@dataclass(slots=True)
class Answer:
    """What a question came to."""

    metric: str
    unit: str = ""
    kind: Kind | None = None
    lines: list[Line] = field(default_factory=list)


class MetricStore:
    """Series by metric, process and attributes. Used from one thread."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._series: dict[str, dict[Attributes, Series]] = {}
        self._count = 0

    def series(self, metric: str, attributes: Mapping[str, str], make: Series) -> Series | None:
        """Return the series of these attributes, `make` where there is none yet; None when there are too many."""
        key = tuple(sorted(attributes.items()))
        of_metric = self._series.setdefault(metric, {})
        found = of_metric.get(key)
        if found is None:
            if self._count >= MOST_SERIES:
                return None
            self._count += 1
            found = of_metric[key] = make
        return found

    def names(self) -> set[str]:
        """Return the metrics that were reported."""
        return {name for name, of_metric in self._series.items() if of_metric}

    def forget(self, now: float) -> None:
        """Drop series of which nothing was reported for an hour: their processes have left."""
        for of_metric in self._series.values():
            for key in [key for key, one in of_metric.items() if not one.times or one.times[-1] < now - KEPT]:
                del of_metric[key]
                self._count -= 1

    def answer(self, question: Question, begin: float, end: float, steps: int) -> Answer:
        """Sum up a metric over a while in steps."""
        found = Answer(question.metric)
        groups: dict[Attributes, list[Series]] = {}
        for one in self._series.get(question.metric, {}).values():
            if all(one.attributes.get(name) == value for name, value in question.where):
                found.unit, found.kind = one.unit, one.kind
                told = tuple((name, one.attributes.get(name, "")) for name in question.by)
                groups.setdefault(told, []).append(one)
        edges = [begin + (end - begin) * number / steps for number in range(steps + 1)]
        for attributes, members in groups.items():
            parts = [summed(members, *pair) for pair in pairwise(edges)]
            found.lines.append(Line(dict(attributes), summed(members, begin, end), parts))
        found.lines.sort(key=lambda line: max(line.total.count, line.total.value), reverse=True)
        return found


def summed(members: Iterable[Series], begin: float, end: float) -> Sum:
    """Return what several series come to together over a while."""
    result = Sum()
    for one in members:
        if one.kind is Kind.GAUGE:
            _add_gauge(result, one, begin, end)
        else:
            _add_count(result, one, begin, end)
    return result


def _add_gauge(result: Sum, one: Series, begin: float, end: float) -> None:
    values = [value.value for value in one.during(begin, end)] if one.times and one.times[-1] > begin else []
    if values:
        result.value = max(result.value, *values)
        result.count += len(values)
        result.last += values[-1]


def _add_count(result: Sum, one: Series, begin: float, end: float) -> None:
    before, after = one.at(begin), one.at(end)
    result.value += max(after.value - before.value, 0.0)
    result.count += max(after.count - before.count, 0)
    result.last += after.value
    if after.buckets:
        if not result.buckets:
            result.bounds, result.buckets = one.bounds, [0.0] * len(after.buckets)
        if result.bounds == one.bounds:
            _add_buckets(result.buckets, before.buckets or (0,) * len(after.buckets), after.buckets)


def _add_buckets(into: list[float], before: Sequence[int], after: Sequence[int]) -> None:
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        into[number] += max(new - old, 0)
