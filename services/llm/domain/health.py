"""Who answers at the moment: a circuit breaker per model from what its calls came to, and the provider's probes.

A breaker opens after failures, lets exactly one call through once its rest is over (half-open), and closes when a call
succeeds. What one replica learns the others hear (`news` and `hear`), so an outage is found out once.
"""

from collections.abc import Callable
from dataclasses import dataclass

from services.llm.domain.errors import FailureKind
from services.llm.domain.model import Model

LONGEST_REST = 60.0
_FIRST_REST = 5.0
# A refused connection costs nothing to try again, and an upstream that restarts is back within seconds.
_UNREACHABLE_REST = 1.0
# A single broken answer happens; two in a row are a pattern.
_BROKEN_BEFORE_REST = 2
_FORGIVEN_ONCE = (FailureKind.BROKEN, FailureKind.WRONG_MODEL, FailureKind.INVALID)
# Probes may time out on a busy machine.
_PROBES_BEFORE_DOWN = 2
# A call that was let through and never came back must not keep the breaker shut for ever.
_TRIAL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a model can be asked, and if not, why and for how many seconds."""

    usable: bool = True
    why: str = ""
    retry_after: float = 0.0


@dataclass(frozen=True, slots=True)
class HealthNews:
    """A breaker that opened, or closed (`rest` is 0), for other replicas. `rest` is seconds from now."""

    model: str
    provider: str
    failures: int = 0
    rest: float = 0.0
    why: str = ""


@dataclass(slots=True)
class _Calls:
    """Failures in a row, and until when to leave the model alone because of them."""

    provider: str
    failures: int = 0
    rest_until: float = 0.0
    # Until when one call is trying the model out; 0 when none is.
    trial_until: float = 0.0
    why: str = ""


@dataclass(slots=True)
class _Probes:
    """What the last probes of a provider found."""

    failures: int = 0
    why: str = ""
    # Ids the provider lists; None when it does not say.
    offered: frozenset[str] | None = None


_WELL = Availability()


def rest_after(kind: FailureKind, failures: int, retry_after: float) -> float:
    """Return for how many seconds a model rests after so many failures in a row."""
    if kind in (FailureKind.FORBIDDEN, FailureKind.GONE):
        return LONGEST_REST
    if kind is FailureKind.THROTTLED and retry_after > 0:
        # Coming back any sooner than asked is what the provider would punish.
        return retry_after
    first = _UNREACHABLE_REST if kind is FailureKind.UNREACHABLE else _FIRST_REST
    over = failures - (_BROKEN_BEFORE_REST if kind in _FORGIVEN_ONCE else 1)
    return min(first * 2.0 ** min(over, 10), LONGEST_REST) if over >= 0 else 0.0


class HealthBook:
    """What is known about models and providers. Times are seconds of one monotonic clock, given by the caller."""

    def __init__(self, tell: Callable[[HealthNews], None] | None = None) -> None:
        """Start with everybody well; `tell` hears of every breaker that opens or closes here."""
        self._calls: dict[str, _Calls] = {}
        self._probes: dict[str, _Probes] = {}
        self._tell = tell or (lambda news: None)

    def begin(self, model: Model, now: float) -> bool:
        """Claim the right to ask a model. Returns False while another call is trying it out."""
        calls = self._calls.get(model.name)
        if calls is None or not calls.rest_until:
            return True
        if now < calls.rest_until or now < calls.trial_until:
            return False
        calls.trial_until = now + _TRIAL_SECONDS
        return True

    def release(self, model: Model) -> None:
        """Give the right back: the call ended without saying anything about the model."""
        calls = self._calls.get(model.name)
        if calls is not None:
            calls.trial_until = 0.0

    def succeeded(self, model: Model) -> None:
        """Note that a call was answered: whatever was held against the model and its provider is forgotten."""
        if self._calls and (calls := self._calls.pop(model.name, None)) is not None and calls.rest_until:
            self._tell(HealthNews(model.name, model.provider))
        probes = self._probes.get(model.provider)
        if probes is not None:
            probes.failures = 0

    def failed(self, model: Model, kind: FailureKind, now: float, retry_after: float = 0.0) -> None:
        """Note a failure. Calls that fail together count once, or a crash under load would rest for a minute."""
        calls = self._calls.setdefault(model.name, _Calls(model.provider))
        calls.trial_until = 0.0
        if now < calls.rest_until:
            # The provider's own word may still lengthen a rest.
            if kind is FailureKind.THROTTLED and now + retry_after > calls.rest_until:
                self._rest(model, calls, now, retry_after)
            return
        calls.failures += 1
        calls.why = kind.value
        self._rest(model, calls, now, rest_after(kind, calls.failures, retry_after))

    def hear(self, news: HealthNews, now: float) -> None:
        """Take over what another replica found out."""
        if not news.rest:
            self._calls.pop(news.model, None)
            return
        calls = self._calls.setdefault(news.model, _Calls(news.provider))
        calls.failures = max(calls.failures, news.failures)
        calls.rest_until = max(calls.rest_until, now + news.rest)
        calls.trial_until = 0.0
        calls.why = news.why

    def probed(self, provider: str, offered: frozenset[str] | None) -> None:
        """Note that a probe was answered; a provider that was away starts with a clean record."""
        probes = self._probes.setdefault(provider, _Probes())
        if probes.failures >= _PROBES_BEFORE_DOWN:
            for name in [name for name, calls in self._calls.items() if calls.provider == provider]:
                del self._calls[name]
                self._tell(HealthNews(name, provider))
        probes.failures = 0
        probes.offered = offered

    def probe_failed(self, provider: str, kind: FailureKind) -> None:
        """Note that a probe was not answered; only a slow answer gets a second chance."""
        probes = self._probes.setdefault(provider, _Probes())
        probes.failures += 1 if kind is FailureKind.TIMED_OUT else _PROBES_BEFORE_DOWN
        probes.why = kind.value

    def resting(self, now: float) -> list[str]:
        """Return the names of the models that are not asked at the moment."""
        return [name for name, calls in self._calls.items() if now < calls.rest_until]

    def is_down(self, provider: str) -> bool:
        """Return whether the last probes say that the provider is away."""
        probes = self._probes.get(provider)
        return probes is not None and probes.failures >= _PROBES_BEFORE_DOWN

    def is_troubled(self, provider: str, now: float) -> bool:
        """Return whether a model of the provider rests: then it is worth looking whether the provider is back."""
        return any(calls.provider == provider and now < calls.rest_until for calls in self._calls.values())

    def of(self, model: Model, now: float) -> Availability:
        """Return whether the model can be asked now."""
        probes = self._probes.get(model.provider)
        if probes is not None:
            if probes.failures >= _PROBES_BEFORE_DOWN:
                return Availability(False, f"is {probes.why}", 2.0)
            if probes.offered is not None and model.provider_id not in probes.offered:
                return Availability(False, f"is {FailureKind.GONE.value}", LONGEST_REST)
        calls = self._calls.get(model.name)
        if calls is None:
            return _WELL
        if now < calls.rest_until:
            return Availability(False, f"rests after being {calls.why}", calls.rest_until - now)
        if now < calls.trial_until:
            return Availability(False, f"is tried out after being {calls.why}", 1.0)
        return _WELL

    def _rest(self, model: Model, calls: _Calls, now: float, seconds: float) -> None:
        calls.rest_until = now + seconds if seconds else 0.0
        if seconds:
            self._tell(HealthNews(model.name, model.provider, calls.failures, seconds, calls.why))
