"""When a call may be sent to the same model once more: seldom, after a random pause, and never as a storm.

The budget is Finagle's and Envoy's: retries are paid from a share of the calls themselves, so that a total outage makes
a tenth more calls and not a multiple. The pause is full jitter as AWS's builders' library describes it.
"""

from services.llm.domain.errors import FailureKind

_SHARE = 0.1
_MOST = 10.0
# Seconds: the pause is drawn between nothing and this.
LONGEST_PAUSE = 0.25
# Failures of the moment; the others are the same in a quarter of a second.
_WORTH_IT = (FailureKind.BROKEN, FailureKind.UNREACHABLE)


# Of the calls, the share that may be asked of a second model beside the first, and how many may come at once.
_HEDGED, _MOST_HEDGES = 0.04, 5.0


class HedgeBudget:
    """Counts what second calls beside a slow first one are allowed: a provider that slows down for all is not asked
    twice for all of it.
    """

    def __init__(self) -> None:
        """Start with a few."""
        self._left = _MOST_HEDGES

    def earn(self) -> None:
        """Note a call."""
        self._left = min(_MOST_HEDGES, self._left + _HEDGED)

    def spend(self) -> bool:
        """Take one out, if there is one."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class RetryBudget:
    """Counts what retries are allowed."""

    def __init__(self) -> None:
        """Start with a few, so that the first calls of a process may fail too."""
        self._left = _MOST / 2

    def earn(self) -> None:
        """Note a call."""
        self._left = min(_MOST, self._left + _SHARE)

    def spend(self, kind: FailureKind) -> bool:
        """Take one retry out, if the failure is worth it and there is one."""
        if kind not in _WORTH_IT or self._left < 1.0:
            return False
        self._left -= 1.0
        return True
