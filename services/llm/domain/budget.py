"""Budgets of tokens and money: whose they are, what is set aside for a call, and when one is spent."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom a call is counted for; an empty part has no budget of its own."""

    tenant: str
    use_case: str = ""
    user: str = ""
    api_key: str = ""


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
