"""Snapshots: everything an Envoy runs on at one moment, serialised once, versioned by content, checked as a whole.

A version is a hash of the resources it stands for, so an unchanged topology is an unchanged version: after a restart,
and on every replica of the control plane. Nothing here knows how a stream of updates is spoken.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

from betterproto2 import Message
from envoy_data_plane.envoy.config.cluster.v3 import Cluster
from envoy_data_plane.envoy.config.core.v3 import TransportSocket
from envoy_data_plane.envoy.config.listener.v3 import Listener
from envoy_data_plane.envoy.config.route.v3 import RouteAction, RouteConfiguration
from envoy_data_plane.envoy.extensions.filters.http.jwt_authn.v3 import JwtAuthentication
from envoy_data_plane.envoy.extensions.filters.http.ratelimit.v3 import RateLimit
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpConnectionManager
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import (
    CommonTlsContext,
    DownstreamTlsContext,
    UpstreamTlsContext,
)
from envoy_data_plane.envoy.service.discovery.v3 import DeltaDiscoveryResponse, DiscoveryResponse
from envoy_data_plane.envoy.service.discovery.v3 import Resource as DeltaResource
from envoy_data_plane.google.protobuf import Any

from services.control_plane.topology import Service, Topology, Trust
from services.control_plane.translate import Translation, assignments, translate

log = logging.getLogger("aisle.control_plane.snapshot")

CLUSTERS = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
ENDPOINTS = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
SECRETS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
LISTENERS = "type.googleapis.com/envoy.config.listener.v3.Listener"
ROUTES = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"

# Whatever is referred to is sent before what refers to it; endpoints and secrets are asked for by clusters.
SENDING_ORDER = (CLUSTERS, ENDPOINTS, SECRETS, LISTENERS, ROUTES)
# Of these a proxy takes all there are; of the others those it names.
TAKEN_WHOLE = frozenset({CLUSTERS, LISTENERS})

_TLS_CONTEXTS: Mapping[str, type[UpstreamTlsContext | DownstreamTlsContext]] = {
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext": UpstreamTlsContext,
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext": DownstreamTlsContext,
}

# The workload of a proxy that serves all.
ANYBODY = ""
_RATE_LIMIT = "type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimit"
_JWT = "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication"

Reference = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource, ready to be sent any number of times."""

    name: str
    # The bytes of a DiscoveryResponse that holds this resource and nothing else, and of a DeltaDiscoveryResponse:
    # responses are joined from these.
    fragment: bytes
    delta_fragment: bytes
    # A hash of the content, which is the resource's own version.
    digest: str
    # What it refers to: pairs of type and name.
    refers_to: frozenset[Reference] = frozenset()


@dataclass(frozen=True, slots=True)
class Difference:
    """What has to be sent to whom has one selection and is to have another."""

    changed: tuple[Resource, ...]
    removed: tuple[str, ...]

    def __bool__(self) -> bool:
        """Return whether there is anything to do."""
        return bool(self.changed or self.removed)


class Selection:
    """Some resources of one type, as they are on a stream together. Shared by all streams that have the same."""

    def __init__(self, resources: Iterable[Resource] = ()) -> None:
        """Take the resources in any order; they are kept by name."""
        self.resources: Mapping[str, Resource] = {one.name: one for one in sorted(resources, key=lambda one: one.name)}
        self._differences: dict[str, Difference] = {}

    @cached_property
    def version(self) -> str:
        """A hash of what they are, so equal selections have equal versions everywhere."""
        summary = hashlib.sha256()
        for resource in self.resources.values():
            summary.update(f"{resource.name}={resource.digest};".encode())
        return summary.hexdigest()[:16]

    @cached_property
    def joined(self) -> bytes:
        """All resources as they stand in a DiscoveryResponse."""
        return b"".join(resource.fragment for resource in self.resources.values())

    def holds(self, name: str, digest: str) -> bool:
        """Return whether a resource is here in exactly this state."""
        return name in self.resources and self.resources[name].digest == digest

    def since(self, other: "Selection") -> Difference:
        """Return what leads from another selection here. Worked out once for all streams that go the same way."""
        known = self._differences.get(other.version)
        if known is None:
            changed = [one for one in self.resources.values() if not other.holds(one.name, one.digest)]
            removed = [name for name in other.resources if name not in self.resources]
            known = self._differences[other.version] = Difference(tuple(changed), tuple(removed))
        return known

    def without(self, names: Iterable[str]) -> "Selection":
        """Return a selection that lacks some names."""
        gone = frozenset(names)
        return Selection(one for name, one in self.resources.items() if name not in gone) if gone else self


NOTHING = Selection()


@dataclass(frozen=True)
class Snapshot:
    """All resources by type and name. A type that is not named has none."""

    resources: Mapping[str, Mapping[str, Resource]]

    def of(self, type_url: str) -> Mapping[str, Resource]:
        """Return the resources of a type by name."""
        return self.resources.get(type_url, {})

    def select(self, type_url: str, names: frozenset[str] | None = None) -> Selection:
        """Return the resources that have these names, or all of the type."""
        known = self._selections.get((type_url, names))
        if known is None:
            present = self.of(type_url)
            chosen = present.values() if names is None else (present[name] for name in names if name in present)
            known = self._selections[type_url, names] = Selection(chosen)
        return known

    @cached_property
    def _selections(self) -> dict[tuple[str, frozenset[str] | None], Selection]:
        return {}

    @cached_property
    def versions(self) -> Mapping[str, str]:
        """The version of each type as a whole."""
        return {type_url: self.select(type_url).version for type_url in SENDING_ORDER if self.of(type_url)}

    @cached_property
    def references(self) -> Mapping[str, frozenset[str]]:
        """The names that resources refer to, by the type of what is referred to."""
        pairs = {pair for of_type in self.resources.values() for one in of_type.values() for pair in one.refers_to}
        return {kind: frozenset(name for type_url, name in pairs if type_url == kind) for kind in SENDING_ORDER}

    def problems(self) -> list[str]:
        """Return what does not fit together: a snapshot with any is not to be sent."""
        found = []
        for type_url, referred in self.references.items():
            kind = short(type_url)
            present = self.of(type_url).keys()
            found += [f"{kind} {name} is referred to and missing" for name in sorted(referred - present)]
            if type_url not in TAKEN_WHOLE:
                found += [f"{kind} {name} is not referred to" for name in sorted(present - referred)]
        return found


def short(type_url: str) -> str:
    """Return a type's name as people say it."""
    return type_url.rpartition(".")[2]


def build(topology: Topology, workload: str = "") -> Snapshot:
    """Return the snapshot of one proxy: the one beside a workload, or one that serves all."""
    return _built(translate(topology, workload))


def build_all(topology: Topology) -> Mapping[str, Snapshot]:
    """Return the snapshots of all proxies by workload; where there is one for all, its workload has no name."""
    if topology.trust is None:
        return {ANYBODY: build(topology)}
    return {workload.name: build(topology, workload.name) for workload in topology.workloads}


def rebuild_all(topology: Topology, before: Topology, known: Mapping[str, Snapshot]) -> Mapping[str, Snapshot]:
    """Return the snapshots of a topology, given those of the one before it.

    Replicas come and go all day while the rest stays for weeks, and serialising all of it takes most of a second. So
    when only replicas moved, only their services' endpoints are made anew: nothing else may depend on them.
    """
    if _shape(topology) != _shape(before):
        return build_all(topology)
    stood = {service.name: service.endpoints for service in before.services}
    moved = [service for service in topology.services if service.endpoints != stood[service.name]]
    fresh = _by_name(resource(place.cluster_name, place) for place in assignments(topology, moved))
    return {workload: _with_endpoints(snapshot, fresh) for workload, snapshot in known.items()}


def _with_endpoints(known: Snapshot, fresh: Mapping[str, Resource]) -> Snapshot:
    """Return a snapshot whose endpoints are newer; of services that it has nothing to do with it has none."""
    stood = known.of(ENDPOINTS)
    newer = {name: found for name, found in fresh.items() if name in stood}
    return Snapshot({**known.resources, ENDPOINTS: {**stood, **newer}}) if newer else known


def _built(made: Translation) -> Snapshot:
    return Snapshot(
        {
            CLUSTERS: _by_name(resource(item.name, item, _needs_of_cluster(item)) for item in made.clusters),
            ENDPOINTS: _by_name(resource(item.cluster_name, item) for item in made.endpoints),
            SECRETS: _by_name(resource(item.name, item) for item in made.secrets),
            LISTENERS: _by_name(resource(item.name, item, _needs_of_listener(item)) for item in made.listeners),
            ROUTES: _by_name(resource(item.name, item, _clusters_of(item)) for item in made.routes),
        }
    )


def _shape(topology: Topology) -> tuple[Topology, Sequence[tuple[str, ...]]]:
    """Return everything but where replicas are: which versions there are makes clusters of their own."""
    bare = replace(topology, services=tuple(replace(service, endpoints=()) for service in topology.services))
    return bare, [service.versions() for service in topology.services]


def resource(name: str, message: Message, refers_to: Iterable[Reference] = ()) -> Resource:
    """Return a message as the resource it is sent as: serialised now, and never again."""
    packed = Any.pack(message)
    fragment = bytes(DiscoveryResponse(resources=[packed]))
    digest = hashlib.sha256(fragment).hexdigest()[:32]
    delta = DeltaDiscoveryResponse(resources=[DeltaResource(name=name, version=digest, resource=packed)])
    return Resource(name, fragment, bytes(delta), digest, frozenset(refers_to))


def _by_name(resources: Iterable[Resource]) -> dict[str, Resource]:
    return {found.name: found for found in resources}


def _clusters_of(routes: RouteConfiguration) -> Iterator[Reference]:
    for host in routes.virtual_hosts:
        for route in host.routes:
            if route.route is not None:
                yield from ((CLUSTERS, name) for name in _targets_of(route.route))
        yield from ((CLUSTERS, policy.cluster) for policy in host.request_mirror_policies if policy.cluster)
    yield from ((CLUSTERS, policy.cluster) for policy in routes.request_mirror_policies if policy.cluster)


def _targets_of(action: RouteAction) -> Iterator[str]:
    if action.cluster:
        yield action.cluster
    if action.weighted_clusters is not None:
        yield from (weighted.name for weighted in action.weighted_clusters.clusters if weighted.name)
    yield from (policy.cluster for policy in action.request_mirror_policies if policy.cluster)


def _needs_of_cluster(cluster: Cluster) -> Iterator[Reference]:
    if cluster.eds_cluster_config is not None:
        yield ENDPOINTS, cluster.eds_cluster_config.service_name or cluster.name
    matches = [match.transport_socket for match in cluster.transport_socket_matches]
    for socket in (cluster.transport_socket, *matches):
        yield from _secrets_of(socket)


def _needs_of_listener(listener: Listener) -> Iterator[Reference]:
    default = [listener.default_filter_chain] if listener.default_filter_chain is not None else []
    for chain in (*listener.filter_chains, *default):
        yield from _secrets_of(chain.transport_socket)
        for filter_ in chain.filters:
            config = filter_.typed_config
            if config is not None and config.type_url.endswith(".HttpConnectionManager"):
                manager = HttpConnectionManager.parse(config.value)
                if manager.rds is not None:
                    yield ROUTES, manager.rds.route_config_name
                for http_filter in manager.http_filters:
                    yield from ((CLUSTERS, name) for name in _asked_by(http_filter.typed_config))


def _asked_by(config: Any | None) -> Iterator[str]:
    """Return the clusters that a filter asks about requests: the rate limiter's, and those that publish keys.

    Envoy takes a listener that names a cluster which is not there, and then asks nobody.
    """
    if config is None:
        return
    if config.type_url == _RATE_LIMIT:
        service = RateLimit.parse(config.value).rate_limit_service
        if service is not None and service.grpc_service is not None and service.grpc_service.envoy_grpc is not None:
            yield service.grpc_service.envoy_grpc.cluster_name
    elif config.type_url == _JWT:
        for provider in JwtAuthentication.parse(config.value).providers.values():
            keys = provider.remote_jwks
            if keys is not None and keys.http_uri is not None and keys.http_uri.cluster:
                yield keys.http_uri.cluster


def _secrets_of(socket: TransportSocket | None) -> Iterator[Reference]:
    config = socket.typed_config if socket is not None else None
    context = _TLS_CONTEXTS.get(config.type_url) if config is not None else None
    if config is None or context is None:
        return
    tls: CommonTlsContext | None = context.parse(config.value).common_tls_context
    if tls is None:
        return
    named = [*tls.tls_certificate_sds_secret_configs, tls.validation_context_sds_secret_config]
    if tls.combined_validation_context is not None:
        named.append(tls.combined_validation_context.validation_context_sds_secret_config)
    # Without a source a secret is one of the proxy's own bootstrap.
    yield from ((SECRETS, one.name) for one in named if one is not None and one.sds_config is not None)


class SnapshotCache:
    """The snapshots that hold now, by workload. Streams of any flavour wait here for the next ones."""

    def __init__(self) -> None:
        """Begin with none: proxies wait for the first."""
        self.snapshots: Mapping[str, Snapshot] = {}
        self.published_at: datetime | None = None
        # What was wrong with the last snapshots, when they were refused.
        self.problems: list[str] = []
        # The services of the current snapshots, and by what proxies are known, where they were made from a topology.
        self.services: tuple[Service, ...] = ()
        self.trust: Trust | None = None
        self._changed = asyncio.Event()

    @property
    def current(self) -> Snapshot | None:
        """The snapshot of a proxy that serves all."""
        return self.snapshots.get(ANYBODY)

    def of(self, workload: str) -> Snapshot | None:
        """Return what the proxy beside a workload is to run on."""
        return self.snapshots.get(workload, self.current)

    def publish(self, snapshot: Snapshot) -> bool:
        """Make a snapshot the current one for everybody; see `publish_all`."""
        return self.publish_all({ANYBODY: snapshot})

    def publish_all(self, snapshots: Mapping[str, Snapshot]) -> bool:
        """Make snapshots the current ones and return whether that changed anything; if one is torn all are refused."""
        self.problems = [
            f"{workload}: {problem}" if workload else problem
            for workload, snapshot in snapshots.items()
            for problem in snapshot.problems()
        ]
        if self.problems:
            log.error("snapshot refused, the last good one stays", extra={"data": {"problems": self.problems}})
            return False
        if self._versions(snapshots) == self._versions(self.snapshots):
            return False
        # Proxies of which nothing changed go on with the very same.
        same = {name: old for name, old in self.snapshots.items() if name in snapshots}
        kept = {name: old for name, old in same.items() if old.versions == snapshots[name].versions}
        self.snapshots, self.published_at = {**snapshots, **kept}, datetime.now(UTC)
        for workload, snapshot in snapshots.items():
            if workload not in kept:
                data = {"workload": workload, "versions": readable(snapshot.versions)}
                log.info("snapshot published", extra={"data": data})
        self._changed.set()
        self._changed = asyncio.Event()
        return True

    @staticmethod
    def _versions(snapshots: Mapping[str, Snapshot]) -> Mapping[str, Mapping[str, str]]:
        return {workload: snapshot.versions for workload, snapshot in snapshots.items()}

    async def follow(self, topologies: AsyncIterator[Topology]) -> None:
        """Publish the snapshots of each topology; building them leaves the event loop free."""
        before: Topology | None = None
        known: Mapping[str, Snapshot] = {}
        async for topology in topologies:
            if before is None:
                known = await asyncio.to_thread(build_all, topology)
            else:
                known = await asyncio.to_thread(rebuild_all, topology, before, known)
            before = topology
            # First whom to believe: a proxy that connects in between is asked for what holds now.
            self.trust = topology.trust
            self.publish_all(known)
            if not self.problems:
                self.services = topology.services

    async def other_than(self, seen: Mapping[str, Snapshot]) -> Mapping[str, Snapshot]:
        """Return the current snapshots as soon as there are any and they are not the given ones."""
        while not self.snapshots or self.snapshots is seen:
            await self._changed.wait()
        return self.snapshots

    async def ready(self) -> None:
        """Raise while there is no snapshot: a health check."""
        if not self.snapshots:
            raise LookupError("no usable topology yet")


def readable(by_type: Mapping[str, str]) -> dict[str, str]:
    """Return versions by short type name, for logs."""
    return {short(type_url): version for type_url, version in by_type.items()}
