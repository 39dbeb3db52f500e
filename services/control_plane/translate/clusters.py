"""Clusters: how a service is connected to, watched, and protected from too many calls."""

from envoy_data_plane.envoy.config.cluster.v3 import (
    CircuitBreakers,
    CircuitBreakersThresholds,
    CircuitBreakersThresholdsRetryBudget,
    Cluster,
    ClusterCommonLbConfig,
    ClusterDiscoveryType,
    ClusterEdsClusterConfig,
    ClusterLbPolicy,
    OutlierDetection,
    UpstreamConnectionOptions,
)
from envoy_data_plane.envoy.config.core.v3 import (
    HealthCheck,
    HealthCheckGrpcHealthCheck,
    HealthCheckHttpHealthCheck,
    Http1ProtocolOptions,
    Http2ProtocolOptions,
    HttpProtocolOptions,
    KeepaliveSettings,
    TcpKeepalive,
)
from envoy_data_plane.envoy.extensions.upstreams.http.v3 import HttpProtocolOptions as UpstreamProtocolOptions
from envoy_data_plane.envoy.extensions.upstreams.http.v3 import HttpProtocolOptionsExplicitHttpConfig
from envoy_data_plane.envoy.type.v3 import Percent
from envoy_data_plane.google.protobuf import Any

from services.control_plane.topology import Delivery, Protocol, Service, Trust
from services.control_plane.translate import mutual_tls, wire

_PROTOCOL_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

# The budget is a share of what runs, retries included: with 15 %, a failing service is sent at most 15/85, less than a
# fifth, on top of what was asked.
_RETRY_BUDGET_PERCENT = 15.0
_MIN_RETRIES = 3

# Uvicorn closes a connection after 5 idle seconds: ours has to be the side that closes first.
HTTP_IDLE_SECONDS = 4.0
# Between proxies a new one costs a handshake.
_PROXY_IDLE_SECONDS = 60.0


def cluster(
    service: Service, version: str, delivery: Delivery, *, counts: bool = False, trust: Trust | None = None
) -> Cluster:
    """Return the cluster of a version of a service; its endpoints come separately. The rate limiter's `counts`."""
    if trust is None:
        return _cluster(service, version, delivery, counts, protocol_options(service.protocol, HTTP_IDLE_SECONDS))
    options = protocol_options(service.protocol, _PROXY_IDLE_SECONDS, trust.connection_seconds)
    return mutual_tls.towards(trust, service, _cluster(service, version, delivery, counts, options))


def _cluster(service: Service, version: str, delivery: Delivery, counts: bool, options: dict[str, Any]) -> Cluster:
    return Cluster(
        name=wire.cluster_name(service.name, version),
        type=ClusterDiscoveryType.EDS,
        eds_cluster_config=ClusterEdsClusterConfig(eds_config=wire.over_ads()),
        connect_timeout=wire.seconds(1),
        # Calls differ by a factor of thousands (a read, a generated answer): count what runs, not what was sent.
        lb_policy=ClusterLbPolicy.LEAST_REQUEST,
        health_checks=[_health_check(service)],
        circuit_breakers=CircuitBreakers(thresholds=[_thresholds(delivery.max_calls or wire.MAX_RUNNING)]),
        outlier_detection=_outlier_detection(),
        # Any service that hangs is better than none, but not one that is asked before each request: when no replica
        # of the rate limiter is well, nobody waits for it.
        common_lb_config=ClusterCommonLbConfig(healthy_panic_threshold=Percent(value=0.0)) if counts else None,
        upstream_connection_options=UpstreamConnectionOptions(
            tcp_keepalive=TcpKeepalive(keepalive_probes=3, keepalive_time=30, keepalive_interval=5)
        ),
        # A replica that left the registry is gone, whatever its last health check said.
        ignore_health_on_host_removal=True,
        typed_extension_protocol_options=options,
    )


def protocol_options(protocol: Protocol, idle_seconds: float, lasting_seconds: float = 0.0) -> dict[str, Any]:
    """Return how connections of a cluster speak. HTTP/1 ones end when idle for so long, any at most that old."""
    lasting = wire.seconds(lasting_seconds) if lasting_seconds else None
    if protocol is Protocol.GRPC:
        keepalive = KeepaliveSettings(interval=wire.seconds(30), timeout=wire.seconds(5))
        http2 = Http2ProtocolOptions(connection_keepalive=keepalive)
        options = UpstreamProtocolOptions(
            common_http_protocol_options=HttpProtocolOptions(max_connection_duration=lasting) if lasting else None,
            explicit_http_config=HttpProtocolOptionsExplicitHttpConfig(http2_protocol_options=http2),
        )
    else:
        options = UpstreamProtocolOptions(
            common_http_protocol_options=HttpProtocolOptions(
                idle_timeout=wire.seconds(idle_seconds), max_connection_duration=lasting
            ),
            explicit_http_config=HttpProtocolOptionsExplicitHttpConfig(http_protocol_options=Http1ProtocolOptions()),
        )
    return {_PROTOCOL_OPTIONS: Any.pack(options)}


def _health_check(service: Service) -> HealthCheck:
    """Ask every second: two failures take a replica out, one success brings it back."""
    speaks_grpc = service.protocol is Protocol.GRPC
    return HealthCheck(
        timeout=wire.seconds(1),
        interval=wire.seconds(1),
        no_traffic_interval=wire.seconds(1),
        no_traffic_healthy_interval=wire.seconds(1),
        unhealthy_threshold=2,
        healthy_threshold=1,
        grpc_health_check=HealthCheckGrpcHealthCheck() if speaks_grpc else None,
        http_health_check=None if speaks_grpc else HealthCheckHttpHealthCheck(path="/healthz"),
    )


def _thresholds(max_calls: int) -> CircuitBreakersThresholds:
    return CircuitBreakersThresholds(
        max_connections=max_calls,
        max_pending_requests=max_calls,
        max_requests=max_calls,
        retry_budget=CircuitBreakersThresholdsRetryBudget(
            budget_percent=Percent(value=_RETRY_BUDGET_PERCENT), min_retry_concurrency=_MIN_RETRIES
        ),
        track_remaining=True,
    )


def _outlier_detection() -> OutlierDetection:
    """Eject replicas that cannot be reached or say UNAVAILABLE again and again, but never more than half of them.

    Half also means never the only one: better a service that sometimes fails than none.
    """
    return OutlierDetection(
        interval=wire.seconds(1),
        base_ejection_time=wire.seconds(2),
        max_ejection_time=wire.seconds(30),
        max_ejection_percent=50,
        consecutive_gateway_failure=5,
        enforcing_consecutive_gateway_failure=100,
        split_external_local_origin_errors=True,
        consecutive_local_origin_failure=3,
        enforcing_consecutive_local_origin_failure=100,
        # INTERNAL is an answer, and two replicas are too few for statistics.
        enforcing_consecutive_5xx=0,
        enforcing_success_rate=0,
        enforcing_local_origin_success_rate=0,
    )
