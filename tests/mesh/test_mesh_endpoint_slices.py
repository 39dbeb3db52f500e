"""Replicas as EndpointSlices have them, before a real Envoy: who is about to leave or yet to start gets no calls."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from aisle.analytics.v1.analytics_service_pb2_grpc import AnalyticsServiceStub
from tests.fakes.kubernetes_api import LEAVING, NAMESPACE, READY, STARTING, FakeKubernetes, a_slice
from tests.mesh.rig import GrpcBackend, Mesh, eventually, free_port, registry
from tests.mesh.test_mesh_change import ASK, Traffic

pytestmark = pytest.mark.servers


class ApiServer:
    """The fake API server in a thread of its own, beside the processes of a mesh."""

    def __init__(self) -> None:
        self.kept = FakeKubernetes()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.start()

    def start(self) -> None:
        asyncio.run_coroutine_threadsafe(self.kept.start(), self._loop).result(5)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.kept.stop(), self._loop).result(5)

    def tell(self, act: Callable[[Any], None], what: Any) -> None:
        async def done() -> None:
            act(what)

        asyncio.run_coroutine_threadsafe(done(), self._loop).result(5)

    def place(self, backends: dict[GrpcBackend, dict[str, bool]]) -> None:
        """Have these be the replicas of analytics, each on a port and so in a slice of its own."""
        names = {f"analytics-{one.port}": (one, said) for one, said in backends.items()}
        for name, (one, said) in names.items():
            self.tell(self.kept.put, a_slice(name, "analytics", {"127.0.0.1": said}, port=one.port))
        for gone in set(self.kept.kept) - names.keys():
            self.tell(self.kept.delete, gone)

    def close(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


class KubernetesMesh(Mesh):
    """A mesh whose control plane follows EndpointSlices."""

    def __init__(self, home: Path, registered: dict[str, Any], api: ApiServer) -> None:
        self.more_settings: Mapping[str, str] = {
            "AISLE_CONTROL_PLANE_SOURCE": "kubernetes",
            "AISLE_CONTROL_PLANE_KUBERNETES_URL": api.kept.url,
            "AISLE_CONTROL_PLANE_KUBERNETES_NAMESPACE": NAMESPACE,
        }
        super().__init__(home, registered)


@pytest.fixture(scope="module")
def replicas() -> Iterator[list[GrpcBackend]]:
    made = [GrpcBackend(f"replica-{number}") for number in range(5)]
    yield made
    for one in made:
        one.stop()


@pytest.fixture
def api(replicas: list[GrpcBackend]) -> Iterator[ApiServer]:
    made = ApiServer()
    made.place({replicas[0]: READY})
    yield made
    made.close()


@pytest.fixture
def mesh(api: ApiServer, tmp_path: Path) -> Iterator[Mesh]:
    made = KubernetesMesh(tmp_path, registry({"analytics": []}, free_port()), api)
    try:
        made.wait_until_ready()
        with grpc.insecure_channel(made.egress) as channel:
            eventually(lambda: AnalyticsServiceStub(channel).QueryReport(ASK, timeout=5), within=60)
        yield made
    finally:
        made.stop()


def hosts(mesh: Mesh) -> dict[int, str]:
    """Return what Envoy was told of the replicas of analytics, by their ports."""
    told = mesh.admin("/clusters?format=json").json()["cluster_statuses"]
    (cluster,) = [one for one in told if one["name"] == "analytics"]
    return {
        one["address"]["socket_address"]["port_value"]: one["health_status"].get("eds_health_status", "")
        for one in cluster.get("host_statuses", [])
    }


def health(mesh: Mesh) -> int:
    """Return what the control plane says of itself."""
    with grpc.insecure_channel(f"127.0.0.1:{mesh.control_plane_port}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        said = eventually(lambda: stub.Check(health_pb2.HealthCheckRequest()))
        return int(said.status)


def test_scaling_up_and_down_under_traffic_fails_no_call(
    mesh: Mesh, api: ApiServer, replicas: list[GrpcBackend]
) -> None:
    first, *others = replicas
    with Traffic(mesh).flowing() as traffic:
        for one in others:
            one.stop()
        # More of them are yet to start than are well: Envoy must not take that for a disaster.
        api.place({first: READY, **dict.fromkeys(others, STARTING)})
        eventually(lambda: len(hosts(mesh)) == 5)
        traffic.goes_on()
        for number, one in enumerate(others, start=1):
            one.start()
            api.place(
                {**dict.fromkeys(replicas[: number + 1], READY), **dict.fromkeys(replicas[number + 1 :], STARTING)}
            )
            traffic.reaches(one)
        for number in range(4, 0, -1):
            leaving = replicas[number:]
            api.place({**dict.fromkeys(replicas[:number], READY), **dict.fromkeys(leaving, LEAVING)})
            wanted = dict.fromkeys((one.port for one in leaving), "DRAINING")
            eventually(partial(lambda told: told.items() <= hosts(mesh).items(), wanted))
            time.sleep(0.2)
            before = traffic.answered.copy()
            traffic.goes_on()
            got = {one.name for one in leaving if traffic.answered[one.name] > before[one.name]}
            assert got == set(), "who leaves gets nothing new"
        api.place({first: READY})
        eventually(lambda: hosts(mesh).keys() == {first.port})
        traffic.goes_on()
    assert traffic.failures == []
    assert traffic.total > 200


def test_draining_replica_finishes_what_it_has(mesh: Mesh, api: ApiServer, replicas: list[GrpcBackend]) -> None:
    first, second, *_ = replicas
    held, let_go = threading.Event(), threading.Event()

    def wait(number: int, context: Any) -> None:
        held.set()
        let_go.wait(30)

    first.script["QueryReport"] = wait
    answered = Traffic(mesh)
    with answered.one_call() as call:
        assert held.wait(30)
        first.script.clear()
        api.place({first: LEAVING, second: READY})
        eventually(lambda: hosts(mesh).get(first.port) == "DRAINING")
        api.place({second: READY})
        eventually(lambda: hosts(mesh).keys() == {second.port})
        let_go.set()
        assert call.result(30).columns[0] == first.name


def test_api_server_that_is_away_takes_nothing_away(mesh: Mesh, api: ApiServer, replicas: list[GrpcBackend]) -> None:
    first, second, *_ = replicas
    with Traffic(mesh).flowing() as traffic:
        api.stop()
        eventually(lambda: "Kubernetes API not followed" in mesh.control_plane_log.read_text())
        traffic.goes_on()
        # A control plane that starts now has nothing to tell, and takes nothing away either.
        mesh.kill_control_plane()
        mesh.start_control_plane()
        eventually(lambda: mesh.control_plane_log.read_text().count("Kubernetes API not followed") > 1, within=30)
        traffic.goes_on()
        assert hosts(mesh).keys() == {first.port}
        eventually(lambda: health(mesh) == health_pb2.HealthCheckResponse.NOT_SERVING, within=20)
        api.start()
        api.place({first: READY, second: READY})
        eventually(lambda: hosts(mesh).keys() == {first.port, second.port}, within=60)
        traffic.reaches(second)
        eventually(lambda: health(mesh) == health_pb2.HealthCheckResponse.SERVING, within=20)
    assert traffic.failures == []
