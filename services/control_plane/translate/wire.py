"""The small shapes that xDS resources of all kinds are made of."""

from datetime import timedelta

from envoy_data_plane.envoy.config.core.v3 import (
    Address,
    AggregatedConfigSource,
    ApiVersion,
    ConfigSource,
    SocketAddress,
)

from services.control_plane import topology

EDGE = "edge"
EGRESS = "egress"

BUFFER_FILTER = "envoy.filters.http.buffer"


def seconds(value: float) -> timedelta:
    """Return a duration; Envoy reads 0 as no limit."""
    return timedelta(seconds=value)


def over_ads() -> ConfigSource:
    """Return the source that says: ask the stream that is open already."""
    return ConfigSource(ads=AggregatedConfigSource(), resource_api_version=ApiVersion.V3)


def socket_address(address: topology.Address) -> Address:
    """Return an address in Envoy's words."""
    return Address(socket_address=SocketAddress(address=address.host, port_value=address.port))
