"""Between the routes of the mesh's administration and its contract."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aisle.mesh.v1 import mesh_service_pb2 as pb
from bff.mesh import schemas
from bff.mesh.envoy import Answering, Heard
from bff.presentation import time_of

_VARIANTS: Mapping[int, schemas.Variant] = {
    pb.PROTOCOL_VARIANT_STATE_OF_THE_WORLD: "state_of_the_world",
    pb.PROTOCOL_VARIANT_DELTA: "delta",
}
_HEALTH: Mapping[int, schemas.Health] = {
    pb.ENDPOINT_HEALTH_HEALTHY: "healthy",
    pb.ENDPOINT_HEALTH_UNHEALTHY: "unhealthy",
    pb.ENDPOINT_HEALTH_DRAINING: "draining",
}
# A cluster of Envoy's own bootstrap, where it gets everything else from: no service that others call.
_NO_SERVICE = "control_plane"


def status_of(status: pb.MeshStatus, delivery: pb.Delivery | None, heard: Answering | None) -> schemas.MeshStatus:
    """Return the state of the mesh, with what Envoy says of the replicas when it says something."""
    return schemas.MeshStatus(
        services=[_service(one, (heard or {}).get(one.name, {})) for one in status.services],
        proxies=[_proxy(one) for one in status.proxies],
        versions=[
            schemas.CurrentVersion(
                type=one.type, version=one.version, resource_count=one.resource_count, workload=one.workload
            )
            for one in status.versions
        ],
        publish_time=_time(status, "publish_time"),
        problems=list(status.problems),
        source_problems=list(status.source_problems),
        delivery=delivery_of(delivery) if delivery is not None else None,
        degraded=["ENVOY"] if heard is None else [],
    )


def status_without_control_plane(heard: Answering) -> schemas.MeshStatus:
    """Return what is left to tell while the control plane is away: the replicas a proxy goes on with."""
    services = [
        schemas.MeshService(
            name=name,
            replicas=[
                schemas.Replica(
                    address=address, version=one.version, zone="", registered="unknown", answers=one.answers
                )
                for address, one in sorted(replicas.items())
            ],
        )
        for name, replicas in sorted(heard.items())
        if name != _NO_SERVICE
    ]
    return schemas.MeshStatus(
        services=services, proxies=[], versions=[], problems=[], source_problems=[], degraded=["CONTROL_PLANE"]
    )


def delivery_of(delivery: pb.Delivery) -> schemas.Delivery:
    """Return how calls are spread."""
    return schemas.Delivery(
        text=delivery.text,
        etag=delivery.etag,
        services=[_service_delivery(one) for one in delivery.services],
        problems=list(delivery.problems),
    )


def applied_of(reply: pb.ApplyDeliveryResponse) -> schemas.Applied:
    """Return what an apply came to."""
    return schemas.Applied(
        delivery=delivery_of(reply.delivery),
        changes=list(reply.changes),
        differences=[
            schemas.DeliveryChange(service=one.service, field=one.field, before=one.before, after=one.after)
            for one in reply.differences
        ],
        problems=list(reply.problems),
    )


def _service(service: pb.ServiceStatus, heard: Mapping[str, Heard]) -> schemas.MeshService:
    replicas = [
        schemas.Replica(
            address=one.address,
            version=one.version,
            zone=one.zone,
            registered=_HEALTH.get(one.health, "unknown"),
            answers=heard[one.address].answers if one.address in heard else None,
        )
        for one in service.endpoints
    ]
    return schemas.MeshService(name=service.name, replicas=replicas)


def _proxy(proxy: pb.ProxyStatus) -> schemas.Proxy:
    return schemas.Proxy(
        node_id=proxy.node_id,
        workload=proxy.workload,
        certificate=_certificate(proxy.certificate) if proxy.HasField("certificate") else None,
        variant=_VARIANTS.get(proxy.variant, "unknown"),
        connect_time=_time(proxy, "connect_time"),
        in_sync=proxy.in_sync,
        types=[_type(one) for one in proxy.types],
    )


def _certificate(shown: pb.CertificateStatus) -> schemas.Certificate:
    return schemas.Certificate(
        identity=shown.identity,
        serial=shown.serial,
        begin_time=time_of(shown.begin_time),
        expire_time=time_of(shown.expire_time),
    )


def _type(state: pb.TypeStatus) -> schemas.ResourceState:
    return schemas.ResourceState(
        type=state.type,
        acknowledged_version=state.acknowledged_version,
        acknowledge_time=_time(state, "acknowledge_time"),
        resource_count=state.resource_count,
        pending=state.pending,
        refused_version=state.refused_version,
        refusal_reason=state.refusal_reason,
        refused_resources=list(state.refused_resources),
        refuse_time=_time(state, "refuse_time"),
    )


def _service_delivery(one: pb.ServiceDelivery) -> schemas.ServiceDelivery:
    return schemas.ServiceDelivery(
        service=one.service,
        weights=[schemas.VersionWeight(version=each.version, weight=each.weight) for each in one.weights],
        rules=list(one.rules),
        shadow_version=one.shadow_version,
        shadow_percent=one.shadow_percent,
        fault=one.fault,
        max_calls=one.max_calls,
    )


def _time(message: Any, field: str) -> datetime | None:
    return time_of(getattr(message, field)) if message.HasField(field) else None
