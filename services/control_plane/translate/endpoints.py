"""Endpoints: where the replicas of a service are now, and which of them are asked first."""

from collections.abc import Mapping

from envoy_data_plane.envoy.config.core.v3 import HealthStatus, Locality
from envoy_data_plane.envoy.config.endpoint.v3 import (
    ClusterLoadAssignment,
    ClusterLoadAssignmentPolicy,
    Endpoint,
    LbEndpoint,
    LocalityLbEndpoints,
)

from services.control_plane import topology
from services.control_plane.topology import STABLE, Health, Service
from services.control_plane.translate import wire

# Calls leave a zone once fewer than five sevenths of its replicas are well: Envoy's own figure, said here because the
# promise hangs on it.
_OVERPROVISIONED_PERCENT = 140

_STATUS: Mapping[Health, HealthStatus] = {
    Health.HEALTHY: HealthStatus.HEALTHY,
    Health.UNHEALTHY: HealthStatus.UNHEALTHY,
    Health.DRAINING: HealthStatus.DRAINING,
}

_NEAR, _FAR, _SPARE = range(3)


def load_assignment(service: Service, version: str = STABLE, zone: str = "") -> ClusterLoadAssignment:
    """Return the replicas of a version, those of the proxy's own zone first; the order of the registry is nothing."""
    groups: dict[tuple[int, str], list[LbEndpoint]] = {}
    for place in sorted(service.of(version), key=lambda place: (place.host, place.port)):
        groups.setdefault((_rank(place, zone), place.zone), []).append(_replica(place))
    # Envoy refuses a gap: the first rank that is there is the first priority.
    priorities = {rank: number for number, rank in enumerate(sorted({rank for rank, _ in groups}))}
    return ClusterLoadAssignment(
        cluster_name=wire.cluster_name(service.name, version),
        endpoints=[
            LocalityLbEndpoints(
                locality=Locality(zone=place) if place else None, lb_endpoints=replicas, priority=priorities[rank]
            )
            for (rank, place), replicas in sorted(groups.items())
        ],
        policy=ClusterLoadAssignmentPolicy(overprovisioning_factor=_OVERPROVISIONED_PERCENT) if zone else None,
    )


def _rank(place: topology.Endpoint, zone: str) -> int:
    """Return who is asked before whom. Replicas that come and go are a rank of their own, the last.

    Among the others they would count as ill ones, and when more than half of a rank is ill Envoy calls all of it: a
    service that is scaled from two replicas to ten would have its calls sent to those that have yet to start.
    """
    if not place.health.takes_calls:
        return _SPARE
    return _FAR if zone and place.zone and place.zone != zone else _NEAR


def _replica(place: topology.Endpoint) -> LbEndpoint:
    status = _STATUS.get(place.health, HealthStatus.UNKNOWN)
    return LbEndpoint(endpoint=Endpoint(address=wire.socket_address(place)), health_status=status)
