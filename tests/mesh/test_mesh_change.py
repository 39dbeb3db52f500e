"""What traffic feels while the mesh changes, breaks and heals: nothing, or for a moment."""

import copy
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from aisle.analytics.v1 import analytics_service_pb2 as analytics_pb
from aisle.analytics.v1.analytics_service_pb2_grpc import AnalyticsServiceStub
from tests.mesh.rig import GrpcBackend, Mesh, eventually

pytestmark = pytest.mark.servers

ASK = analytics_pb.QueryReportRequest(report=analytics_pb.REPORT_OVERVIEW)


class Traffic:
    """Calls without pause, and who answered them."""

    def __init__(self, mesh: Mesh) -> None:
        self.answered: Counter[str] = Counter()
        self.failures: list[grpc.RpcError] = []
        self._mesh = mesh
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        with grpc.insecure_channel(self._mesh.egress) as channel:
            stub = AnalyticsServiceStub(channel)
            while not self._stop.is_set():
                try:
                    self.answered[stub.QueryReport(ASK, timeout=5).columns[0]] += 1
                except grpc.RpcError as failure:
                    self.failures.append(failure)
                time.sleep(0.002)

    @contextmanager
    def flowing(self) -> Iterator["Traffic"]:
        self._thread.start()
        eventually(lambda: self.total > 20)
        try:
            yield self
        finally:
            self._stop.set()
            self._thread.join()

    @contextmanager
    def one_call(self) -> Iterator[Any]:
        """Make one call, and give it as it is on its way."""
        with grpc.insecure_channel(self._mesh.egress) as channel:
            yield AnalyticsServiceStub(channel).QueryReport.future(ASK, timeout=30)

    @property
    def total(self) -> int:
        return self.answered.total()

    def reaches(self, backend: GrpcBackend) -> None:
        """Wait until ten more calls were answered by a backend."""
        before = self.answered[backend.name]
        eventually(lambda: self.answered[backend.name] > before + 10)

    def goes_on(self) -> None:
        before = self.total
        eventually(lambda: self.total > before + 20)


def ports(registered: dict[str, Any], service: str, *backends: GrpcBackend) -> dict[str, Any]:
    """Return the registry with these backends behind a service."""
    changed = copy.deepcopy(registered)
    changed["services"][service]["endpoints"] = [{"address": "127.0.0.1", "port": one.port} for one in backends]
    return changed


def test_registry_change_moves_traffic_without_a_failed_call(
    mesh: Mesh, registered: dict[str, Any], backends: tuple[GrpcBackend, GrpcBackend]
) -> None:
    first, second = backends
    with Traffic(mesh).flowing() as traffic:
        for target in (second, first, second):
            mesh.write_registry(ports(registered, "analytics", target))
            other = first if target is second else second
            traffic.reaches(target)
            gone = traffic.answered[other.name]
            traffic.goes_on()
            assert traffic.answered[other.name] <= gone + 1
    assert traffic.failures == []


def test_service_comes_and_goes_without_a_failed_call_to_another(
    mesh: Mesh, registered: dict[str, Any], backends: tuple[GrpcBackend, GrpcBackend]
) -> None:
    without = copy.deepcopy(registered)
    del without["services"]["llm"]
    with Traffic(mesh).flowing() as traffic:
        mesh.write_registry(without)
        eventually(lambda: "llm::" not in mesh.admin("/clusters").text)
        traffic.goes_on()
        mesh.write_registry(registered)
        eventually(lambda: "llm::" in mesh.admin("/clusters").text)
        traffic.goes_on()
    assert traffic.failures == []


def test_broken_registry_changes_nothing_and_is_explained(mesh: Mesh, registered: dict[str, Any]) -> None:
    broken = copy.deepcopy(registered)
    broken["services"]["analytics"]["endpoints"][0]["port"] = 99_999
    with Traffic(mesh).flowing() as traffic:
        mesh.write_registry(broken)
        eventually(lambda: "services.analytics.endpoints.0.port" in mesh.control_plane_log.read_text())
        mesh.write_registry("edge: [")
        eventually(lambda: "not YAML" in mesh.control_plane_log.read_text())
        traffic.goes_on()
    assert traffic.failures == []


def test_traffic_goes_on_without_the_control_plane_and_nothing_flaps_when_it_is_back(mesh: Mesh) -> None:
    accepted = ("cluster_manager.cds", "listener_manager.lds", "http.egress.rds.egress", "cluster.analytics")

    def updates() -> list[int]:
        return [mesh.stat(f"{name}.update_success") for name in accepted]

    eventually(lambda: mesh.stat("control_plane.connected_state") == 1)
    with Traffic(mesh).flowing() as traffic:
        before = updates()
        mesh.kill_control_plane()
        eventually(lambda: mesh.stat("control_plane.connected_state") == 0)
        traffic.goes_on()
        mesh.start_control_plane()
        eventually(lambda: mesh.stat("control_plane.connected_state") == 1, within=60)
        traffic.goes_on()
        time.sleep(0.3)
        assert updates() == before
    assert traffic.failures == []


def test_killed_backend_is_used_again_soon_after_it_came_back(
    mesh: Mesh, backend: GrpcBackend, analytics: AnalyticsServiceStub
) -> None:
    analytics.QueryReport(ASK)
    backend.stop()
    with pytest.raises(grpc.RpcError) as caught:
        analytics.QueryReport(ASK)
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    time.sleep(2.5)  # long enough for the health checks to give it up
    backend.start()
    began = time.monotonic()
    eventually(lambda: analytics.QueryReport(ASK), within=3)
    assert time.monotonic() - began < 3


def test_one_of_two_backends_may_stop(
    mesh: Mesh, registered: dict[str, Any], backends: tuple[GrpcBackend, GrpcBackend]
) -> None:
    first, second = backends
    mesh.write_registry(ports(registered, "analytics", first, second))
    with Traffic(mesh).flowing() as traffic:
        traffic.reaches(second)
        second.stop()
        traffic.goes_on()
        second.start()
        traffic.reaches(second)
    assert traffic.failures == []
