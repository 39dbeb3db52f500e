"""The events in PostgreSQL, and the queries that count them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from services.analytics.domain.event import Event
from services.analytics.domain.report import Cell, Interval, Report, Table, conversion
from services.runtime.errors import Unavailable
from services.runtime.sql import Database

_COLUMNS = (
    "event_id",
    "type",
    "shopper",
    "session",
    "product",
    "query",
    "result_count",
    "quantity",
    "value_minor",
    "currency",
    "placement",
    "event_time",
)


class PostgresEventStore:
    """One table of events; reports are aggregates over its index by time."""

    def __init__(self, database: Database) -> None:
        """Take the service's database."""
        self._database = database

    async def store(self, events: Sequence[Event]) -> int:
        """Insert what is new in one statement."""
        if not events:
            return 0
        columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
        for event in events:
            for name, value in zip(_COLUMNS, _values(event), strict=True):
                columns[name].append(value)
        async with _translated(), self._database.transaction() as session:
            result: Any = await session.execute(text(_INSERT), columns)
            return int(result.rowcount)

    async def count(self, report: Report, interval: Interval, limit: int) -> Table:
        """Return a report's table."""
        parameters: dict[str, Any] = {"start": interval.start, "end": interval.end}
        if ":limit" in _QUERIES[report]:
            parameters["limit"] = limit
        async with _translated(), self._database.reading() as session:
            result = await session.execute(text(_QUERIES[report]), parameters)
            rows = [[_cell(value) for value in row] for row in result]
            return (
                _with_conversion(Table(list(result.keys()), rows))
                if report is Report.OVERVIEW
                else Table(list(result.keys()), rows)
            )


def _values(event: Event) -> tuple[Any, ...]:
    return (
        event.id,
        event.type.value,
        event.shopper,
        event.session,
        event.product,
        event.query,
        event.result_count,
        event.quantity,
        event.value_minor,
        event.currency,
        event.placement,
        event.time,
    )


def _cell(value: Any) -> Cell:
    if value is None:
        return 0
    if isinstance(value, str | int | float):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else float(value)


def _with_conversion(table: Table) -> Table:
    """Replace the count of buying visits by the share of visits that bought."""
    row = dict(zip(table.columns, table.rows[0], strict=True))
    buying = int(row.pop("buying_sessions"))
    row["conversion"] = conversion(int(row["sessions"]), buying)
    return Table(list(row), [list(row.values())])


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except (DBAPIError, SQLAlchemyError, OSError, TimeoutError) as error:
        raise Unavailable("EVENT_STORE_UNAVAILABLE", "Events cannot be read or kept at the moment.") from error


_INSERT = """
INSERT INTO events (event_id, type, shopper, session, product, query, result_count, quantity, value_minor, currency,
                    placement, event_time)
SELECT * FROM unnest(
    CAST(:event_id AS uuid[]), CAST(:type AS text[]), CAST(:shopper AS text[]), CAST(:session AS text[]),
    CAST(:product AS text[]), CAST(:query AS text[]), CAST(:result_count AS int[]), CAST(:quantity AS int[]),
    CAST(:value_minor AS bigint[]), CAST(:currency AS text[]), CAST(:placement AS text[]),
    CAST(:event_time AS timestamptz[]))
ON CONFLICT (event_id) DO NOTHING
"""
# Absurd values must not make a report impossible: what no bigint can hold counts as the largest one.
_QUERIES = {
    Report.OVERVIEW: """
        SELECT count(DISTINCT shopper) AS visitors,
               count(DISTINCT session) AS sessions,
               count(*) FILTER (WHERE type = 'product_view') AS product_views,
               count(*) FILTER (WHERE type = 'search') AS searches,
               count(*) FILTER (WHERE type = 'add_to_cart') AS add_to_carts,
               count(*) FILTER (WHERE type = 'purchase') AS purchases,
               least(coalesce(sum(value_minor) FILTER (WHERE type = 'purchase'), 0), 9223372036854775807)::bigint
                   AS revenue_minor,
               count(DISTINCT session) FILTER (WHERE type = 'purchase') AS buying_sessions
        FROM events WHERE event_time >= :start AND event_time < :end""",
    Report.DAILY: """
        SELECT to_char(date_trunc('day', event_time AT TIME ZONE 'UTC'), 'YYYY-MM-DD') AS day,
               count(DISTINCT session) AS sessions,
               count(*) FILTER (WHERE type = 'product_view') AS product_views,
               count(*) FILTER (WHERE type = 'purchase') AS purchases,
               least(coalesce(sum(value_minor) FILTER (WHERE type = 'purchase'), 0), 9223372036854775807)::bigint
                   AS revenue_minor
        FROM events WHERE event_time >= :start AND event_time < :end GROUP BY 1 ORDER BY 1""",
    Report.TOP_PRODUCTS: """
        SELECT product,
               count(*) FILTER (WHERE type = 'product_view') AS views,
               count(*) FILTER (WHERE type = 'add_to_cart') AS add_to_carts,
               coalesce(sum(quantity) FILTER (WHERE type = 'purchase'), 0)::bigint AS purchases,
               least(coalesce(sum(value_minor) FILTER (WHERE type = 'purchase'), 0), 9223372036854775807)::bigint
                   AS revenue_minor
        FROM events WHERE event_time >= :start AND event_time < :end AND product <> ''
        GROUP BY product ORDER BY revenue_minor DESC, views DESC, product LIMIT :limit""",
    Report.TOP_SEARCHES: """
        SELECT query, count(*) AS searches, round(avg(result_count), 1)::float8 AS average_results
        FROM events WHERE event_time >= :start AND event_time < :end AND type = 'search' AND query <> ''
        GROUP BY query ORDER BY searches DESC, query LIMIT :limit""",
    Report.EMPTY_SEARCHES: """
        SELECT query, count(*) AS searches
        FROM events WHERE event_time >= :start AND event_time < :end
          AND type = 'search' AND query <> '' AND result_count = 0
        GROUP BY query ORDER BY searches DESC, query LIMIT :limit""",
    Report.FUNNEL: """
        WITH visits AS (
            SELECT session,
                   bool_or(type = 'product_view') AS viewed,
                   bool_or(type = 'add_to_cart') AS carted,
                   bool_or(type = 'purchase') AS bought
            FROM events WHERE event_time >= :start AND event_time < :end GROUP BY session)
        SELECT step, sessions FROM (
            SELECT 1 AS place, 'visit' AS step, count(*) AS sessions FROM visits
            UNION ALL SELECT 2, 'product_view', count(*) FILTER (WHERE viewed) FROM visits
            UNION ALL SELECT 3, 'add_to_cart', count(*) FILTER (WHERE carted) FROM visits
            UNION ALL SELECT 4, 'purchase', count(*) FILTER (WHERE bought) FROM visits) AS steps
        ORDER BY place""",
}
