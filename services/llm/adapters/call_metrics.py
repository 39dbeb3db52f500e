"""Figures about calls, summed up in place and handed to the exporter when it asks.

An instrument of OpenTelemetry's SDK takes about ten microseconds a measurement, and a call has seven. Summing up takes
two for all of them; what is exported is the same.
"""

import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)

from services.llm.adapters import genai_names as names
from services.llm.domain.usage import UsageRecord

_HITS = ("exact", "similar", "shared")
# Series of metrics at the most. Labels come from the model table and our own words, so this is never met in practice.
_MOST_SERIES = 5000

Attributes = Mapping[str, str]


class _Distribution:
    """Counts per bucket, their sum and ends."""

    __slots__ = ("bounds", "counts", "highest", "lowest", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0
        self.lowest = float("inf")
        self.highest = 0.0

    def add(self, value: float, times: int = 1) -> None:
        self.counts[bisect_left(self.bounds, value)] += times
        self.total += value * times
        if value < self.lowest:
            self.lowest = value
        if value > self.highest:
            self.highest = value

    def point(self, attributes: Attributes, start: int, now: int) -> HistogramDataPoint:
        counts = tuple(self.counts)
        return HistogramDataPoint(
            attributes, start, now, sum(counts), self.total, counts, self.bounds, self.lowest, self.highest
        )


class _Series:
    """All figures of the calls that have their attributes in common."""

    __slots__ = (
        "attempts",
        "attributes",
        "calls",
        "cost",
        "duration",
        "first",
        "inputs",
        "outputs",
        "per_chunk",
        "saved",
    )

    def __init__(self, attributes: Attributes) -> None:
        self.attributes = attributes
        self.calls = 0
        self.cost = 0
        self.saved = 0
        self.inputs = _Distribution(names.TOKEN_BOUNDS)
        self.outputs = _Distribution(names.TOKEN_BOUNDS)
        self.duration = _Distribution(names.SECOND_BOUNDS)
        self.first = _Distribution(names.SECOND_BOUNDS)
        self.per_chunk = _Distribution(names.SECOND_BOUNDS)
        self.attempts = _Distribution(names.ATTEMPT_BOUNDS)


class CallMetrics:
    """Sums up calls. Counting happens on the event loop, reading in the exporter's thread."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._series: dict[tuple[str, ...], _Series] = {}
        self._start = time.time_ns()

    def count(self, record: UsageRecord) -> None:
        """Count one call."""
        key = (record.model, record.use_case, record.outcome, record.cache, record.operation, record.provider)
        series = self._series.get(key)
        if series is None:
            if len(self._series) >= _MOST_SERIES:
                return
            series = self._series[key] = _Series(_attributes(record))
        series.calls += 1
        series.cost += record.cost_micros
        series.saved += record.saved_micros
        if record.cache in _HITS:
            # No model was asked, so this says nothing about one.
            return
        series.inputs.add(record.usage.input_tokens)
        series.outputs.add(record.usage.output_tokens)
        series.duration.add(record.seconds)
        if record.streamed and record.first_token_seconds:
            series.first.add(record.first_token_seconds)
            if record.chunks > 1:
                gap = (record.seconds - record.first_token_seconds) / (record.chunks - 1)
                series.per_chunk.add(gap, record.chunks - 1)
        if record.outcome == "ok":
            series.attempts.add(record.attempt)

    def collected(self) -> Sequence[Metric]:
        """Return everything since the start, as OpenTelemetry's values."""
        now, held = time.time_ns(), list(self._series.values())
        if not held:
            return []
        return [
            self._sum(names.CALLS, "{call}", "Calls to models and answers from the cache.", held, "calls", now),
            self._sum(names.COST, "uUSD", "Money spent on calls, in micro-USD.", held, "cost", now),
            self._sum(names.SAVED, "uUSD", "Money that answers from the cache saved.", held, "saved", now),
            self._tokens(held, now),
            self._histogram(names.DURATION, "s", "Time of a call to a provider.", held, "duration", now),
            self._histogram(names.FIRST_CHUNK, "s", "Time until a provider began to answer.", held, "first", now),
            self._histogram(names.PER_CHUNK, "s", "Time between pieces of an answer.", held, "per_chunk", now),
            self._histogram(names.ATTEMPTS, "{call}", "Models asked for an answer.", held, "attempts", now),
        ]

    def _sum(self, name: str, unit: str, says: str, held: Sequence[_Series], field: str, now: int) -> Metric:
        points = [NumberDataPoint(one.attributes, self._start, now, getattr(one, field)) for one in held]
        return Metric(name, says, unit, Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True))

    def _histogram(self, name: str, unit: str, says: str, held: Sequence[_Series], field: str, now: int) -> Metric:
        found = ((one.attributes, getattr(one, field)) for one in held)
        points = [held.point(attributes, self._start, now) for attributes, held in found if any(held.counts)]
        return Metric(name, says, unit, Histogram(points, AggregationTemporality.CUMULATIVE))

    def _tokens(self, held: Sequence[_Series], now: int) -> Metric:
        points = [
            counted.point({**one.attributes, names.TOKEN_TYPE: kind}, self._start, now)
            for one in held
            for kind, counted in _kinds(one)
            if any(counted.counts)
        ]
        return Metric(
            names.TOKEN_USAGE,
            "Tokens read and written.",
            "{token}",
            Histogram(points, AggregationTemporality.CUMULATIVE),
        )


def _kinds(series: _Series) -> Iterator[tuple[str, _Distribution]]:
    yield "input", series.inputs
    yield "output", series.outputs


def _attributes(record: UsageRecord) -> Attributes:
    attributes = {
        names.OPERATION: record.operation,
        names.PROVIDER: names.PROVIDERS.get(record.provider, record.provider),
        names.REQUEST_MODEL: record.model,
        names.USE_CASE: record.use_case,
        names.OUTCOME: record.outcome,
    }
    if record.cache:
        attributes[names.CACHE_OUTCOME] = record.cache
    if record.outcome not in names.WELL:
        # A failed call must never look like a fast one: by this it is a series of its own.
        attributes[names.ERROR_TYPE] = record.outcome.replace(" ", "_")
    return attributes
