"""Attempts in memory: what PostgresAttempts promises, without a database."""

from collections.abc import Sequence

from bff.auth.throttle import Counted, Limit
from services.runtime.errors import Unavailable


class FakeAttempts:
    """Counts attempts; `away` makes it fail like a database that is gone."""

    def __init__(self) -> None:
        self.away = False
        self._counted = Counted()

    async def take(self, limits: Sequence[Limit]) -> float:
        self._check()
        return self._counted.take(limits)

    async def give_back(self, limits: Sequence[Limit]) -> None:
        self._check()
        self._counted.give_back(limits)

    async def forget(self, limits: Sequence[Limit]) -> None:
        self._check()
        self._counted.forget(limits)

    def _check(self) -> None:
        if self.away:
            raise Unavailable("ACCOUNTS_UNAVAILABLE", "Signing in is not possible for a moment.", 2.0)
