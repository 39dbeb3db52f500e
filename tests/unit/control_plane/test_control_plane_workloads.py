"""A proxy beside each workload: what it is sent, and how it proves whose it is."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from envoy_data_plane.envoy.extensions.filters.http.rbac.v3 import RbacPerRoute
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import UpstreamTlsContext

from local.authority import Authority
from services.control_plane.ads import certificate
from services.control_plane.snapshot import CLUSTERS, ENDPOINTS, Snapshot, build_all, rebuild_all
from services.control_plane.sources.registry_file import RegistryError, parse
from services.control_plane.topology import Address, Endpoint, Topology, Trust, Workload
from services.control_plane.translate import authorization, translate
from tests.unit.control_plane.topologies import FRONT, READ, SHOP, SPEND, TELLER, topology

TRUST = Trust("mesh.test", "shop", "/run/certificates/{workload}")
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def at(port: int) -> Address:
    return Address("127.0.0.1", port)


def with_sidecars() -> Topology:
    """Return a mesh where `front` may read in the shop, `teller` spend money in it, and nobody may be told stories."""
    return replace(
        topology(
            replace(FRONT, inbound=at(21), application=at(31)),
            replace(SHOP, inbound=at(22), application=at(32)),
            replace(TELLER, inbound=at(23), application=at(33)),
        ),
        methods=(
            replace(READ, callers=frozenset({"front", "teller"})),
            replace(SPEND, callers=frozenset({"teller"}), role="shopper"),
        ),
        trust=TRUST,
        workloads=(
            Workload("edge"),
            Workload("front", egress=at(41), probe=at(51)),
            Workload("shop"),
            Workload("teller", egress=at(43)),
        ),
        edge_routes=topology(FRONT).edge_routes,
    )


SNAPSHOTS = build_all(with_sidecars())


def names(snapshot: Snapshot, type_url: str) -> set[str]:
    return set(snapshot.of(type_url))


def test_every_snapshot_fits_together() -> None:
    assert set(SNAPSHOTS) == {"edge", "front", "shop", "teller"}
    assert [problem for snapshot in SNAPSHOTS.values() for problem in snapshot.problems()] == []


@pytest.mark.parametrize(
    ("workload", "clusters", "listeners"),
    [
        ("edge", {"front"}, {"edge"}),
        ("front", {"shop", "inbound_front"}, {"egress", "probe", "inbound_front"}),
        ("shop", {"inbound_shop"}, {"inbound_shop"}),
        ("teller", {"shop", "inbound_teller"}, {"egress", "inbound_teller"}),
    ],
)
def test_proxy_gets_the_way_to_whom_its_workload_calls_and_no_more(
    workload: str, clusters: set[str], listeners: set[str]
) -> None:
    made = translate(with_sidecars(), workload)
    assert {one.name for one in made.clusters} == clusters
    assert {one.name for one in made.listeners} == listeners


def test_replicas_that_move_change_the_proxies_only_that_call_them() -> None:
    before = with_sidecars()
    moved = [
        replace(one, endpoints=(Endpoint("127.0.0.9", 9),)) if one == before.services[1] else one
        for one in before.services
    ]
    after = replace(before, services=tuple(moved))
    known = rebuild_all(after, before, SNAPSHOTS)
    assert known == build_all(after)
    assert known["shop"] is SNAPSHOTS["shop"]
    assert known["front"].versions[ENDPOINTS] != SNAPSHOTS["front"].versions[ENDPOINTS]
    assert known["front"].versions[CLUSTERS] == SNAPSHOTS["front"].versions[CLUSTERS]


def test_secrets_name_files_and_hold_none() -> None:
    secrets = translate(with_sidecars(), "shop").secrets
    assert secrets[0].tls_certificate is not None
    assert secrets[0].tls_certificate.private_key is not None
    assert secrets[0].tls_certificate.private_key.filename == "/run/certificates/shop/tls.key"
    assert not secrets[0].tls_certificate.private_key.inline_bytes


def test_whoever_is_called_has_to_be_the_service() -> None:
    cluster = next(one for one in translate(with_sidecars(), "front").clusters if one.name == "shop")
    assert cluster.transport_socket is not None
    assert cluster.transport_socket.typed_config is not None
    context = UpstreamTlsContext.parse(cluster.transport_socket.typed_config.value).common_tls_context
    assert context is not None
    assert context.combined_validation_context is not None
    believed = context.combined_validation_context.default_validation_context
    assert believed is not None
    assert [one.matcher.exact for one in believed.match_typed_subject_alt_names if one.matcher] == [
        "spiffe://mesh.test/ns/shop/sa/shop"
    ]


def test_method_is_for_its_callers_by_certificate_and_name() -> None:
    routes = translate(with_sidecars(), "shop").routes[0].virtual_hosts[0].routes
    spend = next(route for route in routes if route.name == SPEND.path.lstrip("/"))
    rules = RbacPerRoute.parse(spend.typed_per_filter_config[authorization.FILTER].value).rbac
    assert rules is not None
    assert rules.rules is not None
    assert set(rules.rules.policies) == {"teller"}
    together = rules.rules.policies["teller"].principals[0].and_ids
    assert together is not None
    assert len(together.ids) == 3


def shown(uri: str) -> str:
    """Return a header as Envoy writes it for the shop's certificate, with this beside it."""
    authority = Authority.new(NOW)
    pem, _ = authority.issue("spiffe://mesh.test/ns/shop/sa/shop", NOW, timedelta(hours=1))
    return f'By=spiffe://mesh.test/x;Hash=00ff;Cert="{quote(pem.decode(), safe="")}";URI={uri}'


def test_certificate_is_read_from_what_the_proxy_before_tells() -> None:
    found = certificate.read(shown("spiffe://mesh.test/ns/shop/sa/shop"))
    assert found.identity == "spiffe://mesh.test/ns/shop/sa/shop"
    assert found.left(NOW) == 3600
    assert found.left(NOW + timedelta(hours=2)) < 0


@pytest.mark.parametrize(
    "header",
    [
        "",
        "URI=spiffe://mesh.test/ns/shop/sa/shop",
        'Cert="";URI=spiffe://mesh.test/ns/shop/sa/shop',
        'Cert="-----BEGIN%20CERTIFICATE-----%0Anonsense";URI=spiffe://mesh.test/ns/shop/sa/shop',
        shown("spiffe://mesh.test/ns/shop/sa/another"),
        shown("spiffe://mesh.test/ns/shop/sa/shop") + ",Hash=00;URI=spiffe://mesh.test/ns/shop/sa/shop",
    ],
)
def test_what_tells_of_no_certificate_is_not_believed(header: str) -> None:
    with pytest.raises(certificate.NotShownError):
        certificate.read(header)


def registry(**more: object) -> str:
    base: Mapping[str, object] = {
        "edge": {"address": "127.0.0.1", "port": 1},
        "egress": {"address": "127.0.0.1", "port": 2},
        "trust": {"domain": "mesh.test", "namespace": "shop", "certificates": "/run/{workload}"},
        "workloads": {"shop": {}},
        "services": {"shop": {"protocol": "grpc"}},
    }
    return str({**base, **more}).replace("'", '"').replace("None", "null")


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"workloads": {}}, "trust and workloads belong together"),
        ({"trust": None}, "trust and workloads belong together"),
        ({"services": {"shop": {"protocol": "grpc", "workload": "away"}}}, "'away'"),
        ({"services": {"shop": {"protocol": "grpc", "inbound": {"address": "127.0.0.1", "port": 3}}}}, "two ends"),
        ({"control_plane": "mesh"}, "control plane 'mesh'"),
        ({"trust": {"domain": "Mesh", "namespace": "shop", "certificates": "/run"}}, "domain"),
        ({"trust": {"domain": "mesh", "namespace": "shop", "certificates": "run"}}, "certificates"),
    ],
)
def test_registry_that_leaves_somebody_unknown_is_refused(more: dict[str, object], problem: str) -> None:
    with pytest.raises(RegistryError, match=problem):
        parse(registry(**more), ())


def test_registry_names_workloads_and_trust() -> None:
    found = parse(registry(), ())
    assert found.trust == Trust("mesh.test", "shop", "/run/{workload}")
    assert found.workloads == (Workload("shop"),)
