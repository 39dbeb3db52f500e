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
    """A budget for one subject, or with "*" for each of its kind. None is no limit."""

    subject: Subject
    name: str
    window: Window
    tokens: int | None = None
    micros: int | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """A rule as it holds for one call: what it is called, and what it allows."""

    key: str
    window: Window
    tokens: int | None
    micros: int | None


def budgets_of(scope: Scope, rules: Sequence[Rule]) -> list[Budget]:
    """Return the budgets a call is counted against. A rule that names its subject goes before one for each."""
    named = {
        Subject.TENANT: scope.tenant,
        Subject.USE_CASE: scope.use_case,
        Subject.USER: scope.user,
        Subject.API_KEY: scope.api_key,
    }
    found: dict[tuple[Subject, Window], Rule] = {}
    for rule in rules:
        if not named[rule.subject] or rule.name not in ("*", named[rule.subject]):
            continue
        known = found.get((rule.subject, rule.window))
        if known is None or known.name == "*":
            found[(rule.subject, rule.window)] = rule
    return [
        # A user or a use case belongs to its tenant: two tenants may call theirs the same.
        Budget(f"{scope.tenant}/{subject.value}/{named[subject]}/{window.value}", window, rule.tokens, rule.micros)
        for (subject, window), rule in found.items()
    ]


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


class BudgetSpent(Exception):
    """A budget does not hold what a call may take."""

    def __init__(self, budget: str, what: str, retry_after: float) -> None:
        """Take the budget's name, "tokens" or "money", and the seconds until there is more."""
        super().__init__(f"{budget}: {what}")
        self.budget = budget
        self.what = what
        self.retry_after = retry_after
