"""How fast a batch may go: as many calls at once as are taken, and as many a second as the provider allows.

Three brakes, because three things say no. Who waits for an answer and waits too long halves the calls at once, and they
come back slowly, by time: by success they would be back before anybody noticed. We ourselves say OVERLOADED when too
much runs at once: the calls at once are halved, and grow by one for every round that goes well. A provider says 429
when too much came in a while: halving would leave half of what was paid for unused. So the pace is set a little below
what the provider was seen to take, and raised slowly until it says no again: between 96 and a little over 100 % of its
limit, with a refusal now and then as the price of knowing where the limit is. What a provider asks to wait is waited.
"""

from collections import deque

_FIRST_AT_ONCE = 4.0
# Seconds over which what a provider takes is measured, and the share of it that is gone back to.
_MEASURED = 2.0
_BACK_TO = 0.96
# The pace rises by so much of itself a second: fast while the limit is looked for, slower with every refusal, and twice
# as fast with every further pause without one, as a limit may have been raised.
_FIRST_RISE, _LEAST_RISE = 0.2, 0.005
_PATIENCE = 20.0
_MOST_DOUBLINGS = 8.0
_LEAST_RATE = 0.2
# What was saved up while nothing was sent: calls that may follow each other at once.
_BURST_SECONDS = 0.1
_HALVE_EVERY = 1.0
# Of the calls at once that were given up for others, so many come back a second, or this share of those there are.
_BACK, _SHARE_BACK = 1.0, 0.1
# A wait that is not longer says only "soon" (refusals round up to it): then one call finds out, soon and then later.
_SOON = 1.0
_FIRST_WAIT = 0.05
_TRY_EVERY = 0.2


class Pace:
    """The pace of one lane in one process. Times are seconds of one monotonic clock, given by the caller."""

    def __init__(self, most_at_once: int) -> None:
        """Take how many calls may ever run at once."""
        self._most = float(most_at_once)
        self._window = min(_FIRST_AT_ONCE, self._most)
        # What others leave of it.
        self._left = self._most
        self._gave_at = self._eased_at = float("-inf")
        self._slow_start = True
        self._halved_at = float("-inf")
        # Calls a second; None while no provider has said no.
        self._rate: float | None = None
        self._rise = 2 * _FIRST_RISE
        self._rises_from = 0.0
        self._tokens = 0.0
        self._filled_at = 0.0
        self._resume_at = float("-inf")
        self._refusals = 0
        self._begun_at = self._last_begun_at = float("-inf")
        self._taken: deque[float] = deque()

    @property
    def at_once(self) -> int:
        """Return how many calls may run at once now."""
        return int(min(self._window, self._left))

    def rate(self, now: float) -> float | None:
        """Return the calls a second that may be begun now, None without a limit."""
        if self._rate is None:
            return None
        since = max(0.0, now - self._rises_from)
        doublings = min(max(0.0, since / _PATIENCE - 1.0), _MOST_DOUBLINGS)
        return self._rate * (1.0 + self._rise * since * float(2.0**doublings))

    def room(self, now: float, running: int) -> int:
        """Return how many calls may be begun now, with so many on their way."""
        if now < self._resume_at:
            return 0
        free = max(0, self.at_once - running)
        if self._refusals:
            return min(free, 1) if now - self._last_begun_at >= _TRY_EVERY or running == 0 else 0
        rate = self.rate(now)
        if rate is None:
            return free
        most = max(1.0, rate * _BURST_SECONDS)
        self._tokens = min(most, self._tokens + max(0.0, now - self._filled_at) * rate)
        self._filled_at = max(now, self._filled_at)
        return min(free, int(self._tokens))

    def begun(self, now: float, calls: int) -> None:
        """Note that calls were begun."""
        if calls:
            self._last_begun_at = now
            self._begun_at = max(self._begun_at, now) if self._begun_at == float("-inf") else self._begun_at
            self._tokens -= calls

    def wait(self, now: float) -> float:
        """Return the seconds until another call may be begun, if one may run at all."""
        if now < self._resume_at:
            return self._resume_at - now
        if self._refusals:
            return max(0.0, self._last_begun_at + _TRY_EVERY - now)
        rate = self.rate(now)
        if rate is None or self._tokens >= 1.0:
            return 0.0
        return (1.0 - self._tokens) / rate

    def succeeded(self, now: float) -> None:
        """Note that the provider took a call and answered it."""
        if self._refusals:
            self._refusals = 0
            self._filled_at = self._rises_from = max(now, self._resume_at)
        self._taken.append(now)
        while self._taken[0] < now - 60.0:
            self._taken.popleft()
        grown = self._window + (1.0 if self._slow_start else 1.0 / self._window)
        self._window = min(self._most, grown)

    def overloaded(self, now: float, retry_after: float) -> None:
        """Note that we ourselves run too much: half as many at once. Calls refused together count once."""
        self._slow_start = False
        self._resume_at = max(self._resume_at, now + min(retry_after, _SOON))
        if now - self._halved_at >= _HALVE_EVERY:
            self._halved_at = now
            self._window = max(1.0, self._window / 2)

    def make_room(self, now: float) -> None:
        """Note that others wait too long: half as many at once, and half of that a second later."""
        self._eased_at = now
        if now - self._gave_at >= _HALVE_EVERY:
            self._gave_at = now
            self._left = max(1.0, min(self._window, self._left) / 2)

    def ease(self, now: float) -> None:
        """Note that nobody waits too long."""
        seconds = min(1.0, max(0.0, now - self._eased_at))
        self._eased_at = now
        self._left = min(self._most, self._left + seconds * max(_BACK, _SHARE_BACK * self._left))

    def throttled(self, now: float, retry_after: float) -> None:
        """Note that the provider takes no more for now. Calls refused while it is waited count once."""
        if now < self._resume_at:
            if retry_after > _SOON:
                self._resume_at = max(self._resume_at, now + retry_after)
            return
        wait = retry_after if retry_after > _SOON else min(_SOON, _FIRST_WAIT * 2.0**self._refusals)
        self._resume_at = now + wait
        self._refusals = min(self._refusals + 1, 10)
        if self._refusals > 1:
            return
        over = max(0.1, min(max(_MEASURED, 2 * wait), now - self._begun_at))
        taken = sum(1 for moment in self._taken if moment > now - over)
        self._rate = max(_LEAST_RATE, _BACK_TO * taken / over)
        self._rise = max(_LEAST_RISE, self._rise / 2)
        self._rises_from = self._filled_at = self._resume_at
        self._tokens = 0.0
