"""What shoppers did, in PostgreSQL."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from services.recommendation.application.ports import Neighbourhood
from services.recommendation.domain.interaction import WEIGHTS, Interaction, Kind
from services.recommendation.domain.ranking import Together
from services.runtime.errors import Unavailable
from services.runtime.sql import Database

# Visits looked at around one product: the latest so many say enough.
VISITS = 2000


class PostgresHistory:
    """One table of interactions; what goes together is counted over visits."""

    def __init__(self, database: Database) -> None:
        """Take the service's database."""
        self._database = database

    async def record(self, interactions: Sequence[Interaction]) -> int:
        """Insert what is new in one statement."""
        columns: dict[str, list[Any]] = {
            "id": [i.id for i in interactions],
            "shopper": [i.shopper for i in interactions],
            "session": [i.session for i in interactions],
            "product": [i.product for i in interactions],
            "kind": [i.kind.value for i in interactions],
            "time": [i.time for i in interactions],
        }
        async with _translated(), self._database.transaction() as session:
            result: Any = await session.execute(text(_INSERT), columns)
            return int(result.rowcount)

    async def of_shopper(self, shopper: str, limit: int) -> Sequence[Interaction]:
        """Return what a shopper did, the latest first."""
        async with _translated(), self._database.reading() as session:
            rows = await session.execute(text(_OF_SHOPPER), {"shopper": shopper, "limit": limit})
            return [Interaction(r.id, r.shopper, r.session, r.product, Kind(r.kind), r.time) for r in rows]

    async def seen_together(self, product: str, *, chosen_only: bool, limit: int) -> Neighbourhood:
        """Count visits that hold both, among the latest visits that hold `product`."""
        kinds = [Kind.ADD_TO_CART.value, Kind.PURCHASE.value] if chosen_only else [kind.value for kind in Kind]
        parameters = {"product": product, "kinds": kinds, "visits": VISITS, "limit": limit}
        async with _translated(), self._database.reading() as session:
            rows = (await session.execute(text(_TOGETHER), parameters)).all()
        found = [Together(row.product, row.visits, row.own_visits) for row in rows if row.product != product]
        return Neighbourhood(rows[0].anchor_visits if rows else 0, found)

    async def popular(self, since: datetime, limit: int) -> Mapping[str, float]:
        """Return the most wanted products with their weights."""
        weights = {f"weight_{kind.value}": weight for kind, weight in WEIGHTS.items()}
        async with _translated(), self._database.reading() as session:
            rows = await session.execute(text(_POPULAR), {"since": since, "limit": limit, **weights})
            return {row.product: float(row.weight) for row in rows}


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except (DBAPIError, SQLAlchemyError, OSError, TimeoutError) as error:
        raise Unavailable("HISTORY_UNAVAILABLE", "What shoppers did is out of reach.") from error


_INSERT = """
INSERT INTO interactions (id, shopper, session, product, kind, time)
SELECT * FROM unnest(CAST(:id AS uuid[]), CAST(:shopper AS text[]), CAST(:session AS text[]),
                     CAST(:product AS text[]), CAST(:kind AS text[]), CAST(:time AS timestamptz[]))
ON CONFLICT (id) DO NOTHING
"""
_OF_SHOPPER = """
SELECT id, shopper, session, product, kind, time FROM interactions
WHERE shopper = :shopper ORDER BY time DESC LIMIT :limit
"""
_TOGETHER = """
WITH visits AS (
    SELECT session FROM interactions
    WHERE product = :product AND kind = ANY(:kinds) AND session <> ''
    GROUP BY session ORDER BY max(time) DESC LIMIT :visits),
pairs AS (
    SELECT i.product, count(DISTINCT i.session) AS visits
    FROM interactions i JOIN visits USING (session)
    WHERE i.kind = ANY(:kinds) AND i.product <> :product
    GROUP BY i.product ORDER BY visits DESC, i.product LIMIT :limit)
SELECT pairs.product, pairs.visits, (SELECT count(*) FROM visits) AS anchor_visits,
       (SELECT count(DISTINCT session) FROM interactions own
        WHERE own.product = pairs.product AND own.kind = ANY(:kinds)) AS own_visits
FROM pairs ORDER BY pairs.visits DESC, pairs.product
"""
_POPULAR = """
SELECT product, sum(CASE kind WHEN 'purchase' THEN CAST(:weight_purchase AS float8)
                              WHEN 'add_to_cart' THEN CAST(:weight_add_to_cart AS float8)
                              WHEN 'click' THEN CAST(:weight_click AS float8)
                              ELSE CAST(:weight_view AS float8) END) AS weight
FROM interactions WHERE time >= :since
GROUP BY product ORDER BY weight DESC, product LIMIT :limit
"""
