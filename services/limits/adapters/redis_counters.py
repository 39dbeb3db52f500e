"""Counters in Redis: one script for all that is asked at the same moment, exact however many replicas ask.

Windows slide: a counter holds the count of this window and of the one before, of which the part counts that is less
than a window ago, taken as evenly spread. So what fits comes back bit by bit. Time is Redis' own: clocks of replicas do
not matter. What is refused is not counted: a client that keeps hammering gets its share all the same, and no more.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hiredis import pack_command
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from services.limits.application.ports import Ask, Count
from services.runtime.errors import Unavailable
from services.runtime.serve import leave_if_cancelled

log = logging.getLogger("aisle.limits.counters")

# One hash tag: all keys of a message are on one shard of a cluster.
_PREFIX = "{limits}:"
# As many as a script does in well under a millisecond.
_MOST_AT_ONCE = 256
# A Redis that did not answer is left alone for so long: those who ask meanwhile are told at once.
_REST_SECONDS = 0.1
_AWAY = (RedisError, OSError, TimeoutError)

SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local out = {}
for i, key in ipairs(KEYS) do
  local limit, span, hits = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
  local window, into = math.floor(now / span), now % span
  local current, previous = 0, 0
  local stored = redis.call('GET', key)
  if stored then
    local w, c, p = string.match(stored, '^(%d+) (%d+) (%d+)$')
    if tonumber(w) == window then
      current, previous = tonumber(c), tonumber(p)
    elseif tonumber(w) == window - 1 then
      previous = tonumber(c)
    end
  end
  local used = current + previous * (span - into) / span
  if used + hits <= limit then
    redis.call('SET', key, string.format('%d %d %d', window, current + hits, previous), 'PX', 2 * span)
    out[3 * i - 2], out[3 * i - 1], out[3 * i] = 1, math.floor(limit - used - hits), span - into
  else
    local room, wait = limit - current - hits, 0
    if room >= 0 and previous > 0 then
      wait = math.ceil(span * (1 - room / previous)) - into
    else
      wait = span - into
      if current > 0 and current > limit - hits then
        wait = wait + math.ceil(span * (1 - math.max(limit - hits, 0) / current))
      end
    end
    out[3 * i - 2], out[3 * i - 1], out[3 * i] = 0, 0, math.max(wait, 1)
  end
end
return out
"""


@dataclass(slots=True)
class _Waiting:
    """Some asks, and who waits for their counts."""

    asks: Sequence[Ask]
    answer: "asyncio.Future[Sequence[Count]]"


class RedisCounters:
    """A `Counters`. `tend` has to run beside it."""

    def __init__(self, client: "Redis", patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Take a client, and how many seconds Redis may take to answer."""
        # One connection of our own, asked one batch after another: a client's pool, retries and hooks take longer than
        # the counting does.
        pool = client.connection_pool
        self._connection: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call]
        # How long an answer may take is said once for a whole batch, not for each step of it.
        self._connection.socket_timeout = None
        self._redis = client
        self._patience = patience
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()
        self._some = asyncio.Event()
        self._rests_until = 0.0
        self._digest = b""

    async def take(self, asks: Sequence[Ask]) -> Sequence[Count]:
        """Count what is within its limit. Raises Unavailable (COUNTERS_AWAY)."""
        if self._clock() < self._rests_until:
            raise _away()
        waiting = _Waiting(asks, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._some.set()
        return await waiting.answer

    async def tend(self) -> None:
        """Carry what is asked to Redis, all that waits in one message, until cancelled."""
        try:
            await self._carry()
        finally:
            await self._connection.disconnect(nowait=True)

    async def _carry(self) -> None:
        while True:
            await self._some.wait()
            batch = self._next()
            try:
                found = await self._run([ask for waiting in batch for ask in waiting.asks])
            except _AWAY as away:
                self._rest(batch, away)
                # An answer may still be on its way, and would be taken for that to the next question.
                await self._connection.disconnect(nowait=True)
            else:
                _hand_out(batch, found)
            leave_if_cancelled()

    async def check(self) -> None:
        """Raise while Redis does not answer."""
        async with asyncio.timeout(1.0):
            await self._redis.ping()

    def _next(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and (not batch or size + len(self._waiting[0].asks) <= _MOST_AT_ONCE):
            waiting = self._waiting.popleft()
            # Whoever left already is not counted.
            if not waiting.answer.done():
                batch.append(waiting)
                size += len(waiting.asks)
        if not self._waiting:
            self._some.clear()
        return batch

    async def _run(self, asks: Sequence[Ask]) -> list[int]:
        if not asks:
            return []
        keys = [_PREFIX + ask.identity for ask in asks]
        numbers = [n for ask in asks for n in (ask.limit.requests, ask.limit.unit * 1000, ask.hits)]
        async with asyncio.timeout(self._patience):
            if not self._connection.is_connected:
                await self._connection.connect()  # type: ignore[no-untyped-call]
                self._digest = await self._ask("SCRIPT", "LOAD", SCRIPT)
            found = await self._ask("EVALSHA", self._digest, len(keys), *keys, *numbers)
        return list(found)

    async def _ask(self, *command: Any) -> Any:
        await self._connection.send_packed_command(pack_command(command), check_health=False)
        return await self._connection.read_response(disable_decoding=True)

    def _rest(self, batch: Sequence[_Waiting], reason: BaseException) -> None:
        """Tell those who wait, and leave Redis alone for a moment."""
        log.warning("nobody counts", extra={"data": {"reason": type(reason).__name__}})
        self._rests_until = self._clock() + _REST_SECONDS
        for waiting in (*batch, *self._waiting):
            if not waiting.answer.done():
                waiting.answer.set_exception(_away())
        self._waiting.clear()
        self._some.clear()


def _hand_out(batch: Sequence[_Waiting], found: Sequence[int]) -> None:
    place = 0
    for waiting in batch:
        counts = []
        for _ in waiting.asks:
            allowed, remaining, reset = found[place : place + 3]
            counts.append(Count(bool(allowed), remaining, reset / 1000))
            place += 3
        if not waiting.answer.done():
            waiting.answer.set_result(counts)


def _away() -> Unavailable:
    return Unavailable("COUNTERS_AWAY", "Requests cannot be counted for a moment.", _REST_SECONDS)
