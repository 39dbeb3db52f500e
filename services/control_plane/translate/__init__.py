"""Topology to xDS: pure functions, one file per kind of resource."""

from dataclasses import dataclass

from envoy_data_plane.envoy.config.cluster.v3 import Cluster
from envoy_data_plane.envoy.config.endpoint.v3 import ClusterLoadAssignment
from envoy_data_plane.envoy.config.listener.v3 import Listener
from envoy_data_plane.envoy.config.route.v3 import RouteConfiguration

from services.control_plane.topology import Topology
from services.control_plane.translate import clusters, endpoints, listeners, routes


@dataclass(frozen=True, slots=True)
class Translation:
    """What Envoy is told, before it is serialised."""

    clusters: tuple[Cluster, ...]
    endpoints: tuple[ClusterLoadAssignment, ...]
    listeners: tuple[Listener, ...]
    routes: tuple[RouteConfiguration, ...]


def translate(topology: Topology) -> Translation:
    """Return the xDS resources of a topology; the same topology always gives the same resources."""
    return Translation(
        clusters=tuple(clusters.cluster(service) for service in topology.services),
        endpoints=tuple(endpoints.load_assignment(service) for service in topology.services),
        listeners=(listeners.edge(topology.edge), listeners.egress(topology.egress)),
        routes=(routes.edge(topology), routes.egress(topology)),
    )
