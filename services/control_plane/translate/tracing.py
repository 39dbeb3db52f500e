"""Traces: what proxies tell of each request, to whom, and that nobody outside decides which are kept."""

from envoy_data_plane.envoy.config.cluster.v3 import Cluster, ClusterDiscoveryType, ClusterDnsLookupFamily
from envoy_data_plane.envoy.config.core.v3 import (
    GrpcService,
    GrpcServiceEnvoyGrpc,
    HeaderValueOption,
)
from envoy_data_plane.envoy.config.trace.v3 import OpenTelemetryConfig, TracingHttp
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpConnectionManagerTracing
from envoy_data_plane.envoy.type.tracing.v3 import CustomTag
from envoy_data_plane.envoy.type.v3 import Percent
from envoy_data_plane.google.protobuf import Any

from services.control_plane.topology import Protocol, Topology, Tracing
from services.control_plane.translate import clusters, wire

# By these a request says which trace it belongs to and whether that is kept: from outside nobody is asked.
OUTSIDE = ("traceparent", "tracestate", "baggage", "x-client-trace-id", "x-envoy-force-trace")
_TOLD_BACK = "x-trace-id"
_PATH = "%PATH(NQ:ORIG_OR_PATH)%"


def edge(topology: Topology) -> HttpConnectionManagerTracing | None:
    """Return that a trace begins with each request from outside, named by its route."""
    return _tracing(topology, wire.EDGE, "%REQ(:METHOD)% %ROUTE_NAME%", _PATH)


def egress(topology: Topology, name: str) -> HttpConnectionManagerTracing | None:
    """Return that a proxy goes on with the traces of those it calls for, and begins those of everybody else."""
    return _tracing(topology, name, _PATH, _PATH)


def inbound(topology: Topology, name: str) -> HttpConnectionManagerTracing | None:
    """Return that a proxy goes on with the traces of callers. It begins none: checks of health come every second, and
    what proxies send of traces would be traced itself.
    """
    return _tracing(topology, name, _PATH, _PATH, begun_percent=0.0)


def way(topology: Topology) -> tuple[Cluster, ...]:
    """Return the way to a collector outside of the mesh; to one inside the way is that of any service."""
    if topology.tracing is None or topology.tracing.collector is None:
        return ()
    name, outside = topology.tracing.service, topology.tracing.collector
    cluster = Cluster(
        name=name,
        type=ClusterDiscoveryType.STRICT_DNS,
        dns_lookup_family=ClusterDnsLookupFamily.V4_PREFERRED,
        load_assignment=wire.only_at(name, outside),
        connect_timeout=wire.seconds(1),
        typed_extension_protocol_options=clusters.protocol_options(Protocol.GRPC, 0.0),
    )
    return (cluster,)


def told_back(topology: Topology) -> list[HeaderValueOption]:
    """Return the header by which whoever asked can name the trace."""
    if topology.tracing is None:
        return []
    return [wire.header(_TOLD_BACK, "%TRACE_ID%")]


def _tracing(
    topology: Topology, name: str, operation: str, path: str, begun_percent: float | None = None
) -> HttpConnectionManagerTracing | None:
    found = topology.tracing
    if found is None:
        return None
    begun = found.sampled_percent if begun_percent is None else begun_percent
    return HttpConnectionManagerTracing(
        client_sampling=Percent(value=0.0),
        random_sampling=Percent(value=begun),
        operation=operation,
        # What follows the question mark of an address may be somebody's own words, or a key: of the address as it came
        # nothing is told but the host.
        max_path_tag_length=0,
        custom_tags=[
            CustomTag(tag="url.path", value=path),
            CustomTag(tag="aisle.route", value="%ROUTE_NAME%"),
            CustomTag(tag="aisle.attempts", value="%UPSTREAM_REQUEST_ATTEMPT_COUNT%"),
        ],
        provider=_provider(found, name),
    )


def _provider(found: Tracing, name: str) -> TracingHttp:
    collector = GrpcService(envoy_grpc=GrpcServiceEnvoyGrpc(cluster_name=found.service), timeout=wire.seconds(1))
    config = OpenTelemetryConfig(grpc_service=collector, service_name=name)
    return TracingHttp(name="envoy.tracers.opentelemetry", typed_config=Any.pack(config))
