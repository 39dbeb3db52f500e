"""Budgets in Redis, spent from leases: a process takes a little more than a call needs and spends it in memory.

What is leased is taken in Redis before it is spent, so no number of replicas can spend more than there is. Towards the
edge of a budget leases shrink, and at last each call asks for exactly what it needs; what others hold idle is then
called back and waited for. A process that dies leaves what it held taken: budgets are never overspent, at worst a
little is left over until the window turns.

All talk with Redis is done by one background job, a message at a time for each tenant. Whoever needs something puts a
request on the tenant's desk and waits; all that wait go into the next message together.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, cast
from uuid import uuid4

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import RedisError

from services.llm.adapters.budget_desk import RECALLS, Ask, Desk, Message
from services.llm.adapters.budget_script import REPLY_FIELDS, SCRIPT, key_of, look, refusal
from services.llm.domain.budget import Amount, BudgetSpent, LimitTable, Reservation, Rule, Scope, Spending
from services.llm.domain.generation import Priority
from services.llm.domain.lease import Hold, Lease
from services.runtime.errors import Unavailable
from services.runtime.serve import leave_if_cancelled

log = logging.getLogger("aisle.llm.budgets")

# Differences are told, and leases looked after, this often.
_PULSE_SECONDS = 0.05
# A Redis that is slower than this is away; it is then asked again this often.
_REDIS_SECONDS = 0.5
_AGAIN_SECONDS = 0.25
# How long a request may wait at the most, for Redis and for what others give back.
_PATIENCE_SECONDS = 1.5
# Redis may be away for so long before what was leased is no longer spent.
_TRUST_SECONDS = 60.0
# What others hold idle is waited for this long, twice: they hear of it within one pulse.
_RECALL_SECONDS = 0.05
# What a caller is told to wait while Redis is away.
_AWAY_RETRY_SECONDS = 2.0
_PLANS = 10_000
_SWEEP_SECONDS = 60.0
_AWAY = (RedisError, OSError, TimeoutError)


class RedisBudgets:
    """A `Budgets`. `tend` has to run, and `give_back` is awaited once it has ended."""

    def __init__(
        self,
        client: "Redis",
        rules: Callable[[], Sequence[Rule]],
        on_warning: Callable[[str, float], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Take a client, the rules that hold now, and who hears of a budget at 80 %: its name and the share spent.

        Windows turn by the clock of Redis; the wall clock here only has to know which months are near.
        """
        self._script = client.register_script(SCRIPT)
        self._rules = rules
        self._on_warning = on_warning or _log_warning
        self._clock = clock
        self._wall_clock = wall_clock
        self._replica = uuid4().hex
        # Of messages: never used twice, whatever becomes of a desk.
        self._numbers = count(1)
        self._known: Sequence[Rule] = ()
        self._table = LimitTable()
        self._plans: dict[Scope, list[Lease]] = {}
        self._desks: dict[str, Desk] = {}
        self._due: set[Desk] = set()
        self._wake = asyncio.Event()
        self._away = False
        self._swept_at = clock()

    async def reserve(self, scope: Scope, amount: Amount, priority: Priority) -> Reservation:
        """Set an amount aside in every budget of the scope, in all or in none. Raises BudgetSpent."""
        leases = self._plan(scope)
        now = self._clock()
        for lease in leases:
            if lease.lacks(amount, now):
                return Reservation(scope, amount, list(await self._ask(scope, leases, amount)))
        return Reservation(scope, amount, [lease.take(amount, now) for lease in leases])

    def settle(self, reservation: Reservation, actual: Amount) -> None:
        """Give back what was not used, or note what was used beyond; Redis hears of it with the next pulse."""
        if not reservation.taken:
            return
        stirred = self._desk(reservation.scope.tenant).stirred
        for hold in cast(list[Hold], reservation.taken):
            hold.settle(actual)
            stirred.add(hold.lease)
        reservation.taken.clear()

    async def tend(self) -> None:
        """Talk with Redis until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._converse())
            group.create_task(self._pulse())

    async def give_back(self) -> None:
        """Return all that is not needed and report all that was used, as far as Redis can be reached."""
        for desk in list(self._desks.values()):
            desk.leaving = True
            # What was sent and not answered goes first, then the rest.
            while (desk.pending or desk.stirred) and await self._talk(desk):
                pass
            desk.leaving = False

    async def spent(self, scope: Scope) -> list[Spending]:
        """Return how far each budget of a scope is spent, as Redis was told up to now. Raises Unavailable."""
        leases = [Lease(budget) for budget in self._limits().of(scope)]
        if not leases:
            return []
        keys = [key_of(scope.tenant, "looks"), *(key_of(scope.tenant, lease.budget.key) for lease in leases)]
        try:
            reply = await self._carried_out(keys, look(leases, self._wall_clock()))
        except _AWAY:
            raise Unavailable("BUDGETS_UNAVAILABLE", "Budgets are out of reach.") from None
        found = []
        for at, lease in enumerate(leases):
            _, left, tokens, micros, used, used_micros = reply[REPLY_FIELDS * at : REPLY_FIELDS * (at + 1)]
            reserved = Amount(tokens - used, micros - used_micros)
            found.append(Spending(lease.budget, Amount(used, used_micros), reserved, left / 1000))
        return found

    def _limits(self) -> LimitTable:
        rules = self._rules()
        if rules is not self._known:
            if rules != self._known:
                self._table = LimitTable(rules)
                self._plans.clear()
            self._known = rules
        return self._table

    def _plan(self, scope: Scope) -> list[Lease]:
        """Return the leases a call of this scope is counted against."""
        table = self._limits()
        found = self._plans.get(scope)
        if found is None:
            if len(self._plans) >= _PLANS:
                self._plans.clear()
            budgets = table.of(scope)
            desk = self._desk(scope.tenant) if budgets else None
            found = self._plans[scope] = [desk.lease(budget) for budget in budgets] if desk else []
        return found

    def _desk(self, tenant: str) -> Desk:
        desk = self._desks.get(tenant)
        if desk is None:
            desk = self._desks[tenant] = Desk(tenant, self._replica, self._numbers)
        return desk

    async def _ask(self, scope: Scope, leases: Sequence[Lease], amount: Amount) -> Sequence[Hold]:
        """Wait until Redis has set the amount aside; while it is away, see what can be done without it."""
        desk = self._desk(scope.tenant)
        if self._away:
            return self._without_redis(desk, leases, amount)
        ask = Ask(leases, amount, asyncio.get_running_loop().create_future())
        desk.asks.append(ask)
        self._call(desk)
        answer = None
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                answer = await ask.answer
        except TimeoutError:
            desk.withdraw(ask)
        except asyncio.CancelledError:
            desk.withdraw(ask)
            raise
        if answer is None:
            return self._without_redis(desk, leases, amount)
        if isinstance(answer, BudgetSpent):
            raise answer
        return answer

    def _without_redis(self, desk: Desk, leases: Sequence[Lease], amount: Amount) -> Sequence[Hold]:
        """Refuse what money budgets cannot pay from their leases; what is only limited in tokens is owed."""
        now = self._clock()
        for lease in leases:
            if lease.budget.micros is not None and amount.micros and lease.lacks(amount, now):
                raise BudgetSpent(lease.budget.key, "money", _AWAY_RETRY_SECONDS)
        desk.stirred.update(leases)
        return [lease.take(amount, now) for lease in leases]

    def _call(self, desk: Desk) -> None:
        self._due.add(desk)
        self._wake.set()

    async def _converse(self) -> None:
        """Talk at every desk that is due, at all of them at once."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            due, self._due = self._due, set()
            if len(due) == 1:
                await self._talk(due.pop())
            else:
                async with asyncio.TaskGroup() as group:
                    for desk in due:
                        group.create_task(self._talk(desk))
            leave_if_cancelled()

    async def _pulse(self) -> None:
        """Have every desk that holds or owes something looked after."""
        while True:
            await asyncio.sleep(_AGAIN_SECONDS if self._away else _PULSE_SECONDS)
            for desk in self._desks.values():
                if desk.stirred or desk.pending or desk.asks:
                    self._call(desk)
            now = self._clock()
            if now - self._swept_at > _SWEEP_SECONDS:
                self._sweep(now)

    def _sweep(self, now: float) -> None:
        """Forget leases that nobody used for long, and the tenants that have none."""
        self._swept_at = now
        swept = [desk.sweep(now) for desk in self._desks.values()]
        if any(swept):
            # Plans name leases; they are made anew with those that are left.
            self._plans.clear()
        self._desks = {tenant: desk for tenant, desk in self._desks.items() if not desk.idle}

    async def _talk(self, desk: Desk) -> bool:
        """Send a desk's message and hear the reply. Returns whether Redis is there."""
        async with desk.talking:
            message = desk.pending or desk.compose(self._clock(), self._wall_clock())
            if message is None:
                return True
            try:
                reply = await self._carried_out(message.keys, message.arguments)
            except _AWAY as away:
                self._lost(desk, away)
                return False
            self._found()
            self._hear(desk, message, reply)
            return True

    async def _carried_out(self, keys: Sequence[str], arguments: Sequence[int]) -> list[int]:
        async with asyncio.timeout(_REDIS_SECONDS):
            try:
                return cast(list[int], await cast(Any, self._script(keys=keys, args=arguments)))
            except Disconnected:
                # A connection of the pool may have been dead for long.
                return cast(list[int], await cast(Any, self._script(keys=keys, args=arguments)))

    def _hear(self, desk: Desk, message: Message, reply: Sequence[int]) -> None:
        desk.pending = None
        for at, lease in enumerate(message.leases):
            window, left, tokens, micros, share, recalled = reply[REPLY_FIELDS * at : REPLY_FIELDS * (at + 1)]
            lease.renew(window, message.sent_at + left / 1000, message.sent_at + _TRUST_SECONDS)
            lease.receive(tokens, micros)
            if share:
                self._on_warning(lease.budget.key, share / 1000)
            lease.recalled = bool(recalled) and not lease.quiet
            if lease.recalled:
                self._call(desk)
            desk.note(lease)
        codes = reply[REPLY_FIELDS * len(message.leases) :]
        now = self._clock()
        for ask, code in zip(message.asks, codes, strict=True):
            self._answer(desk, message, ask, code, now)
        if desk.asks:
            self._call(desk)

    def _answer(self, desk: Desk, message: Message, ask: Ask, code: int, now: float) -> None:
        """Hand over what was granted, or say which budget is spent, unless what others hold idle may come back."""
        if code == 0:
            holds = ask.granted(now)
            if ask.answer.done():
                # Whoever asked has gone.
                for hold in holds:
                    hold.undo()
                desk.stirred.update(ask.leases)
            else:
                ask.answer.set_result(holds)
            return
        ask.refused()
        desk.stirred.update(ask.leases)
        said = refusal(code)
        if said.wait and ask.recalls < RECALLS and not ask.answer.done():
            ask.recalls += 1
            asyncio.get_running_loop().call_later(_RECALL_SECONDS, self._repeat, desk, ask)
        elif not ask.answer.done():
            lease = message.leases[said.place]
            ask.answer.set_result(BudgetSpent(lease.budget.key, said.what, max(lease.turns_at - now, 0.001)))

    def _repeat(self, desk: Desk, ask: Ask) -> None:
        desk.asks.append(ask)
        self._call(desk)

    def _lost(self, desk: Desk, away: Exception) -> None:
        """Tell whoever waits that Redis is away. The message stays: it is sent until there is a reply."""
        if not self._away:
            log.warning("budgets are away", extra={"data": {"reason": type(away).__name__}})
        self._away = True
        for ask in (*desk.asks, *(desk.pending.asks if desk.pending else ())):
            if not ask.answer.done():
                ask.answer.set_result(None)
        desk.asks.clear()

    def _found(self) -> None:
        if self._away:
            log.info("budgets are back", extra={"data": {}})
        self._away = False


def _log_warning(budget: str, share: float) -> None:
    log.warning("budget nearly spent", extra={"data": {"budget": budget, "share": share}})
