"""Remembers replies by request id, so that a call sent twice takes effect once (AIP-155)."""

import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from google.protobuf import symbol_database
from google.protobuf.message import Message
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.runtime.errors import Conflict, FieldViolation, Invalid, Unavailable
from services.runtime.sql import is_away

# How long a reply is remembered, and how long an unfinished claim keeps others out.
KEEP_HOURS = 24
CLAIM_SECONDS = 150
_FORGET_EVERY = 3600.0


class PostgresReplies:
    """Replies in a table of the service's own schema."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Take the service's engine."""
        self._engine = engine
        self._forgot = float("-inf")

    async def prepare(self) -> None:
        """Create the table when it is missing, and forget what is too old."""
        async with self._engine.begin() as connection:
            await connection.execute(text(_TABLE))
        await self._forget()

    async def once(self, caller: str, method: str, request: Message, run: Callable[[], Awaitable[Message]]) -> Message:
        """Run the call, or return its remembered reply.

        Raises Invalid (REQUEST_ID_REUSED) for another body under the same id, Conflict (REQUEST_IN_PROGRESS) while
        the first call is still running, Unavailable (DATABASE_AWAY) while replies cannot be remembered. A call that
        fails is forgotten: it changed nothing.
        """
        request_id: str = getattr(request, "request_id", "")
        if not request_id:
            return await run()
        body = hashlib.sha256(request.SerializeToString(deterministic=True)).digest()
        if time.monotonic() - self._forgot > _FORGET_EVERY:
            await self._forget()
        key = {"caller": caller, "method": method, "request_id": request_id}
        remembered = await self._claim(key, body)
        if remembered is not None:
            return remembered
        finished = False
        try:
            reply = await run()
            await self._store(key, reply)
            finished = True
            return reply
        finally:
            if not finished:
                await self._release(key)

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, OSError) as error:
            if not is_away(error):
                raise
            raise Unavailable("DATABASE_AWAY", "The database does not answer.") from error

    async def _forget(self) -> None:
        self._forgot = time.monotonic()
        async with self._writing() as connection:
            await connection.execute(text(_FORGET), {"hours": KEEP_HOURS})

    async def _claim(self, key: dict[str, str], body: bytes) -> Message | None:
        async with self._writing() as connection:
            won = await connection.execute(text(_CLAIM), {**key, "body": body, "seconds": CLAIM_SECONDS})
            if won.first() is not None:
                return None
            row = (await connection.execute(text(_READ), key)).one()
        if bytes(row.body) != body:
            raise Invalid(
                "REQUEST_ID_REUSED",
                "The request id {request_id} was used for another request.",
                [FieldViolation("request_id", "belongs to another request")],
                request_id=key["request_id"],
            )
        if row.reply_type is None:
            raise Conflict("REQUEST_IN_PROGRESS", "The same request is being worked on.")
        kind: type[Message] = symbol_database.Default().GetSymbol(row.reply_type)
        return kind.FromString(bytes(row.reply))

    async def _store(self, key: dict[str, str], reply: Message) -> None:
        async with self._writing() as connection:
            stored = {**key, "type": reply.DESCRIPTOR.full_name, "reply": reply.SerializeToString()}
            await connection.execute(text(_STORE), stored)

    async def _release(self, key: dict[str, str]) -> None:
        async with self._writing() as connection:
            await connection.execute(text(_RELEASE), key)


_TABLE = """
CREATE TABLE IF NOT EXISTS idempotency_replies (
    caller text NOT NULL, method text NOT NULL, request_id text NOT NULL, body bytea NOT NULL,
    reply_type text, reply bytea, claimed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (caller, method, request_id))
"""
_FORGET = "DELETE FROM idempotency_replies WHERE claimed_at < now() - make_interval(hours => :hours)"
_CLAIM = """
INSERT INTO idempotency_replies AS r (caller, method, request_id, body)
VALUES (:caller, :method, :request_id, :body)
ON CONFLICT (caller, method, request_id) DO UPDATE SET claimed_at = now()
WHERE r.reply_type IS NULL AND r.body = EXCLUDED.body
  AND r.claimed_at < now() - make_interval(secs => :seconds)
RETURNING 1
"""
_READ = """
SELECT body, reply_type, reply FROM idempotency_replies
WHERE caller = :caller AND method = :method AND request_id = :request_id
"""
_STORE = """
UPDATE idempotency_replies SET reply_type = :type, reply = :reply
WHERE caller = :caller AND method = :method AND request_id = :request_id
"""
_RELEASE = """
DELETE FROM idempotency_replies
WHERE caller = :caller AND method = :method AND request_id = :request_id AND reply_type IS NULL
"""
