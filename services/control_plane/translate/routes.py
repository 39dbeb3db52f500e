"""Routes: one for each method of the contracts on the egress, one for each part of the URL space on the edge."""

from collections.abc import Iterable
from dataclasses import replace

from envoy_data_plane.envoy.config.core.v3 import DataSource
from envoy_data_plane.envoy.config.route.v3 import (
    DirectResponseAction,
    HeaderMatcher,
    HedgePolicy,
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
from services.control_plane.translate import crowding, delivery, rate_limits, tokens, tracing, wire
from services.runtime.policy import RETRIED_OUTSIDE

# The service said UNAVAILABLE, or the call was lost on its way there, in it (a stopping server cancels what it has no
# time for) or back: for methods that may be sent twice these are the same. Other statuses are answers (AIP-194).
_RETRY_SAFE = "unavailable,cancelled,gateway-error,connect-failure,refused-stream,reset"
# Of a method's time, the share after which a read is asked of another replica as well: one that is frozen says nothing.
_SECOND_ASKED_AFTER = 0.25
# What may have effects is sent again only if it was never sent, and so is what comes to the edge, where the method is
# unknown. Along a chain this multiplies nothing: what was answered by somebody was sent.
_RETRY_UNSENT = "connect-failure,refused-stream,reset-before-request"
# How often a retry draws again until it finds a replica not tried yet. A dead replica has the fewest calls running, so
# of two it is drawn three times in four until it is ejected: with 3 draws a third of the retries went to it again.
_OTHER_REPLICA_PICKS = 30

# Health and reflection are calls of people and probes: short, or watched for a while.
_WATCH_SECONDS = 600.0


def egress(topology: Topology, services: Iterable[Service] | None = None) -> RouteConfiguration:
    """Return the routes to services: by authority `<service>.aisle`, and by method alone for anyone else."""
    chosen = topology.grpc_services() if services is None else services
    services = sorted(chosen, key=lambda service: service.name)
    named = [_service_host(service, topology) for service in services]
    every_method = [route for service in services for route in _method_routes(service.name, topology)]
    anyone = VirtualHost(name="by_method", domains=["*"], routes=[*every_method, _unimplemented()])
    return RouteConfiguration(name=wire.EGRESS, virtual_hosts=[*named, anyone], ignore_port_in_host_matching=True)


def edge(topology: Topology) -> RouteConfiguration:
    """Return the routes for the world outside, in the order of the registry."""
    shop = VirtualHost(
        name="shop", domains=["*"], routes=[_edge_route(topology, route) for route in topology.edge_routes]
    )
    return RouteConfiguration(name=wire.EDGE, virtual_hosts=[shop], response_headers_to_add=tracing.told_back(topology))


def _service_host(service: Service, topology: Topology) -> VirtualHost:
    """Return the host by which one service is named, so that its health and reflection can be asked for."""
    methods = _method_routes(service.name, topology)
    open_to_all = [_watching(service.name, wire.HEALTH), _watching(service.name, wire.REFLECTION)]
    return VirtualHost(
        name=service.name, domains=[f"{service.name}.aisle"], routes=[*methods, *open_to_all, _unimplemented()]
    )


def _method_routes(service: str, topology: Topology) -> list[Route]:
    spread = topology.delivery_of(service)
    return [
        route
        for method in sorted(topology.methods_of(service), key=lambda method: method.path)
        for route in delivery.routes(
            method.path.lstrip("/"), method.path, _method_action(topology, method), spread, method.without_effects
        )
    ]


def _method_action(topology: Topology, method: Method) -> RouteAction:
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
        retry_policy=_sent_again(method) if _is_retried(method) else _retry_policy(_RETRY_UNSENT),
        # The first one goes on beside the second: a read that is slow and not lost still has its answer.
        hedge_policy=HedgePolicy(hedge_on_per_try_timeout=True) if _is_hedged(method) else None,
        rate_limits=rate_limits.of_method(topology, method),
    )


def _is_hedged(method: Method) -> bool:
    return method.retry_safe and method.without_effects and not method.streaming


def _is_retried(method: Method) -> bool:
    return method.retry_safe and not method.streaming


def _sent_again(method: Method) -> RetryPolicy:
    """Return how a method is retried: by one proxy of a chain of calls only, or failures would multiply along it."""
    outermost = HeaderMatcher(name=RETRIED_OUTSIDE, present_match=True, invert_match=True)
    return replace(
        _retry_policy(_RETRY_SAFE),
        retriable_request_headers=[outermost],
        per_try_timeout=wire.seconds(method.timeout * _SECOND_ASKED_AFTER) if _is_hedged(method) else None,
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
        host_selection_retry_max_attempts=_OTHER_REPLICA_PICKS,
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


def _edge_route(topology: Topology, route: EdgeRoute) -> Route:
    websocket = RouteActionUpgradeConfig(upgrade_type="websocket", enabled=True)
    action = RouteAction(
        cluster=route.service,
        timeout=wire.seconds(route.timeout),
        idle_timeout=wire.seconds(route.idle_timeout),
        upgrade_configs=[websocket] if route.websocket else [],
        retry_policy=_retry_policy(_RETRY_UNSENT),
        rate_limits=rate_limits.of_edge_route(topology, route),
    )
    return Route(
        name=route.prefix,
        match=RouteMatch(prefix=route.prefix),
        route=action,
        typed_per_filter_config={
            wire.BUFFER_FILTER: Any.pack(_body_limit(route)),
            **tokens.of_edge_route(topology, route),
            **crowding.of_edge_route(route),
        },
    )


def _body_limit(route: EdgeRoute) -> BufferPerRoute:
    """Return how much of a request is taken in; a WebSocket has no end and is never held back."""
    if route.websocket:
        return BufferPerRoute(disabled=True)
    return BufferPerRoute(buffer=Buffer(max_request_bytes=route.max_request_bytes))
