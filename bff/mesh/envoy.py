"""What Envoy says about the replicas behind it: whether one answers is for a proxy to know."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx2

from services.runtime.errors import Unavailable

# Between a service's name and a version, in the name of a cluster; the stable version has the service's own name.
_AT = "@"


class Heard(NamedTuple):
    """What Envoy says about one replica."""

    version: str
    answers: bool


Answering = Mapping[str, Mapping[str, Heard]]


async def answering(admin_address: str) -> Answering:
    """Return by service and address whether replicas answer. Raises Unavailable (ENVOY_UNKNOWN) when Envoy does not."""
    try:
        async with httpx2.AsyncClient(timeout=2.0) as client:
            answer = await client.get(f"http://{admin_address}/clusters", params={"format": "json"})
            answer.raise_for_status()
            clusters = answer.json().get("cluster_statuses", [])
    except (httpx2.HTTPError, ValueError) as error:
        raise Unavailable("ENVOY_UNKNOWN", "Envoy does not say how the services are.") from error
    found: dict[str, dict[str, Heard]] = {}
    for cluster in clusters:
        name, _, version = cluster["name"].partition(_AT)
        replicas = found.setdefault(name, {})
        for host in cluster.get("host_statuses", []):
            replicas[_address(host)] = Heard(version or "stable", _answers(host.get("health_status", {})))
    return found


def _address(host: dict[str, Any]) -> str:
    socket = host.get("address", {}).get("socket_address", {})
    name = socket.get("address", "")
    return f"[{name}]:{socket.get('port_value', '')}" if ":" in name else f"{name}:{socket.get('port_value', '')}"


def _answers(health: dict[str, Any]) -> bool:
    """Return what Envoy found by asking. What it was told of a replica, its registration says."""
    return not any(value is True for key, value in health.items() if key.startswith("failed_"))
