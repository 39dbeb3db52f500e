"""The routes of the gateway's administration; all of them are the admin's."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from aisle.llm.v1 import llm_admin_service_pb2 as pb
from bff.auth.identity import admin
from bff.errors import documented
from bff.gateway import messages, schemas
from bff.inputs import require_json
from bff.upstreams import Upstreams, upstreams_of
from services.runtime.errors import NotFound

router = APIRouter(
    prefix="/api/v1/gateway",
    tags=["gateway"],
    dependencies=[Depends(admin), Depends(require_json)],
    responses=documented(401, 403),
)

Services = Annotated[Upstreams, Depends(upstreams_of)]
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@router.get("/usage")
async def get_usage(query: Annotated[schemas.UsageQuery, Query()], services: Services) -> schemas.UsageReport:
    """Return what calls to models came to: cost, tokens, cache hits, times, and failed calls apart."""
    return messages.usage_report(await services.analytics.QueryUsage(messages.usage_request(query)))


@router.get("/keys")
async def list_api_keys(page: Annotated[schemas.Page, Query()], services: Services) -> schemas.ApiKeys:
    """List keys, newest first, revoked ones included."""
    request = pb.ListApiKeysRequest(page_size=page.page_size, page_token=page.page_token)
    reply = await services.llm_admin.ListApiKeys(request)
    return schemas.ApiKeys(keys=[messages.key_of(key) for key in reply.api_keys], next_page_token=reply.next_page_token)


@router.post("/keys", status_code=201)
async def create_api_key(body: schemas.NewApiKey, services: Services) -> schemas.MadeApiKey:
    """Make a key. Its secret is in this answer and nowhere else."""
    reply = await services.llm_admin.CreateApiKey(messages.new_key(body))
    return schemas.MadeApiKey(key=messages.key_of(reply.api_key), secret=reply.secret)


@router.delete("/keys/{key_id}", responses=documented(404))
async def revoke_api_key(key_id: str, services: Services) -> schemas.ApiKey:
    """Revoke a key for good: within three seconds nobody accepts it."""
    if not _ID.fullmatch(key_id):
        raise NotFound("API_KEY_NOT_FOUND", "There is no such key.")
    request = pb.RevokeApiKeyRequest(name=f"apiKeys/{key_id}")
    return messages.key_of(await services.llm_admin.RevokeApiKey(request))


@router.get("/budgets")
async def list_budgets(services: Services) -> schemas.Budgets:
    """List the budgets that hold, with how far they are spent."""
    reply = await services.llm_admin.ListBudgets(pb.ListBudgetsRequest())
    return schemas.Budgets(budgets=[messages.budget_of(one) for one in reply.budgets], degraded=list(reply.degraded))


@router.put("/budgets")
async def set_budget(body: schemas.NewBudget, services: Services) -> schemas.Budget:
    """Set the budget of a subject and a window."""
    return messages.budget_of(await services.llm_admin.SetBudget(messages.new_budget(body)))


@router.delete("/budgets/{budget_id}", status_code=204, responses=documented(404))
async def delete_budget(budget_id: str, services: Services) -> None:
    """Remove a budget that was set here; the capability table's, if it has one, holds again."""
    if not _ID.fullmatch(budget_id):
        raise NotFound("BUDGET_NOT_FOUND", "There is no such budget.")
    await services.llm_admin.DeleteBudget(pb.DeleteBudgetRequest(name=f"budgets/{budget_id}"))


@router.get("/changes")
async def list_changes(page: Annotated[schemas.Page, Query()], services: Services) -> schemas.Changes:
    """List who changed what, newest first."""
    request = pb.ListAuditEntriesRequest(page_size=page.page_size, page_token=page.page_token)
    reply = await services.llm_admin.ListAuditEntries(request)
    changes = [messages.change_of(entry) for entry in reply.audit_entries]
    return schemas.Changes(changes=changes, next_page_token=reply.next_page_token)
