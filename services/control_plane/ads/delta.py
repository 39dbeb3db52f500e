"""Incremental: responses hold what changed and name what is gone, requests say what is asked for more or no longer."""

import logging
from collections.abc import Mapping, Sequence

from services.control_plane.ads.session import Clock, Session, system_clock
from services.control_plane.ads.subscription import EVERYTHING, UNKNOWN, Subscription, takes_all_at_first
from services.control_plane.ads.wire import DeltaRequest, delta_response_head
from services.control_plane.snapshot import (
    CLUSTERS,
    LISTENERS,
    ROUTES,
    SENDING_ORDER,
    Difference,
    Selection,
    Snapshot,
)

log = logging.getLogger("aisle.control_plane.ads")


class DeltaSession(Session):
    """A stream of DeltaAggregatedResources."""

    variant = "delta"
    restates = False

    def __init__(self, clock: Clock = system_clock) -> None:
        """Begin knowing nothing."""
        super().__init__(clock)
        # Versions of resources the proxy came with from an earlier stream, until they were compared.
        self._claimed: dict[str, Mapping[str, str]] = {}
        # Set when it came back with clusters: then its listeners and routes refer to some of them.
        self._came_back = False

    def receive(self, message: bytes) -> None:
        """Take a request. An answer to anything but what was sent last is passed over; what it asks for is not."""
        request = DeltaRequest.parse(message)
        self.node = self.node or request.node
        self.workload = self.workload or request.workload
        if request.type_url not in SENDING_ORDER:
            log.warning("unknown type asked for", extra={"data": {"node": self.node, "type": request.type_url}})
            return
        known = self._subscriptions.get(request.type_url)
        if known is None:
            known = self._first(request)
        elif request.nonce and request.nonce == known.nonce and known.in_flight is not None:
            self._settle(known, request.refusal)
        self._leave(known, request.unsubscribe)
        self._ask(known, request.subscribe)

    def _first(self, request: DeltaRequest) -> Subscription:
        claimed = request.initial_versions or {}
        subscription = Subscription(request.type_url, running=bool(claimed))
        subscription.everything = takes_all_at_first(request.type_url) and not request.subscribe
        if EVERYTHING in request.subscribe:
            subscription.everything = True
        subscription.names = frozenset(request.subscribe) - {EVERYTHING}
        self._came_back = self._came_back or (request.type_url == CLUSTERS and bool(claimed))
        self._claimed[request.type_url] = claimed
        # What was asked for and does not exist is to be answered, too.
        subscription.differs = dict.fromkeys(subscription.names, UNKNOWN)
        subscription.differs |= {name: version for name, version in claimed.items() if subscription.wants(name)}
        self._begin(subscription)
        return subscription

    def _ask(self, subscription: Subscription, names: Sequence[str]) -> None:
        """Take names that are asked for: each is answered, whether or not it was sent before."""
        if EVERYTHING in names:
            subscription.everything = True
        asked = frozenset(names) - {EVERYTHING}
        added = asked if subscription.nonce else asked - subscription.names
        subscription.names |= asked
        subscription.send_again(added)

    def _leave(self, subscription: Subscription, names: Sequence[str]) -> None:
        """Take names that are no longer asked for."""
        gone = frozenset(names) - {EVERYTHING}
        subscription.names -= gone
        if EVERYTHING in names:
            subscription.everything = False
            gone |= subscription.has.resources.keys() | subscription.differs.keys()
        if subscription.everything:
            # Whether it is part of everything, the proxy cannot know: it is told.
            subscription.send_again(gone)
        else:
            subscription.drop(gone - subscription.names)

    def _recognise(self, subscription: Subscription, snapshot: Snapshot) -> None:
        claimed = self._claimed.pop(subscription.type_url, None)
        if not claimed:
            return
        wanted = subscription.desired(snapshot, keeping=False)
        known = [one for name, one in wanted.resources.items() if claimed.get(name) == one.digest]
        whole = len(known) == len(wanted.resources)
        subscription.has = subscription.good = wanted if whole else Selection(known)
        subscription.differs = {
            name: version for name, version in subscription.differs.items() if not subscription.has.holds(name, version)
        }
        if whole and not subscription.differs:
            subscription.acknowledged = wanted.version

    def _removes_safely(self) -> bool:
        """Return whether it is known what may still refer to clusters: a proxy that came back asks for routes later."""
        asked = self._subscriptions.keys()
        return not self._came_back or {LISTENERS, ROUTES} <= asked

    def aim_at(self, snapshot: Snapshot) -> None:
        """Make a snapshot what the proxy is to run on."""
        if self._goal is not None and snapshot is not self._goal:
            # Connected for a while, it has asked for all it ever will.
            self._came_back = False
        super().aim_at(snapshot)

    def _calls_for_response(self, subscription: Subscription, difference: Difference) -> bool:
        return bool(difference)

    def _response(self, type_url: str, nonce: str, desired: Selection, difference: Difference) -> bytes:
        head = delta_response_head(type_url, desired.version, nonce, difference.removed)
        return head + b"".join(resource.delta_fragment for resource in difference.changed)
