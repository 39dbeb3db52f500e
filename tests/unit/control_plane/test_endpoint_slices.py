"""EndpointSlices: what they say is understood, and what cannot be used is left out and told."""

from typing import Any

import pytest

from services.control_plane.sources.endpoint_slices import placement, slices
from services.control_plane.sources.usable_endpoints import usable
from services.control_plane.topology import Endpoint, Health, Protocol, Service
from tests.fakes.kubernetes_api import GONE_SOON, LEAVING, READY, STARTING, a_slice
from tests.unit.control_plane.topologies import SHOP, topology

SERVICES = (Service("product", Protocol.GRPC), Service("bff", Protocol.HTTP))


def places(*slices: dict[str, Any], service: str = "product") -> tuple[Endpoint, ...]:
    said = placement(slices, SERVICES)
    assert said.problems == ()
    return said.endpoints.get(service, ())


@pytest.mark.parametrize(
    ("conditions", "health"),
    [
        (READY, Health.HEALTHY),
        (LEAVING, Health.DRAINING),
        (STARTING, Health.UNHEALTHY),
        (GONE_SOON, Health.UNHEALTHY),
        ({}, Health.HEALTHY),
        ({"ready": True, "serving": True, "terminating": True}, Health.DRAINING),
        ({"terminating": True}, Health.DRAINING),
    ],
)
def test_conditions_are_health(conditions: dict[str, bool], health: Health) -> None:
    (one,) = places(a_slice("a", endpoints={"10.0.0.1": conditions}))
    assert one.health is health


def test_version_zone_and_port_come_from_the_slice() -> None:
    first = a_slice("a", endpoints={"10.0.0.1": READY}, zone="eu-1a")
    canary = a_slice("b", endpoints={"10.0.0.2": READY}, version="v2", port=6000)
    assert places(first, canary) == (
        Endpoint("10.0.0.1", 50051, "stable", "eu-1a", Health.HEALTHY),
        Endpoint("10.0.0.2", 6000, "v2", "", Health.HEALTHY),
    )


def test_port_is_the_one_named_after_what_the_service_speaks() -> None:
    several = a_slice("a", endpoints={"10.0.0.1": READY})
    several["ports"] = [{"name": "metrics", "port": 9090}, {"name": "grpc", "port": 50051, "protocol": "TCP"}]
    assert [one.port for one in places(several)] == [50051]
    only = a_slice("b", "bff", {"10.0.0.1": READY}, port_name="web", port=8081)
    assert [one.port for one in places(only, service="bff")] == [8081]


def test_of_both_families_one_is_taken() -> None:
    four, six = a_slice("a", endpoints={"10.0.0.1": READY}), a_slice("b", endpoints={"fd00::1": READY}, family="IPv6")
    assert [one.host for one in places(four, six)] == ["10.0.0.1"]
    assert [one.host for one in places(six)] == ["fd00::1"]


def test_order_in_which_slices_are_heard_of_is_nothing() -> None:
    first, second = (a_slice(name, endpoints={host: READY}) for name, host in (("a", "10.0.0.1"), ("b", "10.0.0.2")))
    assert places(first, second) == places(second, first)


def test_slice_without_endpoints_or_ports_is_nothing_to_complain_of() -> None:
    empty = a_slice("a")
    empty["endpoints"], empty["ports"] = None, None
    assert places(empty) == ()


def changed(change: str, **values: Any) -> dict[str, Any]:
    made = a_slice("bad", endpoints={"10.0.0.9": READY})
    target = made if change == "slice" else made[change] if change == "metadata" else made["endpoints"][0]
    target.update(values)
    return made


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (changed("slice", addressType="FQDN"), "slice bad: addresses of the kind FQDN are not resolved"),
        (a_slice("bad", "ghost", {"10.0.0.9": READY}), "slice bad: the registry has no service 'ghost'"),
        (changed("metadata", labels={}), "metadata.labels.aisle.dev/service"),
        (a_slice("bad", endpoints={"10.0.0.9": READY}, version="V 2"), "metadata.labels.aisle.dev/version"),
        (changed("slice", ports=[]), "slice bad: no port is named 'grpc', and there is not just one"),
        (changed("slice", ports=[{"port": None}]), "no port is named 'grpc'"),
        (changed("slice", ports=[{"port": 53, "protocol": "UDP"}]), "no port is named 'grpc'"),
        (changed("slice", ports=[{"port": "x"}]), "ports.0.port"),
        (changed("slice", endpoints={}), "slice bad: endpoints"),
        (changed("slice", addressType=None), "slice bad: addressType"),
        (changed("endpoint", addresses=[]), "slice bad: endpoint 0 is left out: addresses"),
        (changed("endpoint", conditions=7), "slice bad: endpoint 0 is left out: conditions"),
        (changed("endpoint", zone="no zone"), "slice bad: endpoint 0 is left out: zone"),
    ],
)
def test_what_cannot_be_used_is_told_and_the_rest_goes_on(bad: dict[str, Any], problem: str) -> None:
    said = placement([bad, a_slice("good", endpoints={"10.0.0.1": READY})], SERVICES)
    assert [one.host for one in said.endpoints["product"]] == ["10.0.0.1"]
    (found,) = said.problems
    assert problem in found


@pytest.mark.parametrize(
    ("host", "port", "problem"),
    [
        ("0.0.0.0", 1, "a proxy would call itself"),
        ("::", 1, "a proxy would call itself"),
        ("0.1.2.3", 1, "an address of this network"),
        ("255.255.255.255", 1, "an address of many"),
        ("224.0.0.1", 1, "an address of many"),
        ("ff02::1", 1, "an address of many"),
        ("169.254.169.254", 80, "its own services"),
        ("fe80::1", 1, "its own services"),
        ("2001:db8::1%eth0", 1, "only means something on one machine"),
        ("::ffff:10.0.0.1", 1, "has to be written as one"),
        ("product.shop.svc", 1, "resolves no names"),
        ("10.0.0.1", 0, "no such port"),
        ("10.0.0.1", 65536, "no such port"),
    ],
)
def test_replica_that_proxies_would_not_take_is_left_out(host: str, port: int, problem: str) -> None:
    service = Service("shop", Protocol.GRPC, (Endpoint(host, port), *SHOP.endpoints))
    kept, problems = usable(topology(service))
    assert kept.services[0].endpoints == SHOP.endpoints
    assert len(problems) == 1
    assert problems[0].startswith("shop: ") and problem in problems[0]


def test_replica_that_is_told_of_twice_is_there_once_as_it_is_best() -> None:
    leaving, well = Endpoint("10.0.0.1", 1, health=Health.DRAINING), Endpoint("10.0.0.1", 1, health=Health.HEALTHY)
    canary = Endpoint("10.0.0.1", 1, "v2")
    kept, problems = usable(topology(Service("shop", Protocol.GRPC, (leaving, canary, well))))
    assert (kept.services[0].endpoints, problems) == ((well, canary), [])


def test_two_shops_in_one_namespace_are_told_apart_by_a_label() -> None:
    assert slices().selector == "aisle.dev/service"
    assert slices("app.kubernetes.io/instance=spring").selector == (
        "aisle.dev/service,app.kubernetes.io/instance=spring"
    )
