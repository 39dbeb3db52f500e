"""Valid and poisoned snapshots for a real Envoy: what traffic needs is always in the valid ones, the rest is chance."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from envoy_data_plane.envoy.config.cluster.v3 import Cluster
from envoy_data_plane.envoy.config.core.v3 import Address as EnvoyAddress
from envoy_data_plane.envoy.config.core.v3 import SocketAddress
from envoy_data_plane.envoy.config.endpoint.v3 import (
    ClusterLoadAssignment,
    Endpoint,
    LbEndpoint,
    LocalityLbEndpoints,
)
from envoy_data_plane.envoy.config.listener.v3 import Filter, FilterChain, Listener
from envoy_data_plane.envoy.config.route.v3 import Route, RouteConfiguration, RouteMatch, VirtualHost
from envoy_data_plane.google.protobuf import Any

from services.control_plane.ads.wire import CLASSES
from services.control_plane.snapshot import CLUSTERS, ENDPOINTS, LISTENERS, ROUTES, Snapshot, build, resource
from services.control_plane.topology import Address, EdgeRoute, Method, Protocol, Service, Topology
from services.control_plane.topology import Endpoint as Place

READ = Method("/aisle.analytics.v1.AnalyticsService/QueryReport", "analytics", timeout=5.0, retry_safe=True)


class Worlds:
    """Random topologies in which one service is always reachable, on one of its backends at least."""

    def __init__(self, edge: Address, egress: Address, backends: tuple[Place, ...], seed: int) -> None:
        """Take what stays: the two doors and the backends."""
        self._edge, self._egress, self._backends = edge, egress, backends
        self._random = random.Random(seed)

    def topology(self) -> Topology:
        """Return the next topology."""
        chance = self._random
        others = [self._other(name) for name in ("billing", "mailer", "search", "stock") if chance.random() < 0.6]
        front = Service("front", Protocol.HTTP, (Place("127.0.0.1", chance.randrange(20000, 20010)),))
        alive = tuple(chance.sample(self._backends, chance.randint(1, len(self._backends))))
        methods = [Method(f"/aisle.{one.name}.v1.S/M{n}", one.name, timeout=1.0 + n) for one in others for n in (0, 1)]
        routes = [
            EdgeRoute(f"/part-{n}", "front", timeout=chance.choice((5, 10)), idle_timeout=60, max_request_bytes=1 << 20)
            for n in range(chance.randint(0, 3))
        ]
        return Topology(
            edge=self._edge,
            egress=self._egress,
            services=tuple(
                sorted((Service("analytics", Protocol.GRPC, alive), front, *others), key=lambda one: one.name)
            ),
            methods=(replace(READ, timeout=chance.choice((5.0, 6.0))), *methods),
            edge_routes=tuple(routes),
        )

    def snapshot(self) -> Snapshot:
        """Return the next snapshot; now and then clusters and listeners are others, too."""
        snapshot = build(self.topology())
        return self._with_other_clusters(snapshot) if self._random.random() < 0.5 else snapshot

    def _other(self, name: str) -> Service:
        ports = self._random.sample(range(20010, 20030), self._random.randint(0, 3))
        return Service(name, Protocol.GRPC, tuple(Place("127.0.0.1", port) for port in ports))

    def _with_other_clusters(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot with clusters that connect in another time: they are replaced and warmed again."""
        changed = {}
        for name, known in snapshot.of(CLUSTERS).items():
            cluster = _unpacked(known.fragment, Cluster)
            cluster.connect_timeout = timedelta(milliseconds=self._random.choice((800, 900, 1100)))
            changed[name] = resource(name, cluster, known.refers_to)
        return Snapshot({**snapshot.resources, CLUSTERS: changed})


def _unpacked(fragment: bytes, kind: type[Cluster]) -> Cluster:
    return kind.parse(CLASSES["Response"].FromString(fragment).resources[0].value)


def _bad_cluster(name: str) -> Cluster:
    return Cluster(name=name, connect_timeout=timedelta(0))


def _bad_endpoints(name: str) -> ClusterLoadAssignment:
    nowhere = EnvoyAddress(socket_address=SocketAddress(address="not an address", port_value=1))
    return ClusterLoadAssignment(
        cluster_name=name,
        endpoints=[LocalityLbEndpoints(lb_endpoints=[LbEndpoint(endpoint=Endpoint(address=nowhere))])],
    )


def _bad_weights(name: str) -> ClusterLoadAssignment:
    return ClusterLoadAssignment(
        cluster_name=name, endpoints=[LocalityLbEndpoints(load_balancing_weight=0, priority=200)]
    )


def _bad_listener(name: str) -> Listener:
    unknown = Filter(name="no.such.filter", typed_config=Any(type_url="type.googleapis.com/no.such.Filter", value=b""))
    address = EnvoyAddress(socket_address=SocketAddress(address="127.0.0.1", port_value=1))
    return Listener(name=name, address=address, filter_chains=[FilterChain(filters=[unknown])])


def _bad_routes(name: str) -> RouteConfiguration:
    nowhere = VirtualHost(name="twice", domains=["*"], routes=[Route(match=RouteMatch(prefix="/"))])
    return RouteConfiguration(name=name, virtual_hosts=[nowhere])


POISONS: tuple[tuple[str, str, Callable[[str], object]], ...] = (
    (CLUSTERS, "analytics", _bad_cluster),
    (CLUSTERS, "front", _bad_cluster),
    (ENDPOINTS, "analytics", _bad_endpoints),
    (ENDPOINTS, "analytics", _bad_weights),
    (LISTENERS, "egress", _bad_listener),
    (LISTENERS, "edge", _bad_listener),
    (ROUTES, "egress", _bad_routes),
    (ROUTES, "edge", _bad_routes),
)


def kind_of_poison(which: int) -> str:
    """Return the type of resource that is poisoned."""
    return POISONS[which % len(POISONS)][0]


def poisoned(snapshot: Snapshot, which: int) -> tuple[Snapshot, str, str]:
    """Return a snapshot with one resource that no Envoy takes, and that resource's type and name."""
    type_url, name, make = POISONS[which % len(POISONS)]
    known = snapshot.of(type_url)[name]
    bad = resource(name, make(name), known.refers_to)  # type: ignore[arg-type]
    return Snapshot({**snapshot.resources, type_url: {**snapshot.of(type_url), name: bad}}), type_url, name
