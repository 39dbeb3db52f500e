"""The rules of the xDS protocol, one stream at a time."""

import pytest
from envoy_data_plane.envoy.service.discovery.v3 import DiscoveryResponse

from services.control_plane.ads import Session, SotwSession
from services.control_plane.snapshot import CLUSTERS, ENDPOINTS, LISTENERS, ROUTES, Snapshot, build
from tests.unit.control_plane.clients import Client, DeltaClient, Response, SotwClient
from tests.unit.control_plane.proxy import Proxy, answer_to, request
from tests.unit.control_plane.topologies import FRONT, SHOP, TELLER, moved, topology
from tests.unit.control_plane.worlds import Part, world

ALL = build(topology())
SHOP_MOVED = build(topology(FRONT, moved(SHOP, 2001), TELLER))
WITHOUT_TELLER = build(topology(FRONT, SHOP))
NAMES = {ENDPOINTS: ("front", "shop", "teller"), ROUTES: ("edge", "egress")}


def connected(snapshot: Snapshot = ALL, versions: dict[str, str] | None = None) -> Proxy:
    session = SotwSession()
    session.aim_at(snapshot)
    proxy = Proxy(session, dict(NAMES), versions=versions or {})
    proxy.connect()
    return proxy


def shops(**parts: Part) -> Snapshot:
    """Return a world of these services, which no route leads to."""
    return world(parts, {"edge": frozenset(), "egress": frozenset()})


def settled(client: Client, snapshot: Snapshot) -> Client:
    """Lead a client to a snapshot, as it accepts whatever comes."""
    if hasattr(client, "session"):
        client.session.aim_at(snapshot)
    else:
        client.connect(snapshot)
    client.take()
    while client.waiting:
        client.accept()
        client.take()
    return client


def published(client: Client, snapshot: Snapshot) -> list[Response]:
    client.session.aim_at(snapshot)
    return client.take()


def refused(client: Client, reason: str = "not like this", applied: tuple[str, ...] = ()) -> list[Response]:
    client.refuse(reason, applied)
    return client.take()


def due(session: Session) -> list[DiscoveryResponse]:
    return [DiscoveryResponse.parse(one) for one in session.due()]


def test_new_proxy_gets_everything_once() -> None:
    proxy = connected()
    assert proxy.sent == [
        ("Cluster", frozenset({"front", "shop", "teller"})),
        ("ClusterLoadAssignment", frozenset({"front", "shop", "teller"})),
        ("Listener", frozenset({"edge", "egress"})),
        ("RouteConfiguration", frozenset({"edge", "egress"})),
    ]
    assert proxy.session.due() == []


def test_response_carries_version_nonce_and_who_sent_it() -> None:
    session = SotwSession()
    session.aim_at(ALL)
    session.receive(request(CLUSTERS))
    (response,) = due(session)
    assert (response.version_info, response.type_url) == (ALL.versions[CLUSTERS], CLUSTERS)
    assert response.nonce
    assert response.control_plane is not None
    assert response.control_plane.identifier == "aisle"
    assert session.node == "proxy-1"


def test_nothing_is_sent_before_there_is_a_snapshot() -> None:
    session = SotwSession()
    session.receive(request(CLUSTERS))
    assert session.due() == []
    session.aim_at(ALL)
    assert len(session.due()) == 1


def test_acknowledgement_is_remembered() -> None:
    status = connected().session.status()
    assert status.node == "proxy-1"
    assert {kind: found.acknowledged for kind, found in status.types.items()} == {
        "Cluster": ALL.versions[CLUSTERS],
        "ClusterLoadAssignment": ALL.versions[ENDPOINTS],
        "Listener": ALL.versions[LISTENERS],
        "RouteConfiguration": ALL.versions[ROUTES],
    }


def test_only_what_changed_is_sent() -> None:
    proxy = connected()
    before = len(proxy.sent)
    proxy.session.aim_at(SHOP_MOVED)
    proxy.pump()
    assert proxy.sent_since(before) == ["ClusterLoadAssignment"]


def test_equal_snapshot_sends_nothing() -> None:
    proxy = connected()
    proxy.session.aim_at(build(topology()))
    assert proxy.session.due() == []


def test_refusal_is_shown_and_never_sent_again() -> None:
    proxy = connected()
    proxy.refuses = {ENDPOINTS}
    proxy.session.aim_at(SHOP_MOVED)
    proxy.pump()
    found = proxy.session.status().types["ClusterLoadAssignment"]
    assert found.acknowledged == ALL.versions[ENDPOINTS]
    assert (found.refused, found.reason) == (SHOP_MOVED.versions[ENDPOINTS], "not like this")
    assert proxy.session.due() == []


def test_next_version_after_a_refusal_is_sent_and_clears_it() -> None:
    proxy = connected()
    proxy.refuses = {ENDPOINTS}
    proxy.session.aim_at(SHOP_MOVED)
    proxy.pump()
    proxy.refuses = set()
    proxy.session.aim_at(ALL)
    proxy.pump()
    found = proxy.session.status().types["ClusterLoadAssignment"]
    assert (found.acknowledged, found.refused, found.reason) == (ALL.versions[ENDPOINTS], "", "")


def test_refused_clusters_keep_back_the_routes_that_would_need_them() -> None:
    proxy = connected(WITHOUT_TELLER)
    proxy.refuses = {CLUSTERS}
    before = len(proxy.sent)
    proxy.session.aim_at(ALL)
    proxy.pump()
    assert "RouteConfiguration" not in proxy.sent_since(before)
    assert proxy.session.status().types["RouteConfiguration"].acknowledged == WITHOUT_TELLER.versions[ROUTES]


def test_proxy_that_has_nothing_is_given_the_rest_in_spite_of_a_refusal() -> None:
    session = SotwSession()
    session.aim_at(ALL)
    proxy = Proxy(session, dict(NAMES), refuses={CLUSTERS})
    proxy.connect()
    assert [short for short, _ in proxy.sent][-2:] == ["Listener", "RouteConfiguration"]


def test_stale_nonce_changes_nothing() -> None:
    session = SotwSession()
    session.aim_at(ALL)
    session.receive(request(ENDPOINTS, ("shop",)))
    (first,) = due(session)
    session.receive(answer_to(first, ("shop", "teller")))
    (second,) = due(session)
    session.receive(answer_to(first, (), refusal="late"))
    assert session.due() == []
    assert session.status().types["ClusterLoadAssignment"].refused == ""
    session.receive(answer_to(second, ("shop", "teller")))
    assert session.status().types["ClusterLoadAssignment"].acknowledged == second.version_info


def test_nonce_of_another_stream_is_stale() -> None:
    session = SotwSession()
    session.aim_at(ALL)
    session.receive(request(CLUSTERS, nonce="of-another-stream"))
    assert session.due() == []


def test_proxy_that_comes_back_with_what_is_current_is_sent_nothing() -> None:
    versions = connected().versions
    again = connected(build(topology()), versions)
    assert again.sent == []
    assert again.session.status().types["Cluster"].acknowledged == ALL.versions[CLUSTERS]


def test_proxy_that_comes_back_before_there_is_a_snapshot_is_recognised_later() -> None:
    session = SotwSession()
    proxy = Proxy(session, dict(NAMES), versions=dict(connected().versions))
    proxy.connect()
    session.aim_at(ALL)
    proxy.pump()
    assert proxy.sent == []


def test_proxy_that_comes_back_is_sent_what_changed_meanwhile() -> None:
    versions = connected().versions
    assert [short for short, _ in connected(SHOP_MOVED, versions).sent] == ["ClusterLoadAssignment"]


def test_proxy_that_comes_back_to_other_clusters_gets_their_endpoints_even_if_unchanged() -> None:
    versions = {**connected().versions, CLUSTERS: "older"}
    assert [short for short, _ in connected(ALL, versions).sent] == ["Cluster", "ClusterLoadAssignment"]


def test_name_asked_for_later_is_sent_although_nothing_changed() -> None:
    session = SotwSession()
    session.aim_at(ALL)
    session.receive(request(ENDPOINTS, ("shop",)))
    (first,) = due(session)
    session.receive(answer_to(first, ("shop",)))
    assert session.due() == []
    session.receive(answer_to(first, ("shop", "teller")))
    (second,) = due(session)
    assert len(second.resources) == 2
    assert second.version_info != first.version_info


def test_name_dropped_and_asked_for_again_is_sent_again() -> None:
    session = SotwSession()
    session.aim_at(ALL)
    session.receive(request(ROUTES, ("edge",)))
    (first,) = due(session)
    session.receive(answer_to(first, ()))
    assert session.due() == []
    session.receive(answer_to(first, ("edge",)))
    assert len(session.due()) == 1


@pytest.mark.parametrize("asked", [(), ("*",)])
def test_clusters_are_all_sent_when_none_is_named(asked: tuple[str, ...]) -> None:
    session = SotwSession()
    session.aim_at(ALL)
    session.receive(request(CLUSTERS, asked))
    (response,) = due(session)
    assert len(response.resources) == 3


def test_clearing_names_after_naming_some_means_none_not_all() -> None:
    session = SotwSession()
    session.aim_at(ALL)
    session.receive(request(CLUSTERS, ("shop",)))
    (first,) = due(session)
    assert len(first.resources) == 1
    session.receive(answer_to(first, ()))
    session.receive(answer_to(first, ()))
    assert session.due() == []


def test_endpoints_named_by_nobody_are_not_sent() -> None:
    session = SotwSession()
    session.aim_at(ALL)
    session.receive(request(ENDPOINTS))
    assert session.due() == []


def test_nothing_more_of_a_type_is_sent_until_it_is_answered() -> None:
    session = SotwSession()
    session.aim_at(ALL)
    session.receive(request(ENDPOINTS, NAMES[ENDPOINTS]))
    (first,) = due(session)
    session.aim_at(SHOP_MOVED)
    assert session.due() == []
    session.receive(answer_to(first, NAMES[ENDPOINTS]))
    (second,) = due(session)
    assert second.version_info == SHOP_MOVED.versions[ENDPOINTS]


def test_new_service_has_warm_clusters_before_routes_lead_to_it() -> None:
    proxy = connected(WITHOUT_TELLER)
    proxy.session.aim_at(ALL)
    clusters, endpoints = due(proxy.session)
    assert (clusters.type_url, endpoints.type_url) == (CLUSTERS, ENDPOINTS)
    proxy.session.receive(answer_to(endpoints, NAMES[ENDPOINTS]))
    assert [one.type_url for one in due(proxy.session)] == []
    proxy.session.receive(answer_to(clusters))
    assert [one.type_url for one in due(proxy.session)] == [ROUTES]


def test_service_that_goes_loses_its_routes_before_its_cluster() -> None:
    proxy = connected()
    before = len(proxy.sent)
    proxy.session.aim_at(WITHOUT_TELLER)
    proxy.pump()
    assert proxy.sent_since(before)[:2] == ["RouteConfiguration", "Cluster"]
    assert proxy.sent[before + 1] == ("Cluster", frozenset({"front", "shop"}))


def test_cluster_stays_while_the_routes_without_it_are_refused() -> None:
    proxy = connected()
    proxy.refuses = {ROUTES}
    before = len(proxy.sent)
    proxy.session.aim_at(WITHOUT_TELLER)
    proxy.pump()
    # The second is the way back to the last good ones.
    assert proxy.sent_since(before) == ["RouteConfiguration", "RouteConfiguration"]


def test_unknown_type_is_passed_over() -> None:
    session = SotwSession()
    session.aim_at(ALL)
    session.receive(request("type.googleapis.com/envoy.config.route.v3.VirtualHost"))
    assert session.due() == []


VARIANTS = pytest.mark.parametrize("variant", [SotwClient, DeltaClient])


@VARIANTS
def test_what_was_taken_of_a_refused_response_is_taken_back_though_the_next_is_refused_for_it(
    variant: type[Client],
) -> None:
    client = settled(variant(), shops(shop=Part()))
    published(client, shops(shop=Part(1), teller=Part()))
    published(client, shops(shop=Part(2), teller=Part(1)))
    refused(client, applied=("teller",))
    while client.waiting[0].type_url != CLUSTERS:
        client.accept()
        client.take()
    refused(client, 'name: "teller" is not well')
    assert "teller" in client.has[CLUSTERS]
    settled(client, shops(shop=Part(2)))
    assert client.has[CLUSTERS].keys() == {"shop"}


@VARIANTS
def test_what_was_refused_apart_is_not_tried_again_together(variant: type[Client]) -> None:
    client = settled(variant(), shops(shop=Part(), teller=Part()))
    for snapshot in (shops(shop=Part(1), teller=Part()), shops(shop=Part(1), teller=Part(1))):
        published(client, snapshot)
        refused(client)
        settled(client, snapshot)
    good = client.has[CLUSTERS]["teller"]
    clusters = published(client, shops(shop=Part(2), teller=Part(1)))[0]
    assert clusters.resources["shop"].refers_to
    assert clusters.resources.get("teller", good) is good


@VARIANTS
def test_what_was_refused_together_is_tried_again_when_one_of_it_changes(variant: type[Client]) -> None:
    client = settled(variant(), shops(shop=Part(), teller=Part()))
    published(client, both := shops(shop=Part(1), teller=Part(1)))
    refused(client)
    settled(client, both)
    assert client.has[CLUSTERS]["teller"] is not both.of(CLUSTERS)["teller"]
    settled(client, shops(shop=Part(2), teller=Part(1)))
    assert client.has[CLUSTERS]["teller"] is both.of(CLUSTERS)["teller"]


@VARIANTS
def test_last_good_version_that_is_refused_comes_again_with_the_next_snapshot_only(variant: type[Client]) -> None:
    client = settled(variant(), before := shops(shop=Part()))
    published(client, shops(shop=Part(endpoints=1)))
    published(client, shops(shop=Part()))
    (restated,) = refused(client, applied=("shop",))
    assert restated.resources == before.of(ENDPOINTS)
    assert refused(client) == []
    assert client.has[ENDPOINTS] != before.of(ENDPOINTS)
    assert not client.session.status().in_sync
    settled(client, shops(shop=Part()))
    assert client.has[ENDPOINTS] == before.of(ENDPOINTS)


@VARIANTS
def test_proxy_that_took_its_last_good_version_again_after_a_refusal_is_not_in_sync(variant: type[Client]) -> None:
    client = settled(variant(), shops(shop=Part()))
    assert client.session.status().in_sync
    published(client, shops(shop=Part(endpoints=1)))
    refused(client, applied=("shop",))
    client.accept()
    assert not client.session.status().in_sync
    settled(client, shops(shop=Part(endpoints=2)))
    assert client.session.status().in_sync


@VARIANTS
def test_last_good_endpoints_that_are_refused_come_again_for_a_cluster_that_waits_for_them(
    variant: type[Client],
) -> None:
    client = settled(variant(), before := shops(shop=Part()))
    published(client, shops(shop=Part(1, 1)))
    published(client, shops(shop=Part(2)))
    client.waiting.reverse()
    refused(client, applied=("shop",))
    assert [one.type_url for one in refused(client)] == [CLUSTERS]
    (restated,) = refused(client)
    assert restated.resources == before.of(ENDPOINTS)
    # A snapshot that comes meanwhile does not have them told twice.
    assert published(client, shops(shop=Part(2))) == []
    client.waiting.reverse()
    assert refused(client) == []


@VARIANTS
def test_cluster_that_is_replaced_is_told_its_last_good_endpoints_when_it_refuses_others(variant: type[Client]) -> None:
    client = settled(variant(), before := shops(shop=Part()))
    published(client, shops(shop=Part(1, 1)))
    client.accept()
    (restated,) = refused(client, 'name: "shop" is not well')
    assert restated.resources == before.of(ENDPOINTS)


def test_cluster_that_a_proxy_came_back_with_stays_for_its_routes_when_its_next_version_is_refused() -> None:
    client = settled(DeltaClient(), world({"shop": Part()}, {"edge": frozenset({"shop"}), "egress": frozenset()}))
    client.connect(shops(teller=Part()))
    client.take()
    published(client, shops(shop=Part(1)))
    client.accept()
    assert client.take()[0].resources.keys() == {"shop"}
    refused(client)
    while client.waiting:
        client.accept()
        client.take()
    assert client.has[ROUTES]["edge"].refers_to == {(CLUSTERS, "shop")}
    assert "shop" in client.has[CLUSTERS]
    settled(client, shops(teller=Part()))
    assert client.has[CLUSTERS].keys() == {"teller"}


@VARIANTS
def test_what_may_have_been_taken_of_the_first_response_goes_when_it_is_wanted_no_more(variant: type[Client]) -> None:
    client = variant()
    client.connect(shops(shop=Part(), teller=Part()))
    client.take()
    assert refused(client, applied=("shop",)) != []
    settled(client, shops(teller=Part(1)))
    assert client.has[CLUSTERS].keys() == {"teller"}
