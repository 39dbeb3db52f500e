"""Sets budgets, removes them, and tells how far they are spent; tells who changed what."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.llm.application.admin_ports import AdminBook, BudgetMeter, SetRule
from services.llm.domain.administration import Administration, budget_name, place
from services.llm.domain.api_key import AuditEntry
from services.llm.domain.budget import Rule, Scope, Spending, Subject
from services.llm.domain.errors import budget_not_found, prompt_invalid
from services.llm.domain.generation import SHOP
from services.runtime.errors import Unavailable


@dataclass(frozen=True, slots=True)
class ShownBudget:
    """A budget with all that is to be known of it."""

    rule: Rule
    # When and by whom it was set; of the file's budgets nobody knows.
    update_time: datetime | None = None
    updater: str = ""
    spending: Spending | None = None


class SetBudget:
    """Sets a budget."""

    def __init__(self, book: AdminBook) -> None:
        """Take where budgets are kept."""
        self._book = book

    async def __call__(self, actor: str, rule: Rule) -> ShownBudget:
        """Return the budget that holds. Raises Invalid for one without a limit."""
        if rule.tokens is None and rule.micros is None:
            raise prompt_invalid("budget", "limits neither tokens nor money")
        async with self._book.writing() as writer:
            kept: SetRule = await writer.set_rule(rule, actor)
            await writer.note(actor, "SetBudget", budget_name(rule), _in_words(rule))
        return ShownBudget(kept.rule, kept.update_time, kept.updater)


class DeleteBudget:
    """Removes a budget that was set."""

    def __init__(self, book: AdminBook) -> None:
        """Take where budgets are kept."""
        self._book = book

    async def __call__(self, actor: str, name: str) -> None:
        """Remove it. Raises NotFound."""
        async with self._book.writing() as writer:
            rule = next((one.rule for one in await writer.rules() if budget_name(one.rule) == name), None)
            if rule is None:
                raise budget_not_found(name)
            await writer.drop_rule(rule)
            await writer.note(actor, "DeleteBudget", name, _in_words(rule))


class ListBudgets:
    """Lists the budgets that hold."""

    def __init__(
        self,
        book: AdminBook,
        administration: Administration,
        of_file: Callable[[], Sequence[Rule]],
        meter: BudgetMeter | None,
    ) -> None:
        """Take where budgets are kept, what is known of keys, the file's budgets, and who knows what is spent."""
        self._book = book
        self._administration = administration
        self._of_file = of_file
        self._meter = meter

    async def __call__(self) -> tuple[Sequence[ShownBudget], bool]:
        """Return the budgets by subject and window, and whether it can be told how far they are spent."""
        async with self._book.reading() as reader:
            kept = await reader.rules()
        places = {place(one.rule) for one in kept}
        shown = [ShownBudget(one.rule, one.update_time, one.updater) for one in kept]
        shown += [ShownBudget(rule) for rule in self._of_file() if place(rule) not in places]
        shown.sort(key=lambda one: place(one.rule))
        if self._meter is None:
            return shown, False
        try:
            return [await self._spent(one, self._meter) for one in shown], True
        except Unavailable:
            return shown, False

    async def _spent(self, shown: ShownBudget, meter: BudgetMeter) -> ShownBudget:
        rule = shown.rule
        if rule.name == "*":
            return shown
        end = f"/{rule.subject.value}/{rule.name}/{rule.window.value}"
        for spending in await meter.spent(self._scope(rule)):
            if spending.budget.key.endswith(end):
                return ShownBudget(rule, shown.update_time, shown.updater, spending)
        return shown

    def _scope(self, rule: Rule) -> Scope:
        match rule.subject:
            case Subject.TENANT:
                return Scope(rule.name)
            case Subject.USE_CASE:
                return Scope(SHOP, use_case=rule.name)
            case Subject.USER:
                return Scope(SHOP, user=rule.name)
            case Subject.API_KEY:
                key = self._administration.key(rule.name)
                return Scope(key.tenant if key else SHOP, api_key=rule.name)


class ListAuditEntries:
    """Lists what was changed."""

    def __init__(self, book: AdminBook) -> None:
        """Take where changes are kept."""
        self._book = book

    async def __call__(self, before: int | None, limit: int) -> Sequence[AuditEntry]:
        """Return changes, newest first."""
        async with self._book.reading() as reader:
            return await reader.changes(before, limit)


def _in_words(rule: Rule) -> str:
    limits = [f"{rule.tokens} tokens"] if rule.tokens is not None else []
    limits += [f"${rule.micros / 1e6:.2f}"] if rule.micros is not None else []
    return f"{rule.subject.value} {rule.name}: {' and '.join(limits)} a {rule.window.value}"
