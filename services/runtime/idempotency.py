"""Remembers replies by request id, so that a call sent twice takes effect once (AIP-155)."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from typing import Any

from google.protobuf import symbol_database
from google.protobuf.message import Message
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime.errors import Conflict, Unavailable, request_id_reused
from services.runtime.sql import Database, is_away

# How long a reply is remembered, and how long a claim keeps others out after it was last said that its call still runs.
KEEP_HOURS = 24
CLAIM_SECONDS = 12.0
# How often that is said while a claim holds: one that is missed, or late, gives nothing away.
_SAID_PER_CLAIM = 4
_FORGET_EVERY = 3600.0
# How long a repeated call waits for the first one, looking again and again.
WAIT_SECONDS = 20.0
_FIRST_LOOK, _LONGEST_LOOK = 0.02, 0.5

Work = Callable[[], Awaitable[object]]
_later: ContextVar[list[Work] | None] = ContextVar("later", default=None)


async def afterwards(work: Work) -> None:
    """Do what follows from the call being answered once it has taken effect for good; at once if it has already."""
    later = _later.get()
    if later is None:
        await work()
    else:
        later.append(work)


class PostgresReplies:
    """Replies in a table of the service's own schema."""

    def __init__(self, database: Database, atomic: Collection[str] = (), claim_seconds: float = CLAIM_SECONDS) -> None:
        """Take the service's database, the methods whose whole effect is in it, and how long a silent claim holds.

        Their effect and their reply are stored together: whenever the process dies, there are both or neither. Other
        methods have to bear being run again when it dies between the two.
        """
        self._database = database
        self._claim_seconds = claim_seconds
        self._atomic = frozenset(atomic)
        self._forgot = float("-inf")

    async def prepare(self) -> None:
        """Create the table when it is missing, and forget what is too old."""
        async with self._database.engine.begin() as connection:
            await connection.execute(text(_TABLE))
        await self._forget()

    async def once(self, caller: str, method: str, request: Message, run: Callable[[], Awaitable[Message]]) -> Message:
        """Run the call, or return its remembered reply; a call that comes while the first is running waits for it.

        Raises Invalid (REQUEST_ID_REUSED) for another body under the same id, Conflict (REQUEST_IN_PROGRESS) when the
        first call takes too long to wait for, Unavailable (DATABASE_AWAY) while replies cannot be remembered. A call
        that fails is forgotten: it changed nothing.
        """
        request_id: str = getattr(request, "request_id", "")
        if not request_id:
            return await run()
        body = hashlib.sha256(request.SerializeToString(deterministic=True)).digest()
        if time.monotonic() - self._forgot > _FORGET_EVERY:
            await self._forget()
        key = {"caller": caller, "method": method, "request_id": request_id}
        attempt = self._together if method in self._atomic else self._claimed
        return await _first(lambda: attempt(key, body, run))

    async def _together(
        self, key: dict[str, str], body: bytes, run: Callable[[], Awaitable[Message]]
    ) -> Message | None:
        """Run the call and store its reply in one transaction; return None while another one does."""
        later: list[Work] = []
        async with self._reachable(), self._database.together() as session:
            # Held until the transaction ends, by whatever: a process that dies leaves nothing behind.
            if not (await session.execute(text(_TRY), {"name": "\n".join(key.values())})).scalar_one():
                return None
            row = (await session.execute(text(_READ), key)).one_or_none()
            if row is not None and (bytes(row.body) != body or row.reply_type is not None):
                return _remembered(row, body, key["request_id"])
            reset = _later.set(later)
            try:
                reply = await run()
            finally:
                _later.reset(reset)
            await session.execute(text(_KEEP), {**key, "body": body, **_stored(reply)})
        for work in later:
            await work()
        return reply

    async def _claimed(self, key: dict[str, str], body: bytes, run: Callable[[], Awaitable[Message]]) -> Message | None:
        """Claim the call, run it and store its reply; return None while another one has claimed it."""
        row = await self._claim(key, body)
        if row is not None:
            return _remembered(row, body, key["request_id"])
        finished = False
        # Awaited below; a group would wrap what the call raises.
        holding = asyncio.create_task(self._hold(key))  # house: allow bare-task - see above
        try:
            reply = await run()
            await self._store(key, reply)
            finished = True
            return reply
        finally:
            holding.cancel()
            await asyncio.wait([holding])
            if not finished:
                await self._release(key)

    async def _hold(self, key: dict[str, str]) -> None:
        """Say again and again that a call is still running, until this is cancelled."""
        while True:
            await asyncio.sleep(self._claim_seconds / _SAID_PER_CLAIM)
            with suppress(Unavailable):
                async with self._writing() as connection:
                    await connection.execute(text(_HOLD), key)

    @asynccontextmanager
    async def _reachable(self) -> AsyncIterator[None]:
        try:
            yield
        except (SQLAlchemyError, OSError) as error:
            if not is_away(error):
                raise
            raise Unavailable("DATABASE_AWAY", "The database does not answer.") from error

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        async with self._reachable(), self._database.engine.begin() as connection:
            yield connection

    async def _forget(self) -> None:
        self._forgot = time.monotonic()
        async with self._writing() as connection:
            await connection.execute(text(_FORGET), {"hours": KEEP_HOURS})

    async def _claim(self, key: dict[str, str], body: bytes) -> Any:
        """Return the row of whoever was first, or None when that is this call."""
        async with self._writing() as connection:
            won = await connection.execute(text(_CLAIM), {**key, "body": body, "seconds": self._claim_seconds})
            if won.first() is not None:
                return None
            return (await connection.execute(text(_READ), key)).one()

    async def _store(self, key: dict[str, str], reply: Message) -> None:
        async with self._writing() as connection:
            await connection.execute(text(_STORE), {**key, **_stored(reply)})

    async def _release(self, key: dict[str, str]) -> None:
        async with self._writing() as connection:
            await connection.execute(text(_RELEASE), key)


async def _first(attempt: Callable[[], Awaitable[Message | None]]) -> Message:
    """Return what the first attempt to get anywhere returns. Raises Conflict (REQUEST_IN_PROGRESS)."""
    deadline, pause = time.monotonic() + WAIT_SECONDS, _FIRST_LOOK
    while (reply := await attempt()) is None:
        if time.monotonic() > deadline:
            raise Conflict("REQUEST_IN_PROGRESS", "The same request is being worked on.")
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_LOOK)
    return reply


def _remembered(row: Any, body: bytes, request_id: str) -> Message | None:
    """Return the reply in a row, or None while it is not there."""
    if bytes(row.body) != body:
        raise request_id_reused(request_id)
    if row.reply_type is None:
        return None
    kind: type[Message] = symbol_database.Default().GetSymbol(row.reply_type)
    return kind.FromString(bytes(row.reply))


def _stored(reply: Message) -> dict[str, object]:
    return {"type": reply.DESCRIPTOR.full_name, "reply": reply.SerializeToString()}


_TRY = "SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))"
_KEEP = """
INSERT INTO idempotency_replies (caller, method, request_id, body, reply_type, reply)
VALUES (:caller, :method, :request_id, :body, :type, :reply)
ON CONFLICT (caller, method, request_id) DO UPDATE SET reply_type = :type, reply = :reply, claimed_at = now()
"""
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
_HOLD = """
UPDATE idempotency_replies SET claimed_at = now()
WHERE caller = :caller AND method = :method AND request_id = :request_id AND reply_type IS NULL
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
