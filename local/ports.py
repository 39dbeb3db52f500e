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
    Port("bff", 8081, "HTTP, WebSocket", "REST and WebSocket for the front end, behind the edge"),
    Port("postgres", 55432, "PostgreSQL", "PostgreSQL 18"),
    Port("redis", 56379, "RESP", "Redis 8, append-only file on"),
    Port("milvus", 19530, "gRPC", "Milvus Lite"),
    Port("models", 8090, "HTTP", "The local models, OpenAI-compatible"),
)

SERVICES = ("product", "llm", "chat", "recommendation", "analytics")


def table(offset: int = 0) -> dict[str, int]:
    """Return the number of every port by name, all moved up by `offset`."""
    return {port.name: port.number + offset for port in PORTS}
