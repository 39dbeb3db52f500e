"""Which replicas can be told to proxies. One that cannot is left out and named, and the others go on.

A proxy refuses a set of replicas as a whole, or takes an address that leads to itself: a service would lose all its
replicas over one. So what is wrong is found here, before anything is published.
"""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address

from services.control_plane.topology import Endpoint, Health, Service, Topology

_BROADCAST = IPv4Address("255.255.255.255")
# What is asked first is believed first when one replica is told of twice.
_BEST_FIRST = (Health.HEALTHY, Health.UNKNOWN, Health.DRAINING, Health.UNHEALTHY)


def usable(topology: Topology) -> tuple[Topology, list[str]]:
    """Return a topology without the replicas that proxies would not take, and what is wrong with those."""
    checked = [_checked(service) for service in topology.services]
    problems = [f"{service.name}: {problem}" for service, found in checked for problem in found]
    return replace(topology, services=tuple(service for service, _ in checked)), problems


def _checked(service: Service) -> tuple[Service, list[str]]:
    problems: list[str] = []
    kept: dict[tuple[str, str, int], Endpoint] = {}
    for place in sorted(service.endpoints, key=_order):
        wrong = next(_mistakes(place), "")
        if wrong:
            problems.append(f"{place.host}:{place.port} is left out: {wrong}")
        else:
            # Replicas that move from one slice to another are in both for a while.
            kept.setdefault((place.version, place.host, place.port), place)
    return replace(service, endpoints=tuple(kept.values())), problems


def _order(place: Endpoint) -> tuple[str, str, int, int, str]:
    return (place.version, place.host, place.port, _BEST_FIRST.index(place.health), place.zone)


def _mistakes(place: Endpoint) -> Iterator[str]:
    if not 1 <= place.port <= 65535:
        yield "no such port"
    try:
        address = ip_address(place.host)
    except ValueError:
        yield "not an IP address, and the mesh resolves no names"
        return
    yield from _mistakes_of(address)


def _mistakes_of(address: IPv4Address | IPv6Address) -> Iterator[str]:
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            yield "an IPv4 address has to be written as one"
        if address.scope_id is not None:
            yield "an address that only means something on one machine"
    if address.is_unspecified:
        yield "no address of anybody: a proxy would call itself"
    if address.is_multicast or address == _BROADCAST:
        yield "an address of many"
    if address.is_link_local:
        yield "an address of the machine's own link, where only its own services are"
    if isinstance(address, IPv4Address) and int(address) >> 24 == 0:
        yield "an address of this network, which nobody can be called at"
