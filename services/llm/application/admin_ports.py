"""What the administration needs from outside."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.llm.domain.administration import Administered
from services.llm.domain.api_key import ApiKey, AuditEntry
from services.llm.domain.budget import Rule, Scope, Spending


@dataclass(frozen=True, slots=True)
class SetRule:
    """A budget that was set, when and by whom."""

    rule: Rule
    updater: str
    update_time: datetime


class AdminReader(Protocol):
    """Keys, budgets and changes as they are kept. Raises Unavailable (DATABASE_AWAY) from every method."""

    async def keys(self, after: tuple[datetime, str] | None, limit: int) -> Sequence[ApiKey]:
        """Return keys, newest first, behind the time and name of the last one."""
        ...

    async def rules(self) -> Sequence[SetRule]:
        """Return the budgets that were set."""
        ...

    async def changes(self, before: int | None, limit: int) -> Sequence[AuditEntry]:
        """Return changes, newest first, with smaller numbers than the given one."""
        ...

    async def version(self) -> int:
        """Return the number of the last change, 0 before the first."""
        ...

    async def everything(self) -> Administered:
        """Return all that calls need to know."""
        ...


class AdminWriter(AdminReader, Protocol):
    """The same inside a transaction that may change them. Every change is noted, or it is not made."""

    async def add_key(self, key: ApiKey, digest: bytes) -> ApiKey:
        """Keep a new key; its time is the database's."""
        ...

    async def revoke_key(self, name: str) -> ApiKey | None:
        """Revoke a key, None when there is none. The time of the first time stays."""
        ...

    async def set_rule(self, rule: Rule, updater: str) -> SetRule:
        """Keep a budget, in place of the one of the same subject and window."""
        ...

    async def drop_rule(self, rule: Rule) -> None:
        """Forget a budget."""
        ...

    async def note(self, actor: str, action: str, resource: str, detail: str) -> None:
        """Note a change; replicas see by it that there is something new."""
        ...


class AdminBook(Protocol):
    """Where it is all kept."""

    def reading(self) -> AbstractAsyncContextManager[AdminReader]:
        """Open a transaction that only reads."""
        ...

    def writing(self) -> AbstractAsyncContextManager[AdminWriter]:
        """Open a transaction that commits when the block ends well."""
        ...


class BudgetMeter(Protocol):
    """Knows how far budgets are spent."""

    async def spent(self, scope: Scope) -> Sequence[Spending]:
        """Return how far each budget of a scope is spent. Raises Unavailable."""
        ...
