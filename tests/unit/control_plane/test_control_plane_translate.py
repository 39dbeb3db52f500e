"""Translation: what policies and registry say is what Envoy is told."""

from dataclasses import replace
from datetime import timedelta

import pytest
from envoy_data_plane.envoy.config.core.v3 import HealthStatus
from envoy_data_plane.envoy.config.route.v3 import Route, RouteConfiguration
from envoy_data_plane.envoy.extensions.filters.http.buffer.v3 import BufferPerRoute

from services.control_plane.sources import descriptors
from services.control_plane.topology import (
    STABLE,
    Address,
    Delivery,
    Endpoint,
    Health,
    Method,
    Protocol,
    Service,
    Topology,
)
from services.control_plane.translate import clusters, crowding, endpoints, routes
from tests.unit.control_plane.topologies import FRONT, SHOP, topology

METHODS = descriptors.methods()
CONTRACTS = Topology(
    edge=Address("127.0.0.1", 8080),
    egress=Address("127.0.0.1", 15001),
    services=tuple(Service(name, Protocol.GRPC) for name in sorted({method.service for method in METHODS})),
    methods=METHODS,
    edge_routes=(),
)
EGRESS = routes.egress(CONTRACTS)


def routes_of(configuration: RouteConfiguration, host: str) -> list[Route]:
    (found,) = [one for one in configuration.virtual_hosts if one.name == host]
    return found.routes


def exact(configuration: RouteConfiguration, host: str) -> dict[str, Route]:
    found = [(one.match.path, one) for one in routes_of(configuration, host) if one.match is not None]
    return {path: one for path, one in found if path is not None}


NEVER_SENT = {"connect-failure", "refused-stream", "reset-before-request"}


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.path)
def test_method_has_the_route_its_policy_asks_for(method: Method) -> None:
    for host in ("by_method", method.service):
        action = exact(EGRESS, host)[method.path].route
        assert action is not None
        assert action.cluster == method.service
        assert action.max_stream_duration is not None
        longest = timedelta(seconds=method.max_duration if method.streaming else method.timeout)
        assert longest > timedelta(0)
        assert action.max_stream_duration.max_stream_duration == longest
        assert action.max_stream_duration.grpc_timeout_header_max == longest
        assert action.retry_policy is not None
        # What may have effects is sent again only if nobody can have seen it.
        sent_again = set(action.retry_policy.retry_on.split(",")) - NEVER_SENT
        assert bool(sent_again) == (method.retry_safe and not method.streaming)
        if method.streaming:
            assert action.idle_timeout == timedelta(seconds=method.idle_timeout)


def test_no_method_is_left_out_or_added() -> None:
    assert exact(EGRESS, "by_method").keys() == {method.path for method in METHODS}


@pytest.mark.parametrize("host", ["by_method", "llm"])
def test_last_route_answers_what_nobody_has(host: str) -> None:
    last = routes_of(EGRESS, host)[-1]
    assert last.direct_response is not None
    assert last.direct_response.status == 404


def test_methods_of_a_service_that_is_not_registered_have_no_route() -> None:
    configuration = routes.egress(topology(FRONT, SHOP))
    assert all("teller" not in path for path in exact(configuration, "by_method"))


def test_only_the_declared_route_opens_websockets_and_it_is_not_buffered() -> None:
    shop = routes_of(routes.edge(topology()), "shop")
    upgrades = {one.name: bool(one.route and one.route.upgrade_configs) for one in shop}
    assert upgrades == {"/api/talk": True, "/api/": False, "/": False}
    limits = [BufferPerRoute.parse(one.typed_per_filter_config["envoy.filters.http.buffer"].value) for one in shop]
    assert limits[0].disabled is True
    assert [limit.buffer.max_request_bytes for limit in limits[1:] if limit.buffer] == [1 << 20, 1 << 16]


def test_only_a_part_that_states_its_usual_time_has_its_crowds_watched() -> None:
    name = "envoy.filters.http.adaptive_concurrency:/api/"
    assert [(one.name, one.disabled) for one in crowding.filters(topology())] == [(name, True)]
    switched_on = [name in one.typed_per_filter_config for one in routes_of(routes.edge(topology()), "shop")]
    assert switched_on == [False, True, False]


def test_edge_routes_keep_the_order_of_the_registry() -> None:
    assert [one.name for one in routes_of(routes.edge(topology()), "shop")] == ["/api/talk", "/api/", "/"]


def test_service_without_replicas_has_an_empty_assignment() -> None:
    assert endpoints.load_assignment(Service("shop", Protocol.GRPC)).endpoints == []


def test_replicas_that_come_and_go_are_asked_last_and_named_so() -> None:
    near, far, leaving, starting = (
        Endpoint("127.0.0.1", 1, zone="a", health=Health.HEALTHY),
        Endpoint("127.0.0.1", 2, zone="b"),
        Endpoint("127.0.0.1", 3, zone="a", health=Health.DRAINING),
        Endpoint("127.0.0.1", 4, zone="a", health=Health.UNHEALTHY),
    )

    def told(*replicas: Endpoint) -> list[tuple[int, list[HealthStatus]]]:
        groups = endpoints.load_assignment(replace(SHOP, endpoints=replicas), zone="a").endpoints
        return [(group.priority, [one.health_status for one in group.lb_endpoints]) for group in groups]

    spare = [HealthStatus.DRAINING, HealthStatus.UNHEALTHY]
    assert told(starting, leaving, far, near) == [(0, [HealthStatus.HEALTHY]), (1, [HealthStatus.UNKNOWN]), (2, spare)]
    assert told(near, leaving) == [(0, [HealthStatus.HEALTHY]), (1, [HealthStatus.DRAINING])]
    assert told(leaving, starting) == [(0, spare)]


def test_health_is_asked_in_the_language_of_the_service() -> None:
    (over_grpc,) = clusters.cluster(SHOP, STABLE, Delivery("shop")).health_checks
    (over_http,) = clusters.cluster(FRONT, STABLE, Delivery("front")).health_checks
    assert over_grpc.grpc_health_check is not None
    assert over_grpc.http_health_check is None
    assert over_http.http_health_check is not None
    assert over_http.http_health_check.path == "/healthz"
