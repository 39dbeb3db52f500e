"""A scripted proxy: speaks to a session as Envoy does, and remembers what it was sent."""

from dataclasses import dataclass, field

from envoy_data_plane.envoy.config.core.v3 import Node
from envoy_data_plane.envoy.service.discovery.v3 import DiscoveryRequest, DiscoveryResponse
from envoy_data_plane.google.rpc import Status

from services.control_plane.ads import Session
from services.control_plane.snapshot import CLUSTERS, ENDPOINTS, LISTENERS, ROUTES

EVERY_TYPE = (CLUSTERS, ENDPOINTS, LISTENERS, ROUTES)


def request(type_url: str, names: tuple[str, ...] = (), version: str = "", nonce: str = "", refusal: str = "") -> bytes:
    """Return a request as it is on the wire, made with Envoy's own message."""
    message = DiscoveryRequest(
        type_url=type_url,
        resource_names=list(names),
        version_info=version,
        response_nonce=nonce,
        error_detail=Status(code=13, message=refusal) if refusal else None,
        node=Node(id="proxy-1"),
    )
    return bytes(message)


def answer_to(response: DiscoveryResponse, names: tuple[str, ...] = (), refusal: str = "") -> bytes:
    """Return the acknowledgement of a response, or its refusal."""
    return request(response.type_url, names, "" if refusal else response.version_info, response.nonce, refusal)


@dataclass
class Proxy:
    """Asks for everything, acknowledges what it is sent except the types it is told to refuse."""

    session: Session
    names: dict[str, tuple[str, ...]]
    refuses: set[str] = field(default_factory=set)
    versions: dict[str, str] = field(default_factory=dict)
    # Types in the order they were sent, and the names of the resources of each response.
    sent: list[tuple[str, frozenset[str]]] = field(default_factory=list)

    def connect(self) -> None:
        for type_url in EVERY_TYPE:
            self.ask(type_url)

    def ask(self, type_url: str) -> None:
        version = self.versions.get(type_url, "")
        self.session.receive(request(type_url, self.names.get(type_url, ()), version))
        self.pump()

    def pump(self) -> None:
        """Take what is due and answer it, until nothing is."""
        waiting = [DiscoveryResponse.parse(one) for one in self.session.due()]
        while waiting:
            response = waiting.pop(0)
            self._take(response)
            waiting += [DiscoveryResponse.parse(one) for one in self.session.due()]

    def _take(self, response: DiscoveryResponse) -> None:
        short = response.type_url.rpartition(".")[2]
        names = frozenset(_name_of(resource.unpack()) for resource in response.resources)
        self.sent.append((short, names))
        refusal = "not like this" if response.type_url in self.refuses else ""
        if not refusal:
            self.versions[response.type_url] = response.version_info
        self.session.receive(answer_to(response, self.names.get(response.type_url, ()), refusal))

    def sent_since(self, count: int) -> list[str]:
        return [short for short, _ in self.sent[count:]]


def _name_of(resource: object) -> str:
    return str(getattr(resource, "cluster_name", "") or getattr(resource, "name", ""))
