"""The stream of events in Redis: appended durably, delivered at least once, trimmed only below what all have read."""

import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import redis.asyncio as redis
from google.protobuf.message import DecodeError
from opentelemetry.metrics import Meter
from redis.exceptions import RedisError, ResponseError

from services.analytics.application.ports import Delivery
from services.analytics.domain.event import Event
from services.runtime import telemetry
from services.runtime.errors import Unavailable

log = logging.getLogger("aisle.analytics.stream")

KEY = "analytics:events"
GROUP = "analytics"
FIELD = b"event"
# By what the trace is gone on with of the request that an event came with.
TRACE = b"traceparent"
# Events a dead consumer had taken are given to another after this time.
ABANDONED_MS = 15_000
WAIT_MS = 1_000
# How far each group of readers is behind, known whenever the stream is trimmed.
EVENTS_WAITING = "aisle.events.waiting"
EVENTS_OLDEST_AGE = "aisle.events.oldest_age"
READERS = "messaging.consumer.group.name"


class RedisEventStream:
    """One Redis stream with a consumer group of ours. Other services read it with groups of their own."""

    def __init__(
        self,
        client: redis.Redis,
        consumer: str,
        encode: Callable[[Event], bytes],
        decode: Callable[[bytes], Event],
        meter: Meter = telemetry.meter,
    ) -> None:
        """Take a client, this replica's name in the group, and the form events have on the stream."""
        self._redis = client
        self._encode = encode
        self._decode = decode
        self._consumer = consumer
        self._claim_from: Any = "0-0"
        self._waiting = meter.create_gauge(EVENTS_WAITING, unit="{event}", description="Events a group has not stored.")
        self._oldest_age = meter.create_gauge(EVENTS_OLDEST_AGE, unit="s", description="Age of the oldest of these.")
        self._told = telemetry.Consumer(KEY, GROUP)

    async def append(self, events: Sequence[Event]) -> None:
        """Append all events in one round trip; Redis answers when its append-only file has them."""
        async with _translated():
            pipeline = self._redis.pipeline(transaction=True)
            parent = telemetry.traceparent()
            for event in events:
                fields: dict[Any, Any] = {FIELD: self._encode(event)}
                pipeline.xadd(KEY, {**fields, TRACE: parent} if parent else fields)
            await pipeline.execute()

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

    async def pending(self) -> int:
        """Return what is delivered but not acknowledged, and what is not delivered yet."""
        async with _translated():
            for group in await self._groups():
                if group["name"] == GROUP.encode():
                    return _behind(group)
        return 0

    async def trim(self) -> None:
        """Drop what every group has read and acknowledged; never by length, which would drop what is pending."""
        async with _translated():
            groups = await self._groups()
            if not groups:
                return
            for group in groups:
                behind, readers = _behind(group), {READERS: group["name"].decode()}
                self._waiting.set(behind, readers)
                self._oldest_age.set(await self._age(group, time.time()) if behind else 0.0, readers)
            oldest = [await self._oldest_needed(group) for group in groups]
            await self._redis.xtrim(KEY, minid=min(oldest, key=_place), approximate=True)

    async def check(self) -> None:
        """Raise while Redis does not answer."""
        await self._redis.ping()

    def _taken(self, entries: Sequence[Any]) -> Sequence[Delivery]:
        self._told.began((fields or {}).get(TRACE, b"").decode("ascii", "replace") for _, fields in entries)
        return [self._delivery(*entry) for entry in entries]

    async def _age(self, group: dict[str, Any], now: float) -> float:
        """Return the age of the oldest event that is not acknowledged: ids begin with the time they were given."""
        oldest = await self._oldest_needed(group)
        if not int(group["pending"]):
            following: Any = await self._redis.xrange(KEY, min=f"({oldest}", count=1)
            oldest = following[0][0].decode() if following else oldest
        return max(now - _place(oldest)[0] / 1000, 0.0)

    def _delivery(self, receipt: bytes, fields: dict[bytes, bytes] | None) -> Delivery:
        place = receipt.decode()
        try:
            return Delivery(place, self._decode((fields or {})[FIELD]))
        except (KeyError, DecodeError, ValueError):
            # It would come back for ever: it is logged, acknowledged, and dropped.
            log.error("unreadable event dropped", extra={"data": {"receipt": place}})
            return Delivery(place, None)

    async def _oldest_needed(self, group: dict[str, Any]) -> str:
        waiting: Any = await self._redis.xpending(KEY, group["name"])
        first = waiting["min"] if waiting["pending"] else group["last-delivered-id"]
        return first.decode() if isinstance(first, bytes) else str(first)

    async def _groups(self) -> list[dict[str, Any]]:
        try:
            return list(await self._redis.xinfo_groups(KEY))
        except ResponseError:  # there is no stream yet
            return []

    async def _make_group(self) -> None:
        try:
            await self._redis.xgroup_create(KEY, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise


def _entries(reply: Any) -> list[Any]:
    """Return the entries of our one stream, whichever shape the protocol version answers in."""
    if not reply:
        return []
    if isinstance(reply, dict):
        found = next(iter(reply.values()))
        return list(found[0]) if found and isinstance(found[0], list) and not _is_entry(found[0]) else list(found)
    return list(reply[0][1])


def _is_entry(value: Any) -> bool:
    return len(value) == 2 and isinstance(value[0], bytes | str)


def _behind(group: dict[str, Any]) -> int:
    """Return what a group was given and has not acknowledged, and what it was not given yet."""
    return int(group["pending"]) + int(group.get("lag") or 0)


def _place(receipt: str) -> tuple[int, int]:
    milliseconds, _, sequence = receipt.partition("-")
    return int(milliseconds), int(sequence or 0)


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise Unavailable("EVENT_STREAM_UNAVAILABLE", "Events cannot be taken in at the moment.") from error
