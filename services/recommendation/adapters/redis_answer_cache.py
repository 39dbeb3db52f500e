"""Kept answers in Redis, keyed by the shopper's generation: one act of theirs voids them all."""

import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import redis.asyncio as redis
from redis.exceptions import RedisError

from services.recommendation.domain.shelf import Question, Recommended, Shelf, ShelfId, Shelves
from services.runtime.errors import Unavailable

_GENERATION = "recommendation:generation:"
_ANSWER = "recommendation:answer:"
_GENERATION_SECONDS = 90 * 24 * 3600


class RedisAnswerCache:
    """Answers with a time to live."""

    def __init__(self, client: redis.Redis, seconds: int) -> None:
        """Take a client and the seconds an answer is kept."""
        self._redis = client
        self._seconds = seconds

    async def find(self, question: Question) -> Shelves | None:
        """Return the kept answer of this question and the shopper's current generation."""
        async with _translated():
            found: Any = await self._redis.get(await self._key(question))
        return _from_json(found) if found is not None else None

    async def keep(self, question: Question, answer: Shelves) -> None:
        """Keep an answer for the time to live."""
        async with _translated():
            await self._redis.set(await self._key(question), _to_json(answer), ex=self._seconds)

    async def forget(self, shoppers: Sequence[str]) -> None:
        """Begin a new generation of each shopper."""
        async with _translated():
            pipeline = self._redis.pipeline(transaction=False)
            for shopper in shoppers:
                pipeline.incr(_GENERATION + shopper)
                pipeline.expire(_GENERATION + shopper, _GENERATION_SECONDS)
            await pipeline.execute()

    async def _key(self, question: Question) -> str:
        generation: Any = await self._redis.get(_GENERATION + question.shopper) if question.shopper else b"0"
        asked = [
            question.placement,
            question.shopper,
            question.product,
            list(question.basket),
            question.size,
            (generation or b"0").decode(),
        ]
        return _ANSWER + hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def _to_json(answer: Shelves) -> str:
    shelves = [[s.id, s.title, s.anchor, [[item.product, item.reason] for item in s.items]] for s in answer.shelves]
    return json.dumps([shelves, list(answer.degraded)])


def _from_json(text: bytes) -> Shelves:
    shelves, degraded = json.loads(text)
    return Shelves(
        [
            Shelf(ShelfId(i), title, anchor, [Recommended(*item) for item in items])
            for i, title, anchor, items in shelves
        ],
        tuple(degraded),
    )


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise Unavailable("CACHE_UNAVAILABLE", "Kept answers are out of reach.") from error
