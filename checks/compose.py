"""Writes docker-compose.yml from the code and the chart's values, and fails when it is out of date.

All our processes share one network namespace, as those of `aisle up` share one machine: ports and registry are the
same, nothing of the mesh is on a network, and Envoy's edge alone is published.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

import yaml

from checks.chart import KINDS, NEEDS
from local import envoy, redis, registry
from local.ports import WORKLOADS, table
from local.settings import ROOT, LocalSettings

FILE, EXAMPLE = ROOT / "docker-compose.yml", ROOT / ".env.example"
_HEAD = """# The platform in containers, written by `make docs` from the code and the chart's values: change those.
# First `make compose-env`, then `docker compose up --build --wait`; docs/images.md says more.
"""
_EXAMPLE_HEAD = """# What docker-compose.yml is told. `make compose-env` makes .env of this and random values.
"""
# Milvus as one process with its own etcd and files; its chart would bring a cluster.
_MILVUS = "docker.io/milvusdb/milvus:v2.6.11"
_MILVUS_ETCD = {
    "listen-client-urls": "http://127.0.0.1:2379",
    "advertise-client-urls": "http://127.0.0.1:2379",
    "quota-backend-bytes": 4 << 30,
    "auto-compaction-mode": "revision",
    "auto-compaction-retention": "1000",
}
_OWNERS = tuple(name for name, needs in NEEDS.items() if "postgres" in needs)
_VOLUMES = ("postgres", "redis", "milvus", "media", "spool", "keys", "delivery", "models")
_CPU, _MEBIBYTES = 2, 2048


class _Plain(yaml.SafeDumper):
    """Writes what stands in two places twice: anchors are for machines."""

    def ignore_aliases(self, data: object) -> bool:
        """Name nothing."""
        return True


def secrets() -> tuple[str, ...]:
    """Return the names of what nobody may know."""
    roles = tuple(f"AISLE_{owner.upper()}_PASSWORD" for owner in _OWNERS)
    return (
        *("AISLE_POSTGRES_PASSWORD", *roles, "AISLE_REDIS_PASSWORD", "AISLE_LIMITS_REDIS_PASSWORD"),
        *("AISLE_TOKEN_KEY", "AISLE_MEDIA_SIGNING_KEY"),
    )


def content(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Compose file for the values of the chart."""
    ours = {name: _program(name, values) for name in WORKLOADS if name in KINDS}
    return {
        "name": "aisle",
        "services": {**_stores(values), **_around(values), **ours},
        "networks": {"stores": {"internal": True}, "outside": {}},
        "volumes": {name: {} for name in _VOLUMES},
        "configs": {
            "registry": {"content": _text(registry.content(LocalSettings(host="0.0.0.0")))},  # noqa: S104
            "bootstrap": {"content": _text(_bootstrap(values))},
            "milvus-etcd": {"content": yaml.safe_dump(_MILVUS_ETCD, sort_keys=False)},
        },
    }


def texts() -> dict[str, str]:
    """Return both files by name, as they should be."""
    values = yaml.safe_load((ROOT / "helm" / "aisle" / "values.yaml").read_text("utf-8"))
    body = yaml.dump(content(values), Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True)
    names = "".join(f"{name}=\n" for name in secrets())
    optional = (
        "# Those who have them: AISLE_LLM_OPENAI_API_KEY, AISLE_LLM_API_KEYS. The port of the shop: AISLE_EDGE_PORT.\n"
    )
    return {FILE.name: f"{_HEAD}{body}", EXAMPLE.name: f"{_EXAMPLE_HEAD}{names}{optional}"}


def main(arguments: list[str]) -> int:
    """Write the files, or say which are out of date. Returns an exit code."""
    wanted = {ROOT / name: text for name, text in texts().items()}
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    if "--write" in arguments:
        for path in stale:
            path.write_text(wanted[path], encoding="utf-8")
        return 0
    if stale:
        print(f"Out of date: {', '.join(path.name for path in stale)}. Run: make docs")  # noqa: T201
    return 1 if stale else 0


def _stores(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data stores: on a network of their own that leads nowhere else."""
    given = values["development"]
    limits = _limits(given["resources"])
    postgres = {
        "image": _image(given["postgres"]["image"]),
        "user": "999:999",
        "environment": {"POSTGRES_PASSWORD": _secret("AISLE_POSTGRES_PASSWORD"), "POSTGRES_DB": _database(values)},
        "volumes": ["postgres:/var/lib/postgresql"],
        "tmpfs": ["/tmp", "/var/run/postgresql:uid=999,gid=999"],  # noqa: S108
        "healthcheck": _asks("CMD", "pg_isready", "-U", "postgres", "-h", "127.0.0.1"),
    }
    milvus = {
        "image": _MILVUS,
        "command": ["milvus", "run", "standalone"],
        "environment": {
            "DEPLOY_MODE": "STANDALONE",
            "ETCD_USE_EMBED": "true",
            "ETCD_DATA_DIR": "/var/lib/milvus/etcd",
            "ETCD_CONFIG_PATH": "/milvus/configs/embedEtcd.yaml",
            "COMMON_STORAGETYPE": "local",
        },
        "configs": [{"source": "milvus-etcd", "target": "/milvus/configs/embedEtcd.yaml"}],
        "volumes": ["milvus:/var/lib/milvus"],
        "tmpfs": ["/tmp"],  # noqa: S108
        "healthcheck": {**_asks("CMD", "curl", "-sf", "http://127.0.0.1:9091/healthz"), "start_period": "90s"},
    }
    stores = {
        "postgres": {**postgres, **limits},
        "redis": {**_redis(values, "AISLE_REDIS_PASSWORD", redis.KEEPS), "volumes": ["redis:/data"], **limits},
        "limits-redis": {
            **_redis(values, "AISLE_LIMITS_REDIS_PASSWORD", redis.COUNTS),
            "tmpfs": ["/tmp", "/data:uid=999,gid=999"],  # noqa: S108
            **limits,
        },
        "milvus": {**milvus, **_limits({"limits": {"cpu": str(_CPU), "memory": f"{_MEBIBYTES}Mi"}})},
    }
    return {name: {**_hardened(), "networks": ["stores"], **store} for name, store in stores.items()}


def _redis(values: Mapping[str, Any], secret: str, manner: tuple[str, ...]) -> dict[str, Any]:
    # The password comes by the configuration, so that it stands in no list of processes.
    written = 'printf \'dir /data\\nrequirepass %s\\n%s\\n\' "$$REDIS_PASSWORD" "$$MANNER" | exec redis-server -'
    return {
        "image": _image(values["development"]["redis"]["image"]),
        "user": "999:999",
        "command": ["sh", "-c", written],
        "environment": {"REDIS_PASSWORD": _secret(secret), "MANNER": "\n".join(manner)},
        "tmpfs": ["/tmp"],  # noqa: S108
        "healthcheck": _asks("CMD-SHELL", 'REDISCLI_AUTH="$$REDIS_PASSWORD" redis-cli ping | grep -q PONG'),
    }


def _around(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stands around our services: their namespace, Envoy, and what has to be done before they start."""
    ports = table()
    alive = f"import urllib.request as r; r.urlopen('http://127.0.0.1:{ports['envoy-admin']}/ready', timeout=3)"
    edge = values["services"]["edge"]["resources"]
    migrations = {f"AISLE_{owner.upper()}_DATABASE_URL": _url(owner, values) for owner in _OWNERS}
    admin = f"postgresql+asyncpg://postgres:{_secret('AISLE_POSTGRES_PASSWORD')}@postgres:5432/{_database(values)}"
    return {
        # Whoever restarts, the namespace stays. It is as well as Envoy is, whose image holds nothing to ask with.
        "mesh": {
            **_ours(values["image"]),
            "entrypoint": ["sleep", "infinity"],
            "init": True,
            "ports": [f"127.0.0.1:${{AISLE_EDGE_PORT:-{ports['edge']}}}:{ports['edge']}"],
            "networks": ["stores", "outside"],
            "healthcheck": _asks("CMD", "python", "-c", alive),
            **_limits({"limits": {"cpu": "1", "memory": "128Mi"}}),
        },
        "envoy": {
            **_hardened(),
            **_beside(),
            "image": _image(values["envoy"]["image"]),
            "user": "10001:10001",
            "entrypoint": ["envoy"],
            "command": _envoy_arguments(values),
            "configs": [{"source": "bootstrap", "target": "/etc/envoy/bootstrap.json"}],
            "depends_on": {"mesh": {"condition": "service_started"}, **_after("control-plane")},
            **_limits(edge),
        },
        "signing-keys": {
            **_once(values),
            "command": ["signing-keys", "prepare", "--file", "/var/lib/aisle/keys/signing-keys.json"],
            "network_mode": "none",
            "volumes": ["keys:/var/lib/aisle/keys"],
        },
        "migrate": {
            **_once(values),
            "command": ["migrate"],
            "networks": ["stores"],
            "environment": {"AISLE_MIGRATE_ADMIN_URL": admin, **migrations},
            "depends_on": _after("postgres"),
        },
        "models": {
            **_ours({"repository": "aisle-models"}, target="models"),
            **_beside(),
            "command": ["serve", "models"],
            "environment": {"AISLE_MODELS_PORT": str(ports["models"]), "AISLE_MODELS_HOME": "/var/lib/aisle/models"},
            "volumes": ["models:/var/lib/aisle/models"],
            "depends_on": {"mesh": {"condition": "service_started"}},
            **_limits(values["models"]["resources"]),
        },
        "telemetry": _telemetry(values),
    }


def _telemetry(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return who takes traces and metrics, keeps the last of them and answers the admin."""
    ports = table()
    return {
        **_ours(values["image"]),
        **_beside(),
        "command": ["serve", "telemetry"],
        "environment": {
            "AISLE_TELEMETRY_LISTEN_PORT": str(ports["telemetry"]),
            "AISLE_TELEMETRY_TOKEN_KEY": _secret("AISLE_TOKEN_KEY"),
        },
        "depends_on": {"mesh": {"condition": "service_started"}},
        **_limits(values["collector"]["resources"]),
    }


def _once(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what runs before the rest and ends."""
    return {
        **_ours(values["image"]),
        "restart": "no",
        "healthcheck": {"disable": True},
        **_limits(values["migrations"]["resources"]),
    }


def _program(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    needs = NEEDS[name]
    drain = values["drain"]
    seconds = int(drain["seconds"]) + int(drain["graceSeconds"]) + int(drain["marginSeconds"])
    waits = {
        "postgres": {"migrate": {"condition": "service_completed_successfully"}},
        "redis": _after("redis"),
        "limits-redis": _after("limits-redis"),
        "milvus": _after("milvus"),
        "signing-keys": {"signing-keys": {"condition": "service_completed_successfully"}},
    }
    first = {key: said for need in needs if need in waits for key, said in waits[need].items()}
    volumes = {"media": "media:/var/lib/aisle/media", "providers": "spool:/var/lib/aisle/spool"}
    found = {
        **_ours(values["image"]),
        **_beside(),
        "command": ["serve", name],
        "environment": _environment(name, values),
        "depends_on": {"mesh": {"condition": "service_started"}, **first},
        "stop_grace_period": f"{seconds}s",
        **_limits(values["services"][name].get("resources", values["defaults"]["resources"])),
    }
    mounted = [where for need, where in volumes.items() if need in needs]
    mounted = [f"{where}:ro" if name == "bff" else where for where in mounted]
    if "signing-keys" in needs:
        mounted.append("keys:/var/lib/aisle/keys:ro")
    if name == "control-plane":
        mounted.append("delivery:/var/lib/aisle/delivery")
        found["configs"] = [{"source": "registry", "target": "/etc/aisle/registry.yaml"}]
    return {**found, "volumes": mounted} if mounted else found


def _environment(name: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Return what a process is told, by what it needs."""
    ports, needs = table(), NEEDS[name]
    prefix = f"AISLE_{name.upper().replace('-', '_')}"
    milvus = {"MILVUS_URI": f"http://milvus:{ports['milvus']}"}
    told: dict[str, dict[str, str]] = {
        "token": {"TOKEN_KEY": _secret("AISLE_TOKEN_KEY")},
        "postgres": {"DATABASE_URL": _url(name, values)},
        "redis": {"REDIS_URL": f"redis://:{_secret('AISLE_REDIS_PASSWORD')}@redis:6379/0"},
        "limits-redis": {
            "REDIS_URL": f"redis://:{_secret('AISLE_LIMITS_REDIS_PASSWORD')}@limits-redis:6379/0",
            "PROXY_PORT": str(ports["limits-proxy"]),
        },
        "milvus": milvus,
        "media": {"MEDIA_DIR": "/var/lib/aisle/media", "MEDIA_SIGNING_KEY": _secret("AISLE_MEDIA_SIGNING_KEY")},
        "signing-keys": {
            "SIGNING_KEYS": "/var/lib/aisle/keys/signing-keys.json",
            "ENVOY_ADMIN_ADDRESS": f"127.0.0.1:{ports['envoy-admin']}",
        },
        "providers": {
            "HTTP_PORT": str(ports["llm-http"]),
            "SPOOL_DIR": "/var/lib/aisle/spool",
            "LOCAL_URL": f"http://127.0.0.1:{ports['models']}/v1",
            "OPENAI_API_KEY": "${AISLE_LLM_OPENAI_API_KEY:-}",
            "API_KEYS": "${AISLE_LLM_API_KEYS:-}",
        },
        "kubernetes": {"REGISTRY": "/etc/aisle/registry.yaml", "DELIVERY": "/var/lib/aisle/delivery/delivery.yaml"},
    }
    shared = {
        "LISTEN_PORT": str(ports[name]),
        "EGRESS_ADDRESS": f"127.0.0.1:{ports['egress']}",
        "DRAIN_SECONDS": str(values["drain"]["seconds"]),
        "GRACE_SECONDS": str(1 if name == "control-plane" else values["drain"]["graceSeconds"]),
        "LOG_LEVEL": str(values["logLevel"]),
        "OTLP_ENDPOINT": f"http://127.0.0.1:{ports['telemetry']}",
        "METRIC_SECONDS": "5",
    }
    own = {key: value for need in needs for key, value in told.get(need, {}).items()}
    return {f"{prefix}_{key}": value for key, value in {**shared, **own}.items()}


def _envoy_arguments(values: Mapping[str, Any]) -> list[str]:
    return [
        *("--config-path", "/etc/envoy/bootstrap.json", "--concurrency", str(values["edge"]["concurrency"])),
        *("--log-level", str(values["envoy"]["logLevel"]), "--drain-time-s", str(values["drain"]["seconds"])),
        "--disable-hot-restart",
    ]


def _bootstrap(values: Mapping[str, Any]) -> dict[str, Any]:
    ports = table()
    heap = int(values["edge"]["heapMegabytes"]) << 20
    control_plane = f"127.0.0.1:{ports['control-plane']}"
    return envoy.bootstrap("aisle-compose", ports["envoy-admin"], control_plane, delta=True, max_heap_bytes=heap)


def _hardened() -> dict[str, Any]:
    return {
        "restart": "unless-stopped",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "pids_limit": 512,
    }


def _ours(image: Mapping[str, Any], target: str = "aisle") -> dict[str, Any]:
    """Return a container of an image that is built here."""
    return {
        **_hardened(),
        "image": f"{image['repository'] or 'aisle'}:local",
        "build": {"context": ".", "target": target},
        "user": "10001:10001",
        "tmpfs": ["/tmp:mode=1777"],  # noqa: S108
    }


def _beside() -> dict[str, Any]:
    return {"network_mode": "service:mesh"}


def _after(name: str) -> dict[str, Any]:
    return {name: {"condition": "service_healthy"}}


def _asks(*command: str) -> dict[str, Any]:
    return {"test": list(command), "interval": "5s", "timeout": "5s", "retries": 12, "start_period": "30s"}


def _limits(resources: Mapping[str, Any]) -> dict[str, Any]:
    """Return the limits of the chart in the words of Compose, whose m and g are powers of two as well."""
    most = resources["limits"]
    memory = str(most["memory"]).replace("Mi", "m").replace("Gi", "g")
    return {"deploy": {"resources": {"limits": {"cpus": str(most["cpu"]), "memory": memory}}}}


def _image(image: Mapping[str, Any]) -> str:
    return f"{image['repository']}@{image['digest']}" if image["digest"] else f"{image['repository']}:{image['tag']}"


def _database(values: Mapping[str, Any]) -> str:
    return str(values["postgres"]["database"])


def _url(owner: str, values: Mapping[str, Any]) -> str:
    password = _secret(f"AISLE_{owner.upper()}_PASSWORD")
    return f"postgresql+asyncpg://{owner}:{password}@postgres:5432/{_database(values)}"


def _secret(name: str) -> str:
    return f"${{{name}:?run make compose-env}}"


def _text(said: Mapping[str, Any]) -> str:
    # Compose would take a dollar for a variable.
    return json.dumps(said, indent=1, ensure_ascii=False).replace("$", "$$") + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
