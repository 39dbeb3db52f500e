"""Keys, budgets and changes in PostgreSQL."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.llm.adapters.postgres_session import rows_of, storage_errors
from services.llm.application.admin_ports import SetRule
from services.llm.domain.administration import Administered, place
from services.llm.domain.api_key import ApiKey, AuditEntry
from services.llm.domain.budget import Rule, Subject, Window
from services.runtime.sql import Database

_KEYS = """
    SELECT * FROM api_keys
    WHERE CAST(:time AS timestamptz) IS NULL OR (create_time, key) < (CAST(:time AS timestamptz), CAST(:key AS text))
    ORDER BY create_time DESC, key DESC LIMIT :limit
"""
_ADD_KEY = """
    INSERT INTO api_keys (key, digest, display_name, tenant, hint, creator, expire_time)
    VALUES (:key, :digest, :display_name, :tenant, :hint, :creator, :expire_time) RETURNING *
"""
_REVOKE = "UPDATE api_keys SET revoke_time = coalesce(revoke_time, now()) WHERE key = :key RETURNING *"
_SET_RULE = """
    INSERT INTO budgets (subject_kind, subject, lasts, tokens, micros, updater)
    VALUES (:kind, :subject, :lasts, :tokens, :micros, :updater)
    ON CONFLICT (subject_kind, subject, lasts) DO UPDATE
    SET tokens = excluded.tokens, micros = excluded.micros, updater = excluded.updater, update_time = now()
    RETURNING *
"""
_DROP_RULE = "DELETE FROM budgets WHERE subject_kind = :kind AND subject = :subject AND lasts = :lasts"
_NOTE = """
    INSERT INTO audit_entries (actor, action, resource, detail) VALUES (:actor, :action, :resource, :detail)
"""
_CHANGES = """
    SELECT id, create_time, actor, action, resource, detail FROM audit_entries
    WHERE CAST(:before AS bigint) IS NULL OR id < CAST(:before AS bigint) ORDER BY id DESC LIMIT :limit
"""
# Changes wait for each other: the numbers of entries are seen in their order, and no replica passes one over.
_ONE_AT_A_TIME = "LOCK TABLE audit_entries IN SHARE ROW EXCLUSIVE MODE"


class PostgresAdminBook:
    """An `AdminBook` over the service's own database."""

    def __init__(self, database: Database) -> None:
        """Take the service's database."""
        self._database = database

    @asynccontextmanager
    async def writing(self) -> AsyncIterator["PostgresAdministration"]:
        """Open a transaction that commits when the block ends well."""
        with storage_errors():
            async with self._database.transaction() as session:
                await session.execute(text(_ONE_AT_A_TIME))
                yield PostgresAdministration(session)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator["PostgresAdministration"]:
        """Open a transaction that only reads."""
        with storage_errors():
            async with self._database.reading() as session:
                yield PostgresAdministration(session)


class PostgresAdministration:
    """Keys, budgets and changes inside one transaction: an `AdminWriter`."""

    def __init__(self, session: AsyncSession) -> None:
        """Take the session whose transaction is open."""
        self._session = session

    async def keys(self, after: tuple[datetime, str] | None, limit: int) -> list[ApiKey]:
        """Return keys, newest first."""
        time, name = after or (None, "")
        return [_key(row) for row in await self._run(_KEYS, time=time, key=name, limit=limit)]

    async def rules(self) -> list[SetRule]:
        """Return the budgets that were set."""
        return [_rule(row) for row in await self._run("SELECT * FROM budgets")]

    async def changes(self, before: int | None, limit: int) -> list[AuditEntry]:
        """Return changes, newest first."""
        rows = await self._run(_CHANGES, before=before, limit=limit)
        return [AuditEntry(row.actor, row.action, row.resource, row.detail, row.create_time, row.id) for row in rows]

    async def version(self) -> int:
        """Return the number of the last change."""
        (row,) = await self._run("SELECT coalesce(max(id), 0) AS version FROM audit_entries")
        return int(row.version)

    async def everything(self) -> Administered:
        """Return all that calls need to know."""
        rows = await self._run("SELECT * FROM api_keys WHERE revoke_time IS NULL")
        keys = {bytes(row.digest): _key(row) for row in rows}
        return Administered(keys, tuple(one.rule for one in await self.rules()))

    async def add_key(self, key: ApiKey, digest: bytes) -> ApiKey:
        """Keep a new key."""
        given = {"display_name": key.display_name, "tenant": key.tenant, "hint": key.hint, "creator": key.creator}
        (row,) = await self._run(_ADD_KEY, key=key.name, digest=digest, expire_time=key.expire_time, **given)
        return _key(row)

    async def revoke_key(self, name: str) -> ApiKey | None:
        """Revoke a key."""
        rows = await self._run(_REVOKE, key=name)
        return _key(rows[0]) if rows else None

    async def set_rule(self, rule: Rule, updater: str) -> SetRule:
        """Keep a budget."""
        (row,) = await self._run(_SET_RULE, **_place(rule), tokens=rule.tokens, micros=rule.micros, updater=updater)
        return _rule(row)

    async def drop_rule(self, rule: Rule) -> None:
        """Forget a budget."""
        await self._run(_DROP_RULE, **_place(rule))

    async def note(self, actor: str, action: str, resource: str, detail: str) -> None:
        """Note a change."""
        await self._run(_NOTE, actor=actor, action=action, resource=resource, detail=detail)

    async def _run(self, statement: str, **parameters: Any) -> Sequence[Any]:
        return await rows_of(self._session, statement, parameters)


def _place(rule: Rule) -> dict[str, str]:
    return dict(zip(("kind", "subject", "lasts"), place(rule), strict=True))


def _key(row: Any) -> ApiKey:
    times = (row.create_time, row.expire_time, row.revoke_time)
    return ApiKey(row.key, row.display_name, row.tenant, row.hint, row.creator, *times)


def _rule(row: Any) -> SetRule:
    rule = Rule(Subject(row.subject_kind), row.subject, Window(row.lasts), row.tokens, row.micros)
    return SetRule(rule, row.updater, row.update_time)
