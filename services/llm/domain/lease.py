"""What one process may spend of a budget by itself: taken from the shared count in advance, spent in memory."""

import math
from dataclasses import dataclass

from services.llm.domain.budget import Amount, Budget

# A lease is so many times what a call needs at first, and twice as much whenever it was used up within a second.
LEAST_FACTOR = 8
_MOST_FACTOR = 4096
_SOON_SECONDS = 1.0


@dataclass(slots=True, eq=False)
class Lease:
    """A budget as one process knows it. What is idle may be spent; below zero it is owed to the shared count.

    What is idle belongs to one window and is void in the next. Seconds are those of this process's own clock.
    """

    budget: Budget
    # The second since 1970 the window began with, by the clock of whoever keeps the shared count; 0 is not known yet.
    window: int = 0
    # Until when what is idle may be spent: the window turns, or nothing was heard of the shared count for long.
    ends_at: float = 0.0
    turns_at: float = 0.0
    tokens: int = 0
    micros: int = 0
    # What ended calls came to and the shared count has not heard of.
    used_tokens: int = 0
    used_micros: int = 0
    # How much the shared count believes to be idle here.
    told_tokens: int = 0
    told_micros: int = 0
    touched_at: float = 0.0
    asked_at: float = -math.inf
    factor: int = LEAST_FACTOR
    # Somebody else needs what is idle here.
    recalled: bool = False

    def needs(self, amount: Amount) -> tuple[int, int]:
        """Return the part of an amount that this budget limits."""
        budget = self.budget
        return (0 if budget.tokens is None else amount.tokens, 0 if budget.micros is None else amount.micros)

    def lacks(self, amount: Amount, now: float) -> bool:
        """Return whether what is idle does not hold an amount."""
        tokens, micros = self.needs(amount)
        if tokens > 0 and (tokens > self.tokens or now >= self.ends_at):
            return True
        return micros > 0 and (micros > self.micros or now >= self.ends_at)

    def take(self, amount: Amount, now: float) -> "Hold":
        """Set an amount aside from what is idle."""
        tokens, micros = self.needs(amount)
        self.tokens -= tokens
        self.micros -= micros
        self.touched_at = now
        return Hold(self, self.window, tokens, micros)

    def grow(self, now: float) -> None:
        """Make the next lease larger when this one was used up soon, and small again otherwise."""
        soon = now - self.asked_at < _SOON_SECONDS
        self.factor = min(self.factor * 2, _MOST_FACTOR) if soon else LEAST_FACTOR
        self.asked_at = now

    def hand_over(self) -> tuple[int, int]:
        """Return all that is idle, or owed, and keep nothing of it."""
        idle = (self.tokens, self.micros)
        self.tokens = self.micros = 0
        self.recalled = False
        return idle

    def report(self) -> tuple[int, int]:
        """Return what ended calls came to since the last report."""
        used = (self.used_tokens, self.used_micros)
        self.used_tokens = self.used_micros = 0
        return used

    def idle_since_told(self) -> tuple[int, int]:
        """Return by how much more is idle than was told, and take it as told."""
        change = (self.tokens - self.told_tokens, self.micros - self.told_micros)
        self.told_tokens, self.told_micros = self.tokens, self.micros
        return change

    def renew(self, window: int, turns_at: float, trusted_until: float) -> None:
        """Note in which window the shared count is. In another one all of the window before is void."""
        if self.window not in (0, window):
            self.hand_over()
            self.report()
            self.told_tokens = self.told_micros = 0
        self.window, self.turns_at = window, turns_at
        self.ends_at = min(turns_at, trusted_until)

    def receive(self, tokens: int, micros: int) -> None:
        """Take in what was leased."""
        self.tokens += tokens
        self.micros += micros
        self.told_tokens += tokens
        self.told_micros += micros

    @property
    def owes(self) -> bool:
        """Whether more was spent than was taken."""
        return self.tokens < 0 or self.micros < 0

    @property
    def quiet(self) -> bool:
        """Whether the shared count knows all there is to know: nothing is idle, owed or unreported."""
        return not (
            self.tokens or self.micros or self.used_tokens or self.used_micros or self.told_tokens or self.told_micros
        )


@dataclass(slots=True)
class Hold:
    """What is set aside for one call in one budget and one window."""

    lease: Lease
    window: int
    tokens: int
    micros: int

    def settle(self, actual: Amount) -> None:
        """Make what was not used idle again, or note what is owed; in another window neither matters any more."""
        lease = self.lease
        if self.window not in (0, lease.window):
            return
        lease.tokens += self.tokens - actual.tokens
        lease.micros += self.micros - actual.micros
        lease.used_tokens += actual.tokens
        lease.used_micros += actual.micros

    def undo(self) -> None:
        """Give back all of it: the call was not made."""
        if self.window in (0, self.lease.window):
            self.lease.tokens += self.tokens
            self.lease.micros += self.micros
