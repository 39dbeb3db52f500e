"""How soon models begin to answer: what the fastest-model policy and hedging go by."""

from collections import deque

from services.llm.domain.model import Model

# Enough for a 95th percentile that means something, few enough to follow a provider's day.
_KEPT = 128
_LEAST_FOR_PERCENTILE = 20
_SMOOTHING = 0.2


class LatencyBook:
    """Seconds to the first token per model, as calls saw them of late."""

    def __init__(self) -> None:
        """Start knowing nothing."""
        self._last: dict[str, deque[float]] = {}
        self._average: dict[str, float] = {}
        self._percentile: dict[str, tuple[int, float]] = {}
        self._seen: dict[str, int] = {}

    def note(self, model: Model, seconds: float) -> None:
        """Take one observation in."""
        last = self._last.get(model.name)
        if last is None:
            last = self._last[model.name] = deque(maxlen=_KEPT)
        last.append(seconds)
        known = self._average.get(model.name)
        self._average[model.name] = seconds if known is None else known + _SMOOTHING * (seconds - known)
        self._seen[model.name] = self._seen.get(model.name, 0) + 1

    def average(self, model: Model) -> float:
        """Return the smoothed seconds to the first token; 0 for a model nobody has asked, so that it is tried."""
        return self._average.get(model.name, 0.0)

    def calls(self, model: Model) -> int:
        """Return how many calls were seen."""
        return self._seen.get(model.name, 0)

    def p95(self, model: Model) -> float | None:
        """Return the 95th percentile, None while too few calls are known. Worked out anew every eighth call."""
        last = self._last.get(model.name)
        if last is None or len(last) < _LEAST_FOR_PERCENTILE:
            return None
        seen = self._seen[model.name]
        counted, value = self._percentile.get(model.name, (-8, 0.0))
        if seen - counted >= 8:
            value = sorted(last)[int(0.95 * (len(last) - 1))]
            self._percentile[model.name] = (seen, value)
        return value
