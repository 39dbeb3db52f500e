"""The routes of telemetry; all of them are the admin's."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from aisle.telemetry.v1 import telemetry_service_pb2 as pb
from bff.auth.identity import admin
from bff.errors import documented
from bff.inputs import require_json
from bff.observability import messages, schemas
from bff.settings import BffSettings
from bff.upstreams import Upstreams, upstreams_of
from services.runtime.errors import NotFound

router = APIRouter(
    prefix="/api/v1",
    tags=["observability"],
    dependencies=[Depends(admin), Depends(require_json)],
    responses=documented(401, 403),
)

Services = Annotated[Upstreams, Depends(upstreams_of)]
_TRACE_ID = re.compile(r"[0-9a-f]{32}")


def _elsewhere(request: Request) -> str:
    settings: BffSettings = request.app.state.settings
    return settings.traces_elsewhere


Elsewhere = Annotated[str, Depends(_elsewhere)]


@router.get("/traces")
async def list_traces(
    query: Annotated[schemas.TracesQuery, Query()], services: Services, elsewhere: Elsewhere
) -> schemas.Traces:
    """List traces, newest first; or say where they are looked at instead."""
    if elsewhere:
        return schemas.Traces(available=False, elsewhere=elsewhere, traces=[], services=[], next_page_token="")
    return messages.traces_of(await services.telemetry.ListTraces(messages.traces_request(query)))


@router.get("/traces/{trace_id}", responses=documented(404))
async def get_trace(trace_id: str, services: Services, elsewhere: Elsewhere) -> schemas.Trace:
    """Return one trace with its spans."""
    if elsewhere or not _TRACE_ID.fullmatch(trace_id):
        raise NotFound("TRACE_NOT_FOUND", "This trace is not kept here, or not any more.")
    return messages.trace_of(await services.telemetry.GetTrace(pb.GetTraceRequest(name=f"traces/{trace_id}")))


@router.get("/metrics")
async def get_health_figures(
    query: Annotated[schemas.HealthQuery, Query()], services: Services, elsewhere: Elsewhere
) -> schemas.Health:
    """Return rates, errors and times of routes, methods and models, and what else tells how the platform does."""
    if elsewhere:
        return schemas.Health(
            available=False, elsewhere=elsewhere, step_seconds=0, routes=[], methods=[], models=[], figures=[]
        )
    return messages.health_of(await services.telemetry.QueryMetrics(messages.health_request(query.minutes)))
