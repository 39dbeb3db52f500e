"""The usage records in PostgreSQL, with their sums by day kept in the same transaction."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import astuple
from datetime import date, datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from services.analytics.adapters import usage_queries
from services.analytics.domain.report import Interval
from services.analytics.domain.usage import (
    SUMS,
    Dimension,
    Group,
    Series,
    Summary,
    UsageFilter,
    UsageRecord,
    bucket_of,
    summaries,
)
from services.runtime.errors import Unavailable
from services.runtime.sql import Database, ReadSession, Session

_SEPARATOR = ","
# By keys, outcome and outcome of the cache.
Sums = dict[tuple[tuple[str, ...], str, str], Summary]


class PostgresUsageStore:
    """One table of records and one of their sums by day: what is inserted anew is added to the sums, and only that."""

    def __init__(self, database: Database) -> None:
        """Take the service's database."""
        self._database = database

    async def store(self, records: Sequence[UsageRecord]) -> int:
        """Insert what is new in one statement, and add it to its days in another."""
        # In one order for everybody: batches that share records or days wait for each other instead of deadlocking.
        unique = {record.id: record for record in sorted(records, key=attrgetter("id"))}
        if not unique:
            return 0
        columns = _columns(unique.values(), usage_queries.RECORD_TYPES, _row)
        async with _translated(), self._database.transaction() as session:
            inserted = await session.execute(text(usage_queries.INSERT_RECORDS), columns)
            new = [unique[record_id] for (record_id,) in inserted]
            if new:
                await _add_days(session, summaries(new))
        return len(new)

    async def groups(
        self, interval: Interval, by: Sequence[Dimension], wanted: UsageFilter, limit: int
    ) -> Sequence[Group]:
        """Sum up; the histograms come by a query of their own."""
        query = usage_queries.groups(interval, by, wanted, limit)
        async with _translated(), self._database.reading() as session:
            if query.top_users:
                users = await _rows(session, query.top_users, query.parameters)
                query.parameters["top_users"] = [user for (user,) in users]
            found = await _sums(session, query)
            kept = _first(found, by, limit)
            for *keys, outcome, cache, kind, bucket, calls in await _rows(session, query.buckets, query.parameters):
                summary = kept.get((tuple(keys), outcome, cache))
                if summary is not None:
                    (summary.first_token if kind == "first_token" else summary.latency)[bucket] = calls
        return [Group(keys, outcome, cache, summary) for (keys, outcome, cache), summary in kept.items()]

    async def page(
        self, interval: Interval, wanted: UsageFilter, after: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[UsageRecord]:
        """Read by the index over time and id."""
        query, parameters = usage_queries.page(interval, wanted, after, limit)
        async with _translated(), self._database.reading() as session:
            return [_record(dict(row)) for row in (await session.execute(text(query), dict(parameters))).mappings()]

    async def forget(self, records_before: datetime, days_before: date, limit: int) -> int:
        """Remove the oldest."""
        async with _translated(), self._database.transaction() as session:
            result: Any = await session.execute(
                text(usage_queries.FORGET_RECORDS), {"before": records_before, "limit": limit}
            )
            await session.execute(text(usage_queries.FORGET_DAYS), {"before": days_before})
            return int(result.rowcount)


async def _add_days(session: Session, added: Mapping[Series, Summary]) -> None:
    ordered = sorted(added.items(), key=lambda item: astuple(item[0]))
    await session.execute(text(usage_queries.ADD_DAYS), _columns(ordered, usage_queries.DAY_TYPES, _day_row))


async def _sums(session: ReadSession, query: usage_queries.GroupQuery) -> Sums:
    found: Sums = {}
    for row in await _rows(session, query.sums, query.parameters):
        *keys, outcome, cache = row[: -len(SUMS)]
        sums = {name: int(value) for name, value in zip(SUMS, row[-len(SUMS) :], strict=True)}
        found[tuple(keys), outcome, cache] = Summary(**sums)  # type: ignore[arg-type]
    return found


def _first(found: Sums, by: Sequence[Dimension], limit: int) -> Sums:
    """Return the groups of the first combinations of keys: by day, or the most expensive ones."""
    costs: dict[tuple[str, ...], tuple[int, int]] = {}
    for (keys, _, _), summary in found.items():
        cost, calls = costs.get(keys, (0, 0))
        costs[keys] = (cost - summary.cost_micros, calls - summary.calls)
    by_day = bool(by) and by[0] is Dimension.DAY
    first = set(sorted(costs, key=lambda keys: (keys,) if by_day else (*costs[keys], keys))[:limit])
    return {group: summary for group, summary in found.items() if group[0] in first}


async def _rows(session: ReadSession, query: str, parameters: Mapping[str, Any]) -> Sequence[Any]:
    return (await session.execute(text(query), dict(parameters))).all()


def _columns(items: Iterable[Any], types: Mapping[str, str], row: Any) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {name: [] for name in types}
    for item in items:
        for column, value in zip(columns.values(), row(item), strict=True):
            column.append(value)
    return columns


def _row(record: UsageRecord) -> tuple[Any, ...]:
    return (
        record.id,
        record.time,
        record.operation,
        record.provider,
        record.model,
        record.use_case,
        record.outcome,
        record.tenant,
        record.user,
        record.api_key,
        record.prompt_version,
        record.cache,
        record.input_tokens,
        record.output_tokens,
        record.cached_input_tokens,
        record.cache_write_tokens,
        record.cache_write_1h_tokens,
        record.reasoning_tokens,
        record.estimated,
        record.cost_micros,
        record.saved_micros,
        record.latency,
        record.first_token,
        bucket_of(record.latency) if record.is_timed else None,
        bucket_of(record.first_token) if record.is_timed and record.first_token else None,
        record.route_reason,
        _SEPARATOR.join(record.degraded),
        record.attempt,
        record.hedge,
        record.batch,
        record.price_date,
    )


def _day_row(item: tuple[Series, Summary]) -> tuple[Any, ...]:
    series, summary = item
    sums = (getattr(summary, name) for name in SUMS)
    day, *others = astuple(series)
    return (date.fromisoformat(day), *others, *sums, _histogram(summary.first_token), _histogram(summary.latency))


def _histogram(buckets: Mapping[int, int]) -> str:
    """Return calls per bucket as the text of a PostgreSQL array."""
    return "{" + ",".join(str((bucket << 40) + calls) for bucket, calls in sorted(buckets.items())) + "}"


def _record(row: dict[str, Any]) -> UsageRecord:
    values = {name: value for name, value in row.items() if not name.endswith("_bucket")}
    values["id"], values["time"] = values.pop("record_id"), values.pop("record_time")
    values["user"] = values.pop("user_id")
    values["degraded"] = tuple(step for step in values["degraded"].split(_SEPARATOR) if step)
    return UsageRecord(**values)


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except (DBAPIError, SQLAlchemyError, OSError, TimeoutError) as error:
        raise Unavailable("USAGE_STORE_UNAVAILABLE", "Usage cannot be read or kept at the moment.") from error
