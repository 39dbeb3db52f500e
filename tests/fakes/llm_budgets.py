"""Budgets in memory, the script of budgets in Python for a Redis that fails when it is told to, and time that jumps."""

import asyncio
import copy
import selectors
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from redis.exceptions import ConnectionError as Disconnected

from services.llm.adapters.budget_script import WARN_PERMILLE, month_starts
from services.llm.domain.budget import (
    Amount,
    Budget,
    BudgetSpent,
    LimitTable,
    Reservation,
    Rule,
    Scope,
    Spending,
    Window,
)
from services.llm.domain.generation import Priority


class MemoryBudgets:
    """A `Budgets` of one process that asks nobody."""

    def __init__(self, rules: Sequence[Rule], now: Callable[[], float]) -> None:
        self._table = LimitTable(rules)
        self._now = now
        # Taken and used of each budget in each of its windows.
        self._taken: dict[tuple[str, int], tuple[Amount, Amount]] = {}

    async def reserve(self, scope: Scope, amount: Amount, priority: Priority) -> Reservation:
        places = [(budget, self._place(budget)) for budget in self._table.of(scope)]
        for budget, place in places:
            taken = self._of(place)[0]
            for what, had, need, limit in (
                ("tokens", taken.tokens, amount.tokens, budget.tokens),
                ("money", taken.micros, amount.micros, budget.micros),
            ):
                if limit is not None and need and had + need > limit:
                    raise BudgetSpent(budget.key, what, _turns_at(budget, self._now()) - self._now())
        for _, place in places:
            self._add(place, amount, Amount())
        return Reservation(scope, amount, [place for _, place in places])

    def settle(self, reservation: Reservation, actual: Amount) -> None:
        more = Amount(actual.tokens - reservation.amount.tokens, actual.micros - reservation.amount.micros)
        for place in reservation.taken:
            self._add(place, more, actual)  # type: ignore[arg-type]
        reservation.taken.clear()

    async def spent(self, scope: Scope) -> list[Spending]:
        found = []
        for budget in self._table.of(scope):
            taken, used = self._of(self._place(budget))
            reserved = Amount(taken.tokens - used.tokens, taken.micros - used.micros)
            found.append(Spending(budget, used, reserved, _turns_at(budget, self._now()) - self._now()))
        return found

    def _place(self, budget: Budget) -> tuple[str, int]:
        return budget.key, _turns_at(budget, self._now())

    def _of(self, place: tuple[str, int]) -> tuple[Amount, Amount]:
        return self._taken.get(place, (Amount(), Amount()))

    def _add(self, place: tuple[str, int], more: Amount, used: Amount) -> None:
        taken, before = self._of(place)
        self._taken[place] = (
            Amount(taken.tokens + more.tokens, taken.micros + more.micros),
            Amount(before.tokens + used.tokens, before.micros + used.micros),
        )


def _turns_at(budget: Budget, now: float) -> int:
    if budget.window is Window.MINUTE:
        return int(now) // 60 * 60 + 60
    return month_starts(datetime.fromtimestamp(now, UTC).timestamp())[2]


@dataclass(slots=True)
class Row:
    """A budget as Redis keeps it; pairs are tokens and money."""

    window: int = 0
    taken: list[int] = field(default_factory=lambda: [0, 0])
    used: list[int] = field(default_factory=lambda: [0, 0])
    idle: list[int] = field(default_factory=lambda: [0, 0])
    warned: bool = False
    recalled_at: int = -(10**15)
    changed: bool = False


class FakeBudgetRedis:
    """As much of a Redis client as budgets use: the one script, carried out in Python."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.rows: dict[str, Row] = {}
        self.said: dict[str, tuple[int, list[int]]] = {}
        # What happens to the next calls: "" goes well, "down" reaches nobody, "lost" loses the reply, "late" is carried
        # out only after its caller has given up.
        self.faults: list[str] = []
        self.down = False
        self.calls = 0

    def register_script(self, script: str) -> Callable[..., Awaitable[list[int]]]:
        return self._call

    async def _call(self, keys: Sequence[str], args: Sequence[int]) -> list[int]:
        self.calls += 1
        fault = "down" if self.down else self.faults.pop(0) if self.faults else ""
        await asyncio.sleep(0.001)
        if fault == "down":
            raise Disconnected("down")
        if fault == "late":
            asyncio.get_running_loop().call_later(2.0, self.run, keys, args)
            await asyncio.sleep(60)
        reply = self.run(keys, args)
        if fault == "lost":
            await asyncio.sleep(60)
        return reply

    def run(self, keys: Sequence[str], args: Sequence[int]) -> list[int]:
        """Carry the script out."""
        words = list(args)
        number, months, words = words[0], words[1:5], words[5:]
        last, kept = self.said.get(keys[0], (0, []))
        if number and last >= number:
            return kept
        rows, abouts = [], []
        for key in keys[1:]:
            about, words = words[:13], words[13:]
            rows.append(self._applied(key, about, months, look=not number))
            abouts.append(about)
        if not number:
            return [
                word
                for row, about in zip(rows, abouts, strict=True)
                for word in (row.window, self._left(row, about, months), *row.taken, *row.used)
            ]
        codes, words = [], words[1:]
        while words:
            count, vain, words = words[0], words[1], words[2:]
            needs = [words[at : at + 3] for at in range(0, 3 * count, 3)]
            codes.append(self._asked(rows, abouts, needs, bool(vain)))
            words = words[3 * count :]
        reply = []
        for row, about in zip(rows, abouts, strict=True):
            extra = self._leased(row, about)
            reply += [row.window, self._left(row, about, months), *extra, self._share(row, about)]
            reply.append(int(self._ms() - row.recalled_at <= 200))
        reply += codes
        self.said[keys[0]] = (number, reply)
        return reply

    def _ms(self) -> int:
        return int(self._now() * 1000)

    def _bounds(self, about: Sequence[int], months: Sequence[int]) -> tuple[int, int]:
        now = int(self._now())
        if about[0]:
            return now - now % about[0], now - now % about[0] + about[0]
        start = max(month for month in months[:3] if month <= now)
        return start, months[months.index(start) + 1]

    def _left(self, row: Row, about: Sequence[int], months: Sequence[int]) -> int:
        return self._bounds(about, months)[1] * 1000 - self._ms()

    def _applied(self, key: str, about: Sequence[int], months: Sequence[int], look: bool) -> Row:
        start, _ = self._bounds(about, months)
        row = self.rows.get(key)
        if row is None or row.window != start:
            row = Row(start)
        row = copy.deepcopy(row)
        if not look:
            self.rows[key] = row
        row.changed = about[12] > 0
        if about[1] in (0, start):
            for part in (0, 1):
                row.taken[part] += about[4 + part]
                row.used[part] += about[6 + part]
                row.idle[part] = max(0, row.idle[part] + about[8 + part])
                row.taken[part] = max(row.taken[part], row.used[part])
                row.changed |= any((about[4 + part], about[6 + part], about[8 + part]))
        return row

    def _asked(
        self, rows: Sequence[Row], abouts: Sequence[Sequence[int]], needs: Sequence[Sequence[int]], vain: bool
    ) -> int:
        for place, *amounts in needs:
            row, about = rows[place - 1], abouts[place - 1]
            for part in (0, 1):
                need, limit = amounts[part], about[2 + part]
                if limit >= 0 and need > 0 and row.taken[part] + need > limit:
                    row.changed = True
                    wait = not vain and row.taken[part] - row.idle[part] + need <= limit
                    if vain:
                        row.idle[part] = 0
                    if wait:
                        row.recalled_at = self._ms()
                    return place * 4 + part * 2 + int(wait)
        for place, *amounts in needs:
            rows[place - 1].changed = True
            for part in (0, 1):
                rows[place - 1].taken[part] += amounts[part]
        return 0

    def _leased(self, row: Row, about: Sequence[int]) -> list[int]:
        extra, factor = [0, 0], about[12]
        for part in (0, 1):
            need, limit = about[10 + part], about[2 + part]
            if limit >= 0 and need > 0 and factor > 0 and self._ms() - row.recalled_at > 1000:
                more = min(need * factor, (limit - row.taken[part]) // 16, limit // 64)
                extra[part] = more if more >= need else 0
                row.taken[part] += extra[part]
                row.idle[part] += extra[part]
        return extra

    def _share(self, row: Row, about: Sequence[int]) -> int:
        shares = [
            (row.taken[part] - row.idle[part]) * 1000 // about[2 + part] for part in (0, 1) if about[2 + part] > 0
        ]
        share = max([0, *shares])
        if share < WARN_PERMILLE or row.warned or not row.changed:
            return 0
        row.warned = True
        return share


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next thing to do instead of waiting for it."""

    def __init__(self) -> None:
        self.moment = 0.0
        super().__init__(_NeverWaits(self))

    def time(self) -> float:
        return self.moment


class _NeverWaits(selectors.SelectSelector):
    def __init__(self, loop: JumpingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._loop.moment += max(timeout or 0.0, 0.0)
        return super().select(0)
