"""Articles in memory."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from services.chat.application.ports import Knowledge, Pending
from services.chat.domain.article import Article, Passage
from services.chat.domain.retrieval import Stored
from services.chat.domain.text import terms
from services.runtime.errors import Unavailable


@dataclass
class _Shelf:
    article: Article
    version: int
    pending: bool
    stored: list[Stored]


class FakeArticleBook:
    """Opens transactions over articles in memory."""

    def __init__(self) -> None:
        self.shelves: dict[str, _Shelf] = {}
        self.version = 0
        self.away = False

    @asynccontextmanager
    async def writing(self) -> AsyncIterator["FakeArticles"]:
        self._check()
        yield FakeArticles(self)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator["FakeArticles"]:
        self._check()
        yield FakeArticles(self)

    def _check(self) -> None:
        if self.away:
            raise Unavailable("STORAGE_UNAVAILABLE", "away")


class FakeArticles:
    """Articles inside one transaction."""

    def __init__(self, book: FakeArticleBook) -> None:
        self._book = book

    async def put(self, article: Article, passages: Sequence[Passage], now: datetime) -> bool:
        held = self._book.shelves.get(article.key)
        if held and replace(held.article, update_time=None) == replace(article, update_time=None):
            return False
        self._book.version += 1
        stored = [Stored(passage) for passage in passages]
        kept = replace(article, update_time=now)
        self._book.shelves[article.key] = _Shelf(kept, self._book.version, True, stored)
        return True

    async def find(self, key: str) -> Article | None:
        shelf = self._book.shelves.get(key)
        return shelf.article if shelf else None

    async def page(self, after: tuple[str, str] | None, limit: int) -> list[Article]:
        ordered = sorted((shelf.article for shelf in self._book.shelves.values()), key=lambda one: (one.title, one.key))
        return [one for one in ordered if after is None or (one.title, one.key) > after][:limit]

    async def knowledge(self) -> Knowledge:
        counts: dict[str, int] = {}
        for shelf in self._book.shelves.values():
            if shelf.article.topic:
                counts[shelf.article.topic] = counts.get(shelf.article.topic, 0) + 1
        topics = sorted(counts, key=lambda topic: (-counts[topic], topic))
        pending = any(shelf.pending for shelf in self._book.shelves.values())
        version = max((shelf.version for shelf in self._book.shelves.values()), default=0)
        return Knowledge(version, tuple(topics), pending)

    async def texts(self) -> list[str]:
        return [stored.passage.headed for stored in self._all()]

    async def pending(self, keys: Sequence[str], limit: int) -> list[Pending]:
        return [
            Pending(key, shelf.version, tuple(stored.passage for stored in shelf.stored))
            for key, shelf in sorted(self._book.shelves.items(), key=lambda item: item[1].version)
            if shelf.pending and (not keys or key in keys)
        ][:limit]

    async def indexed(self, pending: Pending, stored: Sequence[Stored]) -> None:
        shelf = self._book.shelves[pending.article]
        if shelf.version == pending.version:
            shelf.pending, shelf.stored = False, list(stored)

    async def indexed_count(self, keys: Sequence[str]) -> int:
        shelves = self._book.shelves.items()
        return sum(len(one.stored) for key, one in shelves if not one.pending and (not keys or key in keys))

    async def wait_again(self, other_than_model: str) -> int:
        waiting = 0
        for shelf in self._book.shelves.values():
            if not shelf.pending and any(stored.model != other_than_model for stored in shelf.stored):
                shelf.pending = True
                waiting += 1
        return waiting

    async def passages(self, keys: Sequence[str]) -> list[Stored]:
        return [stored for stored in self._all() if stored.passage.key in keys]

    async def by_words(self, text: str, limit: int, pending_only: bool) -> list[str]:
        asked = set(terms(text))
        scored = [
            (len(asked & set(terms(stored.passage.headed))), stored.passage.key)
            for shelf in self._book.shelves.values()
            if shelf.pending or not pending_only
            for stored in shelf.stored
        ]
        return [key for shared, key in sorted(scored, key=lambda pair: (-pair[0], pair[1])) if shared][:limit]

    def _all(self) -> list[Stored]:
        return [stored for shelf in self._book.shelves.values() for stored in shelf.stored]
