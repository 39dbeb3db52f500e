"""The administration's contract over the use cases: proto to domain and back, nothing else."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.empty_pb2 import Empty

from aisle.llm.v1 import llm_admin_service_pb2 as pb
from aisle.llm.v1.llm_admin_service_pb2_grpc import LlmAdminServiceServicer
from services.llm.application.administer_budgets import (
    DeleteBudget,
    ListAuditEntries,
    ListBudgets,
    SetBudget,
    ShownBudget,
)
from services.llm.application.administer_keys import CreateApiKey, ListApiKeys, RevokeApiKey
from services.llm.domain.administration import budget_name
from services.llm.domain.api_key import ApiKey
from services.llm.domain.budget import Rule, Spending, Subject, Window
from services.llm.servicer.messages import timestamp
from services.runtime.errors import FieldViolation, Invalid
from services.runtime.interceptors import current_call
from services.runtime.paging import PageTokens, page_size

_PAGE, _MOST = 50, 200
_SUBJECTS = {
    pb.BUDGET_SUBJECT_TENANT: Subject.TENANT,
    pb.BUDGET_SUBJECT_USE_CASE: Subject.USE_CASE,
    pb.BUDGET_SUBJECT_USER: Subject.USER,
    pb.BUDGET_SUBJECT_API_KEY: Subject.API_KEY,
}
_SUBJECT_NUMBERS = {subject: number for number, subject in _SUBJECTS.items()}
_WINDOWS = {pb.BUDGET_WINDOW_MINUTE: Window.MINUTE, pb.BUDGET_WINDOW_MONTH: Window.MONTH}
_WINDOW_NUMBERS = {window: number for number, window in _WINDOWS.items()}


@dataclass(frozen=True, slots=True)
class AdminUseCases:
    """What can be administered."""

    create_key: CreateApiKey
    list_keys: ListApiKeys
    revoke_key: RevokeApiKey
    list_budgets: ListBudgets
    set_budget: SetBudget
    delete_budget: DeleteBudget
    list_audit: ListAuditEntries


class LlmAdminServicer(LlmAdminServiceServicer):
    """Answers the administration's methods."""

    def __init__(self, use_cases: AdminUseCases, tokens: PageTokens) -> None:
        """Take the use cases and what makes page tokens."""
        self._do = use_cases
        self._tokens = tokens

    async def CreateApiKey(self, request: pb.CreateApiKeyRequest, context: Any) -> pb.CreateApiKeyResponse:
        """Make a key."""
        asked = request.api_key
        expires = _expiry(asked) if asked.HasField("expire_time") else None
        key, secret = await self._do.create_key(_actor(), asked.display_name, asked.tenant, expires)
        return pb.CreateApiKeyResponse(api_key=key_message(key), secret=secret)

    async def ListApiKeys(self, request: pb.ListApiKeysRequest, context: Any) -> pb.ListApiKeysResponse:
        """Return a page of keys."""
        cursor, size = self._tokens.read(request), page_size(request.page_size, _PAGE, _MOST)
        after = (datetime.fromisoformat(cursor[0]), str(cursor[1])) if cursor else None
        found, token = await self._do.list_keys(after, size + 1), ""
        if len(found) > size:
            last = found[size - 1]
            token = self._tokens.make([last.create_time.isoformat(), last.name], request)
        return pb.ListApiKeysResponse(api_keys=[key_message(key) for key in found[:size]], next_page_token=token)

    async def RevokeApiKey(self, request: pb.RevokeApiKeyRequest, context: Any) -> pb.ApiKey:
        """Revoke a key."""
        return key_message(await self._do.revoke_key(_actor(), request.name))

    async def ListBudgets(self, request: pb.ListBudgetsRequest, context: Any) -> pb.ListBudgetsResponse:
        """Return the budgets."""
        budgets, told = await self._do.list_budgets()
        return pb.ListBudgetsResponse(
            budgets=[budget_message(one) for one in budgets], degraded=[] if told else ["BUDGET_SPENDING"]
        )

    async def SetBudget(self, request: pb.SetBudgetRequest, context: Any) -> pb.Budget:
        """Set a budget."""
        asked = request.budget
        rule = Rule(
            _SUBJECTS[asked.subject_kind],
            asked.subject,
            _WINDOWS[asked.window],
            asked.tokens if asked.HasField("tokens") else None,
            asked.micros if asked.HasField("micros") else None,
        )
        return budget_message(await self._do.set_budget(_actor(), rule))

    async def DeleteBudget(self, request: pb.DeleteBudgetRequest, context: Any) -> Empty:
        """Remove a budget."""
        await self._do.delete_budget(_actor(), request.name)
        return Empty()

    async def ListAuditEntries(self, request: pb.ListAuditEntriesRequest, context: Any) -> pb.ListAuditEntriesResponse:
        """Return a page of changes."""
        cursor, size = self._tokens.read(request), page_size(request.page_size, _PAGE, _MOST)
        found = await self._do.list_audit(int(cursor[0]) if cursor else None, size + 1)
        token = self._tokens.make([found[size - 1].number], request) if len(found) > size else ""
        entries = [
            pb.AuditEntry(
                create_time=timestamp(one.create_time),
                actor=one.actor,
                action=one.action,
                resource=one.resource,
                detail=one.detail,
            )
            for one in found[:size]
        ]
        return pb.ListAuditEntriesResponse(audit_entries=entries, next_page_token=token)


def key_message(key: ApiKey) -> pb.ApiKey:
    """Return a key as the contract has it."""
    return pb.ApiKey(
        name=key.name,
        display_name=key.display_name,
        tenant=key.tenant,
        hint=key.hint,
        state=pb.ApiKeyState.ValueType(key.state(datetime.now(UTC)).value),
        create_time=timestamp(key.create_time),
        creator=key.creator,
        expire_time=timestamp(key.expire_time),
        revoke_time=timestamp(key.revoke_time),
    )


def budget_message(shown: ShownBudget) -> pb.Budget:
    """Return a budget as the contract has it."""
    rule = shown.rule
    return pb.Budget(
        name=budget_name(rule),
        subject_kind=_SUBJECT_NUMBERS[rule.subject],
        subject=rule.name,
        window=_WINDOW_NUMBERS[rule.window],
        tokens=rule.tokens,
        micros=rule.micros,
        origin=pb.BUDGET_ORIGIN_SET if shown.update_time else pb.BUDGET_ORIGIN_FILE,
        spending=_spending(shown.spending) if shown.spending else None,
        update_time=timestamp(shown.update_time),
        updater=shown.updater,
    )


def _spending(spending: Spending) -> pb.BudgetSpending:
    return pb.BudgetSpending(
        used_tokens=spending.used.tokens,
        used_micros=spending.used.micros,
        reserved_tokens=spending.reserved.tokens,
        reserved_micros=spending.reserved.micros,
        reset_time=timestamp(datetime.now(UTC) + timedelta(seconds=spending.ends_in)),
    )


def _expiry(key: pb.ApiKey) -> datetime:
    """Return when a key shall end. Raises Invalid for seconds that no calendar has."""
    try:
        return key.expire_time.ToDatetime(UTC)
    except (ValueError, OverflowError):
        wrong = FieldViolation("api_key.expire_time", "is not a time")
        raise Invalid("FIELD_INVALID", "api_key.expire_time: is not a time.", [wrong]) from None


def _actor() -> str:
    call = current_call.get()
    return call.caller.subject if call is not None else ""
