"""The processes of the platform on one machine: who they are, what they need, what they are told."""

import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from bff.auth import signing_keys
from local import envoy, milvus, postgres, redis, registry, sidecars
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
    listed = registry.write(settings)
    data = settings.folder("data")
    services = [_service(settings, name, env, credentials) for name in SERVICES]
    return [
        postgres.process(data / "postgres", ports["postgres"], credentials.postgres_password),
        redis.process(data / "redis", ports["redis"], credentials.redis_password),
        milvus.process(data / "milvus", ports["milvus"], settings.servers_venv),
        redis.counting_process(data / "limits-redis", ports["limits-redis"], credentials.redis_password),
        _telemetry(ports, env),
        _models(settings, ports, env),
        _control_plane(ports, env, listed),
        _limits(ports, env, credentials),
        *(sidecars.processes(settings) if settings.sidecars else [_envoy(settings, ports)]),
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
        "AISLE_OTLP_ENDPOINT": f"http://127.0.0.1:{ports['telemetry']}",
        "AISLE_TRACE_SAMPLED_PERCENT": str(settings.trace_sampled_percent),
        "AISLE_METRIC_SECONDS": "5",
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


def prepared_signing_keys(settings: LocalSettings) -> Path:
    """Return the file of the keys that sign access tokens, made when missing and rotated when old."""
    path = settings.home.resolve() / "signing-keys.json"
    signing_keys.prepare(path, datetime.now(UTC))
    return path


def _egress(settings: LocalSettings, workload: str) -> dict[str, str]:
    """Return where a workload calls others."""
    port = sidecars.egress_port(workload) if settings.sidecars else "egress"
    return {"AISLE_EGRESS_ADDRESS": f"127.0.0.1:{settings.ports()[port]}"}


def _service(settings: LocalSettings, name: str, env: Mapping[str, str], credentials: Credentials) -> Process:
    ports = settings.ports()
    prefix = f"AISLE_{name.upper()}"
    url = postgres.url(name, ports["postgres"], credentials.postgres_password)
    return Process(
        name=name,
        title=name,
        command=[sys.executable, "-m", f"services.{name}"],
        env={
            **env,
            **_egress(settings, name),
            f"{prefix}_LISTEN_PORT": str(ports[name]),
            f"{prefix}_DATABASE_URL": url,
        },
        ready=grpc_probe(ports[name]),
        port=ports[name],
        after=("postgres", "redis", "milvus"),
        cwd=ROOT,
    )


def _telemetry(ports: Mapping[str, int], env: Mapping[str, str]) -> Process:
    return Process(
        name="telemetry",
        title="Telemetry",
        command=[sys.executable, "-m", "local.telemetry"],
        # It tells nobody of itself: that would be told again, for ever.
        env={**env, "AISLE_OTLP_ENDPOINT": "", "AISLE_TELEMETRY_LISTEN_PORT": str(ports["telemetry"])},
        ready=grpc_probe(ports["telemetry"]),
        port=ports["telemetry"],
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


def _control_plane(ports: Mapping[str, int], env: Mapping[str, str], listed: Path) -> Process:
    return Process(
        name="control-plane",
        title="Control plane",
        command=[sys.executable, "-m", "services.control_plane"],
        env={
            **env,
            "AISLE_CONTROL_PLANE_LISTEN_PORT": str(ports["control-plane"]),
            "AISLE_CONTROL_PLANE_REGISTRY": str(listed),
            # What people apply outlives the stack.
            "AISLE_CONTROL_PLANE_DELIVERY": str(listed.with_name("delivery.yaml")),
            # Its streams never end by themselves: waiting for them would only delay the stop.
            "AISLE_CONTROL_PLANE_GRACE_SECONDS": "0.5",
        },
        ready=grpc_probe(ports["control-plane"]),
        port=ports["control-plane"],
        cwd=ROOT,
    )


def _limits(ports: Mapping[str, int], env: Mapping[str, str], credentials: Credentials) -> Process:
    return Process(
        name="limits",
        title="Rate limiter",
        command=[sys.executable, "-m", "services.limits"],
        env={
            **env,
            "AISLE_LIMITS_LISTEN_PORT": str(ports["limits"]),
            "AISLE_LIMITS_PROXY_PORT": str(ports["limits-proxy"]),
            "AISLE_LIMITS_REDIS_URL": redis.url(ports["limits-redis"], credentials.redis_password),
        },
        ready=grpc_probe(ports["limits"]),
        port=ports["limits"],
        after=("limits-redis",),
        cwd=ROOT,
    )


def _envoy(settings: LocalSettings, ports: Mapping[str, int]) -> Process:
    binary = envoy.envoy_binary(settings.servers_venv)
    path = settings.folder("run") / "envoy.json"
    bootstrap = envoy.bootstrap("aisle-local", ports["envoy-admin"], f"127.0.0.1:{ports['control-plane']}", delta=True)
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
    # The proxy that sees how the services are: the BFF's own where it has one.
    admin = sidecars.admin_port("bff") if settings.sidecars else "envoy-admin"
    return Process(
        name="bff",
        title="BFF",
        command=[sys.executable, "-m", "bff"],
        env={
            **env,
            **_egress(settings, "bff"),
            "AISLE_BFF_LISTEN_PORT": str(ports["bff"]),
            "AISLE_BFF_DATABASE_URL": postgres.url("bff", ports["postgres"], credentials.postgres_password),
            "AISLE_BFF_SIGNING_KEYS": str(prepared_signing_keys(settings)),
            "AISLE_BFF_STATIC_DIR": str(settings.static_dir.resolve()),
            "AISLE_BFF_ENVOY_ADMIN_ADDRESS": f"127.0.0.1:{ports[admin]}",
            "AISLE_BFF_DEMO_ACCOUNTS": str(settings.demo).lower(),
            "AISLE_BFF_DEMO_PASSWORD": demo_password(settings, credentials),
        },
        ready=http_probe(f"http://127.0.0.1:{ports['bff']}/healthz"),
        port=ports["bff"],
        after=("postgres",),
        cwd=ROOT,
    )
