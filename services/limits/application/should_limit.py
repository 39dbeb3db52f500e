"""Says whether a request is within its limits."""

from collections.abc import Sequence

from services.limits.application.ports import Ask, Clock, Counters, Limits
from services.limits.domain.limit import UNLIMITED, Descriptor, Limit, LimitTable, Verdict, identity
from services.limits.domain.refusals import Refusals


class ShouldLimit:
    """Looks a request's limits up, asks the counters, and remembers whom they refused."""

    def __init__(self, limits: Limits, counters: Counters, clock: Clock, refusals: Refusals) -> None:
        """Take the table, the counters, a clock, and the memory of refusals."""
        self._limits = limits
        self._counters = counters
        self._clock = clock
        self._refusals = refusals
        self._table: LimitTable = limits.table

    async def __call__(self, domain: str, asked: Sequence[tuple[Descriptor, int]]) -> list[Verdict]:
        """Return a verdict for each descriptor, in their order. Raises Unavailable when nobody can count."""
        table = self._current()
        verdicts: list[Verdict] = [UNLIMITED] * len(asked)
        open_asks: list[tuple[int, Ask]] = []
        now = self._clock()
        refused = False
        for place, (descriptor, hits) in enumerate(asked):
            limit = table.find(domain, descriptor)
            if limit is None:
                continue
            name = identity(domain, descriptor)
            wait = self._refusals.wait_of(name, now)
            if wait > 0:
                verdicts[place], refused = _refusal(limit, wait), True
            else:
                open_asks.append((place, Ask(name, limit, hits)))
        # What is refused anyway is not counted against the other limits either.
        if open_asks and not refused:
            await self._count(open_asks, verdicts)
        return verdicts

    async def _count(self, open_asks: list[tuple[int, Ask]], verdicts: list[Verdict]) -> None:
        counts = await self._counters.take([ask for _, ask in open_asks])
        now = self._clock()
        for (place, ask), count in zip(open_asks, counts, strict=True):
            verdicts[place] = Verdict(count.allowed, ask.limit, count.remaining, count.reset)
            # One that asks for more than fits says nothing about one that asks for less.
            if not count.allowed and ask.hits == 1:
                self._refusals.remember(ask.identity, now + count.reset)

    def _current(self) -> LimitTable:
        table = self._limits.table
        if table is not self._table:
            self._table = table
            self._refusals.forget_all()
        return table


def _refusal(limit: Limit, wait: float) -> Verdict:
    return Verdict(allowed=False, limit=limit, remaining=0, reset=wait)
