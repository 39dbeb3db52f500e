"""One mesh for all tests of this folder; each test leaves it as it found it."""

import copy
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from aisle.analytics.v1.analytics_service_pb2_grpc import AnalyticsServiceStub
from aisle.llm.v1.llm_service_pb2_grpc import LlmServiceStub
from tests.mesh.rig import GrpcBackend, HttpBackend, Mesh, free_port, registry


@pytest.fixture(scope="session")
def backends() -> Iterator[tuple[GrpcBackend, GrpcBackend]]:
    """Two backends; the registry names only the first at the beginning."""
    pair = (GrpcBackend("first"), GrpcBackend("second"))
    yield pair
    for one in pair:
        one.stop()


@pytest.fixture(scope="session")
def registered(backends: tuple[GrpcBackend, GrpcBackend]) -> Iterator[dict[str, Any]]:
    """The registry as it stands at the beginning of each test."""
    port = free_port()
    shop = HttpBackend(port)
    first = [backends[0].port]
    yield registry({"analytics": first, "llm": first, "product": [free_port()]}, port)
    shop.stop()


@pytest.fixture(scope="session")
def running_mesh(registered: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """Envoy and the control plane, started once."""
    mesh = Mesh(tmp_path_factory.mktemp("mesh"), registered)
    try:
        mesh.wait_until_ready()
        yield mesh
    finally:
        mesh.stop()


@pytest.fixture
def mesh(running_mesh: Mesh, backends: tuple[GrpcBackend, GrpcBackend], registered: dict[str, Any]) -> Iterator[Mesh]:
    """The mesh with backends that count from nought and have no instructions."""
    for backend in backends:
        backend.calls.clear()
        backend.script.clear()
        backend.remaining.clear()
    yield running_mesh
    running_mesh.write_registry(copy.deepcopy(registered))


@pytest.fixture
def backend(backends: tuple[GrpcBackend, GrpcBackend]) -> GrpcBackend:
    """The backend that answers unless a test changes the registry."""
    return backends[0]


@pytest.fixture
def analytics(mesh: Mesh) -> Iterator[AnalyticsServiceStub]:
    """Analytics through the egress listener, by the method's route."""
    with grpc.insecure_channel(mesh.egress) as channel:
        yield AnalyticsServiceStub(channel)


@pytest.fixture
def llm(mesh: Mesh) -> Iterator[LlmServiceStub]:
    """The llm service through the egress listener, by the method's route."""
    with grpc.insecure_channel(mesh.egress) as channel:
        yield LlmServiceStub(channel)
