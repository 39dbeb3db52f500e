"""Envoy: where its binary is, the bootstrap that names the control plane and nothing else, and how it is started."""

from pathlib import Path
from typing import Any

_MAX_CONNECTIONS = 10_000
_MAX_HEAP_BYTES = 1 << 30
_CONTROL_PLANE = "control_plane"
_EXTENSIONS = "type.googleapis.com/envoy.extensions"


class EnvoyMissingError(Exception):
    """The package that carries Envoy is not installed where it should be."""


def envoy_binary(servers_venv: Path) -> Path:
    """Return Envoy's binary in the environment of the servers. Raises EnvoyMissingError."""
    found = sorted(servers_venv.glob("lib/python*/site-packages/envoy/_bin/envoy"))
    if not found:
        raise EnvoyMissingError(f"Envoy is not in {servers_venv}. Run `make setup`.")
    return found[-1]


def bootstrap(node_id: str, admin_port: int, control_plane_address: str) -> dict[str, Any]:
    """Return the bootstrap: a name, an admin port on loopback, and where the control plane is.

    Listeners, routes, clusters and endpoints all come from there: none is written by hand.
    """
    return {
        "node": {"id": node_id, "cluster": "aisle"},
        "admin": {"address": _socket_address("127.0.0.1", admin_port)},
        "dynamic_resources": {
            "ads_config": _ads(),
            "cds_config": {"ads": {}, "resource_api_version": "V3"},
            "lds_config": {"ads": {}, "resource_api_version": "V3"},
        },
        "static_resources": {"clusters": [_control_plane(control_plane_address)]},
        "overload_manager": _overload_manager(),
    }


def command(
    binary: Path, bootstrap_file: Path, *, concurrency: int = 1, log_level: str = "warn", drain_seconds: int = 5
) -> list[str]:
    """Return the command line. Without hot restart there is no shared memory that two Envoys could fight over."""
    return [
        str(binary),
        *("--config-path", str(bootstrap_file)),
        *("--concurrency", str(concurrency)),
        *("--log-level", log_level),
        *("--drain-time-s", str(drain_seconds)),
        "--disable-hot-restart",
    ]


def _ads() -> dict[str, Any]:
    # Back within two seconds of the control plane, not the half minute that is the default.
    retry = {"retry_back_off": {"base_interval": "0.2s", "max_interval": "2s"}}
    return {
        "api_type": "GRPC",
        "transport_api_version": "V3",
        "set_node_on_first_message_only": True,
        "grpc_services": [{"envoy_grpc": {"cluster_name": _CONTROL_PLANE, "retry_policy": retry}}],
    }


def _control_plane(address: str) -> dict[str, Any]:
    host, _, port = address.rpartition(":")
    http2 = {"connection_keepalive": {"interval": "10s", "timeout": "5s"}}
    endpoint = {"endpoint": {"address": _socket_address(host, int(port))}}
    return {
        "name": _CONTROL_PLANE,
        "type": "STRICT_DNS",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": _CONTROL_PLANE, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{_EXTENSIONS}.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": http2},
            }
        },
    }


def _overload_manager() -> dict[str, Any]:
    """Return the limits of the process: so many connections, so much memory, then it accepts no more."""
    connections = {
        "@type": f"{_EXTENSIONS}.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        "max_active_downstream_connections": _MAX_CONNECTIONS,
    }
    heap = {
        "@type": f"{_EXTENSIONS}.resource_monitors.fixed_heap.v3.FixedHeapConfig",
        "max_heap_size_bytes": _MAX_HEAP_BYTES,
    }
    heap_monitor = "envoy.resource_monitors.fixed_heap"
    return {
        "refresh_interval": "0.25s",
        "resource_monitors": [
            {"name": "envoy.resource_monitors.global_downstream_max_connections", "typed_config": connections},
            {"name": heap_monitor, "typed_config": heap},
        ],
        "actions": [
            _action("envoy.overload_actions.shrink_heap", heap_monitor, 0.90),
            _action("envoy.overload_actions.stop_accepting_requests", heap_monitor, 0.95),
        ],
    }


def _action(name: str, monitor: str, threshold: float) -> dict[str, Any]:
    return {"name": name, "triggers": [{"name": monitor, "threshold": {"value": threshold}}]}


def _socket_address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}
