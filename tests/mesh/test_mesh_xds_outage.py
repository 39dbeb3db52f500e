"""The control plane away, frozen and back: traffic goes on, nothing is pushed that a proxy has, replicas are alike."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from services.control_plane.ads import SERVICE
from services.control_plane.ads.wire import CLASSES
from services.control_plane.snapshot import CLUSTERS, ENDPOINTS, LISTENERS, ROUTES
from tests.mesh.rig import ROOT, GrpcBackend, Mesh, eventually, free_port, registry, start_envoy
from tests.mesh.test_mesh_change import Traffic

pytestmark = pytest.mark.servers

# Ten minutes where there is time for it.
FROZEN_SECONDS = 600 if os.environ.get("AISLE_LONG") == "1" else 12
UPDATES = ("cluster_manager.cds", "listener_manager.lds", "http.egress.rds.egress", "http.edge.rds.edge")


class EnvoyInVariant(Mesh):
    """A mesh whose Envoy asks in the variant a test names."""

    def __init__(self, home: Path, content: dict[str, Any], delta: bool) -> None:
        self._delta = delta
        super().__init__(home, content)

    def start_proxy(self) -> subprocess.Popen[bytes]:
        return start_envoy(self._home, self.admin_port, self.control_plane_port, delta=self._delta)

    def pushes(self) -> list[int]:
        """Return how often Envoy took something new, by type."""
        names = (*UPDATES, "cluster.analytics", "cluster.llm")
        return [self.stat(f"{name}.update_success") for name in names]

    def connected(self) -> bool:
        return self.stat("control_plane.connected_state") == 1


@pytest.fixture(scope="module")
def answering() -> Iterator[GrpcBackend]:
    """The backend that traffic goes to."""
    backend = GrpcBackend("only")
    yield backend
    backend.stop()


@pytest.fixture(params=[False, True], ids=["state-of-the-world", "delta"])
def meshed(request: pytest.FixtureRequest, answering: GrpcBackend, tmp_path: Path) -> Iterator[EnvoyInVariant]:
    """A mesh of its own, in each variant."""
    content = registry({"analytics": [answering.port], "llm": [answering.port]}, free_port())
    mesh = EnvoyInVariant(tmp_path, content, request.param)
    try:
        mesh.wait_until_ready()
        eventually(mesh.connected)
        yield mesh
    finally:
        mesh.stop()


@pytest.mark.timeout(900)
def test_nobody_feels_a_frozen_control_plane_and_a_cold_restart_pushes_nothing(meshed: EnvoyInVariant) -> None:
    with Traffic(meshed).flowing() as traffic:
        before = meshed.pushes()
        meshed.signal_control_plane(signal.SIGSTOP)
        time.sleep(FROZEN_SECONDS)
        traffic.goes_on()
        meshed.signal_control_plane(signal.SIGCONT)
        eventually(meshed.connected, within=30)
        meshed.kill_control_plane()
        eventually(lambda: not meshed.connected(), within=30)
        traffic.goes_on()
        meshed.start_control_plane()
        eventually(meshed.connected, within=60)
        time.sleep(1)
        assert meshed.pushes() == before
        traffic.goes_on()
    print(f"{traffic.total} answered, {len(traffic.failures)} failed; needless pushes: 0")
    assert traffic.failures == []


def responses(port: int, delta: bool) -> list[bytes]:
    """Return what a replica of the control plane sends a new proxy, to the byte."""
    found = []
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        grpc.channel_ready_future(channel).result(60)
        method = "DeltaAggregatedResources" if delta else "StreamAggregatedResources"
        for kind, names in ((CLUSTERS, []), (ENDPOINTS, ["analytics", "llm"]), (LISTENERS, []), (ROUTES, ["egress"])):
            if delta:
                message = CLASSES["DeltaRequest"](type_url=kind, resource_names_subscribe=names)
            else:
                message = CLASSES["Request"](type_url=kind, resource_names=names)
            untyped: Any = channel
            stream = untyped.stream_stream(f"/{SERVICE}/{method}")(iter_then_wait(message.SerializeToString()))
            found.append(bytes(next(stream)))
            stream.cancel()
    return found


def iter_then_wait(message: bytes) -> Iterator[bytes]:
    yield message
    time.sleep(5)


def test_three_replicas_say_the_same_to_the_byte(tmp_path: Path) -> None:
    content = registry({"analytics": [50051, 50052], "llm": [50053]}, 50054)
    file = tmp_path / "registry.yaml"
    ports = [free_port() for _ in range(3)]
    processes = []
    file.write_text(json.dumps(content))
    for number, port in enumerate(ports):
        settings = {
            "AISLE_CONTROL_PLANE_LISTEN_PORT": str(port),
            "AISLE_CONTROL_PLANE_REGISTRY": str(file),
            "PYTHONHASHSEED": str(number),
        }
        command = [sys.executable, "-m", "services.control_plane"]
        processes.append(subprocess.Popen(command, cwd=ROOT, env={**os.environ, **settings}, stderr=subprocess.DEVNULL))
    try:
        for delta in (False, True):
            first, *others = [responses(port, delta) for port in ports]
            assert all(other == first for other in others)
    finally:
        for process in processes:
            process.kill()
            process.wait()
