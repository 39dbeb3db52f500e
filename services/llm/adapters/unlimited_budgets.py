"""Budgets of a process that has no Redis: nobody counts, and nothing is refused."""

from services.llm.domain.budget import Amount, Reservation, Scope
from services.llm.domain.generation import Priority


class UnlimitedBudgets:
    """A `Budgets` without limits."""

    async def reserve(self, scope: Scope, amount: Amount, priority: Priority) -> Reservation:
        """Set nothing aside."""
        return Reservation(scope, amount)

    def settle(self, reservation: Reservation, actual: Amount) -> None:
        """Note nothing."""
