"""The control plane reads EndpointSlices from a real API server, with no more rights than it needs."""

import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.kubernetes.cluster import Cluster
from tests.kubernetes.node import Nodes
from tests.mesh.rig import GrpcBackend, Mesh, eventually, free_port, registry
from tests.mesh.test_mesh_change import Traffic

NAMESPACE = "discovery"
ACCOUNT = "control-plane"
PORT = 50055


class Played:
    """Pods as real backends, each at its own address, named after what they run."""

    def __init__(self) -> None:
        self.running: Counter[str] = Counter()

    def play(self, pod: dict[str, Any], address: str) -> Callable[[], None]:
        if pod["metadata"]["namespace"] != NAMESPACE:
            # What releases of the chart left behind may still be ending.
            return lambda: None
        version = pod["metadata"]["labels"]["version"]
        backend = GrpcBackend(version, PORT, address)
        self.running[version] += 1

        def end() -> None:
            self.running[version] -= 1
            backend.stop(5)

        return lambda: threading.Thread(target=end).start()


class KubernetesMesh(Mesh):
    """A mesh whose control plane is told by a real API server where replicas are."""

    def __init__(self, home: Path, registered: dict[str, Any], cluster: Cluster) -> None:
        token = home / "token"
        token.write_text(cluster.token_of(NAMESPACE, ACCOUNT))
        self.more_settings: Mapping[str, str] = {
            "AISLE_CONTROL_PLANE_SOURCE": "kubernetes",
            "AISLE_CONTROL_PLANE_KUBERNETES_URL": cluster.url,
            "AISLE_CONTROL_PLANE_KUBERNETES_NAMESPACE": NAMESPACE,
            "AISLE_CONTROL_PLANE_KUBERNETES_TOKEN_FILE": str(token),
            "AISLE_CONTROL_PLANE_KUBERNETES_CA_FILE": str(cluster.ca_file),
        }
        super().__init__(home, registered)


@pytest.fixture(scope="module")
def played(cluster: Cluster) -> Iterator[Played]:
    """A namespace with the rights that the control plane needs, and nodes that play pods."""
    cluster.namespace(NAMESPACE)
    core, rbac = f"/api/v1/namespaces/{NAMESPACE}", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}"
    cluster.create(f"{core}/serviceaccounts", {"metadata": {"name": ACCOUNT}})
    rules = [{"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]}]
    cluster.create(f"{rbac}/roles", {"metadata": {"name": ACCOUNT}, "rules": rules})
    bound = {
        "metadata": {"name": ACCOUNT},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": ACCOUNT},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}],
    }
    cluster.create(f"{rbac}/rolebindings", bound)
    made = Played()
    nodes = Nodes(cluster, made.play)
    nodes.start()
    yield made
    nodes.stop()


def deploy(cluster: Cluster, version: str, replicas: int) -> None:
    """Deploy analytics in a version, as the chart does: a Service of its own for each."""
    name, labels = f"analytics-{version}", {"app": "analytics", "version": version}
    marked = {"aisle.dev/service": "analytics", **({} if version == "stable" else {"aisle.dev/version": version})}
    ports = [{"name": "grpc", "port": PORT, "targetPort": PORT}]
    service = {"metadata": {"name": name, "labels": marked}, "spec": {"selector": labels, "ports": ports}}
    cluster.create(f"/api/v1/namespaces/{NAMESPACE}/services", service)
    container = {
        "name": "service",
        "image": "aisle",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    cluster.create(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments", {"metadata": {"name": name}, "spec": spec})


def scale(cluster: Cluster, version: str, replicas: int) -> None:
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/analytics-{version}"
    cluster.merge(path, {"spec": {"replicas": replicas}})


@pytest.fixture(scope="module")
def mesh(cluster: Cluster, played: Played, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    deploy(cluster, "stable", 1)
    eventually(lambda: played.running["stable"] == 1, within=60)
    made = KubernetesMesh(tmp_path_factory.mktemp("mesh"), registry({"analytics": []}, free_port()), cluster)
    try:
        made.wait_until_ready()
        eventually(lambda: made.stat(r"cluster\.analytics\.membership_healthy") == 1, within=30)
        yield made
    finally:
        made.stop()


def known(mesh: Mesh, version: str = "") -> int:
    return mesh.stat(rf"cluster\.analytics{version}\.membership_total")


def test_replicas_come_and_go_without_a_call_lost(cluster: Cluster, mesh: Mesh, played: Played) -> None:
    with Traffic(mesh).flowing() as traffic:
        scale(cluster, "stable", 3)
        eventually(lambda: known(mesh) == 3, within=60)
        scale(cluster, "stable", 1)
        eventually(lambda: known(mesh) == 1 and played.running["stable"] == 1, within=60)
        traffic.goes_on()
    assert traffic.failures == []


def test_rollout_is_followed_without_a_call_lost(cluster: Cluster, mesh: Mesh, played: Played) -> None:
    scale(cluster, "stable", 2)
    eventually(lambda: known(mesh) == 2, within=60)
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/analytics-stable"
    with Traffic(mesh).flowing() as traffic:
        cluster.merge(path, {"spec": {"template": {"metadata": {"annotations": {"rolled": "out"}}}}})
        done = {"updatedReplicas": 2, "availableReplicas": 2, "replicas": 2}
        eventually(lambda: done.items() <= cluster.get(path)["status"].items(), within=90)
        eventually(lambda: known(mesh) == 2 and played.running["stable"] == 2, within=60)
        traffic.goes_on()
    assert traffic.failures == []


def test_canary_gets_its_share(cluster: Cluster, mesh: Mesh, played: Played) -> None:
    deploy(cluster, "v2", 1)
    eventually(lambda: played.running["v2"] == 1 and known(mesh, "@v2") == 1, within=60)
    mesh.write_delivery({"analytics": {"weights": {"stable": 80, "v2": 20}}})
    with Traffic(mesh).flowing() as traffic:
        eventually(lambda: traffic.answered["v2"] > 0, within=30)
        traffic.answered.clear()
        eventually(lambda: traffic.total >= 500, within=60)
    assert traffic.failures == []
    # A fifth of 500 with a standard deviation of nine.
    assert 0.12 < traffic.answered["v2"] / traffic.total < 0.28
    mesh.write_delivery({})


def test_control_plane_may_read_nothing_else(cluster: Cluster, mesh: Mesh) -> None:
    shown = {"Authorization": f"Bearer {cluster.token_of(NAMESPACE, ACCOUNT)}"}
    ways = {
        f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices": 200,
        "/apis/discovery.k8s.io/v1/endpointslices": 403,
        f"/api/v1/namespaces/{NAMESPACE}/secrets": 403,
        f"/api/v1/namespaces/{NAMESPACE}/pods": 403,
        f"/api/v1/namespaces/{NAMESPACE}/configmaps": 403,
    }
    trusted = ssl.create_default_context(cafile=str(cluster.ca_file))
    with httpx2.Client(base_url=cluster.url, verify=trusted, headers=shown, trust_env=False) as client:
        assert {path: client.get(path).status_code for path in ways} == ways
