"""Endpoints: where the replicas of a service are now."""

from envoy_data_plane.envoy.config.endpoint.v3 import (
    ClusterLoadAssignment,
    Endpoint,
    LbEndpoint,
    LocalityLbEndpoints,
)

from services.control_plane.topology import Service
from services.control_plane.translate import wire


def load_assignment(service: Service) -> ClusterLoadAssignment:
    """Return the endpoints of a service; the order of the registry does not matter."""
    ordered = sorted(service.endpoints, key=lambda address: (address.host, address.port))
    replicas = [LbEndpoint(endpoint=Endpoint(address=wire.socket_address(address))) for address in ordered]
    return ClusterLoadAssignment(
        cluster_name=service.name,
        endpoints=[LocalityLbEndpoints(lb_endpoints=replicas)] if replicas else [],
    )
