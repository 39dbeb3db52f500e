"""What Envoy says about the services behind it."""

from typing import Any

import httpx2

from bff.insights.schemas import MeshService
from services.runtime.errors import Unavailable


async def mesh_services(admin_address: str) -> list[MeshService]:
    """Return the addresses Envoy knows. Raises Unavailable (MESH_UNKNOWN) when its admin listener does not answer."""
    try:
        async with httpx2.AsyncClient(timeout=2.0) as client:
            answer = await client.get(f"http://{admin_address}/clusters", params={"format": "json"})
            answer.raise_for_status()
            clusters = answer.json().get("cluster_statuses", [])
    except (httpx2.HTTPError, ValueError) as error:
        raise Unavailable("MESH_UNKNOWN", "Envoy does not say how the services are.") from error
    return [_service(cluster["name"], host) for cluster in clusters for host in cluster.get("host_statuses", [])]


def _service(name: str, host: dict[str, Any]) -> MeshService:
    socket = host.get("address", {}).get("socket_address", {})
    health = host.get("health_status", {})
    failed = any(value is True for key, value in health.items() if key.startswith("failed_"))
    return MeshService(
        name=name,
        address=f"{socket.get('address', '')}:{socket.get('port_value', '')}",
        healthy=health.get("eds_health_status", "HEALTHY") in ("HEALTHY", "UNKNOWN", "DEGRADED") and not failed,
    )
