"""One cluster for all tests of this folder; without `make test-kubernetes` they are skipped, and say so."""

import os
from collections.abc import Iterator

import pytest

from tests.kubernetes import build
from tests.kubernetes.cluster import Cluster


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave these out of `make test`: the servers take ten minutes of a CPU to build."""
    for item in items:
        if "tests/kubernetes" in str(item.path):
            item.add_marker(pytest.mark.timeout(1800))
            if not os.environ.get("AISLE_KUBERNETES"):
                item.add_marker(pytest.mark.skip(reason="needs the servers of Kubernetes: make test-kubernetes"))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane of real servers."""
    try:
        build.etcd()
        build.binary()
    except build.NotBuildableError as missing:
        pytest.fail(str(missing))
    made = Cluster(tmp_path_factory.mktemp("kubernetes"))
    try:
        made.start()
        yield made
    finally:
        made.stop()
