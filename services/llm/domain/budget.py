"""Budgets of tokens and money: whose they are, what is set aside for a call, and when one is spent."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom a call is counted for; an empty part has no budget of its own."""

    tenant: str
    use_case: str = ""
    user: str = ""
    api_key: str = ""


class Subject(Enum):
    """What a budget is kept for."""

    TENANT = "tenant"
    USE_CASE = "use_case"
    USER = "user"
    API_KEY = "api_key"


class Window(Enum):
    """How long a budget lasts."""

    MINUTE = "minute"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Rule:
    """A limit for one subject, or with "*" for each of its kind. None says nothing about tokens or about money."""

    subject: Subject
    name: str
    window: Window
    tokens: int | None = None
    micros: int | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """What the rules come to for one call and one subject: what it is called, and what it allows."""

    key: str
    window: Window
    tokens: int | None
    micros: int | None


class LimitTable:
    """The rules that hold now, sorted so that the budgets of a call are found without going through them."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        """Take the rules. Of several for the same subject and window the least of each limit holds."""
        self._limits: dict[tuple[Subject, Window, str], tuple[int | None, int | None]] = {}
        for rule in rules:
            place = (rule.subject, rule.window, rule.name)
            tokens, micros = self._limits.get(place, (None, None))
            self._limits[place] = (_least(tokens, rule.tokens), _least(micros, rule.micros))
        self._kinds = sorted({(rule.subject, rule.window) for rule in rules}, key=_sorted)

    def of(self, scope: Scope) -> list[Budget]:
        """Return the budgets a call is counted against.

        What a rule says that names its subject goes before what the rule for each of its kind says; what it does not
        say stays. A user or a use case belongs to its tenant: two tenants may call theirs the same.
        """
        found = []
        for subject, window in self._kinds:
            name = _named(scope, subject)
            if not name:
                continue
            every, own = self._limits.get((subject, window, "*")), self._limits.get((subject, window, name))
            tokens, micros = (_first(own, every, 0), _first(own, every, 1))
            if tokens is not None or micros is not None:
                key = f"{scope.tenant}/{subject.value}/{name}/{window.value}"
                found.append(Budget(key, window, tokens, micros))
        return found


def _sorted(kind: tuple[Subject, Window]) -> tuple[str, str]:
    return kind[0].value, kind[1].value


def _named(scope: Scope, subject: Subject) -> str:
    match subject:
        case Subject.TENANT:
            return scope.tenant
        case Subject.USE_CASE:
            return scope.use_case
        case Subject.USER:
            return scope.user
        case Subject.API_KEY:
            return scope.api_key


def _least(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else min(one, other)


_Limits = tuple[int | None, int | None] | None


def _first(own: _Limits, every: _Limits, part: int) -> int | None:
    for limits in (own, every):
        if limits is not None and limits[part] is not None:
            return limits[part]
    return None


@dataclass(frozen=True, slots=True)
class Amount:
    """Tokens, in and out together, and money in micro-USD."""

    tokens: int = 0
    micros: int = 0


@dataclass(slots=True)
class Reservation:
    """What is set aside for one call."""

    scope: Scope
    amount: Amount
    # Names of the budgets it was taken from; what settling needs to know of them.
    taken: list[object] = field(default_factory=list)
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Spending:
    """How far a budget is spent in its present window."""

    budget: Budget
    # What calls came to that have ended.
    used: Amount
    # What is set aside for calls on their way, and what replicas hold ready for the next ones.
    reserved: Amount
    # Seconds until the window turns.
    ends_in: float


class BudgetSpent(Exception):
    """A budget does not hold what a call may take."""

    def __init__(self, budget: str, what: str, retry_after: float) -> None:
        """Take the budget's name, "tokens" or "money", and the seconds until there is more."""
        super().__init__(f"{budget}: {what}")
        self.budget = budget
        self.what = what
        # What kind of budget it is: part of its key, `tenants/{tenant}/{kind}/…`.
        self.kind = next((part.value for part in Subject if f"/{part.value}/" in budget), "other")
        self.retry_after = retry_after
