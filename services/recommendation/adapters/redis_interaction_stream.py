"""The analytics service's stream of events, read with a consumer group of our own."""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import redis.asyncio as redis
from google.protobuf.message import DecodeError
from redis.exceptions import RedisError, ResponseError

from services.recommendation.application.ports import Delivery
from services.recommendation.domain.interaction import Interaction
from services.runtime import telemetry
from services.runtime.errors import Unavailable

log = logging.getLogger("aisle.recommendation.stream")

# The stream belongs to the analytics service; what is on it are its contract's `Event` messages.
KEY = "analytics:events"
FIELD = b"event"
TRACE = b"traceparent"
GROUP = "recommendation"
ABANDONED_MS = 15_000
WAIT_MS = 1_000


class RedisInteractionStream:
    """What shoppers do, as interactions."""

    def __init__(self, client: redis.Redis, consumer: str, decode: Callable[[bytes], Interaction | None]) -> None:
        """Take a client, this replica's name in the group, and how an event is read."""
        self._redis = client
        self._consumer = consumer
        self._decode = decode
        self._claim_from: Any = "0-0"
        self._told = telemetry.Consumer(KEY, GROUP)

    async def take(self, limit: int) -> Sequence[Delivery]:
        """Take abandoned events first, then new ones, waiting up to a second for them."""
        async with _translated():
            try:
                claimed = await self._redis.xautoclaim(
                    KEY, GROUP, self._consumer, ABANDONED_MS, self._claim_from, count=limit
                )
                self._claim_from = claimed[0]
                if claimed[1]:
                    return self._taken(claimed[1])
                fresh: Any = await self._redis.xreadgroup(GROUP, self._consumer, {KEY: ">"}, count=limit, block=WAIT_MS)
            except ResponseError as error:
                if "NOGROUP" not in str(error):
                    raise
                await self._make_group()
                return []
        return self._taken(_entries(fresh))

    async def acknowledge(self, receipts: Sequence[str]) -> None:
        """Acknowledge, so that nobody gets them again."""
        async with _translated():
            await self._redis.xack(KEY, GROUP, *receipts)
        self._told.ended()

    async def check(self) -> None:
        """Raise while Redis does not answer."""
        await self._redis.ping()

    def _taken(self, entries: Sequence[Any]) -> Sequence[Delivery]:
        self._told.began((fields or {}).get(TRACE, b"").decode("ascii", "replace") for _, fields in entries)
        return [self._delivery(*entry) for entry in entries]

    def _delivery(self, receipt: bytes, fields: dict[bytes, bytes] | None) -> Delivery:
        try:
            return Delivery(receipt.decode(), self._decode((fields or {})[FIELD]))
        except (KeyError, DecodeError, ValueError):
            log.error("unreadable event passed over", extra={"data": {"receipt": receipt.decode()}})
            return Delivery(receipt.decode(), None)

    async def _make_group(self) -> None:
        try:
            await self._redis.xgroup_create(KEY, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise


def _entries(reply: Any) -> list[Any]:
    """Return the entries of the one stream we read, whichever protocol version answered."""
    if not reply:
        return []
    streams = list(reply.values()) if isinstance(reply, dict) else [entries for _, entries in reply]
    entries = streams[0]
    nested = bool(entries) and isinstance(entries[0], list) and entries[0] and not isinstance(entries[0][0], bytes)
    return list(entries[0]) if nested else list(entries)


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise Unavailable("EVENT_STREAM_UNAVAILABLE", "The stream of events is out of reach.") from error
