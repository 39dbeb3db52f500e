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

from services.control_plane.topology import Address
from services.control_plane.translate import local_replies, wire

_KIBIBYTE = 1 << 10
_MEBIBYTE = 1 << 20

# Headers by which the services tell each other who asks: from outside they are lies.
_INTERNAL_HEADERS = "x-aisle-"


def edge(address: Address) -> Listener:
    """Return the listener for the world outside, set as Envoy's own advice for edge proxies says."""
    manager = HttpConnectionManager(
        stat_prefix=wire.EDGE,
        codec_type=HttpConnectionManagerCodecType.AUTO,
        rds=_routes(wire.EDGE),
        server_name="aisle",
        use_remote_address=True,
        normalize_path=True,
        merge_slashes=True,
        path_with_escaped_slashes_action=HttpConnectionManagerPathWithEscapedSlashesAction.UNESCAPE_AND_REDIRECT,
        early_header_mutation_extensions=[_without_internal_headers()],
        preserve_external_request_id=True,
        always_set_request_id_in_response=True,
        max_request_headers_kb=32,
        request_headers_timeout=wire.seconds(10),
        request_timeout=wire.seconds(60),
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
        ),
        local_reply_config=local_replies.problem_details(),
        http_filters=[
            HttpFilter(name=wire.BUFFER_FILTER, typed_config=Any.pack(Buffer(max_request_bytes=_MEBIBYTE))),
            _router(),
        ],
    )
    return _listener(wire.EDGE, address, manager, TrafficDirection.INBOUND)


def egress(address: Address) -> Listener:
    """Return the listener for our own services: gRPC, counted by method."""
    stats = GrpcStats(stats_for_all_methods=True, enable_upstream_stats=True)
    manager = HttpConnectionManager(
        stat_prefix=wire.EGRESS,
        codec_type=HttpConnectionManagerCodecType.HTTP2,
        rds=_routes(wire.EGRESS),
        use_remote_address=False,
        # Routes state how long a call may be silent.
        stream_idle_timeout=wire.seconds(0),
        common_http_protocol_options=HttpProtocolOptions(idle_timeout=wire.seconds(3600)),
        http2_protocol_options=Http2ProtocolOptions(
            max_concurrent_streams=1000,
            connection_keepalive=KeepaliveSettings(interval=wire.seconds(30), timeout=wire.seconds(10)),
        ),
        http_filters=[
            HttpFilter(name="envoy.filters.http.grpc_stats", typed_config=Any.pack(stats)),
            _router(),
        ],
    )
    return _listener(wire.EGRESS, address, manager, TrafficDirection.OUTBOUND)


def _listener(name: str, address: Address, manager: HttpConnectionManager, direction: TrafficDirection) -> Listener:
    http = Filter(name="envoy.filters.network.http_connection_manager", typed_config=Any.pack(manager))
    return Listener(
        name=name,
        address=wire.socket_address(address),
        traffic_direction=direction,
        per_connection_buffer_limit_bytes=_MEBIBYTE,
        filter_chains=[FilterChain(filters=[http])],
    )


def _routes(name: str) -> Rds:
    return Rds(config_source=wire.over_ads(), route_config_name=name)


def _router() -> HttpFilter:
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
        typed_config=Any.pack(EarlyHeaderMutation(mutations=[drop])),
    )
