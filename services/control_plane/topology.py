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


# The version of replicas of which nobody says another.
STABLE = "stable"

# The workload that is shown to the world outside, and the one whose calls may be somebody's outside.
EDGE = "edge"
FIRST_HOP = "bff"
# What a collector outside of the mesh is called: as no service can be.
COLLECTOR = "_collector"


class Health(StrEnum):
    """What is registered of a replica; whether it answers is for each proxy to find out."""

    # Nobody says anything.
    UNKNOWN = "unknown"
    HEALTHY = "healthy"
    # Not ready for calls.
    UNHEALTHY = "unhealthy"
    # About to leave: it finishes what it has, and gets nothing new.
    DRAINING = "draining"

    @property
    def takes_calls(self) -> bool:
        """Return whether new calls are meant for such a replica."""
        return self in (Health.UNKNOWN, Health.HEALTHY)


@dataclass(frozen=True, slots=True)
class Endpoint(Address):
    """Where a replica listens, what it runs, and in which zone it stands; an empty zone is near everybody."""

    version: str = STABLE
    zone: str = ""
    health: Health = Health.UNKNOWN


@dataclass(frozen=True, slots=True)
class Service:
    """A service and where its replicas are now."""

    name: str
    protocol: Protocol
    endpoints: tuple[Endpoint, ...] = ()
    # Whose identity its replicas have; one of its own name when empty. A workload may answer as several services.
    workload: str = ""
    # Where the proxy beside each replica takes calls for it, and where it hands them on to; only with sidecars.
    inbound: Address | None = None
    application: Address | None = None

    @property
    def runs_as(self) -> str:
        """The workload whose identity its replicas have."""
        return self.workload or self.name

    def versions(self) -> tuple[str, ...]:
        """Return the versions that have replicas, and the stable one always."""
        return tuple(sorted({STABLE, *(endpoint.version for endpoint in self.endpoints)}))

    def of(self, version: str) -> tuple[Endpoint, ...]:
        """Return the replicas of a version."""
        return tuple(endpoint for endpoint in self.endpoints if endpoint.version == version)


@dataclass(frozen=True, slots=True)
class HeaderRule:
    """Calls that carry a header with a value go to one version, whatever the weights say."""

    header: str
    value: str
    version: str


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done to calls on purpose, so that it can be seen what becomes of it. Percentages are of all calls."""

    delay_seconds: float = 0.0
    delay_percent: float = 0.0
    # A status of gRPC, by its number.
    abort_code: int = 0
    abort_percent: float = 0.0
    # Only calls that carry this header with this value; all calls when the header is empty.
    header: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How calls to a service are spread over its versions."""

    service: str
    # Shares by version. They count relative to each other; without any, all goes to the stable version.
    weights: tuple[tuple[str, int], ...] = ()
    rules: tuple[HeaderRule, ...] = ()
    # A version that gets a copy of a share of the calls, and whose answers nobody sees.
    shadow: str = ""
    shadow_percent: float = 0.0
    fault: Fault | None = None
    # Calls that may run at once, for each version; 0 leaves the mesh's own limit.
    max_calls: int = 0


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
    # Whether a call changes nothing and costs nothing worth speaking of.
    without_effects: bool = False
    # The budget the call is counted against, and who may call: Envoy counts what the BFF calls for somebody.
    rate_class: str = ""
    callers: frozenset[str] = frozenset()
    # What the user behind the call has to be at least: anonymous, shopper or admin.
    role: str = "anonymous"


class Shown(StrEnum):
    """By what a request at the edge shows who makes it."""

    # An access token, which Envoy verifies when there is one.
    TOKEN = "token"  # noqa: S105 - a word
    # An API key, which the service behind verifies.
    KEY = "key"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class EdgeLimits:
    """What one Envoy takes at the edge, whoever asks. Times are seconds."""

    requests_per_second: int = 10_000
    # For all of a request's head, and for all of the request.
    headers_timeout: float = 10.0
    request_timeout: float = 60.0
    # Load balancers and networks in front, each of which says in X-Forwarded-For who called it.
    trusted_hops: int = 0


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs access tokens, for whom, and which service publishes the keys under which path."""

    name: str
    audiences: tuple[str, ...]
    service: str
    path: str
    role_claim: str = "role"
    # How old the keys may be that are known of it.
    keys_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class RateClass:
    """A budget that requests are counted against, and whether they pass while nobody can count."""

    name: str
    passes_uncounted: bool


@dataclass(frozen=True, slots=True)
class EdgeRoute:
    """A part of the URL space that the edge hands to a service. Times are seconds; 0 means no limit."""

    prefix: str
    service: str
    timeout: float
    idle_timeout: float
    max_request_bytes: int
    websocket: bool = False
    shown: Shown = Shown.TOKEN
    # What is counted: reads, and everything else. Empty means that nothing is.
    rate_class: str = ""
    write_rate_class: str = ""
    # How long half of the answers take at the most when there is no crowd; with it, fewer requests are let in at once
    # while answers take longer, and never fewer or more than these. 0 lets in whatever comes.
    usual_seconds: float = 0.0
    least_at_once: int = 0
    most_at_once: int = 0


@dataclass(frozen=True, slots=True)
class Trust:
    """By what the proxies of a mesh with mutual TLS know each other."""

    domain: str
    namespace: str
    # The folder of a workload's certificate as its own proxies see it; `{workload}` stands for the name.
    certificates: str
    # Who one is, is proved when a connection opens: after so many seconds it is left for a new one.
    connection_seconds: float = 3600.0

    def identity(self, workload: str) -> str:
        """Return the SPIFFE id of a workload."""
        return f"{self.everybody}sa/{workload}"

    @property
    def everybody(self) -> str:
        """What the ids of all workloads begin with."""
        return f"spiffe://{self.domain}/ns/{self.namespace}/"

    def folder(self, workload: str) -> str:
        """Return where a workload's proxy finds its certificate, its key and whom it trusts."""
        return self.certificates.replace("{workload}", workload)


@dataclass(frozen=True, slots=True)
class Workload:
    """What runs beside one proxy under one identity. Without `egress` it calls nobody."""

    name: str
    egress: Address | None = None
    # Where whoever watches over processes asks without a certificate, and for nothing else than how they are.
    probe: Address | None = None


@dataclass(frozen=True, slots=True)
class Collector:
    """Who takes traces where it is no part of the mesh: found by name, and called without a certificate."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Tracing:
    """Where proxies send what they know of requests, and how many of the traces that begin with them are kept.

    The service is one of the mesh, or what a collector outside of it is called.
    """

    service: str
    sampled_percent: float = 100.0
    collector: Collector | None = None


@dataclass(frozen=True, slots=True)
class Topology:
    """Everything Envoy's configuration is made from."""

    edge: Address
    egress: Address
    services: tuple[Service, ...]
    methods: tuple[Method, ...]
    edge_routes: tuple[EdgeRoute, ...]
    deliveries: tuple[Delivery, ...] = ()
    # Where the proxies stand: replicas of the same zone are asked first.
    zone: str = ""
    rate_classes: tuple[RateClass, ...] = ()
    issuers: tuple[Issuer, ...] = ()
    # The service that counts; without one only the guard of each Envoy holds.
    rate_limiter: str = ""
    edge_limits: EdgeLimits = EdgeLimits()
    # With trust each workload has a proxy of its own, and proxies speak mutual TLS; without, one proxy serves all.
    trust: Trust | None = None
    workloads: tuple[Workload, ...] = ()
    # The service that configures the proxies.
    control_plane: str = ""
    # Without it proxies tell nobody, and leave alone what they are told of traces.
    tracing: Tracing | None = None
    # Whether the edge writes a line for each request.
    access_log: bool = False

    def called_by(self, workload: str) -> tuple[Service, ...]:
        """Return the services that a workload has business with."""
        if workload == EDGE:
            wanted = {route.service for route in self.edge_routes} | {issuer.service for issuer in self.issuers}
        else:
            wanted = {method.service for method in self.methods if workload in method.callers}
        if self.rate_limiter and workload in (EDGE, FIRST_HOP):
            wanted.add(self.rate_limiter)
        if self.tracing is not None:
            wanted.add(self.tracing.service)
        return tuple(service for service in self.services if service.name in wanted)

    def delivery_of(self, service: str) -> Delivery:
        """Return how calls to a service are spread."""
        return next((one for one in self.deliveries if one.service == service), Delivery(service))

    def grpc_services(self) -> Iterator[Service]:
        """Return the services that are reached through the egress listener."""
        return (service for service in self.services if service.protocol is Protocol.GRPC)

    def methods_of(self, service: str) -> Iterator[Method]:
        """Return the methods a service answers."""
        return (method for method in self.methods if method.service == service)

    def passes_uncounted(self, rate_class: str) -> bool:
        """Return whether requests of a class pass while nobody can count; what is not known does not."""
        return any(found.passes_uncounted for found in self.rate_classes if found.name == rate_class)
