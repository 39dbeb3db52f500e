"""Whatever changes come and is refused: routes never lead to a cluster the proxy lacks, and it ends up right."""

from functools import cache
from itertools import combinations

from envoy_data_plane.envoy.config.cluster.v3 import Cluster
from envoy_data_plane.envoy.service.discovery.v3 import DiscoveryResponse
from hypothesis import given, settings
from hypothesis import strategies as st

from services.control_plane.ads import Session
from services.control_plane.snapshot import CLUSTERS, ENDPOINTS, LISTENERS, ROUTES, build
from services.control_plane.topology import Address, Protocol, Service
from tests.unit.control_plane.proxy import EVERY_TYPE, answer_to, request
from tests.unit.control_plane.topologies import FRONT, SHOP, TELLER, moved, topology

MEMBERS = (FRONT, SHOP, moved(SHOP, 2001), TELLER)
FRESH = build(topology(Service("fresh", Protocol.GRPC, (Address("127.0.0.1", 3001),))))
SNAPSHOTS = [
    build(topology(*chosen))
    for size in (1, 2, 3)
    for chosen in combinations(MEMBERS, size)
    if len({service.name for service in chosen}) == size
]
# What the routes of each version lead to; they are never bridged, so these are all there are.
ROUTED = {snapshot.versions[ROUTES]: snapshot.references[CLUSTERS] for snapshot in (*SNAPSHOTS, FRESH)}
# A step of the story: a snapshot to run on, or a response to answer with yes or no.
NUMBERS = st.integers(0, len(SNAPSHOTS) - 1)
STEPS = st.lists(st.one_of(NUMBERS, st.sampled_from(["yes", "no"])), max_size=30)


@cache
def cluster_name(serialised: bytes) -> str:
    return Cluster.parse(serialised).name


class Proxy:
    """Answers one response at a time, in any order that one stream allows."""

    def __init__(self) -> None:
        self.session = Session()
        self.waiting: list[DiscoveryResponse] = []
        self.clusters: set[str] = set()
        self.routed: set[str] = set()
        self.versions: dict[str, str] = {}
        for type_url in EVERY_TYPE:
            self.session.receive(request(type_url, self.names(type_url)))

    def names(self, type_url: str) -> tuple[str, ...]:
        if type_url == ROUTES:
            return ("edge", "egress")
        return tuple(sorted(self.clusters)) if type_url == ENDPOINTS else ()

    def take(self) -> None:
        self.waiting += [DiscoveryResponse.parse(one) for one in self.session.due()]

    def answer(self, accept: bool) -> None:
        if not self.waiting:
            return
        response = self.waiting.pop(0)
        if accept:
            self.versions[response.type_url] = response.version_info
            if response.type_url == CLUSTERS:
                self.clusters = {cluster_name(resource.value) for resource in response.resources}
            if response.type_url == ROUTES:
                self.routed = set(ROUTED[response.version_info])
        self.session.receive(answer_to(response, self.names(response.type_url), "" if accept else "no"))
        if accept and response.type_url == CLUSTERS:
            # As Envoy does: new clusters are followed by a question for their endpoints.
            self.session.receive(request(ENDPOINTS, self.names(ENDPOINTS)))
        self.take()


@given(first=NUMBERS, steps=STEPS, last=NUMBERS)
@settings(max_examples=60, deadline=None)
def test_routes_never_lead_nowhere_and_the_last_snapshot_arrives(first: int, steps: list[int | str], last: int) -> None:
    proxy = Proxy()
    for step in (first, "yes", "yes", "yes", "yes", "yes", *steps):
        if isinstance(step, int):
            proxy.session.aim_at(SNAPSHOTS[step])
            proxy.take()
        else:
            proxy.answer(step == "yes")
        assert proxy.routed <= proxy.clusters
    # Something never seen and then the last, all accepted: whatever was refused before is forgotten.
    for snapshot in (FRESH, SNAPSHOTS[last]):
        proxy.session.aim_at(snapshot)
        proxy.take()
        while proxy.waiting:
            proxy.answer(True)
            assert proxy.routed <= proxy.clusters
    assert proxy.clusters == set(SNAPSHOTS[last].resources[CLUSTERS])
    assert proxy.versions[ROUTES] == SNAPSHOTS[last].versions[ROUTES]
    assert proxy.versions[LISTENERS] == SNAPSHOTS[last].versions[LISTENERS]
