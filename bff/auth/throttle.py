"""Slows down whoever guesses: so many attempts a window for a key, then wait."""

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from services.runtime.errors import Exhausted


class Throttle:
    """Counts attempts by key in this process."""

    def __init__(
        self,
        attempts: int,
        window_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        keys_kept: int = 20_000,
    ) -> None:
        """Take how many attempts are free within how many seconds."""
        self._attempts = attempts
        self._window = window_seconds
        self._clock = clock
        self._keys_kept = keys_kept
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, key: str) -> None:
        """Raise Exhausted (TOO_MANY_ATTEMPTS) while a key has used up its attempts."""
        seen = self._recent(key)
        if len(seen) >= self._attempts:
            wait = max(1.0, math.ceil(seen[0] + self._window - self._clock()))
            raise Exhausted("TOO_MANY_ATTEMPTS", "Too many attempts. Wait before the next one.", wait)

    def count(self, key: str) -> None:
        """Count an attempt."""
        seen = self._recent(key)
        seen.append(self._clock())
        self._seen[key] = seen
        self._seen.move_to_end(key)
        while len(self._seen) > self._keys_kept:
            self._seen.popitem(last=False)

    def forget(self, key: str) -> None:
        """Start anew for a key that got it right."""
        self._seen.pop(key, None)

    def _recent(self, key: str) -> deque[float]:
        seen = self._seen.get(key, deque())
        oldest = self._clock() - self._window
        while seen and seen[0] <= oldest:
            seen.popleft()
        return seen
