"""Counters in Redis: one script for all that is asked at the same moment, exact however many replicas ask.

Windows slide: a counter holds the count of this window and of the one before, of which the part counts that is less
than a window ago, taken as evenly spread. So what fits comes back bit by bit. Time is Redis' own: clocks of replicas do
not matter. What is refused is not counted: a client that keeps hammering gets its share all the same, and no more.
"""

import asyncio
from collections.abc import Sequence

from redis.asyncio import Redis

from services.limits.application.ports import Ask, Count
from services.runtime.errors import Unavailable
from services.runtime.redis_line import AWAY, REST_SECONDS, RedisLine, Script

# One hash tag: all keys of a message are on one shard of a cluster.
_PREFIX = "{limits}:"

SCRIPT = Script(
    """
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
)


class RedisCounters:
    """A `Counters`. `tend` has to run beside it."""

    def __init__(self, client: "Redis", patience: float) -> None:
        """Take a client, and how many seconds Redis may take to answer."""
        self._line = RedisLine(client, patience)
        self._redis = client

    async def take(self, asks: Sequence[Ask]) -> Sequence[Count]:
        """Count what is within its limit. Raises Unavailable (COUNTERS_AWAY)."""
        keys = [_PREFIX + ask.identity for ask in asks]
        numbers = [n for ask in asks for n in (ask.limit.requests, ask.limit.unit * 1000, ask.hits)]
        try:
            found = await self._line.run(SCRIPT, keys, numbers)
        except AWAY:
            raise Unavailable("COUNTERS_AWAY", "Requests cannot be counted for a moment.", REST_SECONDS) from None
        return [Count(bool(found[at]), found[at + 1], found[at + 2] / 1000) for at in range(0, len(found), 3)]

    async def tend(self) -> None:
        """Carry what is asked to Redis until cancelled."""
        await self._line.tend()

    async def check(self) -> None:
        """Raise while Redis does not answer."""
        async with asyncio.timeout(1.0):
            await self._redis.ping()
