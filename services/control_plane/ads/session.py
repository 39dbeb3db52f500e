"""What both variants of the protocol have in common: the order of types, and who waits for whom.

Make before break: clusters and endpoints first, then listeners and routes that refer to them; only when all of that is
acknowledged is taken away what nothing refers to any more.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from services.control_plane.ads.certificate import Certificate
from services.control_plane.ads.subscription import Subscription
from services.control_plane.snapshot import (
    CLUSTERS,
    ENDPOINTS,
    LISTENERS,
    ROUTES,
    SECRETS,
    SENDING_ORDER,
    TAKEN_WHOLE,
    Difference,
    Resource,
    Selection,
    Snapshot,
    short,
)
from services.runtime.telemetry import acknowledge_duration, refused_configurations

log = logging.getLogger("aisle.control_plane.ads")

# What refers waits until what it refers to is acknowledged. Envoy acknowledges clusters once they are warm, for which
# it needs their endpoints and secrets: so these wait for nothing.
_WAITS_FOR = {LISTENERS: (CLUSTERS, ENDPOINTS, SECRETS), ROUTES: (CLUSTERS, ENDPOINTS, SECRETS)}

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Return the time now."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class TypeStatus:
    """What a proxy has of one type of resource; versions are empty while there is none."""

    acknowledged: str = ""
    refused: str = ""
    reason: str = ""
    refused_resources: tuple[str, ...] = ()
    acknowledged_at: datetime | None = None
    refused_at: datetime | None = None
    resources: int = 0
    # Whether an answer is waited for.
    pending: bool = False


@dataclass(frozen=True, slots=True)
class ProxyStatus:
    """What a connected proxy runs on, by short type name."""

    node: str
    types: Mapping[str, TypeStatus]
    variant: str = ""
    connected_at: datetime | None = None
    # Whether it runs on what it is to run on, in everything it asks for.
    in_sync: bool = False
    workload: str = ""
    certificate: Certificate | None = None


class Session(ABC):
    """One stream as the protocol sees it: requests go in, the responses that are due come out."""

    variant: ClassVar[str]
    # Whether a response says all there is, so that what it leaves out is gone.
    restates: ClassVar[bool]

    def __init__(self, clock: Clock = system_clock) -> None:
        """Begin knowing nothing: the first request carries the node."""
        self.node = ""
        # Whose proxy it says it is.
        self.workload = ""
        # What it proved that with, where proxies have to.
        self.certificate: Certificate | None = None
        self._clock = clock
        self._connected_at = clock()
        self._subscriptions: dict[str, Subscription] = {}
        self._goal: Snapshot | None = None
        # Set while what is about to go still has to stay.
        self._keeping = True
        # Assignments that clusters sent on this stream wait for.
        self._awaited: set[str] = set()
        self._sent = 0
        self._sent_at: dict[str, datetime] = {}

    @property
    def known(self) -> bool:
        """Whether the first request has come, which says who asks."""
        return bool(self._subscriptions)

    def aim_at(self, snapshot: Snapshot) -> None:
        """Make a snapshot what the proxy is to run on."""
        if snapshot is self._goal:
            return
        self._goal, self._keeping = snapshot, True
        for subscription in self._subscriptions.values():
            subscription.look_up(snapshot)
            self._recognise(subscription, snapshot)

    @abstractmethod
    def receive(self, message: bytes) -> None:
        """Take a request: a subscription, an acknowledgement or a refusal.

        Raises google.protobuf.message.DecodeError.
        """

    def due(self) -> list[bytes]:
        """Return the responses to send now, in order."""
        if self._goal is None:
            return []
        responses = self._round(self._goal)
        if not responses and self._keeping and self._settled():
            # Nothing refers any more to what is gone: take it away.
            self._keeping = False
            responses = self._round(self._goal)
        return responses

    def status(self, current: Snapshot | None = None) -> ProxyStatus:
        """Return what the proxy runs on, whether that is a current snapshot, and what it refused."""
        types = {
            short(type_url): TypeStatus(
                found.acknowledged,
                found.refused,
                found.reason,
                tuple(sorted(found.held)),
                found.acknowledged_at,
                found.refused_at,
                len(found.good.resources),
                found.in_flight is not None,
            )
            for type_url, found in self._subscriptions.items()
        }
        return ProxyStatus(
            self.node, types, self.variant, self._connected_at, self._in_sync(current), self.workload, self.certificate
        )

    def _in_sync(self, current: Snapshot | None) -> bool:
        goal = self._goal
        if goal is None or goal is not (current or goal) or not self._subscriptions:
            return False
        wanted = ((one, one.desired(goal, keeping=False)) for one in self._subscriptions.values())
        lacking = any(one.held or one.doubtful or one.difference(desired, keeping=False) for one, desired in wanted)
        return not lacking and all(one.in_flight is None for one in self._subscriptions.values())

    @abstractmethod
    def _recognise(self, subscription: Subscription, snapshot: Snapshot) -> None:
        """See how far a proxy that came back has what is current: it is not sent that again."""

    @abstractmethod
    def _calls_for_response(self, subscription: Subscription, difference: Difference) -> bool:
        """Return whether a difference is one that this variant tells the proxy about."""

    @abstractmethod
    def _response(self, type_url: str, nonce: str, desired: Selection, difference: Difference) -> bytes:
        """Return the response that leads the proxy to what is desired."""

    def _removes_safely(self) -> bool:
        """Return whether so much of the proxy is known that taking things away can be thought about."""
        return True

    def _begin(self, subscription: Subscription) -> None:
        """Take a type that was not asked for before on this stream."""
        self._subscriptions[subscription.type_url] = subscription
        if self._goal is not None:
            self._recognise(subscription, self._goal)
        if subscription.type_url == ENDPOINTS:
            # Clusters that were just replaced wait for their endpoints, changed or not.
            subscription.send_again(self._awaited)

    def _settle(self, subscription: Subscription, refusal: str | None) -> None:
        """Take the answer to what is in flight."""
        version = subscription.in_flight.version if subscription.in_flight else ""
        data = {"node": self.node, "type": short(subscription.type_url), "version": version}
        sent_at = self._sent_at.pop(subscription.type_url, None)
        if sent_at is not None:
            acknowledge_duration.record((self._clock() - sent_at).total_seconds(), {"type": data["type"]})
        if refusal is None:
            subscription.accept(self._clock())
            log.debug("configuration acknowledged", extra={"data": data})
            return
        held = subscription.refuse(refusal, self._clock())
        if self._goal is not None:
            subscription.forget_refusals_of_other_than(self._goal)
        refused_configurations.add(1, {"node": self.node, "type": short(subscription.type_url)})
        log.error("configuration refused", extra={"data": {**data, "reason": refusal, "resources": held}})

    def _round(self, goal: Snapshot) -> list[bytes]:
        responses = []
        for type_url in SENDING_ORDER:
            subscription = self._subscriptions.get(type_url)
            if subscription is None or subscription.in_flight is not None or self._cannot_say(subscription):
                continue
            desired = subscription.desired(goal, self._keeping)
            difference = subscription.difference(desired, self._keeping)
            if self._calls_for_response(subscription, difference) and not self._kept_back(subscription):
                responses.append(self._send(subscription, desired, difference))
        return responses

    def _cannot_say(self, subscription: Subscription) -> bool:
        """Return whether a response would take away what nobody knows: a proxy came back with a version from elsewhere
        and refused the current one, so what it runs on cannot be restated, and to leave it out is to remove it.
        """
        unknown = subscription.running and not subscription.acknowledged and bool(subscription.held)
        return unknown and self.restates and subscription.type_url in TAKEN_WHOLE

    def _kept_back(self, subscription: Subscription) -> bool:
        """Return whether a type has to wait for another, or is kept back by a refusal of it.

        A proxy that runs on something good stays on it as a whole; one that has nothing yet is given what there is.
        """
        types = _WAITS_FOR.get(subscription.type_url, ())
        others = [self._subscriptions[type_url] for type_url in types if type_url in self._subscriptions]
        if any(other.in_flight is not None for other in others):
            return True
        return subscription.running and any(other.held for other in others)

    def _settled(self) -> bool:
        waiting = any(found.in_flight is not None or found.held for found in self._subscriptions.values())
        return not waiting and self._removes_safely()

    def _send(self, subscription: Subscription, desired: Selection, difference: Difference) -> bytes:
        self._sent += 1
        nonce = f"{self._sent}"
        self._sent_at[subscription.type_url] = self._clock()
        subscription.sent(desired, difference, nonce, self.restates)
        if subscription.type_url == CLUSTERS:
            self._await_endpoints(difference.changed)
        log.debug(
            "configuration sent",
            extra={"data": {"node": self.node, "type": short(subscription.type_url), "version": desired.version}},
        )
        return self._response(subscription.type_url, nonce, desired, difference)

    def _await_endpoints(self, clusters: Iterable[Resource]) -> None:
        """Have the endpoints of clusters sent: a cluster that changed is warm only when it was told them anew."""
        names = {name for cluster in clusters for type_url, name in cluster.refers_to if type_url == ENDPOINTS}
        self._awaited |= names
        endpoints = self._subscriptions.get(ENDPOINTS)
        if endpoints is not None:
            endpoints.send_again(names)
