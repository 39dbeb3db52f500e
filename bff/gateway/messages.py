"""Between the routes of the gateway's administration and its contracts."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from aisle.analytics.v1 import analytics_service_pb2, usage_pb2
from aisle.llm.v1 import llm_admin_service_pb2 as pb
from bff.gateway import schemas
from bff.inputs import last_part
from bff.presentation import time_of

_BY: Mapping[schemas.UsageBy, Any] = {
    "model": usage_pb2.USAGE_DIMENSION_MODEL,
    "provider": usage_pb2.USAGE_DIMENSION_PROVIDER,
    "use_case": usage_pb2.USAGE_DIMENSION_USE_CASE,
    "user": usage_pb2.USAGE_DIMENSION_USER,
    "tenant": usage_pb2.USAGE_DIMENSION_TENANT,
    "api_key": usage_pb2.USAGE_DIMENSION_API_KEY,
    "prompt_version": usage_pb2.USAGE_DIMENSION_PROMPT_VERSION,
    "day": usage_pb2.USAGE_DIMENSION_DAY,
}
_SUBJECTS: Mapping[schemas.Subject, Any] = {
    "tenant": pb.BUDGET_SUBJECT_TENANT,
    "use_case": pb.BUDGET_SUBJECT_USE_CASE,
    "user": pb.BUDGET_SUBJECT_USER,
    "api_key": pb.BUDGET_SUBJECT_API_KEY,
}
_WINDOWS: Mapping[schemas.Window, Any] = {"minute": pb.BUDGET_WINDOW_MINUTE, "month": pb.BUDGET_WINDOW_MONTH}
_SUBJECT_NAMES = {number: name for name, number in _SUBJECTS.items()}
_WINDOW_NAMES = {number: name for name, number in _WINDOWS.items()}
_STATES: Mapping[int, Any] = {
    pb.API_KEY_STATE_ACTIVE: "active",
    pb.API_KEY_STATE_EXPIRED: "expired",
    pb.API_KEY_STATE_REVOKED: "revoked",
}


def usage_request(query: schemas.UsageQuery) -> analytics_service_pb2.QueryUsageRequest:
    """Return the question about the days until now."""
    start = Timestamp()
    start.FromDatetime(datetime.now(UTC) - timedelta(days=query.days))
    return analytics_service_pb2.QueryUsageRequest(start_time=start, group_by=[_BY[query.by]])


def usage_report(reply: analytics_service_pb2.QueryUsageResponse) -> schemas.UsageReport:
    """Return the answer."""
    return schemas.UsageReport(
        rows=[_usage(row.keys[0] if row.keys else "", row.figures) for row in reply.rows],
        total=_usage("", reply.total),
        start_time=time_of(reply.start_time),
        end_time=time_of(reply.end_time),
        truncated=reply.truncated,
    )


def _usage(key: str, figures: usage_pb2.UsageFigures) -> schemas.Usage:
    plain = {name: getattr(figures, name) for name in schemas.Usage.model_fields if name not in ("key", "failures")}
    failures = [schemas.Failure(outcome=one.outcome, count=one.calls) for one in figures.failures]
    return schemas.Usage(key=key, failures=failures, **plain)


def key_of(key: pb.ApiKey) -> schemas.ApiKey:
    """Return a key."""
    return schemas.ApiKey(
        id=last_part(key.name),
        display_name=key.display_name,
        tenant=key.tenant,
        hint=key.hint,
        state=_STATES[key.state],
        creator=key.creator,
        create_time=time_of(key.create_time),
        expire_time=_time(key, "expire_time"),
        revoke_time=_time(key, "revoke_time"),
    )


def new_key(body: schemas.NewApiKey) -> pb.CreateApiKeyRequest:
    """Return the request for a key."""
    key = pb.ApiKey(display_name=body.display_name, tenant=body.tenant)
    if body.expire_time is not None:
        key.expire_time.FromDatetime(body.expire_time.astimezone(UTC))
    return pb.CreateApiKeyRequest(api_key=key)


def budget_of(budget: pb.Budget) -> schemas.Budget:
    """Return a budget."""
    return schemas.Budget(
        id=last_part(budget.name),
        subject_kind=_SUBJECT_NAMES[budget.subject_kind],
        subject=budget.subject,
        window=_WINDOW_NAMES[budget.window],
        tokens=budget.tokens if budget.HasField("tokens") else None,
        micros=budget.micros if budget.HasField("micros") else None,
        origin="set" if budget.origin == pb.BUDGET_ORIGIN_SET else "file",
        spending=_spending(budget.spending) if budget.HasField("spending") else None,
        updater=budget.updater,
        update_time=_time(budget, "update_time"),
    )


def new_budget(body: schemas.NewBudget) -> pb.SetBudgetRequest:
    """Return the request to set a budget."""
    budget = pb.Budget(
        subject_kind=_SUBJECTS[body.subject_kind],
        subject=body.subject,
        window=_WINDOWS[body.window],
        tokens=body.tokens,
        micros=body.micros,
    )
    return pb.SetBudgetRequest(budget=budget)


def change_of(entry: pb.AuditEntry) -> schemas.Change:
    """Return a change."""
    return schemas.Change(
        actor=entry.actor,
        action=entry.action,
        resource=entry.resource,
        detail=entry.detail,
        create_time=time_of(entry.create_time),
    )


def _spending(spending: pb.BudgetSpending) -> schemas.Spending:
    return schemas.Spending(
        used_tokens=spending.used_tokens,
        used_micros=spending.used_micros,
        reserved_tokens=spending.reserved_tokens,
        reserved_micros=spending.reserved_micros,
        reset_time=time_of(spending.reset_time),
    )


def _time(message: Any, field: str) -> datetime | None:
    return time_of(getattr(message, field)) if message.HasField(field) else None
