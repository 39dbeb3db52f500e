"""Who is let in when there is more to do than can be done: the important first, and nobody who would only wait.

Source: H. Zhou et al., "Overload Control for Scaling WeChat Microservices" (DAGOR), SoCC 2018. Overload is seen by how
long work waits before it is begun, never by how long it takes: providers are slow for reasons of their own. Every call
has a level, by its priority and then by whose it is, and the cursor between the levels let in and turned away moves by
how many calls each level brought in the window before.
"""

from zlib import crc32

from services.llm.domain import errors
from services.llm.domain.generation import Priority

# Seconds between two moves of the cursor, and the mean wait in one of them that counts as overload.
WINDOW = 0.25
TARGET = 0.02
# Of the calls let in, the share that is turned away more after a window of overload, and less after a good one.
_FEWER = 0.05
_MORE = 0.01
# Once work waits many times the target, small steps would take too long.
_FAR = 5.0
_MUCH_FEWER = 0.25
# A wait that falls to this share of the one before is on its way to an end.
_DRAINING = 0.8
_BUCKETS = 64
_LEVELS = len(Priority) * _BUCKETS
# Of the places, those that work for which nobody waits may fill.
_BATCH_SHARE = 0.5
# Seconds after which a call that was turned away may come back: spread by bucket, so that not all come at once.
_COME_BACK = {Priority.INTERACTIVE: 1.0, Priority.BATCH: 5.0}
# Seconds after which users change their buckets: the same ones are not always the last.
_SHUFFLE = 3600.0


class Admission:
    """Lets calls in or turns them away; costs about a microsecond."""

    def __init__(self, places: int) -> None:
        """Take how many calls may run at once, whatever the wait: each holds memory."""
        self._places = places
        self.running = 0
        # Calls turned away since the start, by priority.
        self.turned_away = dict.fromkeys(Priority, 0)
        self._cursor = _LEVELS
        self._asked = [0] * _LEVELS
        self._let_in = 0
        self._waits = self._ticks = self._wait = 0.0
        self._window_end = self._salt = 0.0
        self._nobody = 0

    @property
    def crowded(self) -> bool:
        """Whether somebody would be turned away just now."""
        return self._cursor < _LEVELS or self.running >= self._places * _BATCH_SHARE

    def knock(self, priority: Priority, user: str) -> int:
        """Raise what `enter` would raise; where it would not, change nothing and return the call's level.

        For doors that can say no before they have found out what a call wants: that is what makes a no cheap.
        """
        bucket = self._bucket(user)
        level = priority.value * _BUCKETS + bucket
        places = self._places * (_BATCH_SHARE if priority is Priority.BATCH else 1.0)
        if level >= self._cursor or self.running >= places:
            self._asked[level] += 1
            self.turned_away[priority] += 1
            raise errors.overloaded(_COME_BACK[priority] * (1.0 + bucket / _BUCKETS))
        return level

    def enter(self, priority: Priority, user: str) -> None:
        """Let a call in, to be followed by `leave`. Raises RESOURCE_EXHAUSTED with the seconds to wait."""
        self._asked[self.knock(priority, user)] += 1
        self._let_in += 1
        self.running += 1

    def by_priority(self) -> dict[str, int]:
        """Return how many calls were turned away since the start, by priority."""
        return {priority.name.lower(): count for priority, count in self.turned_away.items()}

    def leave(self) -> None:
        """Give a place back."""
        self.running -= 1

    def waited(self, seconds: float, now: float) -> None:
        """Note how long work waited just now, and move the cursor when a window is over."""
        self._waits += max(0.0, seconds)
        self._ticks += 1
        if now < self._window_end:
            return
        self._move(self._waits / self._ticks)
        self._asked = [0] * _LEVELS
        self._let_in = 0
        self._waits = self._ticks = 0.0
        self._window_end, self._salt = now + WINDOW, now // _SHUFFLE

    def _move(self, wait: float) -> None:
        drains, self._wait = wait < self._wait * _DRAINING, wait
        if wait > TARGET:
            if drains:
                # What waits now came before the last step, which was enough.
                return
            share = 1.0 - (_MUCH_FEWER if wait > TARGET * _FAR else _FEWER)
            # One step does not pass from one priority to the next.
            last = _BUCKETS if self._cursor > _BUCKETS else 1
            while self._cursor > last and self._below() > self._let_in * share:
                self._cursor -= 1
        elif self._cursor < _LEVELS:
            wanted = self._let_in * (1.0 + _MORE)
            self._cursor += 1
            while self._cursor < _LEVELS and self._below() < wanted:
                self._cursor += 1

    def _below(self) -> int:
        """Return how many calls of this window the cursor would let in."""
        return sum(self._asked[: self._cursor])

    def _bucket(self, user: str) -> int:
        if not user:
            # Calls of nobody are as good as each other.
            self._nobody += 1
            return self._nobody % _BUCKETS
        return crc32(f"{self._salt}{user}".encode()) % _BUCKETS
