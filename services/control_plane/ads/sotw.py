"""State of the world: every response of a type holds all of it, every request all the names that are asked for."""

import logging

from services.control_plane.ads.session import Clock, Session, system_clock
from services.control_plane.ads.subscription import EVERYTHING, Subscription, takes_all_at_first
from services.control_plane.ads.wire import Request, response_head
from services.control_plane.snapshot import SENDING_ORDER, TAKEN_WHOLE, Difference, Selection, Snapshot

log = logging.getLogger("aisle.control_plane.ads")


class SotwSession(Session):
    """A stream of StreamAggregatedResources."""

    variant = "state of the world"
    restates = True

    def __init__(self, clock: Clock = system_clock) -> None:
        """Begin knowing nothing."""
        super().__init__(clock)
        # Versions the proxy came with from an earlier stream, until it is known whether they are current.
        self._claimed: dict[str, str] = {}

    def receive(self, message: bytes) -> None:
        """Take a request. A stale one changes nothing: another is on its way."""
        request = Request.parse(message)
        self.node = self.node or request.node
        self.workload = self.workload or request.workload
        if request.type_url not in SENDING_ORDER:
            log.warning("unknown type asked for", extra={"data": {"node": self.node, "type": request.type_url}})
            return
        known = self._subscriptions.get(request.type_url)
        if request.nonce and request.nonce != (known.nonce if known else ""):
            return
        if known is None:
            subscription = Subscription(request.type_url, running=bool(request.version))
            _ask(subscription, request)
            self._claimed[request.type_url] = request.version
            self._begin(subscription)
            return
        if request.nonce and known.in_flight is not None:
            self._settle(known, request.refusal)
        _ask(known, request)

    def _recognise(self, subscription: Subscription, snapshot: Snapshot) -> None:
        claimed = self._claimed.pop(subscription.type_url, "")
        wanted = subscription.desired(snapshot, keeping=False)
        if claimed and wanted.version == claimed:
            subscription.has = subscription.good = wanted
            subscription.acknowledged = claimed

    def _calls_for_response(self, subscription: Subscription, difference: Difference) -> bool:
        """Return whether to send all anew: what is left out of a type that is named is not thereby taken away."""
        return bool(difference.changed or (subscription.type_url in TAKEN_WHOLE and difference.removed))

    def _response(self, type_url: str, nonce: str, desired: Selection, difference: Difference) -> bytes:
        return response_head(type_url, desired.version, nonce) + desired.joined


def _ask(subscription: Subscription, request: Request) -> None:
    """Take the names of a request: none at first means all there are, none later means none any more."""
    asked = frozenset(request.names)
    subscription.named = subscription.named or bool(asked)
    by_omission = takes_all_at_first(subscription.type_url) and not subscription.named
    everything = subscription.type_url in TAKEN_WHOLE and EVERYTHING in asked
    before = (subscription.everything, subscription.names)
    subscription.everything = everything or by_omission
    names = asked - {EVERYTHING}
    if before == (subscription.everything, names):
        return
    if not subscription.everything:
        subscription.drop(frozenset((subscription.has.resources.keys() | subscription.differs.keys()) - names))
    subscription.names = names
