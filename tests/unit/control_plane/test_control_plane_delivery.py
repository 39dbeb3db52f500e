"""Which version a call goes to: what the delivery file says, and what Envoy is told."""

from dataclasses import replace

import pytest
from envoy_data_plane.envoy.config.route.v3 import Route
from envoy_data_plane.envoy.extensions.filters.http.fault.v3 import HttpFault

from services.control_plane.snapshot import CLUSTERS, ENDPOINTS, build
from services.control_plane.sources.delivery_file import Change, DeliveryError, changes, delivered, parse, problems
from services.control_plane.topology import Delivery, Endpoint, Fault, HeaderRule, Topology
from services.control_plane.translate import endpoints, routes, wire
from tests.unit.control_plane.topologies import READ, SHOP, SPEND, TELL, TELLER, topology

TEXT = """
services:
  shop:
    weights: {stable: 95, v2: 5}
    rules: [{header: x-aisle-subject, value: users/anna, version: v2}]
    shadow: {version: v3, percent: 10}
    fault: {delay: {seconds: 0.5, percent: 10}, abort: {code: UNAVAILABLE, percent: 1.5}}
    max_calls: 200
"""
ANNA = HeaderRule("x-aisle-subject", "users/anna", "v2")
DELIVERY = Delivery("shop", (("stable", 95), ("v2", 5)), (ANNA,), "v3", 10, Fault(0.5, 10, 14, 1.5), 200)
NEW = replace(SHOP, endpoints=(*SHOP.endpoints, Endpoint("127.0.0.1", 1005, "v2"), Endpoint("127.0.0.1", 1006, "v3")))


def mesh(*deliveries: Delivery) -> Topology:
    return replace(
        topology(NEW, TELLER), methods=(replace(READ, without_effects=True), SPEND, TELL), deliveries=deliveries
    )


def routes_to(made: Topology, path: str) -> list[Route]:
    anyone = next(host for host in routes.egress(made).virtual_hosts if host.name == "by_method")
    return [route for route in anyone.routes if route.match is not None and route.match.path == path]


def test_file_is_understood() -> None:
    assert parse(TEXT) == (DELIVERY,)
    assert parse("") == parse("services: {}") == ()


@pytest.mark.parametrize(
    ("text", "explanation"),
    [
        ("services: {shop: {weights: {stable: 0}}}", "the weights are all 0"),
        ("services: {shop: {weights: {stable: -1}}}", "services.shop.weights.stable"),
        ("services: {shop: {wieghts: {stable: 1}}}", "services.shop.wieghts: Extra inputs are not permitted"),
        ("services: {shop: {shadow: {version: v2, percent: 101}}}", "services.shop.shadow.percent"),
        ("services: {shop: {fault: {abort: {code: OK, percent: 1}}}}", "'OK' is no status of gRPC other than OK"),
        ("services: {shop: {fault: {delay: {seconds: 61, percent: 1}}}}", "services.shop.fault.delay.seconds"),
        ("services: {shop: {rules: [{header: 'X Y', value: a, version: b}]}}", "services.shop.rules.0.header"),
        ("services: {Shop: {}}", "services.Shop"),
        ("services: [", "not YAML"),
    ],
)
def test_what_is_wrong_is_said_where_it_is(text: str, explanation: str) -> None:
    with pytest.raises(DeliveryError) as refused:
        parse(text)
    assert explanation in str(refused.value)


def test_what_has_no_replica_is_told_and_gets_no_calls() -> None:
    asked = (DELIVERY, Delivery("ghost"))
    plain = replace(topology(SHOP), deliveries=())
    assert problems(asked, plain.services) == [
        "shop: no replica runs version 'v2'",
        "shop: no replica runs version 'v3'",
        "ghost: no such service is registered",
    ]
    (kept,) = delivered(plain, asked).deliveries
    assert (kept.weights, kept.rules, kept.shadow) == ((("stable", 95),), (), "")
    assert problems(asked[:1], mesh().services) == []


def test_calls_are_spread_by_weight_and_by_header_and_copied_only_without_effects() -> None:
    ruled, everybody = routes_to(mesh(DELIVERY), READ.path)
    assert ruled.match is not None and ruled.route is not None and everybody.route is not None
    assert ruled.match.headers[0].name == "x-aisle-subject"
    assert ruled.route.cluster == "shop@v2"
    assert everybody.route.weighted_clusters is not None
    assert [(one.name, one.weight) for one in everybody.route.weighted_clusters.clusters] == [
        ("shop", 95),
        ("shop@v2", 5),
    ]
    assert [one.cluster for one in everybody.route.request_mirror_policies] == ["shop@v3"]
    *_, spends = routes_to(mesh(DELIVERY), SPEND.path)
    assert spends.route is not None and spends.route.request_mirror_policies == []


def test_fault_is_on_the_routes_of_its_service_only() -> None:
    made = mesh(DELIVERY)
    *_, reads = routes_to(made, READ.path)
    (tells,) = routes_to(made, TELL.path)
    fault = HttpFault.parse(reads.typed_per_filter_config[wire.FAULT_FILTER].value)
    assert fault.abort is not None and fault.abort.percentage is not None and fault.delay is not None
    assert (fault.abort.grpc_status, fault.abort.percentage.numerator) == (14, 15_000)
    assert wire.FAULT_FILTER not in tells.typed_per_filter_config


def test_snapshot_with_versions_holds_together() -> None:
    snapshot = build(mesh(DELIVERY))
    assert snapshot.problems() == []
    assert {"shop", "shop@v2", "shop@v3"} <= snapshot.resources[CLUSTERS].keys() & snapshot.resources[ENDPOINTS].keys()


def test_replicas_of_the_own_zone_come_first_and_far_ones_when_there_are_no_others() -> None:
    near, far = Endpoint("127.0.0.1", 1, zone="a"), Endpoint("127.0.0.1", 2, zone="b")
    both = replace(SHOP, endpoints=(near, far))
    assert [group.priority for group in endpoints.load_assignment(both, zone="a").endpoints] == [0, 1]
    assert [group.priority for group in endpoints.load_assignment(both).endpoints] == [0, 0]
    alone = replace(SHOP, endpoints=(far,))
    assert [group.priority for group in endpoints.load_assignment(alone, zone="a").endpoints] == [0]


def test_changes_are_told_in_words_service_by_service() -> None:
    assert [str(one) for one in changes((), (DELIVERY,))] == [
        "shop: weights: none -> stable 95, v2 5",
        "shop: rules: none -> x-aisle-subject=users/anna -> v2",
        "shop: shadow: none -> 10 % to v3",
        "shop: fault: none -> 10 % wait 0.5 s, 1.5 % fail with UNAVAILABLE",
        "shop: max_calls: none -> 200",
    ]
    assert changes((DELIVERY,), (replace(DELIVERY, weights=(("v2", 1),), max_calls=0),)) == [
        Change("shop", "weights", "stable 95, v2 5", "v2 1"),
        Change("shop", "max_calls", "200", ""),
    ]
    assert changes((DELIVERY,), (DELIVERY,)) == []
