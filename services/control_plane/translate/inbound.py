"""What a proxy takes in for the workload beside it: calls of members of the mesh, by the policy of each method.

How long a call may take, whether it is sent again and where it goes is said by the proxy of whoever calls. This one
says who may, and hands on.
"""

from collections.abc import Iterator, Mapping

from envoy_data_plane.envoy.config.cluster.v3 import (
    CircuitBreakers,
    CircuitBreakersThresholds,
    Cluster,
    ClusterDiscoveryType,
)
from envoy_data_plane.envoy.config.core.v3 import DataSource, HttpProtocolOptions
from envoy_data_plane.envoy.config.listener.v3 import Listener
from envoy_data_plane.envoy.config.route.v3 import (
    DirectResponseAction,
    HeaderMatcher,
    Route,
    RouteAction,
    RouteActionUpgradeConfig,
    RouteConfiguration,
    RouteMatch,
    VirtualHost,
)
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import (
    HttpConnectionManager,
    HttpConnectionManagerCodecType,
    HttpConnectionManagerForwardClientCertDetails,
    HttpConnectionManagerSetCurrentClientCertDetails,
)
from envoy_data_plane.envoy.type.matcher.v3 import RegexMatcher, StringMatcher
from envoy_data_plane.google.protobuf import Any

from services.control_plane.topology import (
    EDGE,
    FIRST_HOP,
    Method,
    Protocol,
    Service,
    Topology,
    Trust,
    Workload,
)
from services.control_plane.translate import (
    authorization,
    clusters,
    listeners,
    local_replies,
    mutual_tls,
    tracing,
    wire,
)

PROBE = "probe"
_DISCOVERY = "/envoy.service.discovery.v3.AggregatedDiscoveryService/"
_LIMITING = "/envoy.service.ratelimit.v3.RateLimitService/"
_COLLECTING = "/opentelemetry.proto.collector."
_LIVENESS = ("/healthz", "/readyz")
_MEBIBYTE = 1 << 20


def name_of(service: Service) -> str:
    """Return the name of all that a service's calls go through on their last step."""
    return f"inbound_{service.name}"


def own_services(topology: Topology, workload: str) -> tuple[Service, ...]:
    """Return the services that a workload answers as behind its proxy."""
    return tuple(one for one in topology.services if one.runs_as == workload and one.inbound is not None)


def cluster(service: Service) -> Cluster:
    """Return the way from the proxy to the program beside it."""
    assert service.application is not None
    return Cluster(
        name=name_of(service),
        type=ClusterDiscoveryType.STATIC,
        load_assignment=wire.only_at(name_of(service), service.application),
        connect_timeout=wire.seconds(1),
        # Callers have limits of their own; the default of 1,024 would be a second one that nobody chose.
        circuit_breakers=CircuitBreakers(
            thresholds=[
                CircuitBreakersThresholds(
                    max_connections=wire.MAX_RUNNING,
                    max_pending_requests=wire.MAX_RUNNING,
                    max_requests=wire.MAX_RUNNING,
                )
            ]
        ),
        typed_extension_protocol_options=clusters.protocol_options(service.protocol, clusters.HTTP_IDLE_SECONDS),
    )


def listener(topology: Topology, trust: Trust, service: Service) -> Listener:
    """Return the listener that takes calls for a service."""
    manager = HttpConnectionManager(
        stat_prefix=name_of(service),
        codec_type=_codec(service.protocol),
        rds=listeners.routes_of(name_of(service)),
        use_remote_address=False,
        tracing=tracing.inbound(topology, f"{service.runs_as}-proxy"),
        # Callers' proxies state how long a call may be silent.
        stream_idle_timeout=wire.seconds(0),
        common_http_protocol_options=HttpProtocolOptions(idle_timeout=wire.seconds(3600)),
        http2_protocol_options=listeners.between_services(),
        # The service behind reads from it who really called; what a caller says of it itself is dropped.
        forward_client_cert_details=HttpConnectionManagerForwardClientCertDetails.SANITIZE_SET,
        set_current_client_cert_details=HttpConnectionManagerSetCurrentClientCertDetails(
            uri=True, cert=service.name == topology.control_plane
        ),
        local_reply_config=local_replies.refused(service.name) if service.protocol is Protocol.GRPC else None,
        http_filters=[authorization.nobody(), listeners.router()],
    )
    assert service.inbound is not None
    made = listeners.listener(name_of(service), service.inbound, manager, listeners.INBOUND, _MEBIBYTE)
    made.filter_chains[0].transport_socket = mutual_tls.taking_calls(trust, service.protocol)
    return made


def routes(topology: Topology, trust: Trust, service: Service) -> RouteConfiguration:
    """Return who may call what of a service; nobody may anything else."""
    speaks_grpc = service.protocol is Protocol.GRPC
    allowed = _of_methods(topology, trust, service) if speaks_grpc else _of_pages(trust, service)
    host = VirtualHost(name=service.name, domains=["*"], routes=list(allowed))
    return RouteConfiguration(name=name_of(service), virtual_hosts=[host])


def probe(workload: Workload, services: tuple[Service, ...]) -> Listener:
    """Return the listener for whoever watches over processes and has no certificate."""
    asked = [
        _route(f"{service.name} {prefix}", RouteMatch(prefix=prefix), service, authorization.of_anybody())
        for service in services
        for prefix in ([wire.HEALTH] if service.protocol is Protocol.GRPC else _LIVENESS)
    ]
    ready = Route(
        name="ready",
        match=RouteMatch(path="/ready"),
        direct_response=DirectResponseAction(status=200, body=DataSource(inline_string="ready")),
        typed_per_filter_config=authorization.of_anybody(),
    )
    host = VirtualHost(name=PROBE, domains=["*"], routes=[*asked, ready])
    manager = HttpConnectionManager(
        stat_prefix=PROBE,
        codec_type=HttpConnectionManagerCodecType.AUTO,
        route_config=RouteConfiguration(name=PROBE, virtual_hosts=[host]),
        stream_idle_timeout=wire.seconds(60),
        http_filters=[authorization.nobody(), listeners.router()],
    )
    assert workload.probe is not None
    return listeners.listener(PROBE, workload.probe, manager, listeners.INBOUND, 32 << 10)


def _of_methods(topology: Topology, trust: Trust, service: Service) -> Iterator[Route]:
    for method in sorted(topology.methods_of(service.name), key=lambda method: method.path):
        if method.role in authorization.SIGNED_IN:
            yield _sign_in(trust, method)
        who = authorization.of_method(trust, method)
        yield _route(method.path.lstrip("/"), RouteMatch(path=method.path), service, who)
    members = authorization.of_members(trust)
    open_to: dict[str, dict[str, Any]] = {wire.HEALTH: members, wire.REFLECTION: members}
    if service.name == topology.control_plane:
        open_to[_DISCOVERY] = members
    if service.name == topology.rate_limiter:
        open_to[_LIMITING] = authorization.of_workloads(trust, (EDGE, FIRST_HOP))
    if topology.tracing is not None and service.name == topology.tracing.service:
        open_to[_COLLECTING] = members
    for prefix, who in open_to.items():
        yield _route(prefix.strip("/."), RouteMatch(prefix=prefix), service, who)


def _sign_in(trust: Trust, method: Method) -> Route:
    """Return what a call for nobody is told where a role is asked for: what the service would say, not 'forbidden'."""
    nobody = HeaderMatcher(
        name="x-aisle-role",
        string_match=StringMatcher(safe_regex=RegexMatcher(regex="|anonymous")),
        treat_missing_header_as_empty=True,
    )
    return Route(
        name=f"{method.path.lstrip('/')} for nobody",
        match=RouteMatch(path=method.path, headers=[nobody]),
        direct_response=DirectResponseAction(status=401, body=DataSource(inline_string="Sign in to do this.")),
        typed_per_filter_config=authorization.of_members(trust),
    )


def _of_pages(trust: Trust, service: Service) -> Iterator[Route]:
    """Return that all of an HTTP service is for the edge: who may what there is for the service to say."""
    yield _route("all", RouteMatch(prefix="/"), service, authorization.of_workloads(trust, (EDGE,)), websocket=True)


def _route(name: str, match: RouteMatch, service: Service, who: Mapping[str, Any], *, websocket: bool = False) -> Route:
    upgrade = RouteActionUpgradeConfig(upgrade_type="websocket", enabled=True)
    return Route(
        name=name,
        match=match,
        route=RouteAction(
            cluster=name_of(service), timeout=wire.seconds(0), upgrade_configs=[upgrade] if websocket else []
        ),
        typed_per_filter_config=dict(who),
    )


def _codec(protocol: Protocol) -> HttpConnectionManagerCodecType:
    of = HttpConnectionManagerCodecType
    return of.HTTP2 if protocol is Protocol.GRPC else of.HTTP1
