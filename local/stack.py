"""The processes of the platform on one machine: who they are, what they need, what they are told."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from local import envoy, milvus, postgres, redis
from local.credentials import Credentials
from local.ports import SERVICES
from local.process import Process, both_probes, grpc_probe, http_probe, tcp_probe
from local.settings import ROOT, LocalSettings

# Seconds a local process keeps serving after it was told to stop: Envoy checks health every second.
LOCAL_DRAIN = "0.3"
KNOWN_PASSWORD = "lantern-and-loom"  # noqa: S105 - published on purpose, for a shop only this machine can reach


def processes(settings: LocalSettings, credentials: Credentials) -> list[Process]:
    """Return every process of the stack."""
    ports = settings.ports()
    env = environment(settings, credentials)
    registry = write_registry(settings, ports)
    data = settings.folder("data")
    services = [_service(name, ports, env, credentials) for name in SERVICES]
    return [
        postgres.process(data / "postgres", ports["postgres"], credentials.postgres_password),
        redis.process(data / "redis", ports["redis"], credentials.redis_password),
        milvus.process(data / "milvus", ports["milvus"], settings.servers_venv),
        _models(settings, ports, env),
        _control_plane(ports, env, registry),
        _envoy(settings, ports),
        *services,
        _bff(settings, ports, env, credentials),
    ]


def demo_password(settings: LocalSettings, credentials: Credentials) -> str:
    """Return the demo accounts' password: the published one only while nobody else can reach the edge."""
    return KNOWN_PASSWORD if settings.host in ("127.0.0.1", "::1") else credentials.demo_password


def environment(settings: LocalSettings, credentials: Credentials) -> dict[str, str]:
    """Return what all our processes are told, by the names of their settings."""
    ports = settings.ports()
    return {
        "PYTHONUNBUFFERED": "1",
        **_without_proxy(os.environ),
        "AISLE_EGRESS_ADDRESS": f"127.0.0.1:{ports['egress']}",
        "AISLE_DRAIN_SECONDS": LOCAL_DRAIN,
        "AISLE_GRACE_SECONDS": "3",
        "AISLE_TOKEN_KEY": credentials.token_key,
        "AISLE_REDIS_URL": redis.url(ports["redis"], credentials.redis_password),
        "AISLE_MILVUS_URI": f"http://127.0.0.1:{ports['milvus']}",
        "AISLE_MEDIA_DIR": str(settings.folder("media")),
        "AISLE_MEDIA_SIGNING_KEY": credentials.media_signing_key,
        "AISLE_LLM_HTTP_PORT": str(ports["llm-http"]),
        "AISLE_LLM_API_KEYS": credentials.api_key,
        "AISLE_LLM_SPOOL_DIR": str(settings.folder("data") / "llm-usage"),
        "AISLE_LLM_LOCAL_URL": f"http://127.0.0.1:{ports['models']}/v1",
    }


def _without_proxy(inherited: Mapping[str, str]) -> dict[str, str]:
    """Return what keeps this machine's HTTP proxy, where one is set, out of the way between our own processes."""
    known = inherited.get("no_proxy") or inherited.get("NO_PROXY") or ""
    bypassed = ",".join(part for part in (known, "127.0.0.1", "localhost") if part)
    return {"no_proxy": bypassed, "NO_PROXY": bypassed}


def write_registry(settings: LocalSettings, ports: Mapping[str, int]) -> Path:
    """Write the service registry the control plane reads, and return its path."""
    grpc_services = {
        name: {"protocol": "grpc", "endpoints": [{"address": "127.0.0.1", "port": ports[name]}]} for name in SERVICES
    }
    registry = {
        "edge": {"address": settings.host, "port": ports["edge"]},
        "egress": {"address": "127.0.0.1", "port": ports["egress"]},
        "services": {
            **grpc_services,
            "bff": {"protocol": "http", "endpoints": [{"address": "127.0.0.1", "port": ports["bff"]}]},
            "llm-http": {"protocol": "http", "endpoints": [{"address": "127.0.0.1", "port": ports["llm-http"]}]},
        },
        "edge_routes": [
            {
                "prefix": "/api/v1/chat/ws",
                "service": "bff",
                "upgrade": "websocket",
                "timeout": 0,
                "idle_timeout": 300,
            },
            # Server-sent events may be silent while a model thinks; the BFF sends heartbeats.
            {
                "prefix": "/api/v1/products/generate-description",
                "service": "bff",
                "timeout": 0,
                "idle_timeout": 60,
            },
            {"prefix": "/api/v1/chat/message", "service": "bff", "timeout": 120},
            {"prefix": "/api/", "service": "bff", "timeout": 30},
            {"prefix": "/v1/", "service": "llm-http", "timeout": 0, "idle_timeout": 60, "max_request_bytes": 4 << 20},
            {"prefix": "/media/", "service": "bff", "timeout": 15},
            {"prefix": "/", "service": "bff", "timeout": 15},
        ],
    }
    path = settings.folder("run") / "registry.yaml"
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(registry, indent=2))  # JSON is YAML
    fresh.replace(path)
    return path


def _service(name: str, ports: Mapping[str, int], env: Mapping[str, str], credentials: Credentials) -> Process:
    prefix = f"AISLE_{name.upper()}"
    url = postgres.url(name, ports["postgres"], credentials.postgres_password)
    return Process(
        name=name,
        title=name,
        command=[sys.executable, "-m", f"services.{name}"],
        env={**env, f"{prefix}_LISTEN_PORT": str(ports[name]), f"{prefix}_DATABASE_URL": url},
        ready=grpc_probe(ports[name]),
        port=ports[name],
        after=("postgres", "redis", "milvus"),
        cwd=ROOT,
    )


def _models(settings: LocalSettings, ports: Mapping[str, int], env: Mapping[str, str]) -> Process:
    return Process(
        name="models",
        title="Local models",
        command=[sys.executable, "-m", "local.models"],
        env={
            **env,
            "AISLE_MODELS_PORT": str(ports["models"]),
            "AISLE_MODELS_HOME": str(settings.folder("models")),
        },
        ready=http_probe(f"http://127.0.0.1:{ports['models']}/health"),
        port=ports["models"],
        ready_within=120.0,
        cwd=ROOT,
    )


def _control_plane(ports: Mapping[str, int], env: Mapping[str, str], registry: Path) -> Process:
    return Process(
        name="control-plane",
        title="Control plane",
        command=[sys.executable, "-m", "services.control_plane"],
        env={
            **env,
            "AISLE_CONTROL_PLANE_LISTEN_PORT": str(ports["control-plane"]),
            "AISLE_CONTROL_PLANE_REGISTRY": str(registry),
            # Its streams never end by themselves: waiting for them would only delay the stop.
            "AISLE_CONTROL_PLANE_GRACE_SECONDS": "0.5",
        },
        ready=grpc_probe(ports["control-plane"]),
        port=ports["control-plane"],
        cwd=ROOT,
    )


def _envoy(settings: LocalSettings, ports: Mapping[str, int]) -> Process:
    binary = envoy.envoy_binary(settings.servers_venv)
    path = settings.folder("run") / "envoy.json"
    bootstrap = envoy.bootstrap("aisle-local", ports["envoy-admin"], f"127.0.0.1:{ports['control-plane']}")
    path.write_text(json.dumps(bootstrap, indent=2))
    return Process(
        name="envoy",
        title="Envoy",
        command=envoy.command(binary, path),
        # Its own word, and the shop's door: a listener that could not be opened does not keep Envoy from saying LIVE.
        ready=both_probes(http_probe(f"http://127.0.0.1:{ports['envoy-admin']}/ready"), tcp_probe(ports["edge"])),
        port=ports["edge"],
        after=("control-plane",),
    )


def _bff(
    settings: LocalSettings, ports: Mapping[str, int], env: Mapping[str, str], credentials: Credentials
) -> Process:
    return Process(
        name="bff",
        title="BFF",
        command=[sys.executable, "-m", "bff"],
        env={
            **env,
            "AISLE_BFF_LISTEN_PORT": str(ports["bff"]),
            "AISLE_BFF_DATABASE_URL": postgres.url("bff", ports["postgres"], credentials.postgres_password),
            "AISLE_BFF_JWT_KEY": credentials.jwt_key,
            "AISLE_BFF_STATIC_DIR": str(settings.static_dir.resolve()),
            "AISLE_BFF_ENVOY_ADMIN_ADDRESS": f"127.0.0.1:{ports['envoy-admin']}",
            "AISLE_BFF_DEMO_ACCOUNTS": str(settings.demo).lower(),
            "AISLE_BFF_DEMO_PASSWORD": demo_password(settings, credentials),
        },
        ready=http_probe(f"http://127.0.0.1:{ports['bff']}/healthz"),
        port=ports["bff"],
        after=("postgres",),
        cwd=ROOT,
    )
