"""The registry file: which services run where and what the edge shows of them, followed as the file changes."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from services.control_plane.sources import delivery_file, descriptors
from services.control_plane.sources.explained import explained
from services.control_plane.sources.replicas import Replicas
from services.control_plane.sources.usable_endpoints import usable
from services.control_plane.topology import (
    COLLECTOR,
    STABLE,
    Address,
    Collector,
    Delivery,
    EdgeLimits,
    EdgeRoute,
    Endpoint,
    Issuer,
    Method,
    Protocol,
    Service,
    Shown,
    Topology,
    Tracing,
    Trust,
    Workload,
)

log = logging.getLogger("aisle.control_plane.registry")

MEBIBYTE = 1 << 20
Read = TypeVar("Read")


class RegistryError(Exception):
    """The registry cannot be used; the message says everything that is wrong with it."""


def _is_ip(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        raise ValueError(f"'{value}' is not an IP address; the mesh resolves no names") from None


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
Seconds = Annotated[float, Field(ge=0, le=86_400)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Address(_Entry):
    address: Annotated[str, AfterValidator(_is_ip)]
    port: int = Field(ge=1, le=65535)

    def read(self) -> Address:
        return Address(self.address, self.port)


class _Endpoint(_Address):
    version: Name = STABLE
    zone: Annotated[str, Field(pattern=r"^[a-z0-9-]{0,62}$")] = ""

    def read(self) -> Endpoint:
        return Endpoint(self.address, self.port, self.version, self.zone)


class _Service(_Entry):
    protocol: Protocol
    endpoints: tuple[_Endpoint, ...] = ()
    workload: Name | Literal[""] = ""
    inbound: _Address | None = None
    application: _Address | None = None

    @model_validator(mode="after")
    def _leads_through(self) -> Self:
        if (self.inbound is None) != (self.application is None):
            raise ValueError("inbound and application are the two ends of one way: one of them is missing")
        return self

    def read(self, name: str) -> Service:
        return Service(
            name,
            self.protocol,
            tuple(endpoint.read() for endpoint in self.endpoints),
            self.workload,
            self.inbound.read() if self.inbound else None,
            self.application.read() if self.application else None,
        )


class _Trust(_Entry):
    domain: str = Field(pattern=r"^[a-z0-9._-]{1,255}$")
    namespace: str = Field(pattern=r"^[a-z0-9-]{1,63}$")
    certificates: str = Field(pattern=r"^/[^\s]*$")
    connection_seconds: float = Field(3600.0, ge=1, le=86_400)

    def read(self) -> Trust:
        return Trust(self.domain, self.namespace, self.certificates, self.connection_seconds)


class _Workload(_Entry):
    egress: _Address | None = None
    probe: _Address | None = None

    def read(self, name: str) -> Workload:
        return Workload(name, self.egress.read() if self.egress else None, self.probe.read() if self.probe else None)


class _AtOnce(_Entry):
    """Lets in fewer requests at once while half of the answers take longer than is usual."""

    usual_seconds: float = Field(gt=0, le=60)
    least: int = Field(8, ge=1, le=10_000)
    most: int = Field(256, ge=1, le=100_000)

    @model_validator(mode="after")
    def _has_room(self) -> Self:
        if self.least > self.most:
            raise ValueError("at_once: least is more than most")
        return self


class _EdgeRoute(_Entry):
    prefix: str = Field(pattern=r"^/[^?#\s]*$")
    service: Name
    upgrade: Literal["websocket"] | None = None
    timeout: Seconds = 15.0
    idle_timeout: Seconds = 60.0
    max_request_bytes: int = Field(MEBIBYTE, ge=1, le=64 * MEBIBYTE)
    shown: Shown = Shown.TOKEN
    rate_class: str = ""
    # Of what is not a read; without one, the same.
    write_rate_class: str = ""
    at_once: _AtOnce | None = None

    def read(self) -> EdgeRoute:
        return EdgeRoute(
            prefix=self.prefix,
            service=self.service,
            timeout=self.timeout,
            idle_timeout=self.idle_timeout,
            max_request_bytes=self.max_request_bytes,
            websocket=self.upgrade == "websocket",
            shown=self.shown,
            rate_class=self.rate_class,
            write_rate_class=self.write_rate_class or self.rate_class,
            usual_seconds=self.at_once.usual_seconds if self.at_once else 0.0,
            least_at_once=self.at_once.least if self.at_once else 0,
            most_at_once=self.at_once.most if self.at_once else 0,
        )


class _Issuer(_Entry):
    issuer: str = Field(min_length=1, max_length=300)
    audiences: tuple[Annotated[str, Field(min_length=1)], ...] = Field(min_length=1)
    service: Name
    path: str = Field(pattern=r"^/[^?#\s]*$")
    role_claim: str = Field("role", pattern=r"^[A-Za-z0-9_.:/-]{1,200}$")
    keys_seconds: float = Field(60.0, ge=1, le=3600)

    def read(self) -> Issuer:
        return Issuer(self.issuer, self.audiences, self.service, self.path, self.role_claim, self.keys_seconds)


class _Collector(_Entry):
    host: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$")
    port: int = Field(4317, ge=1, le=65535)


class _Tracing(_Entry):
    """Names a service of the mesh that takes traces, or where a collector outside of it is."""

    service: Name | None = None
    collector: _Collector | None = None
    sampled_percent: float = Field(100.0, ge=0, le=100)

    @model_validator(mode="after")
    def _leads_to_one(self) -> Self:
        if (self.service is None) == (self.collector is None):
            raise ValueError("traces go to a service of the mesh or to a collector outside of it: name one of them")
        return self

    def read(self) -> Tracing:
        outside = Collector(self.collector.host, self.collector.port) if self.collector else None
        return Tracing(self.service or COLLECTOR, self.sampled_percent, outside)


class _Edge(_Address):
    requests_per_second: int = Field(10_000, ge=1, le=1_000_000)
    headers_timeout: Seconds = 10.0
    request_timeout: Seconds = 60.0
    trusted_hops: int = Field(0, ge=0, le=8)
    access_log: bool = False

    def limits(self) -> EdgeLimits:
        return EdgeLimits(self.requests_per_second, self.headers_timeout, self.request_timeout, self.trusted_hops)


class _Registry(_Entry):
    edge: _Edge
    egress: _Address
    services: dict[Name, _Service] = Field(min_length=1)
    edge_routes: tuple[_EdgeRoute, ...] = ()
    # Where the proxies stand.
    zone: Annotated[str, Field(pattern=r"^[a-z0-9-]{0,62}$")] = ""
    rate_limiter: Name | None = None
    control_plane: Name | None = None
    # With these each workload has a proxy of its own, and they know each other by certificates.
    trust: _Trust | None = None
    workloads: dict[Name, _Workload] = {}
    issuers: tuple[_Issuer, ...] = ()
    tracing: _Tracing | None = None

    @model_validator(mode="after")
    def _routes_lead_somewhere(self) -> Self:
        seen: set[str] = set()
        for route in self.edge_routes:
            target = self.services.get(route.service)
            if target is None:
                raise ValueError(f"edge route {route.prefix} names the service '{route.service}', which is not listed")
            if target.protocol is not Protocol.HTTP:
                raise ValueError(f"edge route {route.prefix} names '{route.service}', which does not speak http")
            if route.prefix in seen:
                raise ValueError(f"edge route {route.prefix} is there twice")
            seen.add(route.prefix)
        return self

    @model_validator(mode="after")
    def _edge_can_be_kept(self) -> Self:
        limiter = self.services.get(self.rate_limiter) if self.rate_limiter else None
        if self.rate_limiter and (limiter is None or limiter.protocol is not Protocol.GRPC):
            raise ValueError(f"the rate limiter '{self.rate_limiter}' is not listed as a grpc service")
        takes_traces = self.tracing.service if self.tracing else None
        collector = self.services.get(takes_traces) if takes_traces else None
        if takes_traces and (collector is None or collector.protocol is not Protocol.GRPC):
            raise ValueError(f"'{takes_traces}', which takes traces, is not listed as a grpc service")
        for issuer in self.issuers:
            keys = self.services.get(issuer.service)
            if keys is None or keys.protocol is not Protocol.HTTP:
                raise ValueError(f"the keys of {issuer.issuer} are with '{issuer.service}', not listed as http service")
        known = {found.name for found in descriptors.rate_classes()}
        for route in self.edge_routes:
            for name in (route.rate_class, route.write_rate_class):
                if name and name not in known:
                    raise ValueError(f"edge route {route.prefix} names the rate class '{name}', which does not exist")
        return self

    @model_validator(mode="after")
    def _everybody_is_known(self) -> Self:
        if (self.trust is None) != (not self.workloads):
            raise ValueError("trust and workloads belong together: one of them is missing")
        for name, service in self.services.items():
            if self.trust is not None and (service.workload or name) not in self.workloads:
                raise ValueError(f"'{service.workload or name}', which runs the service '{name}', is no workload")
        if self.control_plane and self.control_plane not in self.services:
            raise ValueError(f"the control plane '{self.control_plane}' is not listed as a service")
        return self

    @model_validator(mode="after")
    def _listeners_differ(self) -> Self:
        if self.edge.read() == self.egress.read():
            raise ValueError("edge and egress cannot share one address and port")
        return self


def parse(text: str, methods: Sequence[Method]) -> Topology:
    """Return the topology a registry describes. Raises RegistryError."""
    try:
        registry = _Registry.model_validate(yaml.safe_load(text))
    except ValidationError as invalid:
        raise RegistryError(explained(invalid, "registry")) from invalid
    except (yaml.YAMLError, ValueError, RecursionError) as broken:
        # The parser lets other errors through, for example of a date that does not exist.
        raise RegistryError(f"not YAML: {' '.join(str(broken).split())}") from broken
    return Topology(
        edge=registry.edge.read(),
        egress=registry.egress.read(),
        services=tuple(entry.read(name) for name, entry in sorted(registry.services.items())),
        methods=tuple(methods),
        edge_routes=tuple(route.read() for route in registry.edge_routes),
        zone=registry.zone,
        rate_classes=descriptors.rate_classes(),
        rate_limiter=registry.rate_limiter or "",
        issuers=tuple(issuer.read() for issuer in registry.issuers),
        edge_limits=registry.edge.limits(),
        trust=registry.trust.read() if registry.trust else None,
        workloads=tuple(entry.read(name) for name, entry in sorted(registry.workloads.items())),
        control_plane=registry.control_plane or "",
        tracing=registry.tracing.read() if registry.tracing else None,
        access_log=registry.edge.access_log,
    )


@dataclass(frozen=True, slots=True)
class _Signature:
    """What tells one state of a file from another without reading it."""

    modified: int
    size: int
    inode: int


class RegistryFile:
    """A registry in a file, and beside it how calls are delivered, both looked at again and again.

    Where replicas are may come from elsewhere. What of all this cannot be used changes nothing and is told.
    """

    def __init__(
        self,
        path: Path,
        methods: Sequence[Method],
        poll_seconds: float,
        delivery: Path | None = None,
        replicas: Replicas | None = None,
    ) -> None:
        """Take the file, the methods its services answer, the time between two looks, the delivery file if any, and
        where replicas are if the registry does not say.
        """
        self._path = path
        self._methods = methods
        self._poll_seconds = poll_seconds
        self._delivery = delivery
        self._replicas = replicas
        # The last files that could be used: one that cannot be changes nothing.
        self._registered: Topology | None = None
        self._deliveries: tuple[Delivery, ...] = ()
        self._complained: dict[Path, str] = {}
        self._left_out: list[str] = []
        self._waiting: list[str] = []

    @property
    def problems(self) -> list[str]:
        """Return what could not be used of what the sources say now."""
        broken = [f"{path.name} is not usable: {reason}" for path, reason in self._complained.items()]
        return [*broken, *(self._replicas.problems if self._replicas is not None else ()), *self._left_out]

    async def topologies(self) -> AsyncIterator[Topology]:
        """Yield the topology now and after each change; what cannot be used is logged and passed over."""
        seen: tuple[_Signature | None, ...] = ()
        moved = False
        while True:
            signatures = await asyncio.to_thread(self._signatures)
            if signatures != seen:
                # Seen only after the reading, so that a change in between is noticed next time.
                await asyncio.to_thread(self._read)
            if signatures != seen or moved:
                seen = signatures
                found = self._topology()
                if found is not None:
                    yield found
            moved = await self._pause()

    async def _pause(self) -> bool:
        """Wait for the next look at the files; return early, and that it did, when replicas moved."""
        if self._replicas is None:
            await asyncio.sleep(self._poll_seconds)
            return False
        try:
            async with asyncio.timeout(self._poll_seconds):
                await self._replicas.changed()
        except TimeoutError:
            return False
        return True

    def _read(self) -> None:
        """Read the files. A registry that cannot be used leaves the last one as it is, and so does a delivery file."""
        if self._delivery is not None and self._delivery.exists():
            said = self._said(self._delivery, delivery_file.parse)
            self._deliveries = self._deliveries if said is None else said
        else:
            self._deliveries = ()
            if self._delivery is not None:
                self._complained.pop(self._delivery, None)
        found = self._said(self._path, lambda text: parse(text, self._methods))
        self._registered = self._registered if found is None else found

    def _topology(self) -> Topology | None:
        """Return what all sources say together, None while one of them has said nothing yet."""
        registered = self._registered
        if registered is None:
            return None
        placed = registered if self._replicas is None else self._replicas.placed(registered)
        if placed is None:
            return None
        topology, left_out = usable(placed)
        self._left_out = _told("replica left out", left_out, self._left_out)
        waiting = delivery_file.problems(self._deliveries, topology.services)
        self._waiting = _told("delivery not possible yet", waiting, self._waiting)
        return delivery_file.delivered(topology, self._deliveries)

    def _said(self, path: Path, read: Callable[[str], Read]) -> Read | None:
        """Return what a file says; one that cannot be used is complained of once for each reason."""
        try:
            found = read(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, RegistryError, delivery_file.DeliveryError) as problem:
            if self._complained.get(path) != str(problem):
                log.error("registry not usable", extra={"data": {"path": str(path), "reason": str(problem)}})
            self._complained[path] = str(problem)
            return None
        self._complained.pop(path, None)
        return found

    def _signatures(self) -> tuple[_Signature | None, ...]:
        return tuple(_signature(path) for path in (self._path, self._delivery) if path is not None)


def _told(what: str, problems: list[str], before: list[str]) -> list[str]:
    """Log problems that were not there before, and return all."""
    for problem in problems:
        if problem not in before:
            log.warning(what, extra={"data": {"reason": problem}})
    return problems


def _signature(path: Path) -> _Signature | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return _Signature(found.st_mtime_ns, found.st_size, found.st_ino)
