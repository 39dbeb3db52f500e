"""The SQL of the usage store. What callers name is always a parameter; only our own column names become text."""

# ruff: noqa: S608 - see above
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from services.analytics.domain.report import Interval
from services.analytics.domain.usage import SUMS, Dimension, UsageFilter

_TEXTS = ("operation", "provider", "model", "use_case", "outcome", "tenant")
_SERIES = (*_TEXTS, "api_key", "prompt_version", "cache")
RECORD_TYPES: Mapping[str, str] = {
    "record_id": "uuid",
    "record_time": "timestamptz",
    **dict.fromkeys(_TEXTS, "text"),
    "user_id": "text",
    "api_key": "text",
    "prompt_version": "text",
    "cache": "text",
    "input_tokens": "bigint",
    "output_tokens": "bigint",
    "cached_input_tokens": "bigint",
    "cache_write_tokens": "bigint",
    "cache_write_1h_tokens": "bigint",
    "reasoning_tokens": "bigint",
    "estimated": "boolean",
    "cost_micros": "bigint",
    "saved_micros": "bigint",
    "latency": "bigint",
    "first_token": "bigint",
    "latency_bucket": "smallint",
    "first_token_bucket": "smallint",
    "route_reason": "text",
    "degraded": "text",
    "attempt": "integer",
    "hedge": "boolean",
    "batch": "boolean",
    "price_date": "text",
}
DAY_TYPES: Mapping[str, str] = {
    "day": "date",
    "overall": "boolean",
    **dict.fromkeys(_SERIES, "text"),
    **dict.fromkeys(SUMS, "bigint"),
    "first_token": "text",
    "latency": "text",
}


# Calls in a number of a histogram; its bucket is what stands above them.
_CALLS = "held & ((1::bigint << 40) - 1)"


def _unnest(types: Mapping[str, str]) -> str:
    return "unnest(" + ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in types.items()) + ")"


def _joined(histogram: str) -> str:
    """Return the sum of two histograms, bucket by bucket."""
    return f"""coalesce((
        SELECT array_agg((bucket << 40) + calls ORDER BY bucket) FROM (
            SELECT held >> 40 AS bucket, sum({_CALLS})::bigint AS calls
            FROM unnest(usage_days.{histogram} || excluded.{histogram}) AS both_of(held) GROUP BY 1
        ) AS summed), '{{}}')"""


INSERT_RECORDS = f"""
INSERT INTO usage_records ({", ".join(RECORD_TYPES)})
SELECT * FROM {_unnest(RECORD_TYPES)}
ON CONFLICT (record_id) DO NOTHING
RETURNING record_id"""
ADD_DAYS = f"""
INSERT INTO usage_days ({", ".join(DAY_TYPES)})
SELECT {", ".join(f"{name}::bigint[]" if name in ("first_token", "latency") else name for name in DAY_TYPES)}
FROM {_unnest(DAY_TYPES)} AS added ({", ".join(DAY_TYPES)})
ON CONFLICT (overall, day, {", ".join(_SERIES)}) DO UPDATE SET
{", ".join(f"{name} = usage_days.{name} + excluded.{name}" for name in SUMS)},
first_token = {_joined("first_token")}, latency = {_joined("latency")}"""
FORGET_RECORDS = """
DELETE FROM usage_records WHERE record_id IN (
    SELECT record_id FROM usage_records WHERE record_time < :before ORDER BY record_time LIMIT :limit)"""
FORGET_DAYS = "DELETE FROM usage_days WHERE day < :before"

_FIELDS = {"user": "user_id"}
_FAILED = "outcome NOT IN ('ok', 'left', 'outrun')"
_IS_HIT = "cache IN ('exact', 'similar', 'shared')"
_OF_A_DAY = "to_char(record_time AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
# What one record adds to each sum; the same as Summary.add.
_ADDS = {
    "calls": "1",
    "input_tokens": f"CASE WHEN {_IS_HIT} THEN 0 ELSE input_tokens END",
    "output_tokens": f"CASE WHEN {_IS_HIT} THEN 0 ELSE output_tokens END",
    "cached_input_tokens": f"CASE WHEN {_IS_HIT} THEN 0 ELSE cached_input_tokens END",
    "reasoning_tokens": f"CASE WHEN {_IS_HIT} THEN 0 ELSE reasoning_tokens END",
    "cost_micros": "cost_micros",
    "saved_micros": "saved_micros",
    "hedges": "hedge::int",
    "degraded": "(outcome = 'ok' AND degraded <> '')::int",
    "estimated": f"(estimated AND NOT {_IS_HIT})::int",
    "answered": f"(outcome = 'ok' AND NOT {_IS_HIT})::int",
    "attempts": f"CASE WHEN outcome = 'ok' AND NOT {_IS_HIT} THEN greatest(attempt, 1) ELSE 0 END",
}


@dataclass(frozen=True, slots=True)
class GroupQuery:
    """Two queries with the same parameters: the sums of each group, and its calls per bucket.

    With `top_users` there is a third one to be asked before: both others want its answer as `:top_users`.
    """

    sums: str
    buckets: str
    parameters: dict[str, Any]
    top_users: str = ""


def groups(interval: Interval, by: Sequence[Dimension], wanted: UsageFilter, limit: int) -> GroupQuery:
    """Return the queries of a grouping. Whole days come from their sums unless users are asked for."""
    by_user = Dimension.USER in by or bool(wanted.users)
    first, last = whole_days(interval) if not by_user else (None, None)
    where, parameters = _where(wanted)
    parameters |= {"start": interval.start, "end": interval.end}
    top_users, only = "", ""
    if Dimension.USER in by:
        # Users are too many to be sorted out later.
        top_users, only = _top_users(where), " AND user_id = ANY(CAST(:top_users AS text[]))"
        parameters["limit"] = limit
    if first is not None and last is not None:
        parameters |= {"first": first, "last": last, "first_time": _midnight(first), "last_time": _midnight(last)}
        # Two ranges of the index instead of one condition that it could not serve.
        parts = [
            _days_part(by, f"{_series_of(by, wanted)} AND day >= :first AND day < :last{where}"),
            _records_part(by, f"record_time >= :start AND record_time < :first_time{where}"),
            _records_part(by, f"record_time >= :last_time AND record_time < :end{where}"),
        ]
    else:
        parts = [_records_part(by, f"record_time >= :start AND record_time < :end{where}{only}")]
    columns = "".join(f"k{place}, " for place in range(len(by))) + "outcome, cache"
    sums = ", ".join(f"sum({name})::bigint" for name in SUMS)
    return GroupQuery(
        f"SELECT {columns}, {sums} FROM ({_union(one for one, _ in parts)}) AS parts GROUP BY {columns}",
        f"""SELECT {columns}, kind, bucket, sum(calls)::bigint FROM ({_union(one for _, one in parts)}) AS parts
        GROUP BY {columns}, kind, bucket""",
        parameters,
        top_users,
    )


def _union(queries: Iterable[str]) -> str:
    return " UNION ALL ".join(queries)


def _series_of(by: Sequence[Dimension], wanted: UsageFilter) -> str:
    """Return which series answer: those over all tenants, keys and prompts unless one of these is asked for."""
    apart = wanted.tenants or wanted.api_keys or wanted.prompt_versions
    overall = not apart and not set(by) & {Dimension.TENANT, Dimension.API_KEY, Dimension.PROMPT_VERSION}
    return "overall" if overall else "NOT overall"


def _top_users(where: str) -> str:
    return f"""SELECT user_id FROM usage_records WHERE record_time >= :start AND record_time < :end{where}
        GROUP BY user_id ORDER BY sum(cost_micros) DESC, count(*) DESC, user_id LIMIT :limit"""


def whole_days(interval: Interval) -> tuple[date, date] | tuple[None, None]:
    """Return the first whole day of an interval and the first one no longer whole, none when it holds no whole day."""
    start, end = interval.start.astimezone(UTC), interval.end.astimezone(UTC)
    first = start.date() if start.time() == time() else start.date() + timedelta(days=1)
    return (first, end.date()) if first < end.date() else (None, None)


def page(
    interval: Interval, wanted: UsageFilter, after: tuple[datetime, UUID] | None, limit: int
) -> tuple[str, Mapping[str, Any]]:
    """Return the query of a page of records, newest first."""
    where, parameters = _where(wanted)
    parameters |= {"start": interval.start, "end": interval.end, "limit": limit}
    if after is not None:
        where += " AND (record_time, record_id) < (:after_time, :after_id)"
        parameters |= {"after_time": after[0], "after_id": after[1]}
    return (
        f"""SELECT {", ".join(RECORD_TYPES)} FROM usage_records
        WHERE record_time >= :start AND record_time < :end{where}
        ORDER BY record_time DESC, record_id DESC LIMIT :limit""",
        parameters,
    )


def _where(wanted: UsageFilter) -> tuple[str, dict[str, Any]]:
    parameters: dict[str, Any] = {}
    where = f" AND {_FAILED}" if wanted.failed_only else ""
    for name, values in wanted.lists().items():
        where += f" AND {_FIELDS.get(name, name)} = ANY(CAST(:in_{name} AS text[]))"
        parameters[f"in_{name}"] = list(values)
    return where, parameters


def _keys(by: Sequence[Dimension], day: str) -> str:
    columns = [day if dimension is Dimension.DAY else _FIELDS.get(dimension, dimension.value) for dimension in by]
    return "".join(f"{column} AS k{place}, " for place, column in enumerate(columns)) + "outcome, cache"


def _days_part(by: Sequence[Dimension], condition: str) -> tuple[str, str]:
    keys = _keys(by, "to_char(day, 'YYYY-MM-DD')")
    buckets = _union(
        f"""SELECT {keys}, '{kind}' AS kind, (held >> 40)::int AS bucket, {_CALLS} AS calls
        FROM usage_days, unnest({kind}) AS histogram(held) WHERE {condition}"""
        for kind in ("first_token", "latency")
    )
    return f"SELECT {keys}, {', '.join(SUMS)} FROM usage_days WHERE {condition}", buckets


def _records_part(by: Sequence[Dimension], condition: str) -> tuple[str, str]:
    keys = _keys(by, _OF_A_DAY)
    adds = ", ".join(f"{expression} AS {name}" for name, expression in _ADDS.items())
    buckets = _union(
        f"""SELECT {keys}, '{kind}' AS kind, {kind}_bucket::int AS bucket, 1::bigint AS calls
        FROM usage_records WHERE {kind}_bucket IS NOT NULL AND {condition}"""
        for kind in ("first_token", "latency")
    )
    return f"SELECT {keys}, {adds} FROM usage_records WHERE {condition}", buckets


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
