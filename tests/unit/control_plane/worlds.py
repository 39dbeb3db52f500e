"""Small worlds of xDS resources, made without a topology so that anything can change in them, secrets included."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from betterproto2 import Message
from envoy_data_plane.envoy.config.cluster.v3 import Cluster
from envoy_data_plane.envoy.config.core.v3 import TransportSocket
from envoy_data_plane.envoy.config.endpoint.v3 import ClusterLoadAssignment, ClusterLoadAssignmentPolicy
from envoy_data_plane.envoy.config.listener.v3 import Listener
from envoy_data_plane.envoy.config.route.v3 import RouteConfiguration
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import Secret
from envoy_data_plane.google.protobuf import Any

from services.control_plane.snapshot import (
    CLUSTERS,
    ENDPOINTS,
    LISTENERS,
    ROUTES,
    SECRETS,
    Reference,
    Resource,
    Snapshot,
    resource,
)

# Resources by their content, so that a client can tell what it was sent.
KNOWN: dict[bytes, tuple[str, Resource]] = {}


@dataclass(frozen=True)
class Part:
    """A service of a world: which of its states its cluster, endpoints and secret are in; no secret when negative."""

    cluster: int = 0
    endpoints: int = 0
    secret: int = -1


@cache
def _made(type_url: str, name: str, state: int, refers_to: frozenset[Reference]) -> Resource:
    # What tells states apart is put where each message has room for a number or a text.
    text = ",".join((f"{state}", *sorted(target for _, target in refers_to)))
    messages: Mapping[str, Message] = {
        CLUSTERS: Cluster(name=name, alt_stat_name=text, transport_socket=TransportSocket(name=text)),
        ENDPOINTS: ClusterLoadAssignment(
            cluster_name=name,
            policy=ClusterLoadAssignmentPolicy(overprovisioning_factor=100 + state),
        ),
        SECRETS: Secret(name=f"{name}/{state}"),
        LISTENERS: Listener(name=name, stat_prefix=text),
        ROUTES: RouteConfiguration(name=name, internal_only_headers=[text]),
    }
    made = resource(name, messages[type_url], refers_to)
    KNOWN[Any.pack(messages[type_url]).value] = (type_url, made)
    return made


def world(
    parts: Mapping[str, Part], routes: Mapping[str, frozenset[str]], listeners: int = 0, route_state: int = 0
) -> Snapshot:
    """Return the snapshot of these services; each route configuration leads to those of its names that exist."""
    clusters, endpoints, secrets = {}, {}, {}
    for name, part in parts.items():
        needs: set[Reference] = {(ENDPOINTS, name)}
        if part.secret >= 0:
            needs.add((SECRETS, f"of-{name}"))
            secrets[f"of-{name}"] = _made(SECRETS, f"of-{name}", part.secret, frozenset())
        clusters[name] = _made(CLUSTERS, name, part.cluster, frozenset(needs))
        endpoints[name] = _made(ENDPOINTS, name, part.endpoints, frozenset())
    return Snapshot(
        {
            CLUSTERS: clusters,
            ENDPOINTS: endpoints,
            SECRETS: secrets,
            LISTENERS: {name: _made(LISTENERS, name, listeners, frozenset({(ROUTES, name)})) for name in routes},
            ROUTES: {
                name: _made(ROUTES, name, route_state, frozenset((CLUSTERS, one) for one in targets if one in parts))
                for name, targets in routes.items()
            },
        }
    )
