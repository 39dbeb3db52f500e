"""Who is let in when there is more to do than can be done: the important first, and nobody who would only wait.

Source: H. Zhou et al., "Overload Control for Scaling WeChat Microservices" (DAGOR), SoCC 2018. Overload is seen by how
long work waits before it is begun, never by how long it takes: providers are slow for reasons of their own. Every call
has a level, by its priority and then by whose it is, and the cursor between the levels let in and turned away moves by
how many calls each level brought in the window before.

Of the waits in a window the least counts, as in K. Nichols and V. Jacobson, "Controlling Queue Delay" (CoDel), ACM
Queue 2012: a queue that stands is overload, one that comes and goes is a neighbour on the same machine or a burst.
"""

from math import inf
from zlib import crc32

from services.llm.domain import errors
from services.llm.domain.generation import Priority

# Seconds between two moves of the cursor, and the least wait in one of them that counts as overload. A call comes by
# the loop a dozen times, and waits each time.
WINDOW = 0.1
TARGET = 0.003
# Of the calls let in, the share that is turned away more after a window of overload, for each time the wait is the
# target; and at the most: what is let in now is still to be seen in the next wait.
_FEWER = 0.05
_MANY_FEWER = 0.8
# The share let in more after a window in which nothing waited, and the calls in any case.
_MORE = 0.05
_ONE_MORE = 1.0
# What can be done is known from windows of overload, a new one counting for this share; so much of it can be done for
# sure.
_NEWS = 0.2
_SURELY = 0.8
# A wait that falls to this share of the one before is on its way to an end.
_DRAINING = 0.8
# Windows of overload in a row before those are turned away that go before all who were turned away so far.
_PATIENCE = 4
# The share of the first level that is let in whatever the wait.
_SOMEBODY = 0.05
_BUCKETS = 64
_LEVELS = len(Priority) * _BUCKETS
# Where the cursor stands when those are let in for whom somebody waits, and nobody else.
_PATIENT_FIRST = (_BUCKETS, 0.0)
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
        # Levels before this one are let in, and a share of its own calls: one user may be all there is.
        self._cursor: tuple[int, float] = (_LEVELS, 0.0)
        self._owed = 0.0
        # Calls that were let in at the door and have not entered yet.
        self._passes = [0] * _LEVELS
        self._asked = [0] * _LEVELS
        self._let_in = self._ended = 0
        # How many calls end in a window when there is always one to work at.
        self._can = 0.0
        self._least, self._wait, self._at_limit = inf, 0.0, 0
        self._window_end = self._salt = 0.0
        self._nobody = 0

    @property
    def crowded(self) -> bool:
        """Whether somebody would be turned away just now."""
        return self._cursor[0] < _LEVELS or self.running >= self._places * _BATCH_SHARE

    def knock(self, priority: Priority, user: str) -> None:
        """Raise what `enter` would raise; where it would not, the same call enters later without being asked again.

        For doors that can say no before they have found out what a call wants: that is what makes a no cheap.
        """
        level = self._level(priority, user)
        self._look(level, priority)
        self._passes[level] += 1

    def enter(self, priority: Priority, user: str) -> None:
        """Let a call in, to be followed by `leave`. Raises RESOURCE_EXHAUSTED with the seconds to wait."""
        level = self._level(priority, user)
        if self._passes[level]:
            self._passes[level] -= 1
        else:
            self._look(level, priority)
        self._asked[level] += 1
        self._let_in += 1
        self.running += 1

    def by_priority(self) -> dict[str, int]:
        """Return how many calls were turned away since the start, by priority."""
        return {priority.name.lower(): count for priority, count in self.turned_away.items()}

    def leave(self) -> None:
        """Give a place back."""
        self.running -= 1
        self._ended += 1

    def waited(self, seconds: float, now: float) -> None:
        """Note how long work waited just now, and move the cursor when a window is over."""
        self._least = min(self._least, max(0.0, seconds))
        if now < self._window_end:
            return
        self._move(self._least)
        self._asked = [0] * _LEVELS
        # Not all who were let in at the door have entered: what they asked for may have been wrong.
        self._passes = [0] * _LEVELS
        self._let_in = self._ended = 0
        self._least = inf
        self._window_end, self._salt = now + WINDOW, now // _SHUFFLE

    def _look(self, level: int, priority: Priority) -> None:
        places = self._places * (_BATCH_SHARE if priority is Priority.BATCH else 1.0)
        if self.running < places and self._is_before_cursor(level):
            return
        self._asked[level] += 1
        self.turned_away[priority] += 1
        raise errors.overloaded(_COME_BACK[priority] * (1.0 + level % _BUCKETS / _BUCKETS))

    def _is_before_cursor(self, level: int) -> bool:
        cursor, share = self._cursor
        if level != cursor:
            return level < cursor
        self._owed += share
        if self._owed < 1.0:
            return False
        self._owed -= 1.0
        return True

    def _move(self, wait: float) -> None:
        before, self._wait = self._wait, wait
        if wait <= TARGET:
            self._at_limit = 0
            if self._cursor[0] < _LEVELS:
                more = max(self._let_in * (1.0 + _MORE * (1.0 - wait / TARGET)) + _ONE_MORE, self._can * _SURELY)
                self._cursor = max(self._cursor, self._that_lets_in(more))
        elif wait >= before * _DRAINING and (before > TARGET or self.crowded):
            # What drains came before the last step, which was enough; and the first window of a queue is a burst.
            self._can += (self._ended - self._can) * _NEWS
            self._step_back(min(_MANY_FEWER, _FEWER * wait / TARGET))

    def _step_back(self, share: float) -> None:
        """Turn away a share of what was let in; no step passes from one priority to the next but a patient one.

        As long as more end than are let in, the queue is on its way to an end, and fewer still would leave idle hands.
        """
        if self._cursor == _PATIENT_FIRST:
            self._at_limit += 1
            if self._at_limit < _PATIENCE:
                return
        kept = max(self._let_in, self._ended) * (1.0 - share)
        last = _PATIENT_FIRST if self._cursor > _PATIENT_FIRST else (0, _SOMEBODY)
        self._cursor = min(self._cursor, max(self._that_lets_in(kept), last))

    def _that_lets_in(self, calls: float) -> tuple[int, float]:
        """Return the cursor that would have let in so many of those who asked in this window."""
        for level, asked in enumerate(self._asked):
            if asked > calls:
                return level, calls / asked
            calls -= asked
        return _LEVELS, 0.0

    def _level(self, priority: Priority, user: str) -> int:
        return priority.value * _BUCKETS + self._bucket(user)

    def _bucket(self, user: str) -> int:
        if not user:
            # Calls of nobody are as good as each other.
            self._nobody += 1
            return self._nobody % _BUCKETS
        return crc32(f"{self._salt}{user}".encode()) % _BUCKETS
