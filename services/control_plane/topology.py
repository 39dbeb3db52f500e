"""The mesh in our own words: services, the methods they answer, and what the edge shows of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Protocol(StrEnum):
    """What a service speaks."""

    GRPC = "grpc"
    HTTP = "http"


@dataclass(frozen=True, slots=True)
class Address:
    """Where something listens: an IP address, never a name."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Service:
    """A service and where its replicas are now."""

    name: str
    protocol: Protocol
    endpoints: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class Method:
    """A gRPC method and its policy. Times are seconds; 0 means no limit."""

    path: str
    service: str
    timeout: float = 0.0
    streaming: bool = False
    max_duration: float = 0.0
    idle_timeout: float = 0.0
    retry_safe: bool = False


@dataclass(frozen=True, slots=True)
class EdgeRoute:
    """A part of the URL space that the edge hands to a service. Times are seconds; 0 means no limit."""

    prefix: str
    service: str
    timeout: float
    idle_timeout: float
    max_request_bytes: int
    websocket: bool = False


@dataclass(frozen=True, slots=True)
class Topology:
    """Everything Envoy's configuration is made from."""

    edge: Address
    egress: Address
    services: tuple[Service, ...]
    methods: tuple[Method, ...]
    edge_routes: tuple[EdgeRoute, ...]

    def grpc_services(self) -> Iterator[Service]:
        """Return the services that are reached through the egress listener."""
        return (service for service in self.services if service.protocol is Protocol.GRPC)

    def methods_of(self, service: str) -> Iterator[Method]:
        """Return the methods a service answers."""
        return (method for method in self.methods if method.service == service)
