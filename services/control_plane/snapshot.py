"""Snapshots: everything an Envoy runs on at one moment, serialised once, versioned by content, checked as a whole.

A version is a hash of the resources it stands for, so an unchanged topology is an unchanged version: after a restart,
and on every replica of the control plane. Nothing here knows how a stream of updates is spoken.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from betterproto2 import Message
from envoy_data_plane.envoy.config.cluster.v3 import Cluster
from envoy_data_plane.envoy.config.listener.v3 import Listener
from envoy_data_plane.envoy.config.route.v3 import RouteConfiguration
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import HttpConnectionManager
from envoy_data_plane.envoy.service.discovery.v3 import DiscoveryResponse
from envoy_data_plane.google.protobuf import Any

from services.control_plane.topology import Topology
from services.control_plane.translate import translate

log = logging.getLogger("aisle.control_plane.snapshot")

CLUSTERS = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
ENDPOINTS = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
LISTENERS = "type.googleapis.com/envoy.config.listener.v3.Listener"
ROUTES = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"

# Whatever is referred to is sent before what refers to it.
SENDING_ORDER = (CLUSTERS, ENDPOINTS, LISTENERS, ROUTES)
# Of these a proxy takes all there are; of the others those it names.
TAKEN_WHOLE = frozenset({CLUSTERS, LISTENERS})


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource, ready to be sent any number of times."""

    name: str
    # The bytes of a DiscoveryResponse that holds this resource and nothing else: responses are joined from these.
    fragment: bytes
    digest: str


@dataclass(frozen=True)
class Snapshot:
    """All resources by type and name, and the names that resources refer to."""

    resources: Mapping[str, Mapping[str, Resource]]
    references: Mapping[str, frozenset[str]]

    def some(self, type_url: str, names: Iterable[str]) -> tuple[Resource, ...]:
        """Return the resources that have these names, in the order of the names."""
        present = self.resources[type_url]
        return tuple(present[name] for name in sorted(names) if name in present)

    @cached_property
    def versions(self) -> Mapping[str, str]:
        """The version of each type as a whole."""
        return {type_url: version_of(self.some(type_url, found)) for type_url, found in self.resources.items()}

    def problems(self) -> list[str]:
        """Return what does not fit together: a snapshot with any is not to be sent."""
        found = []
        for type_url, referred in self.references.items():
            kind = type_url.rpartition(".")[2]
            present = self.resources[type_url].keys()
            found += [f"{kind} {name} is referred to and missing" for name in sorted(referred - present)]
            if type_url not in TAKEN_WHOLE:
                found += [f"{kind} {name} is not referred to" for name in sorted(present - referred)]
        return found

    def bridging(self, clusters: Mapping[str, Resource], endpoints: Mapping[str, Resource]) -> "Snapshot":
        """Return this snapshot with clusters in it that a proxy still runs on: for the time of the change."""
        if not clusters.keys() - self.resources[CLUSTERS].keys():
            return self
        kept = {name: found for name, found in endpoints.items() if name in clusters}
        bridge = {
            CLUSTERS: {**clusters, **self.resources[CLUSTERS]},
            ENDPOINTS: {**kept, **self.resources[ENDPOINTS]},
        }
        return Snapshot({**self.resources, **bridge}, self.references)


def version_of(resources: Iterable[Resource]) -> str:
    """Return the version of some resources: a hash of what they are."""
    summary = hashlib.sha256()
    for resource in resources:
        summary.update(f"{resource.name}={resource.digest};".encode())
    return summary.hexdigest()[:16]


def build(topology: Topology) -> Snapshot:
    """Return the snapshot of a topology."""
    made = translate(topology)
    return Snapshot(
        resources={
            CLUSTERS: _serialised((item.name, item) for item in made.clusters),
            ENDPOINTS: _serialised((item.cluster_name, item) for item in made.endpoints),
            LISTENERS: _serialised((item.name, item) for item in made.listeners),
            ROUTES: _serialised((item.name, item) for item in made.routes),
        },
        references={
            CLUSTERS: frozenset(name for item in made.routes for name in _clusters_of(item)),
            ENDPOINTS: frozenset(_assignment_of(item) for item in made.clusters),
            ROUTES: frozenset(name for item in made.listeners for name in _routes_of(item)),
        },
    )


def _serialised(named: Iterable[tuple[str, Message]]) -> dict[str, Resource]:
    found = {}
    for name, message in named:
        fragment = bytes(DiscoveryResponse(resources=[Any.pack(message)]))
        found[name] = Resource(name, fragment, hashlib.sha256(fragment).hexdigest())
    return found


def _clusters_of(routes: RouteConfiguration) -> set[str]:
    actions = (route.route for host in routes.virtual_hosts for route in host.routes if route.route is not None)
    return {action.cluster for action in actions if action.cluster is not None}


def _assignment_of(cluster: Cluster) -> str:
    stated = cluster.eds_cluster_config.service_name if cluster.eds_cluster_config else ""
    return stated or cluster.name


def _routes_of(listener: Listener) -> set[str]:
    configs = [filter_.typed_config for chain in listener.filter_chains for filter_ in chain.filters]
    managers = [HttpConnectionManager.parse(config.value) for config in configs if config is not None]
    return {manager.rds.route_config_name for manager in managers if manager.rds is not None}


class SnapshotCache:
    """The snapshot that holds now. Streams of any flavour wait here for the next one."""

    def __init__(self) -> None:
        """Begin with none: proxies wait for the first."""
        self.current: Snapshot | None = None
        self._changed = asyncio.Event()

    def publish(self, snapshot: Snapshot) -> bool:
        """Make a snapshot the current one and return whether that changed anything; a torn one is refused."""
        problems = snapshot.problems()
        if problems:
            log.error("snapshot refused, the last good one stays", extra={"data": {"problems": problems}})
            return False
        if self.current is not None and snapshot.versions == self.current.versions:
            return False
        self.current = snapshot
        log.info("snapshot published", extra={"data": {"versions": readable(snapshot.versions)}})
        self._changed.set()
        self._changed = asyncio.Event()
        return True

    async def follow(self, topologies: AsyncIterator[Topology]) -> None:
        """Publish the snapshot of each topology; building them leaves the event loop free."""
        async for topology in topologies:
            self.publish(await asyncio.to_thread(build, topology))

    async def other_than(self, seen: Snapshot | None) -> Snapshot:
        """Return the current snapshot as soon as there is one that is not the given one."""
        while self.current is None or self.current is seen:
            await self._changed.wait()
        return self.current

    async def ready(self) -> None:
        """Raise while there is no snapshot: a health check."""
        if self.current is None:
            raise LookupError("no usable topology yet")


def readable(by_type: Mapping[str, str]) -> dict[str, str]:
    """Return versions by short type name, for logs."""
    return {type_url.rpartition(".")[2]: version for type_url, version in by_type.items()}
