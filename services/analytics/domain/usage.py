"""What calls to language models took: records, and the figures that are made of them.

Figures are made of summaries, which add up: one day's and another's, one model's and another's. Latencies are kept as
counts in buckets, each a tenth wider than the one before, so a percentile is right within a few percent.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

OK = "ok"
LEFT = "left"
OUTRUN = "outrun"
MISS = "miss"
HITS = ("exact", "similar", "shared")
# Buckets of a doubling, and the first bucket's upper bound in microseconds: 0.5 ms to about 45 minutes in all.
PER_DOUBLING = 6
FIRST_BOUND = 500
BUCKETS = 136


class Dimension(StrEnum):
    """What usage can be grouped by."""

    MODEL = "model"
    PROVIDER = "provider"
    USE_CASE = "use_case"
    USER = "user"
    TENANT = "tenant"
    API_KEY = "api_key"
    PROMPT_VERSION = "prompt_version"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """One call to a provider, or one answer from the cache. Times are microseconds, money is micro-USD."""

    id: UUID
    time: datetime
    operation: str
    provider: str
    model: str
    use_case: str
    outcome: str
    tenant: str = ""
    user: str = ""
    api_key: str = ""
    prompt_version: str = ""
    cache: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    cost_micros: int = 0
    saved_micros: int = 0
    latency: int = 0
    first_token: int = 0
    route_reason: str = ""
    degraded: tuple[str, ...] = ()
    attempt: int = 1
    hedge: bool = False
    batch: bool = False
    price_date: str = ""

    @property
    def is_hit(self) -> bool:
        """Whether no model was asked."""
        return self.cache in HITS

    @property
    def is_timed(self) -> bool:
        """Whether the call says how fast a model is: it ended well, was no hit, and somebody waited."""
        return self.outcome == OK and not self.is_hit and not self.batch


@dataclass(frozen=True, slots=True)
class UsageFilter:
    """Which records are counted: those that fit every list that is not empty."""

    models: Sequence[str] = ()
    providers: Sequence[str] = ()
    use_cases: Sequence[str] = ()
    users: Sequence[str] = ()
    tenants: Sequence[str] = ()
    api_keys: Sequence[str] = ()
    prompt_versions: Sequence[str] = ()
    outcomes: Sequence[str] = ()
    operations: Sequence[str] = ()
    caches: Sequence[str] = ()
    failed_only: bool = False

    def lists(self) -> dict[str, Sequence[str]]:
        """Return the lists that are not empty, by the record's field they are compared with."""
        named = {
            "model": self.models,
            "provider": self.providers,
            "use_case": self.use_cases,
            "user": self.users,
            "tenant": self.tenants,
            "api_key": self.api_keys,
            "prompt_version": self.prompt_versions,
            "outcome": self.outcomes,
            "operation": self.operations,
            "cache": self.caches,
        }
        return {name: values for name, values in named.items() if values}

    def fits(self, record: UsageRecord) -> bool:
        """Return whether a record is counted."""
        if self.failed_only and record.outcome in (OK, LEFT, OUTRUN):
            return False
        return all(getattr(record, name) in values for name, values in self.lists().items())


@dataclass(frozen=True, slots=True)
class Series:
    """What the records of one summary have in common. Users are not kept apart: there are too many.

    Each record counts in two series: in its own, and in the one over all tenants, keys and wordings of prompts, which
    answers most questions from a tenth of the rows.
    """

    day: str
    overall: bool
    operation: str
    provider: str
    model: str
    use_case: str
    outcome: str
    tenant: str
    api_key: str
    prompt_version: str
    cache: str

    @classmethod
    def of(cls, record: UsageRecord, overall: bool) -> "Series":
        """Return the series a record belongs to."""
        return cls(
            day_of(record.time),
            overall,
            record.operation,
            record.provider,
            record.model,
            record.use_case,
            record.outcome,
            "" if overall else record.tenant,
            "" if overall else record.api_key,
            "" if overall else record.prompt_version,
            record.cache,
        )


# The sums of a summary, in the order in which the store keeps them.
SUMS = (
    "calls",
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "reasoning_tokens",
    "cost_micros",
    "saved_micros",
    "hedges",
    "degraded",
    "estimated",
    "answered",
    "attempts",
)


@dataclass(slots=True)
class Summary:
    """Sums over records of one outcome; adding two is meaningful."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0
    cost_micros: int = 0
    saved_micros: int = 0
    hedges: int = 0
    degraded: int = 0
    estimated: int = 0
    # Answers that models gave, and the models that were asked for them.
    answered: int = 0
    attempts: int = 0
    # Calls per bucket.
    first_token: dict[int, int] = field(default_factory=dict)
    latency: dict[int, int] = field(default_factory=dict)

    def add(self, record: UsageRecord) -> None:
        """Count one record."""
        self.calls += 1
        self.cost_micros += record.cost_micros
        self.saved_micros += record.saved_micros
        self.hedges += record.hedge
        self.degraded += record.outcome == OK and bool(record.degraded)
        if record.is_hit:
            # Its tokens were read and written before, for another record.
            return
        self.input_tokens += record.input_tokens
        self.output_tokens += record.output_tokens
        self.cached_input_tokens += record.cached_input_tokens
        self.reasoning_tokens += record.reasoning_tokens
        self.estimated += record.estimated
        if record.outcome == OK:
            self.answered += 1
            self.attempts += max(record.attempt, 1)
        if record.is_timed:
            _count(self.latency, record.latency)
            if record.first_token:
                _count(self.first_token, record.first_token)

    def join(self, other: "Summary") -> None:
        """Count everything another summary holds."""
        for name in SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for mine, theirs in ((self.first_token, other.first_token), (self.latency, other.latency)):
            for bucket, calls in theirs.items():
                mine[bucket] = mine.get(bucket, 0) + calls


@dataclass(frozen=True, slots=True)
class Group:
    """The values of the dimensions asked for, the outcome and cache's outcome, and what the records sum up to."""

    keys: tuple[str, ...]
    outcome: str
    cache: str
    summary: Summary


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures about one group of records. Latencies are seconds."""

    calls: int = 0
    ok: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    left: int = 0
    outrun: int = 0
    hits: Mapping[str, int] = field(default_factory=dict)
    misses: int = 0
    sums: Summary = field(default_factory=Summary)
    first_token_p50: float = 0.0
    first_token_p95: float = 0.0
    latency_p50: float = 0.0
    latency_p95: float = 0.0

    @property
    def failed(self) -> int:
        """Return how many calls failed."""
        return sum(self.failures.values())

    @property
    def attempts_per_answer(self) -> float:
        """Return how many models were asked for an answer that came, on average; 0 without answers of models."""
        return self.sums.attempts / self.sums.answered if self.sums.answered else 0.0

    @property
    def degraded_share(self) -> float:
        """Return the share of answers that were given with a step left out."""
        return self.sums.degraded / self.ok if self.ok else 0.0


def figures(groups: Iterable[Group]) -> Figures:
    """Return the figures of groups taken together."""
    total, by_outcome, by_cache = Summary(), dict[str, int](), dict[str, int]()
    for group in groups:
        total.join(group.summary)
        by_outcome[group.outcome] = by_outcome.get(group.outcome, 0) + group.summary.calls
        by_cache[group.cache] = by_cache.get(group.cache, 0) + group.summary.calls
    ok, left, outrun = (by_outcome.pop(name, 0) for name in (OK, LEFT, OUTRUN))
    return Figures(
        calls=total.calls,
        ok=ok,
        failures=dict(sorted(by_outcome.items(), key=lambda item: (-item[1], item[0]))),
        left=left,
        outrun=outrun,
        hits={name: by_cache.get(name, 0) for name in HITS},
        misses=by_cache.get(MISS, 0),
        sums=total,
        first_token_p50=quantile(total.first_token, 0.5),
        first_token_p95=quantile(total.first_token, 0.95),
        latency_p50=quantile(total.latency, 0.5),
        latency_p95=quantile(total.latency, 0.95),
    )


def bucket_of(microseconds: int) -> int:
    """Return the bucket of a duration."""
    if microseconds <= FIRST_BOUND:
        return 0
    return min(math.ceil(math.log2(microseconds / FIRST_BOUND) * PER_DOUBLING), BUCKETS - 1)


def quantile(buckets: Mapping[int, int], share: float) -> float:
    """Return the seconds within which the share of the calls ended; 0 without calls."""
    wanted = share * sum(buckets.values())
    seen = 0
    for bucket in sorted(buckets):
        calls = buckets[bucket]
        if seen + calls >= wanted > 0:
            # Calls are spread evenly over a bucket's share of a doubling.
            inside = (wanted - seen) / calls
            return float(FIRST_BOUND * 2.0 ** ((bucket - 1 + inside) / PER_DOUBLING) / 1_000_000)
        seen += calls
    return 0.0


def day_of(moment: datetime) -> str:
    """Return a moment's day in UTC."""
    return moment.astimezone(UTC).date().isoformat()


def summaries(records: Iterable[UsageRecord]) -> dict[Series, Summary]:
    """Return what records add to each series."""
    made: dict[Series, Summary] = {}
    for record in records:
        for overall in (False, True):
            series = Series.of(record, overall)
            if series not in made:
                made[series] = Summary()
            made[series].add(record)
    return made


def _count(buckets: dict[int, int], microseconds: int) -> None:
    bucket = bucket_of(microseconds)
    buckets[bucket] = buckets.get(bucket, 0) + 1
