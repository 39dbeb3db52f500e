"""The mesh's administration over gRPC: what the streams and the snapshots know, in the contract's words."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from aisle.mesh.v1 import mesh_service_pb2 as pb
from aisle.mesh.v1.mesh_service_pb2_grpc import MeshAdminServiceServicer
from services.control_plane.ads import AdsServer, DeltaSession, ProxyStatus, SotwSession, TypeStatus
from services.control_plane.snapshot import SnapshotCache, short
from services.control_plane.sources import delivery_file
from services.control_plane.sources.delivery_book import DeliveryBook, Written
from services.control_plane.sources.delivery_file import Change
from services.control_plane.topology import Delivery, Endpoint, Health, Service
from services.runtime.errors import FieldViolation, Invalid
from services.runtime.interceptors import current_call

log = logging.getLogger("aisle.control_plane.mesh")

_VARIANTS = {
    SotwSession.variant: pb.PROTOCOL_VARIANT_STATE_OF_THE_WORLD,
    DeltaSession.variant: pb.PROTOCOL_VARIANT_DELTA,
}

_HEALTH = {
    Health.UNKNOWN: pb.ENDPOINT_HEALTH_UNSPECIFIED,
    Health.HEALTHY: pb.ENDPOINT_HEALTH_HEALTHY,
    Health.UNHEALTHY: pb.ENDPOINT_HEALTH_UNHEALTHY,
    Health.DRAINING: pb.ENDPOINT_HEALTH_DRAINING,
}


class MeshServicer(MeshAdminServiceServicer):
    """Answers from what this replica of the control plane knows."""

    def __init__(
        self,
        cache: SnapshotCache,
        ads: AdsServer,
        book: DeliveryBook,
        source_problems: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        """Take the snapshots, the streams of the proxies that follow them, where deliveries are written, and who tells
        what the sources say that cannot be used.
        """
        self._source_problems = source_problems
        self._cache = cache
        self._ads = ads
        self._book = book

    async def GetMeshStatus(self, request: pb.GetMeshStatusRequest, context: Any) -> pb.MeshStatus:
        """Return the state of the mesh."""
        status = pb.MeshStatus(
            proxies=[_proxy(found) for found in self._ads.status()],
            versions=self._versions(),
            services=[_service(found) for found in self._cache.services],
            problems=self._cache.problems,
            source_problems=self._source_problems(),
        )
        if self._cache.published_at is not None:
            status.publish_time.CopyFrom(_time(self._cache.published_at))
        return status

    async def GetDelivery(self, request: pb.GetDeliveryRequest, context: Any) -> pb.Delivery:
        """Return how calls are spread."""
        return self._delivery(await self._book.read())

    async def ApplyDelivery(self, request: pb.ApplyDeliveryRequest, context: Any) -> pb.ApplyDeliveryResponse:
        """Replace the file, or say what would change."""
        wanted = _parsed(request.text)
        before = await self._book.read()
        changes = delivery_file.changes(_said(before.text)[0], wanted)
        written = before
        if not request.validate_only:
            written = await self._book.replace(request.text, request.etag)
            self._note(written, changes)
        return pb.ApplyDeliveryResponse(
            delivery=self._delivery(written),
            changes=[str(change) for change in changes],
            problems=delivery_file.problems(wanted, self._cache.services),
            differences=[_change(change) for change in changes],
        )

    def _note(self, written: Written, changes: Iterable[Change]) -> None:
        call = current_call.get()
        actor = (call.caller.subject or call.caller.service) if call is not None else ""
        told = [str(change) for change in changes]
        log.info("delivery applied", extra={"data": {"actor": actor, "etag": written.etag, "changes": told}})

    def _delivery(self, written: Written) -> pb.Delivery:
        found, broken = _said(written.text)
        return pb.Delivery(
            text=written.text,
            etag=written.etag,
            services=[_service_delivery(one) for one in found],
            problems=[*broken, *delivery_file.problems(found, self._cache.services)],
        )

    def _versions(self) -> list[pb.SnapshotVersion]:
        return [
            pb.SnapshotVersion(
                type=short(kind), version=version, resource_count=len(snapshot.of(kind)), workload=workload
            )
            for workload, snapshot in sorted(self._cache.snapshots.items())
            for kind, version in snapshot.versions.items()
        ]


def _proxy(found: ProxyStatus) -> pb.ProxyStatus:
    proxy = pb.ProxyStatus(
        node_id=found.node,
        variant=_VARIANTS.get(found.variant, pb.PROTOCOL_VARIANT_UNSPECIFIED),
        types=[_type(kind, state) for kind, state in found.types.items()],
        in_sync=found.in_sync,
        workload=found.workload,
    )
    if found.certificate is not None:
        shown = found.certificate
        proxy.certificate.identity, proxy.certificate.serial = shown.identity, shown.serial
        proxy.certificate.begin_time.CopyFrom(_time(shown.begins))
        proxy.certificate.expire_time.CopyFrom(_time(shown.ends))
    if found.connected_at is not None:
        proxy.connect_time.CopyFrom(_time(found.connected_at))
    return proxy


def _type(kind: str, state: TypeStatus) -> pb.TypeStatus:
    status = pb.TypeStatus(
        type=kind,
        acknowledged_version=state.acknowledged,
        resource_count=state.resources,
        refused_version=state.refused,
        refusal_reason=state.reason,
        refused_resources=state.refused_resources,
        pending=state.pending,
    )
    if state.acknowledged_at is not None:
        status.acknowledge_time.CopyFrom(_time(state.acknowledged_at))
    if state.refused_at is not None:
        status.refuse_time.CopyFrom(_time(state.refused_at))
    return status


def _service(found: Service) -> pb.ServiceStatus:
    return pb.ServiceStatus(
        name=found.name,
        endpoints=[
            pb.EndpointStatus(address=_address(one), version=one.version, zone=one.zone, health=_HEALTH[one.health])
            for one in found.endpoints
        ],
    )


def _address(one: Endpoint) -> str:
    return f"[{one.host}]:{one.port}" if ":" in one.host else f"{one.host}:{one.port}"


def _parsed(text: str) -> tuple[Delivery, ...]:
    try:
        return delivery_file.parse(text)
    except delivery_file.DeliveryError as wrong:
        raise Invalid(
            "DELIVERY_INVALID", "{problem}", [FieldViolation("text", str(wrong))], problem=str(wrong)
        ) from None


def _said(text: str) -> tuple[tuple[Delivery, ...], list[str]]:
    """Return what a file says; of one that was broken by hand, that it is and why."""
    try:
        return delivery_file.parse(text), []
    except delivery_file.DeliveryError as broken:
        return (), [f"the file is not usable and changes nothing: {broken}"]


def _change(change: Change) -> pb.DeliveryChange:
    return pb.DeliveryChange(service=change.service, field=change.field, before=change.before, after=change.after)


def _service_delivery(one: Delivery) -> pb.ServiceDelivery:
    said = delivery_file.described(one)
    return pb.ServiceDelivery(
        service=one.service,
        weights=[pb.VersionWeight(version=version, weight=weight) for version, weight in one.weights],
        rules=[f"{rule.header}={rule.value} -> {rule.version}" for rule in one.rules],
        shadow_version=one.shadow,
        shadow_percent=one.shadow_percent,
        fault=said.get("fault", ""),
        max_calls=one.max_calls,
    )


def _time(moment: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(moment)
    return made
