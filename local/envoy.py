"""Envoy: where its binary is, the bootstrap that names the control plane and nothing else, and how it is started."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.authority import AUTHORITIES_FILE, CERTIFICATE_FILE, KEY_FILE

_MAX_CONNECTIONS = 10_000
_MAX_HEAP_BYTES = 1 << 30
_CONTROL_PLANE = "control_plane"
_EXTENSIONS = "type.googleapis.com/envoy.extensions"


OWN, AUTHORITIES = "own", "authorities"


@dataclass(frozen=True, slots=True)
class Identity:
    """By what a proxy and the control plane know each other."""

    # Where the files of `secret_files` are, and where the certificate, its key and the authorities are.
    folder: str
    certificates: str
    # The SPIFFE id of the control plane.
    control_plane: str


class EnvoyMissingError(Exception):
    """The package that carries Envoy is not installed where it should be."""


def envoy_binary(servers_venv: Path) -> Path:
    """Return Envoy's binary in the environment of the servers. Raises EnvoyMissingError."""
    found = sorted(servers_venv.glob("lib/python*/site-packages/envoy/_bin/envoy"))
    if not found:
        raise EnvoyMissingError(f"Envoy is not in {servers_venv}. Run `make setup`.")
    return found[-1]


def bootstrap(
    node_id: str,
    admin_port: int,
    control_plane_address: str,
    *,
    delta: bool = False,
    workload: str = "aisle",
    identity: Identity | None = None,
    max_connections: int = _MAX_CONNECTIONS,
    max_heap_bytes: int = _MAX_HEAP_BYTES,
) -> dict[str, Any]:
    """Return the bootstrap: a name, an admin port on loopback, where the control plane is, and whether it is asked for
    what changed only. With an identity it is reached by mutual TLS.

    Listeners, routes, clusters and endpoints all come from there: none is written by hand.
    """
    return {
        "node": {"id": node_id, "cluster": workload},
        "admin": {"address": _socket_address("127.0.0.1", admin_port)},
        "dynamic_resources": {
            "ads_config": _ads("DELTA_GRPC" if delta else "GRPC"),
            "cds_config": {"ads": {}, "resource_api_version": "V3"},
            "lds_config": {"ads": {}, "resource_api_version": "V3"},
        },
        "static_resources": {"clusters": [_control_plane(control_plane_address, identity)]},
        "overload_manager": _overload_manager(max_connections, max_heap_bytes),
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


def _ads(api_type: str) -> dict[str, Any]:
    # Back within two seconds of the control plane, not the half minute that is the default.
    retry = {"retry_back_off": {"base_interval": "0.2s", "max_interval": "2s"}}
    return {
        "api_type": api_type,
        "transport_api_version": "V3",
        "set_node_on_first_message_only": True,
        "grpc_services": [{"envoy_grpc": {"cluster_name": _CONTROL_PLANE, "retry_policy": retry}}],
    }


def _control_plane(address: str, identity: Identity | None) -> dict[str, Any]:
    host, _, port = address.rpartition(":")
    http2 = {"connection_keepalive": {"interval": "10s", "timeout": "5s"}}
    options: dict[str, Any] = {
        "@type": f"{_EXTENSIONS}.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": http2},
    }
    endpoint = {"endpoint": {"address": _socket_address(host, int(port))}}
    cluster: dict[str, Any] = {
        "name": _CONTROL_PLANE,
        "type": "STRICT_DNS",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": _CONTROL_PLANE, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
    }
    if identity is not None:
        # The control plane ends a stream with the certificate it was opened by. The next one shows what there is then.
        options["common_http_protocol_options"] = {"max_requests_per_connection": 1}
        cluster["transport_socket"] = _mutual_tls(identity)
    return cluster


def _mutual_tls(identity: Identity) -> dict[str, Any]:
    expected = {"san_type": "URI", "matcher": {"exact": identity.control_plane}}
    context = {
        "@type": f"{_EXTENSIONS}.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {
            # Envoy as a client offers at most 1.2 unless it is told otherwise.
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"},
            "alpn_protocols": ["h2"],
            "tls_certificate_sds_secret_configs": [_in_file(identity.folder, OWN)],
            "combined_validation_context": {
                "default_validation_context": {"match_typed_subject_alt_names": [expected]},
                "validation_context_sds_secret_config": _in_file(identity.folder, AUTHORITIES),
            },
        },
    }
    return {"name": "envoy.transport_sockets.tls", "typed_config": context}


def _in_file(folder: str, name: str) -> dict[str, Any]:
    source = {"path_config_source": {"path": f"{folder}/{name}.json"}, "resource_api_version": "V3"}
    return {"name": name, "sds_config": source}


def secret_files(identity: Identity) -> dict[str, dict[str, Any]]:
    """Return the files, by name, that tell Envoy where its certificate is before anybody else can: they hold none."""
    watched = {"path": identity.certificates}
    where = identity.certificates
    own = {
        "certificate_chain": {"filename": f"{where}/{CERTIFICATE_FILE}"},
        "private_key": {"filename": f"{where}/{KEY_FILE}"},
        "watched_directory": watched,
    }
    believed = {"trusted_ca": {"filename": f"{where}/{AUTHORITIES_FILE}"}, "watched_directory": watched}
    kind = f"{_EXTENSIONS}.transport_sockets.tls.v3.Secret"
    return {
        f"{OWN}.json": {"resources": [{"@type": kind, "name": OWN, "tls_certificate": own}]},
        f"{AUTHORITIES}.json": {"resources": [{"@type": kind, "name": AUTHORITIES, "validation_context": believed}]},
    }


def _overload_manager(max_connections: int, max_heap_bytes: int) -> dict[str, Any]:
    """Return the limits of the process: so many connections, so much memory, then it accepts no more."""
    connections = {
        "@type": f"{_EXTENSIONS}.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        "max_active_downstream_connections": max_connections,
    }
    heap = {
        "@type": f"{_EXTENSIONS}.resource_monitors.fixed_heap.v3.FixedHeapConfig",
        "max_heap_size_bytes": max_heap_bytes,
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
            _action("envoy.overload_actions.disable_http_keepalive", heap_monitor, 0.92),
            _action("envoy.overload_actions.stop_accepting_requests", heap_monitor, 0.95),
            _action("envoy.overload_actions.stop_accepting_connections", heap_monitor, 0.98),
        ],
    }


def _action(name: str, monitor: str, threshold: float) -> dict[str, Any]:
    return {"name": name, "triggers": [{"name": monitor, "threshold": {"value": threshold}}]}


def _socket_address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}
