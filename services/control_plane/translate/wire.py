"""The small shapes that xDS resources of all kinds are made of."""

from datetime import timedelta

from envoy_data_plane.envoy.config.core.v3 import (
    Address,
    AggregatedConfigSource,
    ApiVersion,
    ConfigSource,
    HeaderValue,
    HeaderValueOption,
    HeaderValueOptionHeaderAppendAction,
    SocketAddress,
)
from envoy_data_plane.envoy.config.endpoint.v3 import (
    ClusterLoadAssignment,
    Endpoint,
    LbEndpoint,
    LocalityLbEndpoints,
)

from services.control_plane import topology

EDGE = "edge"
EGRESS = "egress"

# What every gRPC server answers beside its own methods.
HEALTH = "/grpc.health.v1.Health/"
REFLECTION = "/grpc.reflection."

# Calls that may run at once where nobody chose a number; Envoy's own is 1,024.
MAX_RUNNING = 4096

BUFFER_FILTER = "envoy.filters.http.buffer"
JWT_FILTER = "envoy.filters.http.jwt_authn"
# Where the filter leaves why it refused a token.
TOKEN_FAILURE = "token_failure"  # noqa: S105 - a name
FAULT_FILTER = "envoy.filters.http.fault"


def cluster_name(service: str, version: str) -> str:
    """Return the name of a version's cluster: the service's own for the stable one."""
    return service if version == topology.STABLE else f"{service}@{version}"


def seconds(value: float) -> timedelta:
    """Return a duration; Envoy reads 0 as no limit."""
    return timedelta(seconds=value)


def over_ads() -> ConfigSource:
    """Return the source that says: ask the stream that is open already."""
    return ConfigSource(ads=AggregatedConfigSource(), resource_api_version=ApiVersion.V3)


def header(key: str, value: str) -> HeaderValueOption:
    """Return a header that takes the place of any other by its name."""
    return HeaderValueOption(
        header=HeaderValue(key=key, value=value),
        append_action=HeaderValueOptionHeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
    )


def socket_address(address: topology.Address | topology.Collector) -> Address:
    """Return an address in Envoy's words."""
    return Address(socket_address=SocketAddress(address=address.host, port_value=address.port))


def only_at(cluster: str, address: topology.Address | topology.Collector) -> ClusterLoadAssignment:
    """Return where a cluster is that has one replica, which nobody discovers."""
    replica = LbEndpoint(endpoint=Endpoint(address=socket_address(address)))
    return ClusterLoadAssignment(cluster_name=cluster, endpoints=[LocalityLbEndpoints(lb_endpoints=[replica])])
