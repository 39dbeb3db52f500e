"""Budgets in Redis, spent from leases: a replica takes a little more than a call needs and spends it in memory.

What is leased is reserved in Redis before it is spent, so no number of replicas can spend more than there is. Towards
the edge of a budget leases end, and each call asks for exactly what it needs. A replica that dies leaves its lease
reserved: budgets are never overspent, at worst a little is left over until the window turns.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.llm.domain.budget import Amount, Budget, BudgetSpent, Reservation, Rule, Scope, Window, budgets_of
from services.llm.domain.generation import Priority

log = logging.getLogger("aisle.llm.budgets")

# A lease is so many times what the call needs, and only taken while there is so much more of it left.
_CHUNK = 8
_PLENTY = 16
_IDLE_SECONDS = 1.0
_TEND_SECONDS = 0.25
# Redis may be away for so long before what was leased is no longer spent.
_AWAY_SECONDS = 60.0
_WARN_PERMILLE = 800
_KEEP_MINUTE, _KEEP_MONTH = 120, 40 * 86_400
_NO_LIMIT = -1
_AWAY = (RedisError, OSError, TimeoutError)

# KEYS: one per budget. ARGV, five per budget: tokens and micros needed, their limits (-1 is none), seconds to keep it;
# then how many times the need a lease is. Returns, per budget, what was leased beyond the need and whether to warn;
# or the first budget that does not hold the need and what of it is spent. All are taken or none.
_TAKE = """
local out = {}
local chunk, plenty, warn = tonumber(ARGV[#ARGV - 2]), tonumber(ARGV[#ARGV - 1]), tonumber(ARGV[#ARGV])
local used = {}
for i = 1, #KEYS do
  local a = (i - 1) * 5
  local had = redis.call('HMGET', KEYS[i], 't', 'm', 'w')
  used[i] = {tonumber(had[1] or '0'), tonumber(had[2] or '0'), had[3]}
  for f = 1, 2 do
    local need, limit = tonumber(ARGV[a + f]), tonumber(ARGV[a + 2 + f])
    if limit >= 0 and need > 0 and used[i][f] + need > limit then return {i, f} end
  end
end
for i = 1, #KEYS do
  local a = (i - 1) * 5
  local names, near = {'t', 'm'}, false
  for f = 1, 2 do
    local need, limit = tonumber(ARGV[a + f]), tonumber(ARGV[a + 2 + f])
    local extra = need * chunk
    if limit < 0 or need <= 0 or limit - used[i][f] - need < extra * plenty then extra = 0 end
    if need + extra ~= 0 then redis.call('HINCRBY', KEYS[i], names[f], need + extra) end
    if limit > 0 and (used[i][f] + need) * 1000 >= limit * warn then near = true end
    out[#out + 1] = extra
  end
  redis.call('EXPIRE', KEYS[i], ARGV[a + 5])
  local first = 0
  if near and not used[i][3] then redis.call('HSET', KEYS[i], 'w', '1'); first = 1 end
  out[#out + 1] = first
end
return {0, unpack(out)}
"""


@dataclass(slots=True)
class _Lease:
    """What this process may still spend of a budget in one window; negative until the difference is told to Redis."""

    budget: Budget
    key: str
    ends_at: float
    tokens: int = 0
    micros: int = 0
    used_at: float = 0.0


class RedisBudgets:
    """A `Budgets`."""

    def __init__(
        self,
        client: "Redis",
        rules: Callable[[], Sequence[Rule]],
        on_warning: Callable[[str], None] = lambda budget: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take a client, the rules that hold now, who hears of a budget at 80 %, and a clock of seconds since 1970."""
        self._redis = client
        self._script = client.register_script(_TAKE)
        self._rules = rules
        self._on_warning = on_warning
        self._clock = clock
        self._leases: dict[str, _Lease] = {}
        self._spoke_at = 0.0
        self._asking = asyncio.Lock()

    async def reserve(self, scope: Scope, amount: Amount, priority: Priority) -> Reservation:
        """Set an amount aside in every budget of the scope, in all or in none. Raises BudgetSpent."""
        rules = self._rules()
        budgets = budgets_of(scope, rules) if rules else []
        reservation = Reservation(scope, amount)
        if not budgets:
            return reservation
        now = self._clock()
        leases = [self._lease(scope, budget, now) for budget in budgets]
        if not self._enough(leases, amount, now):
            # One at a time: whoever waits finds what the one before it brought along.
            async with self._asking:
                if not self._enough(leases, amount, now):
                    await self._take(leases, amount, now)
        for lease in leases:
            lease.tokens -= amount.tokens
            lease.micros -= amount.micros
            lease.used_at = now
        reservation.taken.extend(leases)
        return reservation

    def settle(self, reservation: Reservation, actual: Amount) -> None:
        """Give back what was not used, or note what was used beyond; Redis hears of it with the next round."""
        for lease in cast(list[_Lease], reservation.taken):
            lease.tokens += reservation.amount.tokens - actual.tokens
            lease.micros += reservation.amount.micros - actual.micros

    async def tend(self) -> None:
        """Tell Redis what leases are not needed, until cancelled."""
        while True:
            await asyncio.sleep(_TEND_SECONDS)
            await self.give_back(_IDLE_SECONDS)

    async def give_back(self, idle: float = 0.0) -> None:
        """Return leases nobody used for so many seconds, and settle those that are overdrawn."""
        now = self._clock()
        for name, lease in list(self._leases.items()):
            overdrawn = lease.tokens < 0 or lease.micros < 0
            if not overdrawn and now - lease.used_at < idle:
                continue
            tokens, micros = lease.tokens, lease.micros
            if tokens or micros:
                lease.tokens, lease.micros = 0, 0
                if not await self._tell(lease, tokens, micros):
                    lease.tokens += tokens
                    lease.micros += micros
                    return
            elif now > lease.ends_at + _AWAY_SECONDS:
                del self._leases[name]

    async def spent(self, scope: Scope) -> list[tuple[Budget, Amount]]:
        """Return each budget of a scope with what is spent or leased of it. Raises what Redis raises."""
        found = []
        for budget in budgets_of(scope, self._rules()):
            key, _ = _window(scope, budget, self._clock())
            tokens, micros = await cast(Any, self._redis.hmget(key, ["t", "m"]))
            found.append((budget, Amount(int(tokens or 0), int(micros or 0))))
        return found

    def _enough(self, leases: Sequence[_Lease], amount: Amount, now: float) -> bool:
        """Return whether the leases hold the amount, and Redis was heard of lately enough to trust them."""
        return all(_holds(lease, amount) for lease in leases) and now - self._spoke_at <= _AWAY_SECONDS

    def _lease(self, scope: Scope, budget: Budget, now: float) -> _Lease:
        lease = self._leases.get(budget.key)
        if lease is None or now >= lease.ends_at:
            key, ends_at = _window(scope, budget, now)
            if lease is not None:
                # Calls of the window before still settle it.
                self._leases[lease.key] = lease
            lease = self._leases[budget.key] = _Lease(budget, key, ends_at)
        lease.budget = budget
        return lease

    async def _take(self, leases: Sequence[_Lease], amount: Amount, now: float) -> None:
        """Ask Redis for what the leases lack. Others may spend a lease meanwhile: what they lack they ask for."""
        needs = [
            (max(amount.tokens - max(lease.tokens, 0), 0), max(amount.micros - max(lease.micros, 0), 0))
            for lease in leases
        ]
        # Set aside now, so that who asks at the same moment does not count on it.
        held = [(amount.tokens - need[0], amount.micros - need[1]) for need in needs]
        for lease, (tokens, micros) in zip(leases, held, strict=True):
            lease.tokens -= tokens
            lease.micros -= micros
        arguments: list[int] = []
        for lease, need in zip(leases, needs, strict=True):
            limits = [_NO_LIMIT if one is None else one for one in (lease.budget.tokens, lease.budget.micros)]
            keep = _KEEP_MINUTE if lease.budget.window is Window.MINUTE else _KEEP_MONTH
            arguments += [*need, *limits, keep]
        keys = [lease.key for lease in leases]
        granted = False
        try:
            code, *rest = await cast(Any, self._script(keys=keys, args=[*arguments, _CHUNK, _PLENTY, _WARN_PERMILLE]))
            granted = code == 0
        except _AWAY as away:
            log.warning("budgets are away", extra={"data": {"reason": type(away).__name__}})
            raise BudgetSpent(leases[0].budget.key, "budgets (out of reach)", 1.0) from None
        finally:
            for lease, (tokens, micros) in zip(leases, held, strict=True):
                lease.tokens += tokens
                lease.micros += micros
        self._spoke_at = now
        if not granted:
            lease = leases[code - 1]
            raise BudgetSpent(lease.budget.key, "tokens" if rest[0] == 1 else "money", max(lease.ends_at - now, 1.0))
        for index, (lease, need) in enumerate(zip(leases, needs, strict=True)):
            more_tokens, more_micros, warn = rest[3 * index : 3 * index + 3]
            lease.tokens += need[0] + more_tokens
            lease.micros += need[1] + more_micros
            if warn:
                self._on_warning(lease.budget.key)

    async def _tell(self, lease: _Lease, tokens: int, micros: int) -> bool:
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hincrby(lease.key, "t", -tokens)
                pipe.hincrby(lease.key, "m", -micros)
                await pipe.execute()
        except _AWAY:
            return False
        self._spoke_at = self._clock()
        return True


def _holds(lease: _Lease, amount: Amount) -> bool:
    return (lease.budget.tokens is None or lease.tokens >= amount.tokens) and (
        lease.budget.micros is None or lease.micros >= amount.micros
    )


def _window(scope: Scope, budget: Budget, now: float) -> tuple[str, float]:
    """Return the key of a budget's window, and when it ends. A tenant's keys share a slot of a cluster."""
    moment = datetime.fromtimestamp(now, UTC)
    if budget.window is Window.MINUTE:
        start = moment.replace(second=0, microsecond=0)
        ends = start.timestamp() + 60
        name = start.strftime("%Y%m%d%H%M")
    else:
        following = moment.replace(year=moment.year + moment.month // 12, month=moment.month % 12 + 1, day=1)
        ends = following.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
        name = moment.strftime("%Y%m")
    return f"llm:budget:{{{scope.tenant}}}:{budget.key}:{name}", ends
