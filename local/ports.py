"""The ports of the platform: the one table that everything else is generated from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Port:
    """A port of call: who listens, where by default, and what speaks there."""

    name: str
    number: int
    protocol: str
    purpose: str


PORTS: tuple[Port, ...] = (
    Port("edge", 8080, "HTTP, WebSocket", "Envoy's edge: storefront, admin, REST, chat, OpenAI-compatible API"),
    Port("egress", 15001, "gRPC", "Envoy's egress: how services reach each other, and you reach them"),
    Port("envoy-admin", 9901, "HTTP", "Envoy's own statistics and configuration"),
    Port("control-plane", 18000, "gRPC (ADS)", "Configures Envoy"),
    Port("product", 50051, "gRPC", "Catalogue, search, product writing"),
    Port("llm", 50052, "gRPC", "Language models and embeddings"),
    Port("llm-http", 50062, "HTTP", "OpenAI-compatible API of the language models, behind the edge"),
    Port("chat", 50053, "gRPC", "The assistant and its knowledge"),
    Port("recommendation", 50054, "gRPC", "Shelves of products with reasons"),
    Port("analytics", 50055, "gRPC", "Events in, reports out"),
    Port("limits", 50056, "gRPC (RLS)", "Rate limits, for everyone but proxies"),
    Port("limits-proxy", 50066, "gRPC (RLS)", "Rate limits, asked by Envoy before most requests"),
    Port("bff", 8081, "HTTP, WebSocket", "REST and WebSocket for the front end, behind the edge"),
    Port("postgres", 55432, "PostgreSQL", "PostgreSQL 18"),
    Port("redis", 56379, "RESP", "Redis 8, append-only file on"),
    Port("limits-redis", 56380, "RESP", "Redis of the rate limiter, in memory only"),
    Port("milvus", 19530, "gRPC", "Milvus Lite"),
    Port("telemetry", 4317, "gRPC (OTLP)", "Takes traces and metrics, keeps the last of them, answers the admin"),
    Port("models", 8090, "HTTP", "The local models, OpenAI-compatible"),
)

SERVICES = ("product", "llm", "chat", "recommendation", "analytics")

# Whoever has a proxy of its own under `aisle up --sidecars`, each with the services it answers as.
WORKLOADS: dict[str, tuple[str, ...]] = {
    "edge": (),
    "cli": (),
    "control-plane": ("mesh",),
    "bff": ("bff",),
    "product": ("product",),
    "llm": ("llm", "llm-http"),
    "chat": ("chat",),
    "recommendation": ("recommendation",),
    "analytics": ("analytics",),
    "limits": ("limits",),
}
# On one machine the collector is one of ours; elsewhere it is not, and nobody in the mesh calls it.
LOCAL_WORKLOADS = {**WORKLOADS, "telemetry": ("telemetry",)}
# The ports of the program behind a service, where they are not called as the service is.
APPLICATIONS = {"mesh": "control-plane", "limits": "limits-proxy"}
_FIRST_OF_SIDECARS = 15100
_OF_EACH_SIDECAR = 5


def _of_sidecars() -> tuple[Port, ...]:
    found = []
    for number, (workload, services) in enumerate(LOCAL_WORKLOADS.items()):
        first = _FIRST_OF_SIDECARS + number * _OF_EACH_SIDECAR
        found += [
            Port(f"inbound-{service}", first + turn, "mutual TLS", f"Calls for {service}")
            for turn, service in enumerate(services)
        ]
        # The edge calls by itself, and what people type in goes where they know it.
        if services:
            found.append(Port(f"egress-{workload}", first + 3, "gRPC", f"Calls of {workload}"))
        if workload != "edge":
            found.append(Port(f"admin-{workload}", first + 4, "HTTP", f"Statistics of the proxy of {workload}"))
    return tuple(found)


SIDECARS = _of_sidecars()


def table(offset: int = 0, *, sidecars: bool = False) -> dict[str, int]:
    """Return the number of every port by name, all moved up by `offset`."""
    return {port.name: port.number + offset for port in (*PORTS, *(SIDECARS if sidecars else ()))}
