"""Attempts to sign in, counted in PostgreSQL: exactly, over all replicas and restarts."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sqlalchemy import text

from bff.auth.postgres_accounts import available
from bff.auth.throttle import Limit
from services.runtime.sql import Database, Session

# Signing in does not wait longer for a count; then the process's own holds.
_PATIENCE_SECONDS = 2.0
_TIDY_EVERY_SECONDS = 60.0

# The row stays locked until the transaction ends, so attempts at one key are counted one after the other.
_TAKE = """
    INSERT INTO attempts AS known (key, times, expire_time)
    VALUES (:key, ARRAY[clock_timestamp()], clock_timestamp() + make_interval(secs => :window))
    ON CONFLICT (key) DO UPDATE SET
        times = array(
            SELECT one FROM unnest(known.times) AS one
            WHERE one > clock_timestamp() - make_interval(secs => :window) ORDER BY one
        ) || clock_timestamp(),
        expire_time = excluded.expire_time
    RETURNING cardinality(times) AS seen,
        extract(epoch FROM times[1] - clock_timestamp())::float8 + :window AS wait
"""
_GIVE_BACK = "UPDATE attempts SET times = trim_array(times, 1) WHERE key = :key AND cardinality(times) > 0"
_FORGET = "DELETE FROM attempts WHERE key = :key"
_TIDY = """
    DELETE FROM attempts WHERE key IN (
        SELECT key FROM attempts WHERE expire_time < now() LIMIT 1000 FOR UPDATE SKIP LOCKED
    )
"""


class _UsedUp(Exception):
    """A limit is used up: what the transaction has counted is not to stay."""

    def __init__(self, wait: float) -> None:
        self.wait = wait


class PostgresAttempts:
    """Attempts in the table `attempts`, under fingerprints of their keys."""

    def __init__(self, database: Database) -> None:
        """Take the BFF's database, whose schema PostgresAccounts prepares."""
        self._database = database
        self._tidied = float("-inf")

    async def take(self, limits: Sequence[Limit]) -> float:
        """Count an attempt against all limits, or return the seconds to wait."""
        await self._tidy()
        try:
            async with self._writing() as session:
                for key, limit in _ordered(limits):
                    values = {"key": key, "window": limit.window_seconds}
                    row = (await session.execute(text(_TAKE), values)).one()
                    if row.seen > limit.attempts:
                        raise _UsedUp(max(row.wait, 0.001))
        except _UsedUp as refused:
            return refused.wait
        return 0.0

    async def give_back(self, limits: Sequence[Limit]) -> None:
        """Take the newest attempt of each back."""
        await self._for_each(_GIVE_BACK, limits)

    async def forget(self, limits: Sequence[Limit]) -> None:
        """Start anew."""
        await self._for_each(_FORGET, limits)

    async def _for_each(self, statement: str, limits: Sequence[Limit]) -> None:
        async with self._writing() as session:
            for key, _ in _ordered(limits):
                await session.execute(text(statement), {"key": key})

    async def _tidy(self) -> None:
        if time.monotonic() - self._tidied > _TIDY_EVERY_SECONDS:
            self._tidied = time.monotonic()
            async with self._writing() as session:
                await session.execute(text(_TIDY))

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[Session]:
        async with available(), asyncio.timeout(_PATIENCE_SECONDS), self._database.transaction() as session:
            yield session


def _ordered(limits: Sequence[Limit]) -> list[tuple[bytes, Limit]]:
    """Return fingerprints with their limits: in one order, so that no two transactions wait for each other."""
    return sorted(((hashlib.sha256(limit.key.encode()).digest(), limit) for limit in limits), key=lambda one: one[0])
