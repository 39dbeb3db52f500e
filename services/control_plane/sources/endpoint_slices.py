"""Where replicas are on Kubernetes: EndpointSlices of the Services that carry the labels of ours.

A slice has its Service's labels. `aisle.dev/service` names the service as the registry does, and `aisle.dev/version`
what its replicas run: so each version is a Service of its own.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from services.control_plane.sources.delivery_file import Version
from services.control_plane.sources.explained import explained
from services.control_plane.sources.kubernetes_api import Collection, Object
from services.control_plane.sources.kubernetes_mirror import Mirror
from services.control_plane.topology import STABLE, Endpoint, Health, Protocol, Service, Topology

log = logging.getLogger("aisle.control_plane.slices")

SERVICE_LABEL = "aisle.dev/service"
VERSION_LABEL = "aisle.dev/version"
SLICES = Collection("discovery.k8s.io/v1", "endpointslices", SERVICE_LABEL)


def slices(selector: str = "") -> Collection:
    """Return the slices of our services, of those that also carry certain labels where some are named."""
    return replace(SLICES, selector=f"{SERVICE_LABEL},{selector}") if selector else SLICES


_ZONE = r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$"


class _Said(BaseModel):
    """What the API says has more in it every year: what is not asked for is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel)


class _Conditions(_Said):
    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None

    def health(self) -> Health:
        """Return what this means for calls. What is not said counts as well, as the API has it."""
        if self.terminating:
            return Health.UNHEALTHY if self.serving is False else Health.DRAINING
        return Health.UNHEALTHY if self.ready is False else Health.HEALTHY


class _Endpoint(_Said):
    addresses: tuple[str, ...] = Field(min_length=1)
    conditions: _Conditions = _Conditions()
    zone: str | None = Field(None, pattern=_ZONE)


class _Port(_Said):
    name: str | None = None
    port: int | None = None
    protocol: str | None = None


class _Labels(_Said):
    service: str = Field(alias=SERVICE_LABEL)
    version: Version = Field(STABLE, alias=VERSION_LABEL)


class _Metadata(_Said):
    name: str
    labels: _Labels


class _Slice(_Said):
    metadata: _Metadata
    address_type: str
    # Nothing where a Service chooses nobody. Each is looked at by itself: a bad one costs no other.
    endpoints: tuple[Object, ...] | None = None
    ports: tuple[_Port, ...] | None = None

    def port(self, protocol: Protocol) -> int | None:
        """Return where calls go: the port named after what the service speaks, or the only one."""
        over_tcp = [one for one in self.ports or () if one.port and (one.protocol or "TCP") == "TCP"]
        named = [one for one in over_tcp if one.name == protocol]
        chosen = named or (over_tcp if len(over_tcp) == 1 else [])
        return chosen[0].port if chosen else None

    def read(self, port: int, problems: list[str]) -> Iterator[Endpoint]:
        """Return the replicas. More addresses of one are the same replica, and the first is the one to use."""
        for number, said in enumerate(self.endpoints or ()):
            try:
                one = _Endpoint.model_validate(said)
            except ValidationError as invalid:
                problems.append(
                    f"slice {self.metadata.name}: endpoint {number} is left out: {explained(invalid, 'it')}"
                )
                continue
            zone, health = one.zone or "", one.conditions.health()
            yield Endpoint(one.addresses[0], port, self.metadata.labels.version, zone, health)


@dataclass(frozen=True, slots=True)
class Placement:
    """Replicas by service, and what could not be understood."""

    endpoints: Mapping[str, tuple[Endpoint, ...]]
    problems: tuple[str, ...]


def placement(objects: Iterable[Object], services: Iterable[Service]) -> Placement:
    """Return where the replicas of services are, as slices say. What cannot be used is left out and told."""
    problems: list[str] = []
    protocols = {service.name: service.protocol for service in services}
    found: dict[tuple[str, str, str], list[Endpoint]] = {}
    for one in _understood(objects, problems):
        service, name = one.metadata.labels.service, f"slice {one.metadata.name}"
        if service not in protocols:
            problems.append(f"{name}: the registry has no service '{service}'")
        elif one.address_type not in ("IPv4", "IPv6"):
            problems.append(f"{name}: addresses of the kind {one.address_type} are not resolved")
        elif (port := one.port(protocols[service])) is not None:
            found.setdefault((service, one.metadata.labels.version, one.address_type), []).extend(
                one.read(port, problems)
            )
        elif one.endpoints:
            problems.append(f"{name}: no port is named '{protocols[service]}', and there is not just one")
    return Placement(_of_one_family(found), tuple(problems))


def _understood(objects: Iterable[Object], problems: list[str]) -> Iterator[_Slice]:
    named = {str((one.get("metadata") or {}).get("name")): one for one in objects}
    # The order in which they were heard of is nothing: every control plane comes to the same.
    for name, one in sorted(named.items()):
        try:
            yield _Slice.model_validate(one)
        except ValidationError as invalid:
            problems.append(f"slice {name}: {explained(invalid, 'slice')}")


def _of_one_family(found: Mapping[tuple[str, str, str], list[Endpoint]]) -> Mapping[str, tuple[Endpoint, ...]]:
    """Return the replicas by service. With addresses of both families each would be there twice: IPv4 is taken."""
    places: dict[str, tuple[Endpoint, ...]] = {}
    for (service, version, family), endpoints in sorted(found.items()):
        if family == "IPv4" or not found.get((service, version, "IPv4")):
            places[service] = (*places.get(service, ()), *endpoints)
    return places


class EndpointSlices:
    """The replicas of services, as a mirror of their slices has them."""

    def __init__(self, mirror: Mirror) -> None:
        """Take the mirror of the slices; somebody else has it follow them."""
        self._mirror = mirror
        self._problems: tuple[str, ...] = ()
        self._staffed: frozenset[str] = frozenset()

    async def changed(self) -> None:
        """Wait until replicas may be elsewhere than before."""
        await self._mirror.changed()

    @property
    def problems(self) -> list[str]:
        """Return what of the slices could not be used, and why they are not followed if they are not."""
        trouble = self._mirror.trouble
        away = "the Kubernetes API is not followed, what was known last stays" if self._mirror.complete else ""
        away = away or "the Kubernetes API was never reached, there is nothing to go on"
        return [*([f"{away}: {trouble}"] if trouble else []), *self._problems]

    def placed(self, topology: Topology) -> Topology | None:
        """Return a topology with the replicas in it, None while nothing is known of them.

        Services whose replicas the registry itself lists are not on Kubernetes and stay as they are.
        """
        if not self._mirror.complete:
            return None
        away = [service for service in topology.services if not service.endpoints]
        said = placement(self._mirror.objects.values(), topology.services)
        listed = sorted(said.endpoints.keys() - {service.name for service in away})
        self._problems = (
            *said.problems,
            *(f"{name}: the registry lists replicas, slices are not used" for name in listed),
        )
        placed = {service.name: replace(service, endpoints=said.endpoints.get(service.name, ())) for service in away}
        self._notice(placed.values())
        return replace(topology, services=tuple(placed.get(one.name, one) for one in topology.services))

    def _notice(self, services: Iterable[Service]) -> None:
        """Log which services lost their last replica: that is believed, and may yet be a mistake."""
        staffed = frozenset(service.name for service in services if service.endpoints)
        for name in sorted(self._staffed - staffed):
            log.warning("service has no replica any more", extra={"data": {"name": name}})
        self._staffed = staffed
