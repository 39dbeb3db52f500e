"""The routes of events and reports."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from aisle.analytics.v1 import analytics_service_pb2 as pb
from aisle.llm.v1 import llm_service_pb2
from bff.auth.identity import Somebody, admin
from bff.errors import documented
from bff.inputs import idempotency_key, last_part, require_json
from bff.insights import messages, schemas
from bff.presentation import Shopfront, shopfront_of, time_of
from bff.settings import BffSettings
from bff.upstreams import Upstreams, upstreams_of
from services.runtime.errors import AisleError, Denied

router = APIRouter(prefix="/api/v1", tags=["insights"], dependencies=[Depends(require_json)])
reports = APIRouter(
    prefix="/api/v1/analytics", tags=["insights"], dependencies=[Depends(admin)], responses=documented(401, 403)
)

Services = Annotated[Upstreams, Depends(upstreams_of)]
_TOP_ROWS = 20


@router.post("/events", status_code=202, responses=documented(401, 403))
async def write_events(
    body: schemas.EventBatch,
    identity: Somebody,
    services: Services,
    request_id: Annotated[str, Depends(idempotency_key)],
) -> schemas.Accepted:
    """Take events of the shopper who asks. Accepted means durable."""
    if not identity.is_admin and any(event.type == "purchase" for event in body.events):
        # A browser could make up revenue; purchases are told by whoever takes the money, over gRPC.
        raise Denied("PURCHASE_NOT_ACCEPTED", "Purchases are not taken from browsers.")
    events = [messages.event_of(event, identity.subject) for event in body.events]
    reply = await services.analytics.WriteEvents(pb.WriteEventsRequest(events=events, request_id=request_id))
    return schemas.Accepted(accepted_count=reply.accepted_count)


@reports.get("/overview")
async def get_overview(
    query: Annotated[schemas.Interval, Query()], services: Services, request: Request
) -> schemas.Overview:
    """Return what happened in an interval, and in the one before it."""
    settings: BffSettings = request.app.state.settings
    reply = await services.analytics.QueryReport(messages.report_request(pb.REPORT_OVERVIEW, query.days, 0))
    return messages.overview_of(reply, settings.currency)


@reports.get("/models")
async def list_models(services: Services) -> schemas.Models:
    """List the configured models, best quality first."""
    reply = await services.llm.ListModels(llm_service_pb2.ListModelsRequest())
    return schemas.Models(models=[messages.model_of(model) for model in reply.models])


@reports.get("/{report}", responses=documented(404), response_model_exclude_none=False)
async def get_report(
    report: schemas.ReportName,
    query: Annotated[schemas.ReportQuery, Query()],
    services: Services,
    front: Annotated[Shopfront, Depends(shopfront_of)],
) -> schemas.Report:
    """Return a table."""
    limit = query.limit or (query.days + 1 if report == "daily" else _TOP_ROWS)
    reply = await services.analytics.QueryReport(messages.report_request(messages.REPORTS[report], query.days, limit))
    table = schemas.Report(
        columns=list(reply.columns),
        rows=messages.rows_of(reply),
        start_time=time_of(reply.start_time),
        end_time=time_of(reply.end_time),
        pending_count=reply.pending_count,
    )
    if report == "top-products":
        await _name_products(table, front)
    return table


async def _name_products(table: schemas.Report, front: Shopfront) -> None:
    """Replace resource names by ids, and say what to show for them; a table without titles is better than none."""
    names = [str(row[0]) for row in table.rows if row and str(row[0]).startswith("products/")]
    try:
        cards = await front.cards(names)
    except AisleError:
        cards = {}
    table.products = {
        card.id: schemas.ReportProduct(title=card.title, image_uri=card.images[0].uri if card.images else "")
        for card in cards.values()
    }
    for row in table.rows:
        row[0] = last_part(str(row[0]))
