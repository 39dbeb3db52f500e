"""The routes of the mesh's administration; all of them are the admin's."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from aisle.mesh.v1 import mesh_service_pb2 as pb
from bff.auth.identity import admin
from bff.errors import documented
from bff.inputs import idempotency_key, require_json
from bff.mesh import messages, schemas
from bff.mesh.envoy import Answering, answering
from bff.parallel import both
from bff.settings import BffSettings
from bff.upstreams import Upstreams, upstreams_of
from services.runtime.errors import DeadlineExceeded, Precondition, Unavailable

router = APIRouter(
    prefix="/api/v1/mesh",
    tags=["mesh"],
    dependencies=[Depends(admin), Depends(require_json)],
    responses=documented(401, 403),
)

Services = Annotated[Upstreams, Depends(upstreams_of)]


@router.get("")
async def get_mesh_status(request: Request, services: Services) -> schemas.MeshStatus:
    """Return services, proxies and how calls are spread; while the control plane is away, what Envoy still knows."""
    settings: BffSettings = request.app.state.settings
    told, heard = await both(_told(services), _heard(settings.envoy_admin_address))
    if not isinstance(told, Unavailable | DeadlineExceeded):
        return messages.status_of(*told, heard)
    if heard is None:
        raise told
    return messages.status_without_control_plane(heard)


@router.put("/delivery", responses=documented(409))
async def apply_delivery(
    body: schemas.DeliveryFile,
    query: Annotated[schemas.ApplyQuery, Query()],
    services: Services,
    request_id: Annotated[str, Depends(idempotency_key)],
) -> schemas.Applied:
    """Replace the delivery file, or say what that would change."""
    request = pb.ApplyDeliveryRequest(
        text=body.text, etag=body.etag, validate_only=query.validate_only, request_id=request_id
    )
    return messages.applied_of(await services.mesh.ApplyDelivery(request))


async def _told(services: Upstreams) -> tuple[pb.MeshStatus, pb.Delivery | None] | Unavailable | DeadlineExceeded:
    """Return what the control plane says, or why it says nothing."""
    try:
        return await both(services.mesh.GetMeshStatus(pb.GetMeshStatusRequest()), _delivery(services))
    except (Unavailable, DeadlineExceeded) as away:
        return away


async def _delivery(services: Upstreams) -> pb.Delivery | None:
    """Return the delivery; nothing where calls are not delivered by a file."""
    try:
        found: pb.Delivery = await services.mesh.GetDelivery(pb.GetDeliveryRequest())
    except Precondition:
        return None
    return found


async def _heard(admin_address: str) -> Answering | None:
    """Return what Envoy says, which is nothing where its admin listener is out of reach."""
    try:
        return await answering(admin_address)
    except Unavailable:
        return None
