"""The aggregated discovery service: each Envoy's stream, spoken state of the world over one order of types.

`Session` holds the rules of the protocol and does no I/O; `AdsServer` carries its messages.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
from envoy_data_plane.envoy.config.core.v3 import ControlPlane
from envoy_data_plane.envoy.service.discovery.v3 import DiscoveryRequest, DiscoveryResponse

from services.control_plane.snapshot import (
    CLUSTERS,
    ENDPOINTS,
    LISTENERS,
    ROUTES,
    SENDING_ORDER,
    TAKEN_WHOLE,
    Resource,
    Snapshot,
    SnapshotCache,
    version_of,
)

log = logging.getLogger("aisle.control_plane.ads")

SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"
_IDENTIFIER = "aisle"
_EVERYTHING = "*"
# What refers waits until what it refers to is acknowledged. Envoy acknowledges clusters once they are warm, for which
# it needs their endpoints: so endpoints wait for nothing.
_WAITS_FOR = {LISTENERS: (CLUSTERS, ENDPOINTS), ROUTES: (CLUSTERS, ENDPOINTS)}


@dataclass(frozen=True, slots=True)
class TypeStatus:
    """What a proxy has of one type of resource; versions are empty while there is none."""

    acknowledged: str
    refused: str
    reason: str


@dataclass(frozen=True, slots=True)
class ProxyStatus:
    """What a connected proxy runs on, by short type name."""

    node: str
    types: Mapping[str, TypeStatus]


@dataclass(slots=True)
class _Subscription:
    """One type on one stream."""

    type_url: str
    everything: bool = False
    names: frozenset[str] = frozenset()
    # Set once names were asked for: from then on no names means nothing, no longer everything.
    named: bool = False
    # What the proxy was last sent, and what it last acknowledged, by name.
    has: dict[str, Resource] = field(default_factory=dict)
    good: dict[str, Resource] = field(default_factory=dict)
    nonce: str = ""
    in_flight: str = ""
    acknowledged: str = ""
    refused: str = ""
    reason: str = ""
    # The version the proxy came with from an earlier stream, until it is known whether that is current.
    claimed: str = ""
    # Set when the proxy needs it again although it is unchanged.
    again: bool = False

    def wanted(self, snapshot: Snapshot) -> tuple[Resource, ...]:
        """Return what of a snapshot belongs on this stream."""
        names = snapshot.resources[self.type_url] if self.everything else self.names
        return snapshot.some(self.type_url, names)

    def outdated(self, snapshot: Snapshot) -> bool:
        """Return whether the proxy lacks something, or in a type taken whole, has something too many."""
        wanted = self.wanted(snapshot)
        if self.stuck(snapshot):
            return False
        if any(self._digest(resource.name) != resource.digest for resource in wanted):
            return True
        return (self.everything and len(wanted) != len(self.has)) or (self.again and bool(wanted))

    def stuck(self, snapshot: Snapshot) -> bool:
        """Return whether what the proxy is to have is what it refused: that is not sent a second time."""
        return bool(self.refused) and version_of(self.wanted(snapshot)) == self.refused

    def _digest(self, name: str) -> str:
        return self.has[name].digest if name in self.has else ""

    def subscribe(self, asked: list[str]) -> None:
        """Take the names of a request: none at first means all there are, none later means none any more."""
        self.named = self.named or bool(asked)
        self.everything = self.type_url in TAKEN_WHOLE and (_EVERYTHING in asked or not self.named)
        self.names = frozenset(asked) - {_EVERYTHING}
        if not self.everything:
            # A name that comes back later is sent again: the proxy forgot it meanwhile.
            self.has = {name: found for name, found in self.has.items() if name in self.names}


class Session:
    """One stream as the protocol sees it: requests go in, the responses that are due come out."""

    def __init__(self) -> None:
        """Begin knowing nothing: the first request carries the node."""
        self.node = ""
        self._subscriptions: dict[str, _Subscription] = {}
        self._goal: Snapshot | None = None
        # What is being sent: the goal, or a bridge to it that still holds what is about to go.
        self._target: Snapshot | None = None
        self._sent = 0

    def aim_at(self, snapshot: Snapshot) -> None:
        """Make a snapshot what the proxy is to run on."""
        if snapshot is self._goal:
            return
        self._goal = snapshot
        self._target = snapshot.bridging(self._good(CLUSTERS), self._good(ENDPOINTS))
        for subscription in self._subscriptions.values():
            self._recognise(subscription)

    def receive(self, request: DiscoveryRequest) -> None:
        """Take a request: a subscription, an acknowledgement or a refusal. A stale one changes nothing."""
        if not self.node and request.node is not None:
            self.node = request.node.id
        if request.type_url not in SENDING_ORDER:
            log.warning("unknown type asked for", extra={"data": {"node": self.node, "type": request.type_url}})
            return
        known = self._subscriptions.get(request.type_url)
        if request.response_nonce != (known.nonce if known else "") and request.response_nonce:
            return
        subscription = known or self._begin(request)
        if request.response_nonce and subscription.in_flight:
            self._settle(subscription, request)
        if known:
            subscription.subscribe(request.resource_names)

    def due(self) -> list[bytes]:
        """Return the responses to send now, in order."""
        if self._target is None:
            return []
        responses = self._round(self._target)
        if not responses and self._target is not self._goal and self._goal is not None and self._settled(self._target):
            # Nothing refers any more to what is gone: take it away.
            self._target = self._goal
            responses = self._round(self._target)
        return responses

    def status(self) -> ProxyStatus:
        """Return what the proxy runs on and what it refused."""
        types = {
            type_url.rpartition(".")[2]: TypeStatus(found.acknowledged, found.refused, found.reason)
            for type_url, found in self._subscriptions.items()
        }
        return ProxyStatus(self.node, types)

    def _good(self, type_url: str) -> Mapping[str, Resource]:
        subscription = self._subscriptions.get(type_url)
        return subscription.good if subscription is not None else {}

    def _begin(self, request: DiscoveryRequest) -> _Subscription:
        subscription = _Subscription(request.type_url, claimed=request.version_info)
        subscription.subscribe(request.resource_names)
        self._subscriptions[request.type_url] = subscription
        clusters = self._subscriptions.get(CLUSTERS)
        if request.type_url == ENDPOINTS and clusters is not None and clusters.nonce:
            # Clusters that were just replaced wait for their endpoints, changed or not.
            subscription.claimed = ""
        self._recognise(subscription)
        return subscription

    def _recognise(self, subscription: _Subscription) -> None:
        """See whether a proxy came back with what is current: then it is not sent that again."""
        if not subscription.claimed or self._target is None:
            return
        wanted = subscription.wanted(self._target)
        if version_of(wanted) == subscription.claimed:
            subscription.has = {resource.name: resource for resource in wanted}
            subscription.good = subscription.has
            subscription.acknowledged = subscription.claimed
        subscription.claimed = ""

    def _settle(self, subscription: _Subscription, request: DiscoveryRequest) -> None:
        data = {"node": self.node, "type": subscription.type_url.rpartition(".")[2], "version": subscription.in_flight}
        if request.error_detail is not None:
            subscription.refused, subscription.reason = subscription.in_flight, request.error_detail.message
            # It may have taken the parts it liked: only what comes next makes sure.
            subscription.has = {}
            log.error("configuration refused", extra={"data": {**data, "reason": subscription.reason}})
        else:
            subscription.acknowledged, subscription.refused, subscription.reason = subscription.in_flight, "", ""
            subscription.good = subscription.has
            log.info("configuration acknowledged", extra={"data": data})
        subscription.in_flight = ""

    def _round(self, target: Snapshot) -> list[bytes]:
        responses = []
        for type_url in SENDING_ORDER:
            subscription = self._subscriptions.get(type_url)
            if subscription is None or subscription.in_flight or not subscription.outdated(target):
                continue
            if not self._kept_back(subscription, target):
                responses.append(self._send(subscription, target))
        return responses

    def _kept_back(self, subscription: _Subscription, target: Snapshot) -> bool:
        """Return whether a type has to wait for another, or is kept back by a refusal of it.

        A proxy that runs on something good stays on it as a whole; one that has nothing yet is given what there is.
        """
        types = _WAITS_FOR.get(subscription.type_url, ())
        others = [self._subscriptions[type_url] for type_url in types if type_url in self._subscriptions]
        if any(other.in_flight for other in others):
            return True
        return bool(subscription.acknowledged) and any(other.stuck(target) for other in others)

    def _settled(self, target: Snapshot) -> bool:
        return not any(found.in_flight or found.stuck(target) for found in self._subscriptions.values())

    def _send(self, subscription: _Subscription, target: Snapshot) -> bytes:
        resources = subscription.wanted(target)
        self._sent += 1
        subscription.nonce = f"{self._sent}"
        subscription.in_flight = version_of(resources)
        subscription.has = {resource.name: resource for resource in resources}
        subscription.again = False
        if subscription.type_url == CLUSTERS and ENDPOINTS in self._subscriptions:
            self._subscriptions[ENDPOINTS].again = True
        data = {"node": self.node, "type": subscription.type_url.rpartition(".")[2], "version": subscription.in_flight}
        log.debug("configuration sent", extra={"data": {**data, "resources": len(resources)}})
        head = DiscoveryResponse(
            version_info=subscription.in_flight,
            type_url=subscription.type_url,
            nonce=subscription.nonce,
            control_plane=ControlPlane(identifier=_IDENTIFIER),
        )
        # Joined messages are one message with the fields of all: no resource is serialised a second time.
        return bytes(head) + b"".join(resource.fragment for resource in resources)


class AdsServer:
    """Answers the streams of all proxies from one cache of snapshots."""

    def __init__(self, cache: SnapshotCache) -> None:
        """Take the cache that says what proxies are to run on."""
        self._cache = cache
        self._sessions: set[Session] = set()

    def register(self, server: grpc.aio.Server) -> None:
        """Add the service to a server. Responses are bytes already."""
        handler = grpc.stream_stream_rpc_method_handler(
            self._stream, request_deserializer=DiscoveryRequest.parse, response_serializer=bytes
        )
        service = grpc.method_handlers_generic_handler(SERVICE, {"StreamAggregatedResources": handler})
        server.add_generic_rpc_handlers((service,))

    def status(self) -> tuple[ProxyStatus, ...]:
        """Return what each connected proxy runs on, ordered by node."""
        return tuple(sorted((session.status() for session in self._sessions), key=lambda status: status.node))

    async def _stream(
        self, requests: AsyncIterator[DiscoveryRequest], context: grpc.aio.ServicerContext[Any, bytes]
    ) -> None:
        session = Session()
        sending = asyncio.Lock()
        self._sessions.add(session)
        try:
            async with asyncio.TaskGroup() as group:
                following = group.create_task(self._follow(session, sending, context))
                async for request in requests:
                    if self._cache.current is not None:
                        session.aim_at(self._cache.current)
                    session.receive(request)
                    await self._send_due(session, sending, context)
                following.cancel()
        finally:
            self._sessions.discard(session)
            log.info("proxy left", extra={"data": {"node": session.node}})

    async def _follow(self, session: Session, sending: asyncio.Lock, context: Any) -> None:
        seen: Snapshot | None = None
        while True:
            seen = await self._cache.other_than(seen)
            session.aim_at(seen)
            await self._send_due(session, sending, context)

    async def _send_due(self, session: Session, sending: asyncio.Lock, context: Any) -> None:
        # One writer at a time, or responses could overtake each other between two awaits.
        async with sending:
            for response in session.due():
                await context.write(response)
