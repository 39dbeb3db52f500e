"""Writes what the chart shares with the embedded stack from the code, and fails when it is out of date.

Ports, edge routes, who calls whom, Envoy's bootstrap, the limits, Redis's manners and the settings people may change
are said once, in the code. The chart reads them from `helm/aisle/files` and `values.schema.json`.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

from bff.settings import BffSettings
from local import envoy, redis
from local.ports import APPLICATIONS, SERVICES, WORKLOADS, table
from local.registry import PROTOCOLS, edge_routes, own_issuer
from local.settings import ROOT
from services.analytics.settings import AnalyticsSettings
from services.chat.settings import ChatSettings
from services.control_plane.settings import ControlPlaneSettings
from services.control_plane.sources import descriptors
from services.control_plane.topology import Address, EdgeRoute, Issuer, Protocol, Service, Topology
from services.limits.settings import LimitsSettings
from services.llm.settings import LlmSettings
from services.product.settings import ProductSettings
from services.recommendation.settings import RecommendationSettings
from services.runtime.settings import RuntimeSettings

CHART = ROOT / "helm" / "aisle"
CERTIFICATES = "/var/run/aisle/certificates"
# Where the proxy beside each program is asked how both are. In a pod every proxy may use the same number.
PROBE_PORT = 15021

KINDS: Mapping[str, type[RuntimeSettings]] = {
    "product": ProductSettings,
    "llm": LlmSettings,
    "chat": ChatSettings,
    "recommendation": RecommendationSettings,
    "analytics": AnalyticsSettings,
    "limits": LimitsSettings,
    "bff": BffSettings,
    "control-plane": ControlPlaneSettings,
}
# What each workload cannot do without beside its proxy: the chart gives addresses, secrets and ways out by these words.
NEEDS: Mapping[str, tuple[str, ...]] = {
    "product": ("token", "postgres", "milvus", "media"),
    "llm": ("token", "postgres", "redis", "milvus", "providers"),
    "chat": ("token", "postgres", "milvus"),
    "recommendation": ("token", "postgres", "redis", "milvus", "stream"),
    "analytics": ("token", "postgres", "redis", "stream"),
    "limits": ("limits-redis",),
    "bff": ("token", "postgres", "media", "signing-keys"),
    "control-plane": ("kubernetes",),
    "edge": (),
    "cli": (),
}
# Set by the chart itself, from what it knows better than anybody who writes values.
_OF_THE_CHART = frozenset(
    (
        *("listen_host", "listen_port", "egress_address", "drain_seconds", "grace_seconds"),
        *("otlp_endpoint", "trace_sampled_percent", "log_level"),
    )
)
_OWN_OF_THE_CHART: Mapping[str, frozenset[str]] = {
    "product": frozenset(("milvus_uri", "media_dir", "media_bucket", "media_region")),
    "llm": frozenset(("milvus_uri", "http_port", "spool_dir", "local_url")),
    "chat": frozenset(("milvus_uri", "replica")),
    "recommendation": frozenset(("milvus_uri", "consumer")),
    "analytics": frozenset(("consumer",)),
    "limits": frozenset(("file", "proxy_port")),
    # Accounts with a published password have no place on a cluster.
    "bff": frozenset(("signing_keys", "media_dir", "media_origins", "envoy_admin_address", "demo_accounts")),
    "control-plane": frozenset(
        (
            *("registry", "delivery", "source", "kubernetes_namespace", "kubernetes_selector"),
            *("kubernetes_token_file", "kubernetes_ca_file"),
        )
    ),
}
_STREAM = "analytics:events"


def files() -> dict[str, str]:
    """Return the files below `files/` by name, as they should be."""
    known_by = envoy.Identity("/etc/envoy", CERTIFICATES, "@CONTROL_PLANE_ID@")
    inbound = table(sidecars=True)["inbound-mesh"]
    return {
        "mesh.json": _json(mesh()),
        "bootstrap.json": _bootstrap(f"@CONTROL_PLANE_HOST@:{inbound}", known_by),
        # The proxy beside the control plane reaches it as any program beside it would.
        "bootstrap-beside.json": _bootstrap(f"127.0.0.1:{table()['control-plane']}", None),
        **{name: _json(content) for name, content in envoy.secret_files(known_by).items()},
        "limits.yaml": (ROOT / "services" / "limits" / "limits.yaml").read_text("utf-8"),
        "redis-main.conf": "\n".join(redis.KEEPS) + "\n",
        "redis-limits.conf": "\n".join(redis.COUNTS) + "\n",
    }


def mesh() -> dict[str, Any]:
    """Return what the chart knows of the mesh: ports, workloads, what they need and call, and what the edge shows."""
    ports = table(sidecars=True)
    return {
        "ports": {
            "edge": ports["edge"],
            "egress": ports["egress"],
            "admin": ports["envoy-admin"],
            "probe": PROBE_PORT,
            "controlPlane": ports["inbound-mesh"],
            "models": ports["models"],
        },
        "workloads": {name: _workload(name, ports) for name in WORKLOADS},
        "edgeRoutes": edge_routes(),
        "issuer": own_issuer(),
        "stream": _STREAM,
    }


def calls() -> dict[str, list[str]]:
    """Return the services each workload has business with, as the control plane sees it."""
    routes = tuple(
        EdgeRoute(str(one["prefix"]), str(one["service"]), 1, 1, 1, rate_class=str(one.get("rate_class", "")))
        for one in edge_routes()
    )
    topology = Topology(
        edge=Address("127.0.0.1", 1),
        egress=Address("127.0.0.1", 2),
        services=tuple(Service(name, Protocol(protocol)) for name, protocol in PROTOCOLS.items()),
        methods=tuple(descriptors.methods()),
        edge_routes=routes,
        issuers=(Issuer("ours", ("aisle",), str(own_issuer()["service"]), "/"),),
        rate_limiter="limits",
    )
    return {name: sorted(service.name for service in topology.called_by(name)) for name in WORKLOADS}


def settings_schema(workload: str) -> dict[str, Any]:
    """Return the JSON schema of the settings people may give a workload: fields of its class, no secrets among them."""
    kind = KINDS[workload]
    properties = kind.model_json_schema()["properties"]
    left_out = _OF_THE_CHART | _OWN_OF_THE_CHART[workload]
    allowed = {
        name: _plain(said)
        for name, said in properties.items()
        if name not in left_out and "password" not in str(said.get("format", ""))
    }
    return {"type": "object", "additionalProperties": False, "properties": allowed}


def schema(text: str) -> str:
    """Return the chart's schema with the settings of each workload as they should be."""
    found = json.loads(text)
    for workload in KINDS:
        found["$defs"][f"settings-{workload}"] = settings_schema(workload)
    return _json(found)


def main(arguments: list[str]) -> int:
    """Write the files, or say which are out of date. Returns an exit code."""
    wanted = {CHART / "files" / name: text for name, text in files().items()}
    path = CHART / "values.schema.json"
    wanted[path] = schema(path.read_text("utf-8"))
    stale = [file for file, text in wanted.items() if not file.exists() or file.read_text("utf-8") != text]
    if "--write" in arguments:
        for file in stale:
            file.write_text(wanted[file], encoding="utf-8")
        return 0
    if stale:
        print(f"Out of date: {', '.join(str(file.relative_to(ROOT)) for file in stale)}. Run: make docs")  # noqa: T201
    return 1 if stale else 0


def _workload(name: str, ports: Mapping[str, int]) -> dict[str, Any]:
    answered = {
        service: {
            "protocol": PROTOCOLS[service],
            "inbound": ports[f"inbound-{service}"],
            "application": ports[APPLICATIONS.get(service, service)],
        }
        for service in WORKLOADS[name]
    }
    listens = ports[name] if name in (*SERVICES, "limits", "bff", "control-plane") else 0
    return {"services": answered, "calls": calls()[name], "needs": list(NEEDS[name]), "listens": listens}


def _bootstrap(control_plane: str, identity: envoy.Identity | None) -> str:
    # Who a proxy is, is said on its command line: all of them start from the same file.
    made = envoy.bootstrap("unnamed", table()["envoy-admin"], control_plane, delta=True, identity=identity)
    heap = made["overload_manager"]["resource_monitors"][1]["typed_config"]
    # A string is a number to Envoy as well, and can hold the place of one.
    heap["max_heap_size_bytes"] = "@MAX_HEAP_BYTES@"
    return _json(made)


def _plain(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return a field's schema without what only Python understands."""
    known = ("type", "enum", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "description")
    kind = next(iter(said["anyOf"])) if "anyOf" in said else said
    return {key: value for key, value in {**kind, **said}.items() if key in known}


def _json(content: object) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
