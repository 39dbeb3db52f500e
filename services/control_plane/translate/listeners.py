"""Listeners: the edge, which trusts nobody, and the egress, through which the services reach each other."""

from envoy_data_plane.envoy.config.common.mutation_rules.v3 import HeaderMutation, HeaderMutationRemoveOnMatch
from envoy_data_plane.envoy.config.core.v3 import (
    Http2ProtocolOptions,
    HttpProtocolOptions,
    HttpProtocolOptionsHeadersWithUnderscoresAction,
    KeepaliveSettings,
    TrafficDirection,
    TypedExtensionConfig,
)
from envoy_data_plane.envoy.config.listener.v3 import Filter, FilterChain, Listener
from envoy_data_plane.envoy.extensions.filters.http.buffer.v3 import Buffer
from envoy_data_plane.envoy.extensions.filters.http.fault.v3 import HttpFault
from envoy_data_plane.envoy.extensions.filters.http.grpc_stats.v3 import FilterConfig as GrpcStats
from envoy_data_plane.envoy.extensions.filters.http.router.v3 import Router
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import (
    HttpConnectionManager,
    HttpConnectionManagerCodecType,
    HttpConnectionManagerPathWithEscapedSlashesAction,
    HttpFilter,
    Rds,
)
from envoy_data_plane.envoy.extensions.http.early_header_mutation.header_mutation.v3 import (
    HeaderMutation as EarlyHeaderMutation,
)
from envoy_data_plane.envoy.type.matcher.v3 import StringMatcher
from envoy_data_plane.google.protobuf import Any

from services.control_plane.topology import Address, Topology
from services.control_plane.translate import access_log, crowding, local_replies, rate_limits, tokens, tracing, wire

INBOUND = TrafficDirection.INBOUND

_KIBIBYTE = 1 << 10
_MEBIBYTE = 1 << 20

_RESETS_AT_ONCE = 300
_RESETS_A_SECOND = 100
# Between services one connection carries the streams of many people, of which each who leaves resets one. Envoy's own
# bounds (1,000, then 33 a second) take that for an attack and end the connection for everybody on it.
_LEAVERS_AT_ONCE = 10_000
_LEAVERS_A_SECOND = 10_000

# Headers by which the services tell each other who asks: from outside they are lies.
_INTERNAL_HEADERS = "x-aisle-"


def edge(topology: Topology) -> Listener:
    """Return the listener for the world outside, set as Envoy's own advice for edge proxies says."""
    manager = HttpConnectionManager(
        stat_prefix=wire.EDGE,
        codec_type=HttpConnectionManagerCodecType.AUTO,
        rds=routes_of(wire.EDGE),
        server_name="aisle",
        use_remote_address=True,
        # Beyond these, what X-Forwarded-For says is the caller's own word and is not believed.
        xff_num_trusted_hops=topology.edge_limits.trusted_hops,
        normalize_path=True,
        merge_slashes=True,
        path_with_escaped_slashes_action=HttpConnectionManagerPathWithEscapedSlashesAction.UNESCAPE_AND_REDIRECT,
        early_header_mutation_extensions=[_without_internal_headers()],
        tracing=tracing.edge(topology),
        access_log=access_log.edge(topology),
        preserve_external_request_id=True,
        always_set_request_id_in_response=True,
        max_request_headers_kb=32,
        request_headers_timeout=wire.seconds(topology.edge_limits.headers_timeout),
        request_timeout=wire.seconds(topology.edge_limits.request_timeout),
        stream_idle_timeout=wire.seconds(60),
        common_http_protocol_options=HttpProtocolOptions(
            idle_timeout=wire.seconds(300),
            max_headers_count=100,
            headers_with_underscores_action=HttpProtocolOptionsHeadersWithUnderscoresAction.REJECT_REQUEST,
        ),
        http2_protocol_options=Http2ProtocolOptions(
            max_concurrent_streams=100,
            initial_stream_window_size=64 * _KIBIBYTE,
            initial_connection_window_size=_MEBIBYTE,
            # Whoever opens streams to reset them costs work and takes no answers: a browser leaving a page resets tens.
            stream_reset_burst=_RESETS_AT_ONCE,
            stream_reset_rate=_RESETS_A_SECOND,
        ),
        local_reply_config=local_replies.problem_details(tracing.told_back(topology)),
        # Cheapest first, and nothing is held in memory for somebody who is refused anyway.
        http_filters=[
            rate_limits.guard(topology.edge_limits.requests_per_second),
            *tokens.filters(topology),
            *rate_limits.filters(topology, wire.EDGE),
            *crowding.filters(topology),
            HttpFilter(name=wire.BUFFER_FILTER, typed_config=Any.pack(Buffer(max_request_bytes=_MEBIBYTE))),
            router(),
        ],
    )
    return listener(wire.EDGE, topology.edge, manager, INBOUND, 32 * _KIBIBYTE)


def egress(topology: Topology, *, counted: bool = True, told_as: str = wire.EGRESS) -> Listener:
    """Return the listener for our own services: gRPC, with statistics by method. What users cause may be counted."""
    stats = GrpcStats(stats_for_all_methods=True, enable_upstream_stats=True)
    manager = HttpConnectionManager(
        stat_prefix=wire.EGRESS,
        codec_type=HttpConnectionManagerCodecType.HTTP2,
        rds=routes_of(wire.EGRESS),
        use_remote_address=False,
        tracing=tracing.egress(topology, told_as),
        # Routes state how long a call may be silent.
        stream_idle_timeout=wire.seconds(0),
        common_http_protocol_options=HttpProtocolOptions(idle_timeout=wire.seconds(3600)),
        http2_protocol_options=between_services(KeepaliveSettings(interval=wire.seconds(30), timeout=wire.seconds(10))),
        http_filters=[
            HttpFilter(name="envoy.filters.http.grpc_stats", typed_config=Any.pack(stats)),
            # Does nothing but what a route says.
            HttpFilter(name=wire.FAULT_FILTER, typed_config=Any.pack(HttpFault())),
            *(rate_limits.filters(topology, wire.EGRESS) if counted else ()),
            router(),
        ],
    )
    return listener(wire.EGRESS, topology.egress, manager, TrafficDirection.OUTBOUND, _MEBIBYTE)


def between_services(keepalive: KeepaliveSettings | None = None) -> Http2ProtocolOptions:
    """Return how a listener speaks with our own services, whose connections carry the calls of many people."""
    return Http2ProtocolOptions(
        max_concurrent_streams=1000,
        connection_keepalive=keepalive,
        stream_reset_burst=_LEAVERS_AT_ONCE,
        stream_reset_rate=_LEAVERS_A_SECOND,
    )


def listener(
    name: str, address: Address, manager: HttpConnectionManager, direction: TrafficDirection, buffer_bytes: int
) -> Listener:
    """Return a listener of one chain that speaks HTTP."""
    http = Filter(name="envoy.filters.network.http_connection_manager", typed_config=Any.pack(manager))
    return Listener(
        name=name,
        address=wire.socket_address(address),
        traffic_direction=direction,
        per_connection_buffer_limit_bytes=buffer_bytes,
        filter_chains=[FilterChain(filters=[http])],
    )


def routes_of(name: str) -> Rds:
    """Return that routes come over the stream that is open already."""
    return Rds(config_source=wire.over_ads(), route_config_name=name)


def router() -> HttpFilter:
    """Return the last filter, which sends a request where its route leads."""
    # What Envoy found out about upstreams is for its statistics, not for those who call.
    router = Router(suppress_envoy_headers=True)
    return HttpFilter(name="envoy.filters.http.router", typed_config=Any.pack(router))


def _without_internal_headers() -> TypedExtensionConfig:
    drop = HeaderMutation(
        remove_on_match=HeaderMutationRemoveOnMatch(
            key_matcher=StringMatcher(prefix=_INTERNAL_HEADERS, ignore_case=True)
        )
    )
    return TypedExtensionConfig(
        name="envoy.http.early_header_mutation.header_mutation",
        typed_config=Any.pack(
            EarlyHeaderMutation(mutations=[drop, *(HeaderMutation(remove=name) for name in tracing.OUTSIDE)])
        ),
    )
