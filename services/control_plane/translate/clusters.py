"""Clusters: how a service is connected to, watched, and protected from too many calls."""

from envoy_data_plane.envoy.config.cluster.v3 import (
    CircuitBreakers,
    CircuitBreakersThresholds,
    CircuitBreakersThresholdsRetryBudget,
    Cluster,
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

from services.control_plane.topology import Protocol, Service
from services.control_plane.translate import wire

_PROTOCOL_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

# Retries never make more than a fifth of the running calls, so a failing service does not get a storm on top.
_RETRY_BUDGET_PERCENT = 20.0
_MIN_RETRIES = 3
_MAX_RUNNING = 4096

# Uvicorn closes a connection after 5 idle seconds: ours has to be the side that closes first.
_HTTP_IDLE_SECONDS = 4.0


def cluster(service: Service) -> Cluster:
    """Return the cluster of a service; its endpoints come separately."""
    return Cluster(
        name=service.name,
        type=ClusterDiscoveryType.EDS,
        eds_cluster_config=ClusterEdsClusterConfig(eds_config=wire.over_ads()),
        connect_timeout=wire.seconds(1),
        # Calls differ by a factor of thousands (a read, a generated answer): count what runs, not what was sent.
        lb_policy=ClusterLbPolicy.LEAST_REQUEST,
        health_checks=[_health_check(service)],
        circuit_breakers=CircuitBreakers(thresholds=[_thresholds()]),
        outlier_detection=_outlier_detection(),
        upstream_connection_options=UpstreamConnectionOptions(
            tcp_keepalive=TcpKeepalive(keepalive_probes=3, keepalive_time=30, keepalive_interval=5)
        ),
        # A replica that left the registry is gone, whatever its last health check said.
        ignore_health_on_host_removal=True,
        typed_extension_protocol_options={_PROTOCOL_OPTIONS: Any.pack(_protocol_options(service))},
    )


def _protocol_options(service: Service) -> UpstreamProtocolOptions:
    if service.protocol is Protocol.GRPC:
        keepalive = KeepaliveSettings(interval=wire.seconds(30), timeout=wire.seconds(5))
        http2 = Http2ProtocolOptions(connection_keepalive=keepalive)
        return UpstreamProtocolOptions(
            explicit_http_config=HttpProtocolOptionsExplicitHttpConfig(http2_protocol_options=http2)
        )
    return UpstreamProtocolOptions(
        common_http_protocol_options=HttpProtocolOptions(idle_timeout=wire.seconds(_HTTP_IDLE_SECONDS)),
        explicit_http_config=HttpProtocolOptionsExplicitHttpConfig(http_protocol_options=Http1ProtocolOptions()),
    )


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


def _thresholds() -> CircuitBreakersThresholds:
    return CircuitBreakersThresholds(
        max_connections=_MAX_RUNNING,
        max_pending_requests=_MAX_RUNNING,
        max_requests=_MAX_RUNNING,
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
