"""Gives passages their vectors and makes them found by meaning."""

import asyncio
import logging
from collections.abc import Sequence

from services.chat.application.ports import ArticleBook, Embedder, PassageIndex, Pending, Vectors
from services.chat.domain.retrieval import Stored
from services.runtime.errors import AisleError

log = logging.getLogger("aisle.chat")

# Articles of one round: small enough that a failure costs little.
_ROUND = 10
_TEXTS_AT_ONCE = 128
_INTERVAL = 3.0
# Short enough that a stack that was restarted is whole again within ten seconds.
_LONGEST_PAUSE = 8.0
# Rounds of waiting between two comparisons of index and database.
_COMPARE_EVERY = 10


class IndexPassages:
    """Indexes articles that wait."""

    def __init__(self, book: ArticleBook, index: PassageIndex, embedder: Embedder) -> None:
        """Take the source of passages and where they are found."""
        self._book = book
        self._index = index
        self._embedder = embedder

    async def __call__(self, keys: Sequence[str] = ()) -> int:
        """Index the articles that wait, of the given ones when any are given. Returns how many there were."""
        done = 0
        while True:
            async with self._book.reading() as articles:
                waiting = await articles.pending(keys, _ROUND)
            if not waiting:
                return done
            await self._index_round(waiting)
            done += len(waiting)

    async def compare(self) -> None:
        """Make articles wait again whose passages the index lost, or whose vectors are of another model."""
        async with self._book.reading() as articles:
            expected = await articles.indexed_count(())
        if not expected:
            return
        vectors = await self._embedder.embed(["model"], urgent=False)
        lost = await self._index.count() < expected
        async with self._book.writing() as articles:
            await articles.wait_again("" if lost else vectors.model)
        if lost:
            log.warning("index lost passages", extra={"data": {"expected": expected}})

    async def _index_round(self, waiting: Sequence[Pending]) -> None:
        passages = [passage for pending in waiting for passage in pending.passages]
        spoken = {passage.key: passage.in_context() for passage in passages}
        texts = [text for passage in passages for text in (passage.headed, *spoken[passage.key])]
        vectors = await self._vectors(texts)
        supply = iter(vectors.vectors)
        stored = [
            Stored(passage, vectors.model, next(supply), tuple(next(supply) for _ in spoken[passage.key]))
            for passage in passages
        ]
        await self._index.replace([pending.article for pending in waiting], stored)
        async with self._book.writing() as articles:
            for pending in waiting:
                await articles.indexed(pending, [one for one in stored if one.passage.article == pending.article])

    async def _vectors(self, texts: Sequence[str]) -> Vectors:
        gathered: list[Sequence[float]] = []
        model = ""
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            part = await self._embedder.embed(texts[start : start + _TEXTS_AT_ONCE], urgent=False)
            gathered += part.vectors
            model = part.model
        return Vectors(model, tuple(gathered))


class KeepIndexed:
    """Indexes later what could not be indexed at once, until the process leaves."""

    def __init__(self, index_passages: IndexPassages, interval: float = _INTERVAL) -> None:
        """Take the work and the seconds between two looks."""
        self._index_passages = index_passages
        self._interval = interval

    async def __call__(self) -> None:
        """Look again and again, more slowly while something is away."""
        pause, rounds = self._interval, 0
        while True:
            try:
                if rounds % _COMPARE_EVERY == 0:
                    await self._index_passages.compare()
                done = await self._index_passages()
                if done:
                    log.info("articles indexed", extra={"data": {"articles": done}})
                pause, rounds = self._interval, rounds + 1
            except AisleError as away:
                log.info("indexing waits", extra={"data": {"reason": away.reason, "seconds": pause}})
                pause = min(pause * 2, _LONGEST_PAUSE)
            await asyncio.sleep(pause)
