"""Topology to xDS: pure functions, one file per kind of resource."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from envoy_data_plane.envoy.config.cluster.v3 import Cluster
from envoy_data_plane.envoy.config.endpoint.v3 import ClusterLoadAssignment
from envoy_data_plane.envoy.config.listener.v3 import Listener
from envoy_data_plane.envoy.config.route.v3 import RouteConfiguration
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import Secret

from services.control_plane.topology import EDGE, FIRST_HOP, Protocol, Service, Topology, Trust, Workload
from services.control_plane.translate import clusters, endpoints, inbound, listeners, mutual_tls, routes, tracing


@dataclass(frozen=True, slots=True)
class Translation:
    """What Envoy is told, before it is serialised."""

    clusters: tuple[Cluster, ...]
    endpoints: tuple[ClusterLoadAssignment, ...]
    listeners: tuple[Listener, ...]
    routes: tuple[RouteConfiguration, ...]
    # Only where the mesh speaks TLS: certificates and whom to trust, by the names clusters and listeners use.
    secrets: tuple[Secret, ...] = ()


def translate(topology: Topology, workload: str = "") -> Translation:
    """Return the xDS resources of a topology; the same topology always gives the same resources.

    With a workload these are the ones of the proxy beside it, without one those of a proxy that serves all.
    """
    return _of_workload(topology, topology.trust, workload) if topology.trust is not None else _of_all(topology)


def assignments(topology: Topology, services: Iterable[Service]) -> Iterator[ClusterLoadAssignment]:
    """Return where the replicas of services are, version by version."""
    return (
        endpoints.load_assignment(service, version, topology.zone)
        for service in services
        for version in service.versions()
    )


def _of_all(topology: Topology) -> Translation:
    return Translation(
        clusters=(*_clusters(topology, topology.services), *tracing.way(topology)),
        endpoints=tuple(assignments(topology, topology.services)),
        listeners=(listeners.edge(topology), listeners.egress(topology)),
        routes=(routes.edge(topology), routes.egress(topology)),
    )


def _of_workload(topology: Topology, trust: Trust, name: str) -> Translation:
    """Return what the proxy beside a workload needs, and no more: the way to whom it calls, and who may call it."""
    workload = next((one for one in topology.workloads if one.name == name), Workload(name))
    called, own = topology.called_by(name), inbound.own_services(topology, name)
    taken = [listeners.edge(topology)] if name == EDGE else []
    led = [routes.edge(topology)] if name == EDGE else []
    if workload.egress is not None:
        outward = replace(topology, egress=workload.egress)
        taken.append(listeners.egress(outward, counted=name == FIRST_HOP, told_as=f"{name}-proxy"))
        led.append(routes.egress(outward, (one for one in called if one.protocol is Protocol.GRPC)))
    if workload.probe is not None:
        taken.append(inbound.probe(workload, own))
    return Translation(
        clusters=(*_clusters(topology, called), *map(inbound.cluster, own), *tracing.way(topology)),
        endpoints=tuple(assignments(topology, called)),
        listeners=(*taken, *(inbound.listener(topology, trust, service) for service in own)),
        routes=(*led, *(inbound.routes(topology, trust, service) for service in own)),
        secrets=mutual_tls.secrets(trust, name) if called or own else (),
    )


def _clusters(topology: Topology, services: Iterable[Service]) -> Iterator[Cluster]:
    return (
        clusters.cluster(
            service,
            version,
            topology.delivery_of(service.name),
            counts=service.name == topology.rate_limiter,
            trust=topology.trust,
        )
        for service in services
        for version in service.versions()
    )
