"""The registry file: which services run where and what the edge shows of them, followed as the file changes."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from services.control_plane.topology import Address, EdgeRoute, Method, Protocol, Service, Topology

log = logging.getLogger("aisle.control_plane.registry")

MEBIBYTE = 1 << 20


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


class _Service(_Entry):
    protocol: Protocol
    endpoints: tuple[_Address, ...] = ()


class _EdgeRoute(_Entry):
    prefix: str = Field(pattern=r"^/[^?#\s]*$")
    service: Name
    upgrade: Literal["websocket"] | None = None
    timeout: Seconds = 15.0
    idle_timeout: Seconds = 60.0
    max_request_bytes: int = Field(MEBIBYTE, ge=1, le=64 * MEBIBYTE)

    def read(self) -> EdgeRoute:
        return EdgeRoute(
            prefix=self.prefix,
            service=self.service,
            timeout=self.timeout,
            idle_timeout=self.idle_timeout,
            max_request_bytes=self.max_request_bytes,
            websocket=self.upgrade == "websocket",
        )


class _Registry(_Entry):
    edge: _Address
    egress: _Address
    services: dict[Name, _Service] = Field(min_length=1)
    edge_routes: tuple[_EdgeRoute, ...] = ()

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
    def _listeners_differ(self) -> Self:
        if self.edge == self.egress:
            raise ValueError("edge and egress cannot share one address and port")
        return self


def parse(text: str, methods: Sequence[Method]) -> Topology:
    """Return the topology a registry describes. Raises RegistryError."""
    try:
        registry = _Registry.model_validate(yaml.safe_load(text))
    except ValidationError as invalid:
        raise RegistryError(_explain(invalid)) from invalid
    except (yaml.YAMLError, ValueError, RecursionError) as broken:
        # The parser lets other errors through, for example of a date that does not exist.
        raise RegistryError(f"not YAML: {' '.join(str(broken).split())}") from broken
    return Topology(
        edge=registry.edge.read(),
        egress=registry.egress.read(),
        services=tuple(
            Service(name, entry.protocol, tuple(endpoint.read() for endpoint in entry.endpoints))
            for name, entry in sorted(registry.services.items())
        ),
        methods=tuple(methods),
        edge_routes=tuple(route.read() for route in registry.edge_routes),
    )


def _explain(invalid: ValidationError) -> str:
    found = invalid.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, error['loc'])) or 'registry'}: {error['msg']}" for error in found)


@dataclass(frozen=True, slots=True)
class _Signature:
    """What tells one state of a file from another without reading it."""

    modified: int
    size: int
    inode: int


class RegistryFile:
    """A registry in a file, looked at again and again."""

    def __init__(self, path: Path, methods: Sequence[Method], poll_seconds: float) -> None:
        """Take the file, the methods its services answer, and the time between two looks."""
        self._path = path
        self._methods = methods
        self._poll_seconds = poll_seconds

    async def topologies(self) -> AsyncIterator[Topology]:
        """Yield the topology now and after each change; a file that cannot be used is logged and passed over."""
        seen: _Signature | None = None
        complained = False
        while True:
            try:
                signature = await asyncio.to_thread(self._signature)
                if signature != seen:
                    # Seen only after the reading, so that a change in between is noticed next time.
                    text = await asyncio.to_thread(self._path.read_text, "utf-8")
                    seen, complained = signature, False
                    yield parse(text, self._methods)
            except (OSError, UnicodeDecodeError, RegistryError) as problem:
                if not complained:
                    log.error("registry not usable", extra={"data": {"path": str(self._path), "reason": str(problem)}})
                complained = True
            await asyncio.sleep(self._poll_seconds)

    def _signature(self) -> _Signature:
        found = self._path.stat()
        return _Signature(found.st_mtime_ns, found.st_size, found.st_ino)
