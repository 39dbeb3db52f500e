"""Articles and their passages in PostgreSQL: the source that the search index is made from."""

from array import array
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.chat.adapters import postgres_session
from services.chat.application.ports import Knowledge, Pending
from services.chat.domain.article import Article, Passage
from services.chat.domain.retrieval import Stored, Vector
from services.runtime.sql import Database


class PostgresArticleBook:
    """Opens transactions over articles."""

    def __init__(self, database: Database) -> None:
        """Take the service's database."""
        self._database = database

    @asynccontextmanager
    async def writing(self) -> AsyncIterator["PostgresArticles"]:
        """Open a transaction that commits when the block ends well."""
        async with postgres_session.writing(self._database) as session:
            yield PostgresArticles(session)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator["PostgresArticles"]:
        """Open a transaction that only reads."""
        async with postgres_session.reading(self._database) as session:
            yield PostgresArticles(session)


class PostgresArticles:
    """Articles inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        """Take the session whose transaction is open."""
        self._session = session

    async def put(self, article: Article, passages: Sequence[Passage], now: datetime) -> bool:
        """Create or replace an article; False when nothing about it is new."""
        changed = await self._run(
            _PUT, key=article.key, title=article.title, topic=article.topic, body=article.body, now=now
        )
        if not changed:
            return False
        await self._run("DELETE FROM passages WHERE article = :key", key=article.key)
        for position, passage in enumerate(passages):
            await self._run(
                _ADD_PASSAGE,
                key=passage.key,
                article=passage.article,
                position=position,
                title=passage.title,
                section=passage.section,
                text=passage.text,
            )
        return True

    async def find(self, key: str) -> Article | None:
        """Return an article."""
        rows = await self._run("SELECT * FROM articles WHERE key = :key", key=key)
        return _article(rows[0]) if rows else None

    async def page(self, after: tuple[str, str] | None, limit: int) -> list[Article]:
        """Return articles behind a (title, key), by title."""
        if after is None:
            rows = await self._run("SELECT * FROM articles ORDER BY title, key LIMIT :limit", limit=limit)
        else:
            rows = await self._run(_PAGE, title=after[0], key=after[1], limit=limit)
        return [_article(row) for row in rows]

    async def knowledge(self) -> Knowledge:
        """Return what is known about all articles together."""
        rows = await self._run(_KNOWLEDGE)
        topics = await self._run(_TOPICS)
        return Knowledge(int(rows[0].version), tuple(row.topic for row in topics), bool(rows[0].pending))

    async def texts(self) -> list[str]:
        """Return all passages under their title paths."""
        rows = await self._run("SELECT key, article, title, section, text FROM passages")
        return [_passage(row).headed for row in rows]

    async def pending(self, keys: Sequence[str], limit: int) -> list[Pending]:
        """Return articles that wait, of the given ones when any are given."""
        rows = await self._run(_PENDING, keys=list(keys), any_key=not keys, limit=limit)
        versions = {row.key: row.version for row in rows}
        passages = await self._run(_PASSAGES_OF, articles=list(versions))
        return [
            Pending(key, version, tuple(_passage(row) for row in passages if row.article == key))
            for key, version in versions.items()
        ]

    async def indexed(self, pending: Pending, stored: Sequence[Stored]) -> None:
        """Keep the vectors of an article that is indexed now, unless it changed meanwhile."""
        current = await self._run(_INDEXED, key=pending.article, version=pending.version)
        if not current:
            return
        for one in stored:
            flat = [value for vector in one.sentence_vectors for value in vector]
            await self._run(
                _KEEP_VECTORS,
                key=one.passage.key,
                model=one.model,
                vector=array("f", one.vector).tobytes(),
                sentence_vectors=array("f", flat).tobytes(),
            )

    async def indexed_count(self, keys: Sequence[str]) -> int:
        """Return how many passages are indexed, of the given articles when any are given."""
        rows = await self._run(_INDEXED_COUNT, keys=list(keys), any_key=not keys)
        return int(rows[0].count)

    async def wait_again(self, other_than_model: str) -> int:
        """Make articles wait for new vectors: those of other models, or all when no model is named."""
        return len(await self._run(_WAIT_AGAIN, model=other_than_model))

    async def passages(self, keys: Sequence[str]) -> list[Stored]:
        """Return passages that still exist, in any order."""
        return [_stored(row) for row in await self._run(_STORED, keys=list(keys))]

    async def by_words(self, text: str, limit: int, pending_only: bool) -> list[str]:
        """Return the keys of passages found by full text, best first."""
        rows = await self._run(_BY_WORDS, query=text, limit=limit, pending_only=pending_only)
        return [row.key for row in rows]

    async def _run(self, statement: str, **parameters: Any) -> Sequence[Any]:
        result = await self._session.execute(text(statement), parameters)
        return result.all() if isinstance(result, CursorResult) and result.returns_rows else ()


def _article(row: Any) -> Article:
    return Article(row.key, row.title, row.topic, row.body, row.update_time)


def _passage(row: Any) -> Passage:
    return Passage(row.key, row.article, row.title, row.section, row.text)


def _stored(row: Any) -> Stored:
    vector = _floats(row.vector)
    flat, width = _floats(row.sentence_vectors), len(vector)
    by_sentence = tuple(flat[start : start + width] for start in range(0, len(flat), width)) if width else ()
    return Stored(_passage(row), row.model, vector, by_sentence)


def _floats(packed: bytes) -> Vector:
    values = array("f")
    values.frombytes(bytes(packed))
    return values


_PUT = """
INSERT INTO articles AS a (key, title, topic, body, update_time, version, pending)
VALUES (:key, :title, :topic, :body, :now, nextval('article_versions'), true)
ON CONFLICT (key) DO UPDATE SET title = EXCLUDED.title, topic = EXCLUDED.topic, body = EXCLUDED.body,
    update_time = EXCLUDED.update_time, version = EXCLUDED.version, pending = true
WHERE (a.title, a.topic, a.body) IS DISTINCT FROM (EXCLUDED.title, EXCLUDED.topic, EXCLUDED.body)
RETURNING key
"""
_ADD_PASSAGE = """
INSERT INTO passages (key, article, position, title, section, text)
VALUES (:key, :article, :position, :title, :section, :text)
"""
_PAGE = "SELECT * FROM articles WHERE (title, key) > (:title, :key) ORDER BY title, key LIMIT :limit"
_KNOWLEDGE = "SELECT coalesce(max(version), 0) AS version, coalesce(bool_or(pending), false) AS pending FROM articles"
_TOPICS = "SELECT topic FROM articles WHERE topic <> '' GROUP BY topic ORDER BY count(*) DESC, topic"
_PENDING = """
SELECT key, version FROM articles WHERE pending AND (:any_key OR key = ANY(:keys)) ORDER BY version LIMIT :limit
"""
_PASSAGES_OF = """
SELECT key, article, title, section, text FROM passages WHERE article = ANY(:articles) ORDER BY article, position
"""
_INDEXED = "UPDATE articles SET pending = false WHERE key = :key AND version = :version RETURNING key"
_KEEP_VECTORS = """
UPDATE passages SET model = :model, vector = :vector, sentence_vectors = :sentence_vectors WHERE key = :key
"""
_INDEXED_COUNT = """
SELECT count(*) AS count FROM passages JOIN articles ON articles.key = passages.article
WHERE NOT articles.pending AND (:any_key OR articles.key = ANY(:keys))
"""
_WAIT_AGAIN = """
UPDATE articles SET pending = true
WHERE NOT pending AND EXISTS (SELECT FROM passages WHERE article = articles.key AND model <> :model)
RETURNING key
"""
_STORED = """
SELECT key, article, title, section, text, model, vector, sentence_vectors FROM passages WHERE key = ANY(:keys)
"""
# Any of the words will do: the domain weighs how many there are.
_BY_WORDS = """
WITH asked AS (SELECT replace(plainto_tsquery('english', :query)::text, '&', '|')::tsquery AS query)
SELECT passages.key FROM passages JOIN articles ON articles.key = passages.article, asked
WHERE words @@ query AND (articles.pending OR NOT :pending_only)
ORDER BY ts_rank_cd(words, query, 1) DESC, passages.key LIMIT :limit
"""
