"""Who answers at the moment: a small record per model of what its calls came to, and per provider of its probes."""

from dataclasses import dataclass

from services.llm.domain.errors import FailureKind
from services.llm.domain.model import Model

LONGEST_REST = 60.0
_FIRST_REST = 5.0
# A refused connection costs nothing to try again, and an upstream that restarts is back within seconds.
_UNREACHABLE_REST = 1.0
# A single broken answer happens; two in a row are a pattern.
_BROKEN_BEFORE_REST = 2
# Probes may time out on a busy machine.
_PROBES_BEFORE_DOWN = 2


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a model can be asked, and if not, why and for how many seconds."""

    usable: bool = True
    why: str = ""
    retry_after: float = 0.0


@dataclass(slots=True)
class _Calls:
    """Failures in a row, and until when to leave the model alone because of them."""

    provider: str
    failures: int = 0
    rest_until: float = 0.0
    why: str = ""


@dataclass(slots=True)
class _Probes:
    """What the last probes of a provider found."""

    failures: int = 0
    why: str = ""
    # Ids the provider lists; None when it does not say.
    offered: frozenset[str] | None = None


def rest_after(kind: FailureKind, failures: int, retry_after: float) -> float:
    """Return for how many seconds a model rests after so many failures in a row."""
    if kind is FailureKind.UNREACHABLE:
        return _UNREACHABLE_REST
    if kind in (FailureKind.FORBIDDEN, FailureKind.GONE):
        return LONGEST_REST
    if kind is FailureKind.THROTTLED and retry_after > 0:
        return min(retry_after, LONGEST_REST)
    over = failures - (_BROKEN_BEFORE_REST if kind is FailureKind.BROKEN else 1)
    return min(_FIRST_REST * 2.0 ** min(over, 10), LONGEST_REST) if over >= 0 else 0.0


class HealthBook:
    """What is known about models and providers. Times are seconds of one monotonic clock, given by the caller."""

    def __init__(self) -> None:
        """Start with everybody well."""
        self._calls: dict[str, _Calls] = {}
        self._probes: dict[str, _Probes] = {}

    def succeeded(self, model: Model) -> None:
        """Note that a call was answered: whatever was held against the model and its provider is forgotten."""
        self._calls.pop(model.name, None)
        probes = self._probes.get(model.provider)
        if probes is not None:
            probes.failures = 0

    def failed(self, model: Model, kind: FailureKind, now: float, retry_after: float = 0.0) -> None:
        """Note a failure. Calls that fail together count once, or a crash under load would rest for a minute."""
        calls = self._calls.setdefault(model.name, _Calls(model.provider))
        if now < calls.rest_until:
            return
        calls.failures += 1
        calls.why = kind.value
        calls.rest_until = now + rest_after(kind, calls.failures, retry_after)

    def probed(self, provider: str, offered: frozenset[str] | None) -> None:
        """Note that a probe was answered; a provider that was away starts with a clean record."""
        probes = self._probes.setdefault(provider, _Probes())
        if probes.failures >= _PROBES_BEFORE_DOWN:
            self._calls = {name: calls for name, calls in self._calls.items() if calls.provider != provider}
        probes.failures = 0
        probes.offered = offered

    def probe_failed(self, provider: str, kind: FailureKind) -> None:
        """Note that a probe was not answered; only a slow answer gets a second chance."""
        probes = self._probes.setdefault(provider, _Probes())
        probes.failures += 1 if kind is FailureKind.TIMED_OUT else _PROBES_BEFORE_DOWN
        probes.why = kind.value

    def is_down(self, provider: str) -> bool:
        """Return whether the last probes say that the provider is away."""
        probes = self._probes.get(provider)
        return probes is not None and probes.failures >= _PROBES_BEFORE_DOWN

    def of(self, model: Model, now: float) -> Availability:
        """Return whether the model can be asked now."""
        probes = self._probes.get(model.provider)
        if probes is not None and self.is_down(model.provider):
            return Availability(False, f"is {probes.why}", 2.0)
        if probes is not None and probes.offered is not None and model.provider_id not in probes.offered:
            return Availability(False, f"is {FailureKind.GONE.value}", LONGEST_REST)
        calls = self._calls.get(model.name)
        if calls is not None and now < calls.rest_until:
            return Availability(False, f"rests after being {calls.why}", calls.rest_until - now)
        return Availability()
