"""What the rate limiter needs from outside."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.limits.domain.limit import Limit, LimitTable


@dataclass(frozen=True, slots=True)
class Ask:
    """Whether so many more requests of one identity are within its limit."""

    identity: str
    limit: Limit
    hits: int


@dataclass(frozen=True, slots=True)
class Count:
    """What the counter says: whether they were, and then they are counted."""

    allowed: bool
    remaining: int
    # Seconds until more fits.
    reset: float


class Counters(Protocol):
    """Counts for all replicas together."""

    async def take(self, asks: Sequence[Ask]) -> Sequence[Count]:
        """Count what is within its limit, each ask by itself; what is not is not counted.

        Raises Unavailable (COUNTERS_AWAY) when it cannot be known in time.
        """
        ...


class Limits(Protocol):
    """The table of limits that holds now."""

    @property
    def table(self) -> LimitTable:
        """Return it; a new object after each change."""
        ...


class Clock(Protocol):
    """Seconds that only grow."""

    def __call__(self) -> float:
        """Return them."""
        ...
