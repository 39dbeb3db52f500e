"""Routes: one for each method of the contracts on the egress, one for each part of the URL space on the edge."""

from collections.abc import Iterable

from envoy_data_plane.envoy.config.core.v3 import DataSource
from envoy_data_plane.envoy.config.route.v3 import (
    DirectResponseAction,
    RetryPolicy,
    RetryPolicyRetryBackOff,
    RetryPolicyRetryHostPredicate,
    Route,
    RouteAction,
    RouteActionMaxStreamDuration,
    RouteActionUpgradeConfig,
    RouteConfiguration,
    RouteMatch,
    VirtualHost,
)
from envoy_data_plane.envoy.extensions.filters.http.buffer.v3 import Buffer, BufferPerRoute
from envoy_data_plane.envoy.extensions.retry.host.previous_hosts.v3 import PreviousHostsPredicate
from envoy_data_plane.google.protobuf import Any

from services.control_plane.topology import EdgeRoute, Method, Service, Topology
from services.control_plane.translate import wire

# The call did not reach the service, or the service said UNAVAILABLE: AIP-194 allows no others.
_RETRY_SAFE = "unavailable,connect-failure,refused-stream,reset-before-request"
# On the edge the method is not known, so only what was never sent may be sent again.
_RETRY_UNSENT = "connect-failure,refused-stream,reset-before-request"

_HEALTH = "/grpc.health.v1.Health/"
_REFLECTION = "/grpc.reflection."
# Health and reflection are calls of people and probes: short, or watched for a while.
_WATCH_SECONDS = 600.0


def egress(topology: Topology) -> RouteConfiguration:
    """Return the routes between services: by authority `<service>.aisle`, and by method alone for anyone else."""
    services = sorted(topology.grpc_services(), key=lambda service: service.name)
    named = [_service_host(service, topology) for service in services]
    every_method = [route for service in services for route in _method_routes(topology.methods_of(service.name))]
    anyone = VirtualHost(name="by_method", domains=["*"], routes=[*every_method, _unimplemented()])
    return RouteConfiguration(name=wire.EGRESS, virtual_hosts=[*named, anyone], ignore_port_in_host_matching=True)


def edge(topology: Topology) -> RouteConfiguration:
    """Return the routes for the world outside, in the order of the registry."""
    shop = VirtualHost(name="shop", domains=["*"], routes=[_edge_route(route) for route in topology.edge_routes])
    return RouteConfiguration(name=wire.EDGE, virtual_hosts=[shop])


def _service_host(service: Service, topology: Topology) -> VirtualHost:
    """Return the host by which one service is named, so that its health and reflection can be asked for."""
    methods = _method_routes(topology.methods_of(service.name))
    open_to_all = [_watching(service.name, _HEALTH), _watching(service.name, _REFLECTION)]
    return VirtualHost(
        name=service.name, domains=[f"{service.name}.aisle"], routes=[*methods, *open_to_all, _unimplemented()]
    )


def _method_routes(methods: Iterable[Method]) -> list[Route]:
    return [
        Route(name=method.path.lstrip("/"), match=RouteMatch(path=method.path), route=_method_action(method))
        for method in sorted(methods, key=lambda method: method.path)
    ]


def _method_action(method: Method) -> RouteAction:
    """Return how long a method may take and whether it may be sent again."""
    longest = method.max_duration if method.streaming else method.timeout
    return RouteAction(
        cluster=method.service,
        # Without this the default of 15 s would cut streams; the limits that hold are the stream's.
        timeout=wire.seconds(0),
        # A route timeout knows nothing of the client's deadline, this does: the lesser one ends the call.
        max_stream_duration=RouteActionMaxStreamDuration(
            max_stream_duration=wire.seconds(longest), grpc_timeout_header_max=wire.seconds(longest)
        ),
        idle_timeout=wire.seconds(method.idle_timeout) if method.streaming else None,
        retry_policy=_retry_policy(_RETRY_SAFE) if method.retry_safe and not method.streaming else None,
    )


def _retry_policy(conditions: str) -> RetryPolicy:
    return RetryPolicy(
        retry_on=conditions,
        num_retries=2,
        retry_back_off=RetryPolicyRetryBackOff(base_interval=wire.seconds(0.025), max_interval=wire.seconds(0.25)),
        retry_host_predicate=[
            RetryPolicyRetryHostPredicate(
                name="envoy.retry_host_predicates.previous_hosts", typed_config=Any.pack(PreviousHostsPredicate())
            )
        ],
        host_selection_retry_max_attempts=3,
    )


def _watching(service: str, prefix: str) -> Route:
    duration = wire.seconds(_WATCH_SECONDS)
    limits = RouteActionMaxStreamDuration(max_stream_duration=duration, grpc_timeout_header_max=duration)
    action = RouteAction(cluster=service, timeout=wire.seconds(0), idle_timeout=duration, max_stream_duration=limits)
    return Route(name=prefix.strip("/."), match=RouteMatch(prefix=prefix), route=action)


def _unimplemented() -> Route:
    """Return the last route: Envoy answers a gRPC call to it with UNIMPLEMENTED, as a server would."""
    answer = DirectResponseAction(status=404, body=DataSource(inline_string="no service of the mesh has this method"))
    return Route(name="unimplemented", match=RouteMatch(prefix="/"), direct_response=answer)


def _edge_route(route: EdgeRoute) -> Route:
    websocket = RouteActionUpgradeConfig(upgrade_type="websocket", enabled=True)
    action = RouteAction(
        cluster=route.service,
        timeout=wire.seconds(route.timeout),
        idle_timeout=wire.seconds(route.idle_timeout),
        upgrade_configs=[websocket] if route.websocket else [],
        retry_policy=_retry_policy(_RETRY_UNSENT),
    )
    return Route(
        name=route.prefix,
        match=RouteMatch(prefix=route.prefix),
        route=action,
        typed_per_filter_config={wire.BUFFER_FILTER: Any.pack(_body_limit(route))},
    )


def _body_limit(route: EdgeRoute) -> BufferPerRoute:
    """Return how much of a request is taken in; a WebSocket has no end and is never held back."""
    if route.websocket:
        return BufferPerRoute(disabled=True)
    return BufferPerRoute(buffer=Buffer(max_request_bytes=route.max_request_bytes))
