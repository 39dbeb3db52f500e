"""Everything asking a model takes, in memory: budgets without end, no cache, no pause."""

from collections.abc import Callable, Mapping, Sequence

from services.llm.adapters.jsonschema_shapes import JsonschemaShapes
from services.llm.application.answer_run import Surroundings
from services.llm.application.ports import ModelSource, TextProvider, UsageLedger
from services.llm.domain.answer_cache import Question
from services.llm.domain.budget import Amount, BudgetSpent, Reservation, Scope
from services.llm.domain.generation import Answer, CacheOutcome, Priority
from services.llm.domain.health import HealthBook
from services.llm.domain.latency import LatencyBook
from services.llm.domain.redaction import PatternRedaction


class FakeBudgets:
    """A `Budgets` with one sum of money for everybody; None is without end."""

    def __init__(self, micros: int | None = None) -> None:
        self.left = micros
        self.reserved: list[Amount] = []
        self.settled: list[Amount] = []

    async def reserve(self, scope: Scope, amount: Amount, priority: Priority) -> Reservation:
        if self.left is not None:
            if amount.micros > self.left:
                raise BudgetSpent(scope.tenant, "money", 30.0)
            self.left -= amount.micros
        self.reserved.append(amount)
        return Reservation(scope, amount)

    def settle(self, reservation: Reservation, actual: Amount) -> None:
        self.settled.append(actual)
        if self.left is not None:
            self.left += reservation.amount.micros - actual.micros


class FakeAnswerCache:
    """An `AnswerCache` in memory that knows the same question only, and forgets nothing by itself."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[Question, Answer]] = {}

    async def find(self, question: Question) -> tuple[Answer, CacheOutcome] | None:
        found = self.answers.get(question.exact)
        return (found[1], CacheOutcome.EXACT) if found else None

    async def store(self, question: Question, answer: Answer) -> None:
        self.answers[question.exact] = (question, answer)

    async def purge(self, tags: Sequence[str]) -> int:
        gone = [key for key, (question, _) in self.answers.items() if set(question.tags) & set(tags)]
        for key in gone:
            del self.answers[key]
        return len(gone)


async def no_pause() -> None:
    """Stand in for the random pause before a retry."""


def surroundings(
    models: ModelSource,
    providers: Mapping[str, TextProvider],
    health: HealthBook,
    ledger: UsageLedger,
    clock: Callable[[], float],
    budgets: FakeBudgets | None = None,
    latency: LatencyBook | None = None,
) -> Surroundings:
    """Return surroundings over the given ones."""
    return Surroundings(
        models=models,
        providers=providers,
        health=health,
        latency=latency or LatencyBook(),
        budgets=budgets or FakeBudgets(),
        ledger=ledger,
        judge=None,
        redaction=PatternRedaction(),
        shapes=JsonschemaShapes(),
        clock=clock,
        pause=no_pause,
    )
