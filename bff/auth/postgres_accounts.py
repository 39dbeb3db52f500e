"""Accounts in PostgreSQL, in the BFF's own schema."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bff.auth.accounts import Account
from services.runtime.errors import Unavailable
from services.runtime.sql import Database, ReadSession, Session, migrate

SCHEMA = "bff"

_FIELDS = "id, email, name, role, password_hash"
_ADD = """
    INSERT INTO accounts (id, email, name, role, password_hash) VALUES (:id, :email, :name, :role, :password_hash)
"""
_GET = f"SELECT {_FIELDS} FROM accounts WHERE id = :id"  # noqa: S608 - only constants
_FIND = f"SELECT {_FIELDS} FROM accounts WHERE lower(email) = lower(:email)"  # noqa: S608 - only constants
_SET_PASSWORD = "UPDATE accounts SET password_hash = :password_hash WHERE id = :id"  # noqa: S105 - a statement
_SET_ROLE = "UPDATE accounts SET role = :role WHERE id = :id"
_FORGET_EXPIRED = "DELETE FROM refresh_tokens WHERE account_id = :account_id AND expire_time < now()"
_GRANT = """
    INSERT INTO refresh_tokens (token_hash, family, account_id, expire_time)
    VALUES (:token, coalesce(:family, gen_random_uuid()), :account_id, :expires)
"""
_LOCK = "SELECT family, account_id, expire_time, used_time FROM refresh_tokens WHERE token_hash = :token FOR UPDATE"
_USE = "UPDATE refresh_tokens SET used_time = :now WHERE token_hash = :token"
_END_SESSION = """
    DELETE FROM refresh_tokens WHERE family = (SELECT family FROM refresh_tokens WHERE token_hash = :token)
"""
_REVOKE = "DELETE FROM refresh_tokens WHERE family = :family"


class PostgresAccounts:
    """Accounts of the shop in tables `accounts` and `refresh_tokens`."""

    def __init__(self, database: Database) -> None:
        """Take the BFF's database."""
        self._database = database

    async def prepare(self) -> None:
        """Bring the schema to its newest version."""
        async with available():
            await migrate(self._database, SCHEMA, Path(__file__).parent / "migrations")

    async def add(self, account: Account) -> bool:
        """Keep a new account; return False when its email, in whatever case, is taken."""
        values = {
            "id": account.id,
            "email": account.email,
            "name": account.name,
            "role": account.role,
            "password_hash": account.password_hash,
        }
        try:
            async with self._writing() as session:
                await session.execute(text(_ADD), values)
        except IntegrityError:
            return False
        return True

    async def get(self, account_id: str) -> Account | None:
        """Return the account with this id."""
        return await self._one(_GET, {"id": account_id})

    async def find(self, email: str) -> Account | None:
        """Return the account with this email in whatever case."""
        return await self._one(_FIND, {"email": email})

    async def set_password(self, account_id: str, password_hash: str) -> None:
        """Replace the password of an account."""
        async with self._writing() as session:
            await session.execute(text(_SET_PASSWORD), {"id": account_id, "password_hash": password_hash})

    async def set_role(self, account_id: str, role: str) -> None:
        """Replace the role of an account."""
        async with self._writing() as session:
            await session.execute(text(_SET_ROLE), {"id": account_id, "role": role})

    async def grant(self, account_id: str, token: bytes, expires: datetime) -> None:
        """Keep the first refresh token of a new family."""
        async with self._writing() as session:
            await session.execute(text(_FORGET_EXPIRED), {"account_id": account_id})
            values = {"token": token, "family": None, "account_id": account_id, "expires": expires}
            await session.execute(text(_GRANT), values)

    async def revoke(self, token: bytes) -> None:
        """Forget a refresh token with its whole family."""
        async with self._writing() as session:
            await session.execute(text(_END_SESSION), {"token": token})

    async def exchange(
        self, old: bytes, new: bytes, expires: datetime, now: datetime, repeatable: timedelta = timedelta()
    ) -> Account | None:
        """Trade a refresh token for its successor; a token that was traded before ends its family."""
        async with self._writing() as session:
            held = (await session.execute(text(_LOCK), {"token": old})).one_or_none()
            if held is None or held.expire_time <= now:
                return None
            if held.used_time is None:
                await session.execute(text(_USE), {"token": old, "now": now})
                values = {"token": new, "family": held.family, "account_id": held.account_id, "expires": expires}
                await session.execute(text(_GRANT), values)
            elif not await _is_repeated(session, held.used_time, now, repeatable, new):
                await session.execute(text(_REVOKE), {"family": held.family})
                return None
            row = (await session.execute(text(_GET), {"id": held.account_id})).one()
            return Account(**row._mapping)

    async def _one(self, statement: str, values: dict[str, Any]) -> Account | None:
        async with self._reading() as session:
            row = (await session.execute(text(statement), values)).one_or_none()
            return Account(**row._mapping) if row else None

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[ReadSession]:
        async with available(), self._database.reading() as session:
            yield session

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[Session]:
        async with available(), self._database.transaction() as session:
            yield session


async def _is_repeated(session: Session, used: datetime, now: datetime, repeatable: timedelta, new: bytes) -> bool:
    """Return whether a trade is the one made a moment ago, asked again before its successor was traded."""
    if now - used >= repeatable:
        return False
    successor = (await session.execute(text(_LOCK), {"token": new})).one_or_none()
    return successor is not None and successor.used_time is None


@asynccontextmanager
async def available() -> AsyncIterator[None]:
    """Turn an unreachable database into Unavailable."""
    try:
        yield
    except IntegrityError:
        raise
    except (DBAPIError, PoolTimeout, OSError, TimeoutError) as error:
        raise Unavailable("ACCOUNTS_UNAVAILABLE", "Signing in is not possible for a moment.", 2.0) from error
