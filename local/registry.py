"""The registry of one machine: where everything is that the control plane tells proxies of."""

import json
from collections.abc import Mapping
from pathlib import Path

from bff.auth.tokens import AUDIENCE, ISSUER
from local import sidecars
from local.ports import APPLICATIONS, SERVICES
from local.settings import LocalSettings

# Everything behind a proxy, and what it speaks.
PROTOCOLS = {
    **dict.fromkeys((*SERVICES, "mesh", "limits"), "grpc"),
    **dict.fromkeys(("bff", "llm-http"), "http"),
}


def write(settings: LocalSettings) -> Path:
    """Write the service registry the control plane reads, and return its path."""
    path = settings.folder("run") / "registry.yaml"
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(content(settings), indent=2))  # JSON is YAML
    fresh.replace(path)
    return path


def content(settings: LocalSettings) -> dict[str, object]:
    """Return the registry of one machine, or of one group of containers that share their loopback."""
    ports = settings.ports()
    protocols = {**PROTOCOLS, "telemetry": "grpc"}
    services = sidecars.services(ports) if settings.sidecars else {name: _direct(name, ports) for name in protocols}
    return {
        "edge": {"address": settings.host, "port": ports["edge"], "access_log": settings.access_log},
        "egress": {"address": "127.0.0.1", "port": ports["egress"]},
        "services": {name: {"protocol": protocols[name], **where} for name, where in services.items()},
        **(sidecars.mesh(settings) if settings.sidecars else {}),
        "rate_limiter": "limits",
        # What the control plane tells people is reached as any other service is; proxies reach it directly.
        "control_plane": "mesh",
        "issuers": _issuers(settings),
        "tracing": {"service": "telemetry", "sampled_percent": settings.trace_sampled_percent},
        "edge_routes": edge_routes(),
    }


def _direct(service: str, ports: Mapping[str, int]) -> dict[str, object]:
    return {"endpoints": [{"address": "127.0.0.1", "port": ports[APPLICATIONS.get(service, service)]}]}


def _issuers(settings: LocalSettings) -> list[dict[str, object]]:
    """Return whose tokens the edge takes. The BFF knows the way to another issuer's keys as well."""
    found = [own_issuer()]
    if settings.bff_oidc_issuer and settings.bff_oidc_audience:
        theirs = {"issuer": settings.bff_oidc_issuer, "audiences": [settings.bff_oidc_audience]}
        where = {"path": "/.well-known/oidc-jwks.json", "service": "bff"}
        found.append({**theirs, **where, "role_claim": settings.bff_oidc_role_claim})
    return found


def own_issuer() -> dict[str, object]:
    """Return who signs the tokens of those who sign in here, and where its keys are published."""
    return {"issuer": ISSUER, "audiences": [AUDIENCE], "path": "/.well-known/jwks.json", "service": "bff"}


def edge_routes() -> list[dict[str, object]]:
    """Return what the edge shows, how long it may take, and what it is counted as."""
    reads_and_writes = {"rate_class": "browse", "write_rate_class": "write"}
    # Whoever signs in shows no token, or one that has just ended.
    signing_in: list[dict[str, object]] = [
        {"prefix": f"/api/v1/auth/{what}", "service": "bff", "timeout": 30, "shown": "nothing", "rate_class": "write"}
        for what in ("login", "logout", "oidc/", "refresh", "register")
    ]
    return [
        # Only the opening is seen here; each message is counted between the services.
        {
            "prefix": "/api/v1/chat/ws",
            "service": "bff",
            "upgrade": "websocket",
            "timeout": 0,
            "idle_timeout": 300,
            "rate_class": "write",
        },
        # Server-sent events may be silent while a model thinks; the BFF sends heartbeats.
        {
            "prefix": "/api/v1/products/generate-description",
            "service": "bff",
            "timeout": 0,
            "idle_timeout": 60,
            "rate_class": "generate",
        },
        {"prefix": "/api/v1/chat/message", "service": "bff", "timeout": 120, "rate_class": "generate"},
        *signing_in,
        {
            "prefix": "/api/",
            "service": "bff",
            "timeout": 30,
            **reads_and_writes,
            # Far from what is usual here, and still sooner than people give up.
            "at_once": {"usual_seconds": 0.25, "least": 16, "most": 256},
        },
        {
            "prefix": "/v1/",
            "service": "llm-http",
            "timeout": 0,
            "idle_timeout": 60,
            "max_request_bytes": 4 << 20,
            "shown": "key",
            "rate_class": "generate",
        },
        # Files of the shop: one page asks for fifty of them, and none costs more than the count would.
        {"prefix": "/media/", "service": "bff", "timeout": 15, "shown": "nothing"},
        {"prefix": "/", "service": "bff", "timeout": 15, "shown": "nothing"},
    ]
