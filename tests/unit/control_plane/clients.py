"""Clients of both variants of the protocol, which do as they are told and remember what they have.

As Envoy does, they ask for all clusters and listeners, and for the endpoints, secrets and routes that these name.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from services.control_plane.ads import DeltaSession, Session, SotwSession
from services.control_plane.ads.wire import CLASSES
from services.control_plane.snapshot import (
    CLUSTERS,
    ENDPOINTS,
    LISTENERS,
    ROUTES,
    SECRETS,
    SENDING_ORDER,
    TAKEN_WHOLE,
    Resource,
    Snapshot,
)
from tests.unit.control_plane.worlds import KNOWN

# Read and written in C: with Envoy's generated messages the machine would take minutes.
DiscoveryRequest, DiscoveryResponse = CLASSES["Request"], CLASSES["Response"]
DeltaDiscoveryRequest, DeltaDiscoveryResponse = CLASSES["DeltaRequest"], CLASSES["DeltaResponse"]
NODE = CLASSES["Node"](id="proxy-1")
_NAMED_BY = {ENDPOINTS: CLUSTERS, SECRETS: CLUSTERS, ROUTES: LISTENERS}


@dataclass
class Response:
    """A response of either variant: what it holds, and what it says is gone."""

    type_url: str
    nonce: str
    version: str
    resources: dict[str, Resource]
    removed: frozenset[str] = frozenset()


@dataclass
class Client:
    """A proxy with a mind that a test makes up."""

    # What it runs on, by type and name.
    has: dict[str, dict[str, Resource]] = field(default_factory=lambda: {kind: {} for kind in SENDING_ORDER})
    waiting: list[Response] = field(default_factory=list)
    # Names it asks for on this stream, of the types that are not taken whole.
    asked: dict[str, frozenset[str]] = field(default_factory=dict)

    session: Session = field(init=False)

    def take(self) -> list[Response]:
        """Receive what is due and return it."""
        fresh = [self.read(message) for message in self.session.due()]
        self.waiting += fresh
        return fresh

    def connect(self, snapshot: Snapshot) -> None:
        """Open a new stream, with what it has from before."""
        self.waiting, self.asked = [], {}
        self.session = self.new_session()
        self.session.aim_at(snapshot)
        for type_url in SENDING_ORDER:
            if type_url in TAKEN_WHOLE or self.needs(type_url):
                self.begin(type_url)

    def needs(self, type_url: str) -> frozenset[str]:
        """Return the names of a type that its clusters or listeners refer to."""
        referring = self.has[_NAMED_BY[type_url]].values()
        return frozenset(name for one in referring for kind, name in one.refers_to if kind == type_url)

    def accept(self) -> Response:
        """Apply the oldest response and acknowledge it."""
        response = self.waiting.pop(0)
        self.apply(response, response.resources)
        self.answer(response, None)
        self.ask_anew()
        return response

    def refuse(self, reason: str, applied: Iterable[str]) -> Response:
        """Refuse the oldest response, having taken some of it as proxies do."""
        response = self.waiting.pop(0)
        self.has[response.type_url].update({name: response.resources[name] for name in applied})
        self.answer(response, reason)
        self.ask_anew()
        return response

    def ask_anew(self) -> None:
        """Ask for what is referred to now, where that is something else than before."""
        for type_url in _NAMED_BY:
            names = self.needs(type_url)
            if type_url not in self.asked:
                if names:
                    self.begin(type_url)
            elif names != self.asked[type_url]:
                self.change(type_url, names)
                kept = {name: one for name, one in self.has[type_url].items() if name in names}
                self.has[type_url] = kept

    def recognisable(self, snapshot: Snapshot) -> bool:
        """Return whether what it says when it comes back tells that it has what is current."""
        return True

    def new_session(self) -> Session:
        raise NotImplementedError

    def read(self, message: bytes) -> Response:
        raise NotImplementedError

    def begin(self, type_url: str) -> None:
        raise NotImplementedError

    def change(self, type_url: str, names: frozenset[str]) -> None:
        raise NotImplementedError

    def apply(self, response: Response, resources: dict[str, Resource]) -> None:
        raise NotImplementedError

    def answer(self, response: Response, refusal: str | None) -> None:
        raise NotImplementedError


def _status(refusal: str | None) -> Any:
    return CLASSES["Status"](message=refusal) if refusal is not None else None


@dataclass
class SotwClient(Client):
    """Speaks state of the world."""

    versions: dict[str, str] = field(default_factory=dict)
    nonces: dict[str, str] = field(default_factory=dict)

    def recognisable(self, snapshot: Snapshot) -> bool:
        """Its version is that of the last response, which held more when names were dropped since."""
        for kind, names in self.asked.items():
            wanted = snapshot.select(kind, None if kind in TAKEN_WHOLE else names)
            if wanted.resources and self.versions.get(kind) != wanted.version:
                return False
        return True

    def new_session(self) -> Session:
        self.nonces = {}
        return SotwSession()

    def read(self, message: bytes) -> Response:
        found = DiscoveryResponse.FromString(message)
        resources = {one.name: one for one in (KNOWN[packed.value][1] for packed in found.resources)}
        return Response(found.type_url, found.nonce, found.version_info, resources)

    def begin(self, type_url: str) -> None:
        self._send(type_url, frozenset() if type_url in TAKEN_WHOLE else self.needs(type_url))

    def change(self, type_url: str, names: frozenset[str]) -> None:
        self._send(type_url, names)

    def apply(self, response: Response, resources: dict[str, Resource]) -> None:
        if response.type_url in TAKEN_WHOLE:
            self.has[response.type_url] = dict(resources)
        else:
            names = self.asked[response.type_url]
            self.has[response.type_url].update({name: one for name, one in resources.items() if name in names})

    def answer(self, response: Response, refusal: str | None) -> None:
        self.nonces[response.type_url] = response.nonce
        if refusal is None:
            self.versions[response.type_url] = response.version
        self._send(response.type_url, self.asked[response.type_url], refusal)

    def _send(self, type_url: str, names: frozenset[str], refusal: str | None = None) -> None:
        self.asked[type_url] = names
        self.send(type_url, names, self.nonces.get(type_url, ""), refusal)

    def send(self, type_url: str, names: frozenset[str], nonce: str, refusal: str | None = None) -> None:
        """Send a request as it is given here."""
        request = DiscoveryRequest(
            type_url=type_url,
            resource_names=sorted(names),
            version_info=self.versions.get(type_url, ""),
            response_nonce=nonce,
            error_detail=_status(refusal),
            node=NODE,
        )
        self.session.receive(request.SerializeToString())


@dataclass
class DeltaClient(Client):
    """Speaks delta."""

    def new_session(self) -> Session:
        return DeltaSession()

    def read(self, message: bytes) -> Response:
        found = DeltaDiscoveryResponse.FromString(message)
        resources = {}
        for one in found.resources:
            _, known = KNOWN[one.resource.value]
            assert (one.name, one.version) == (known.name, known.digest)
            resources[one.name] = known
        removed = frozenset(found.removed_resources)
        return Response(found.type_url, found.nonce, found.system_version_info, resources, removed)

    def begin(self, type_url: str) -> None:
        names = frozenset() if type_url in TAKEN_WHOLE else self.needs(type_url)
        self.asked[type_url] = names
        versions = {name: one.digest for name, one in self.has[type_url].items()}
        self.send(type_url, subscribe=names, versions=versions)

    def change(self, type_url: str, names: frozenset[str]) -> None:
        before = self.asked[type_url]
        self.asked[type_url] = names
        self.send(type_url, subscribe=names - before, unsubscribe=before - names)

    def apply(self, response: Response, resources: dict[str, Resource]) -> None:
        wanted = self.asked[response.type_url]
        taken = {name: one for name, one in resources.items() if response.type_url in TAKEN_WHOLE or name in wanted}
        self.has[response.type_url].update(taken)
        for name in response.removed:
            self.has[response.type_url].pop(name, None)

    def answer(self, response: Response, refusal: str | None) -> None:
        self.send(response.type_url, nonce=response.nonce, refusal=refusal)

    def send(
        self,
        type_url: str,
        subscribe: Iterable[str] = (),
        unsubscribe: Iterable[str] = (),
        versions: dict[str, str] | None = None,
        nonce: str = "",
        refusal: str | None = None,
    ) -> None:
        """Send a request as it is given here."""
        request = DeltaDiscoveryRequest(
            type_url=type_url,
            resource_names_subscribe=sorted(subscribe),
            resource_names_unsubscribe=sorted(unsubscribe),
            initial_resource_versions=[CLASSES["Version"](key=k, value=v) for k, v in (versions or {}).items()],
            response_nonce=nonce,
            error_detail=_status(refusal),
            node=NODE,
        )
        self.session.receive(request.SerializeToString())
