"""Conversations in PostgreSQL."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.chat.adapters import postgres_session
from services.chat.domain.conversation import Author, Citation, Conversation, Message, State
from services.runtime.sql import Database


class PostgresConversationBook:
    """Opens transactions over conversations."""

    def __init__(self, database: Database) -> None:
        """Take the service's database."""
        self._database = database

    @asynccontextmanager
    async def writing(self) -> AsyncIterator["PostgresConversations"]:
        """Open a transaction that commits when the block ends well."""
        async with postgres_session.writing(self._database) as session:
            yield PostgresConversations(session)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator["PostgresConversations"]:
        """Open a transaction that only reads."""
        async with postgres_session.reading(self._database) as session:
            yield PostgresConversations(session)


class PostgresConversations:
    """Conversations inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        """Take the session whose transaction is open."""
        self._session = session

    async def add(self, conversation: Conversation) -> None:
        """Store a new conversation."""
        await self._run(_ADD, **_columns(conversation))

    async def find(self, key: str) -> Conversation | None:
        """Return a conversation."""
        rows = await self._run(_FIND, key=key)
        return _conversation(rows[0]) if rows else None

    async def lock(self, key: str) -> Conversation | None:
        """Return a conversation and keep others from changing it until the transaction ends."""
        rows = await self._run(_FIND + " FOR UPDATE", key=key)
        return _conversation(rows[0]) if rows else None

    async def delete(self, key: str) -> None:
        """Delete a conversation with everything said in it."""
        await self._run("DELETE FROM conversations WHERE key = :key", key=key)

    async def say(self, message: Message) -> None:
        """Store a new message at the end of its conversation."""
        await self._run(_SAY, **_fields(message))

    async def messages(self, key: str, after: int, limit: int) -> list[Message]:
        """Return messages behind a position, oldest first."""
        return [_message(row) for row in await self._run(_MESSAGES, key=key, after=after, limit=limit)]

    async def latest(self, key: str, limit: int) -> list[Message]:
        """Return the last messages, oldest first."""
        rows = await self._run(_LATEST, key=key, limit=limit)
        return [_message(row) for row in reversed(rows)]

    async def asked_by(self, key: str, request_id: str) -> Message | None:
        """Return the question that a request said."""
        rows = await self._run(_ASKED_BY, key=key, request_id=request_id)
        return _message(rows[0]) if rows else None

    async def answer_to(self, key: str, question: str) -> Message | None:
        """Return the answer to a question."""
        rows = await self._run(_ANSWER_TO, key=key, question=question)
        return _message(rows[0]) if rows else None

    async def claim(self, conversation: Conversation, holder: str) -> None:
        """Store title, time and claim of a conversation."""
        await self._run(_CLAIM, **_columns(conversation), holder=holder)

    async def finish(self, message: Message, now: datetime) -> bool:
        """Store an answer that has ended and free its conversation; False when it had been ended already."""
        changed = await self._run(_FINISH, streaming=int(State.STREAMING), **_ended(message))
        await self._run(_FREE, key=message.conversation, message=message.key, now=now)
        return bool(changed)

    async def renew(self, answers: Sequence[str], until: datetime) -> None:
        """Keep the claims of these answers alive."""
        await self._run(_RENEW, answers=list(answers), until=until)

    async def fail_abandoned(self, holder: str, now: datetime) -> int:
        """Mark answers as failed whose claim lapsed, or is `holder`'s when one is named."""
        condition = "holder = :holder" if holder else "lease_until < :now"
        parameters = {"holder": holder} if holder else {"now": now}
        rows = await self._run(
            _ABANDONED.format(condition=condition),
            failed=int(State.FAILED),
            streaming=int(State.STREAMING),
            **parameters,
        )
        return len(rows)

    async def _run(self, statement: str, **parameters: Any) -> Sequence[Any]:
        result = await self._session.execute(text(statement), parameters)
        return result.all() if isinstance(result, CursorResult) and result.returns_rows else ()


def _columns(conversation: Conversation) -> dict[str, Any]:
    return asdict(conversation)


def _conversation(row: Any) -> Conversation:
    return Conversation(row.key, row.owner, row.title, row.create_time, row.update_time, row.answering, row.lease_until)


def _ended(message: Message) -> dict[str, Any]:
    return {
        "key": message.key,
        "text": message.text,
        "citations": json.dumps([asdict(citation) for citation in message.citations]),
        "products": list(message.products),
        "degraded": list(message.degraded),
        "state": int(message.state),
    }


def _fields(message: Message) -> dict[str, Any]:
    return {
        **_ended(message),
        "conversation": message.conversation,
        "author": int(message.author),
        "create_time": message.create_time,
        "request_id": message.request_id,
        "fingerprint": message.fingerprint,
        "reply_to": message.reply_to,
    }


def _message(row: Any) -> Message:
    return Message(
        key=row.key,
        conversation=row.conversation,
        author=Author(row.author),
        text=row.text,
        state=State(row.state),
        create_time=row.create_time,
        citations=tuple(Citation(**citation) for citation in row.citations),
        products=tuple(row.products),
        degraded=tuple(row.degraded),
        request_id=row.request_id,
        fingerprint=row.fingerprint,
        reply_to=row.reply_to,
        position=row.position,
    )


_ADD = """
INSERT INTO conversations (key, owner, title, create_time, update_time, answering, lease_until)
VALUES (:key, :owner, :title, :create_time, :update_time, :answering, :lease_until)
"""
_FIND = """
SELECT key, owner, title, create_time, update_time, answering, lease_until FROM conversations WHERE key = :key
"""
_SAY = """
INSERT INTO messages (key, conversation, author, text, citations, products, degraded, state, create_time, request_id,
    fingerprint, reply_to)
VALUES (:key, :conversation, :author, :text, CAST(:citations AS jsonb), :products, :degraded, :state, :create_time,
    :request_id, :fingerprint, :reply_to)
"""
_MESSAGES = "SELECT * FROM messages WHERE conversation = :key AND position > :after ORDER BY position LIMIT :limit"
_LATEST = "SELECT * FROM messages WHERE conversation = :key ORDER BY position DESC LIMIT :limit"
_ASKED_BY = "SELECT * FROM messages WHERE conversation = :key AND request_id = :request_id"
_ANSWER_TO = "SELECT * FROM messages WHERE conversation = :key AND reply_to = :question"
_CLAIM = """
UPDATE conversations SET title = :title, update_time = :update_time, answering = :answering,
    lease_until = :lease_until, holder = :holder
WHERE key = :key AND owner = :owner AND create_time = :create_time
"""
_FINISH = """
UPDATE messages SET text = :text, citations = CAST(:citations AS jsonb), products = :products, degraded = :degraded,
    state = :state
WHERE key = :key AND state = :streaming RETURNING key
"""
_FREE = """
UPDATE conversations SET answering = '', holder = '', lease_until = NULL, update_time = :now
WHERE key = :key AND answering = :message
"""
_RENEW = "UPDATE conversations SET lease_until = :until WHERE answering = ANY(:answers)"
_ABANDONED = """
WITH gone AS (
    UPDATE conversations SET answering = '', holder = '', lease_until = NULL
    FROM (SELECT key, answering FROM conversations WHERE answering <> '' AND {condition} FOR UPDATE SKIP LOCKED) AS held
    WHERE conversations.key = held.key
    RETURNING held.answering AS message)
UPDATE messages SET state = :failed FROM gone WHERE messages.key = gone.message AND state = :streaming
RETURNING messages.key
"""
