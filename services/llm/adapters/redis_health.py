"""What replicas find out about models, told to each other over Redis: an outage is found out once."""

import asyncio
import logging
import time
import uuid
from collections import deque
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.llm.domain.health import HealthBook, HealthNews
from services.runtime.serve import leave_if_cancelled

log = logging.getLogger("aisle.llm.health")

_CHANNEL = "llm:health"
_RETRY_SECONDS = 1.0
# News nobody could be told of are worth nothing a minute later.
_MOST_WAITING = 100
_AWAY = (RedisError, OSError, TimeoutError)


class RedisHealth:
    """Carries `HealthNews` from this process to the others and back. Without Redis each finds out for itself."""

    def __init__(self, client: "Redis") -> None:
        """Take a client; `book` has to be set before `follow` runs."""
        self.book: HealthBook | None = None
        self._redis = client
        self._me = uuid.uuid4().hex
        self._waiting: deque[HealthNews] = deque(maxlen=_MOST_WAITING)
        self._news = asyncio.Event()

    def tell(self, news: HealthNews) -> None:
        """Tell the others soon. Never blocks."""
        self._waiting.append(news)
        self._news.set()

    async def publish(self) -> None:
        """Send what there is to tell, until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                while self._waiting:
                    await self._redis.publish(_CHANNEL, self._encoded(self._waiting[0]))
                    self._waiting.popleft()
                    leave_if_cancelled()
            except _AWAY as away:
                log.warning("health is not shared", extra={"data": {"reason": type(away).__name__}})
                self._waiting.clear()
            leave_if_cancelled()

    async def follow(self) -> None:
        """Listen to the others until cancelled."""
        while True:
            try:
                async with self._redis.pubsub() as news:
                    await news.subscribe(_CHANNEL)
                    while True:
                        message = await news.get_message(ignore_subscribe_messages=True, timeout=10.0)
                        leave_if_cancelled()
                        if message is not None:
                            self._hear(message["data"])
            except _AWAY as away:
                log.warning("health is not shared", extra={"data": {"reason": type(away).__name__}})
            leave_if_cancelled()
            await asyncio.sleep(_RETRY_SECONDS)

    def _hear(self, data: bytes) -> None:
        try:
            said: dict[str, Any] = orjson.loads(data)
            if said.pop("by") == self._me or self.book is None:
                return
            self.book.hear(HealthNews(**said), time.monotonic())
        except (orjson.JSONDecodeError, KeyError, TypeError):
            log.warning("news of health not understood")

    def _encoded(self, news: HealthNews) -> bytes:
        return orjson.dumps(
            {
                "by": self._me,
                "model": news.model,
                "provider": news.provider,
                "failures": news.failures,
                "rest": news.rest,
                "why": news.why,
            }
        )
