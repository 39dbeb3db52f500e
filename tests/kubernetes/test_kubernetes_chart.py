"""The chart on a real API server: installed, upgraded from the version before, rolled back, twice side by side."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml

from aisle.mesh.v1 import mesh_service_pb2 as mesh_pb
from aisle.mesh.v1.mesh_service_pb2_grpc import MeshAdminServiceStub
from tests.helm.releases import CHART, ENVIRONMENT, merged, values_of
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.node import Nodes
from tests.mesh.rig import Mesh, eventually

NAMESPACE, RELEASE = "shop-chart", "shop"
ADMIN = (("x-aisle-caller", "cli"), ("x-aisle-role", "admin"))
# What the cluster has no controllers for is taken and left alone.
FOREIGN = (
    ("cert-manager.io", "v1", "Certificate", "certificates"),
    ("cert-manager.io", "v1", "Issuer", "issuers"),
)
NEWER = {"image": {"tag": "2.0.0"}}


class Refused(Exception):
    """Helm's engine did not do what it was asked; the message is its own."""


class Helm:
    """Helm's engine and the cluster it works on."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._kubeconfig, self.namespace = str(cluster.home / "kubeconfig"), namespace

    def __call__(self, what: str, name: str = RELEASE, **asked: Any) -> Any:
        question = {"what": what, "name": name, "namespace": self.namespace, "kubeconfig": self._kubeconfig, **asked}
        command = [str(ENVIRONMENT / "bin" / "python"), str(Path(__file__).with_name("helm_commands.py"))]
        done = subprocess.run(command, input=json.dumps(question), capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr[-2000:]
        answer = json.loads(done.stdout)
        if "refused" in answer:
            raise Refused(answer["refused"])
        return answer["answer"]


def chart(folder: Path, version: str) -> str:
    """Return a copy of the chart in a version, without the dependency that only a registry of charts could bring."""
    made = folder / f"aisle-{version}"
    shutil.copytree(CHART, made)
    said = yaml.safe_load((made / "Chart.yaml").read_text("utf-8"))
    said.pop("dependencies")
    (made / "Chart.yaml").write_text(yaml.safe_dump({**said, "version": version, "appVersion": version}), "utf-8")
    return str(made)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("charts")


def prepared(cluster: Cluster, namespace: str) -> None:
    """Make a namespace that takes restricted pods only, with what the chart is told is there."""
    cluster.namespace(namespace)
    volume = {
        "capacity": {"storage": "5Gi"},
        "accessModes": ["ReadWriteMany"],
        "hostPath": {"path": "/tmp"},  # nobody writes there, it has to be bound only
    }
    cluster.create("/api/v1/persistentvolumes", {"metadata": {"name": f"media-{namespace}"}, "spec": volume})


def served_at(cluster: Cluster, path: str) -> bool:
    return bool(cluster.api.get(path).status_code == 200)


@pytest.fixture(scope="module")
def helm(cluster: Cluster) -> Iterator[Helm]:
    """Helm on a cluster with nodes that play pods."""
    for group, version, kind, plural in FOREIGN:
        shape = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        served = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": shape}}
        names = {"kind": kind, "plural": plural, "singular": kind.lower()}
        spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [served]}
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        cluster.create(path, {"metadata": {"name": f"{plural}.{group}"}, "spec": spec})
        eventually(partial(served_at, cluster, f"/apis/{group}/{version}/{plural}"), within=30)
    prepared(cluster, NAMESPACE)
    nodes = Nodes(cluster)
    nodes.start()
    yield Helm(cluster, NAMESPACE)
    nodes.stop()


@pytest.fixture(scope="module")
def installed(helm: Helm, folder: Path) -> Helm:
    """The version before this one, installed."""
    older = merged(values_of("minimal"), {"image": {"tag": "1.0.0"}})
    helm("install", chart=chart(folder, "0.0.9"), values=older)
    return helm


def deployments(cluster: Cluster, namespace: str = NAMESPACE) -> dict[str, Any]:
    found = cluster.get(f"/apis/apps/v1/namespaces/{namespace}/deployments")["items"]
    return {one["metadata"]["name"]: one for one in found}


def images(cluster: Cluster) -> set[str]:
    specs = [one["spec"]["template"]["spec"] for one in deployments(cluster).values()]
    all_of_them = {container["image"] for spec in specs for container in spec["containers"]}
    return {image for image in all_of_them if "envoyproxy" not in image}


def available(cluster: Cluster, namespace: str = NAMESPACE) -> bool:
    return all(
        one["status"].get("availableReplicas", 0) == one["spec"]["replicas"]
        for one in deployments(cluster, namespace).values()
    )


def refusals(cluster: Cluster, namespace: str = NAMESPACE) -> list[str]:
    """Return why pods could not be made: what security levels refuse is told in events only."""
    events = cluster.get(f"/api/v1/namespaces/{namespace}/events")["items"]
    return [event["message"] for event in events if event["reason"] == "FailedCreate"]


@pytest.mark.usefixtures("installed")
def test_every_pod_is_admitted_where_only_restricted_ones_are(cluster: Cluster) -> None:
    assert available(cluster)
    assert refusals(cluster) == []
    assert len(deployments(cluster)) == 9
    assert images(cluster) == {"registry.example/aisle:1.0.0"}


def test_namespace_really_refuses_what_is_not_restricted(cluster: Cluster, installed: Helm) -> None:
    container = {"name": "careless", "image": "any"}
    pod = {"metadata": {"name": "careless"}, "spec": {"containers": [container]}}
    reply = cluster.api.post(f"/api/v1/namespaces/{installed.namespace}/pods", json=pod)
    assert reply.status_code == 403
    assert "restricted" in reply.json()["message"]


def test_upgrade_from_the_version_before_and_back(cluster: Cluster, installed: Helm, folder: Path) -> None:
    installed("upgrade", chart=chart(folder, "0.1.0"), values=merged(values_of("minimal"), NEWER))
    assert images(cluster) == {"registry.example/aisle:2.0.0"}
    assert available(cluster)
    installed("rollback", version=1)
    assert images(cluster) == {"registry.example/aisle:1.0.0"}
    assert available(cluster)
    assert refusals(cluster) == []


def test_misspelt_value_changes_nothing(cluster: Cluster, installed: Helm, folder: Path) -> None:
    wrong = merged(values_of("minimal"), {**NEWER, "replicsa": 3})
    with pytest.raises(Refused, match="replicsa"):
        installed("upgrade", chart=chart(folder, "0.1.1"), values=wrong)
    assert images(cluster) == {"registry.example/aisle:1.0.0"}


class ChartMesh(Mesh):
    """The control plane as the chart has it: its registry, its service account, its selector."""

    def __init__(self, home: Path, registry: str, cluster: Cluster, name: str) -> None:
        token = home / "token"
        token.write_text(cluster.token_of(NAMESPACE, name))
        self.more_settings = {
            "AISLE_CONTROL_PLANE_SOURCE": "kubernetes",
            "AISLE_CONTROL_PLANE_KUBERNETES_URL": cluster.url,
            "AISLE_CONTROL_PLANE_KUBERNETES_NAMESPACE": NAMESPACE,
            "AISLE_CONTROL_PLANE_KUBERNETES_SELECTOR": f"app.kubernetes.io/instance={RELEASE}",
            "AISLE_CONTROL_PLANE_KUBERNETES_TOKEN_FILE": str(token),
            "AISLE_CONTROL_PLANE_KUBERNETES_CA_FILE": str(cluster.ca_file),
        }
        self._text = registry
        super().__init__(home, json.loads(registry))

    def start_proxy(self) -> "subprocess.Popen[bytes]":
        """Start none: the pods here have no certificates to show."""
        return subprocess.Popen(["sleep", "3600"])


@pytest.fixture
def control_plane(cluster: Cluster, installed: Helm, tmp_path: Path) -> Iterator[ChartMesh]:
    config = cluster.get(f"/api/v1/namespaces/{installed.namespace}/configmaps/{RELEASE}-aisle-mesh")
    made = ChartMesh(tmp_path, config["data"]["registry.yaml"], cluster, f"{RELEASE}-aisle-control-plane")
    yield made
    made.stop()


def replicas(control_plane: ChartMesh, version: str = "stable") -> dict[str, set[str]]:
    """Return where the control plane finds the replicas of each service."""
    with grpc.insecure_channel(f"127.0.0.1:{control_plane.control_plane_port}") as channel:
        ask = MeshAdminServiceStub(channel).GetMeshStatus
        status = ask(mesh_pb.GetMeshStatusRequest(), metadata=ADMIN, timeout=5)
    assert not status.problems
    return {
        service.name: {one.address.rpartition(":")[0] for one in service.endpoints if one.version == version}
        for service in status.services
    }


def pods(cluster: Cluster, workload: str) -> set[str]:
    selector = f"?labelSelector=aisle.dev/workload={workload}"
    found = cluster.get(f"/api/v1/namespaces/{NAMESPACE}/pods{selector}")["items"]
    return {one["status"]["podIP"] for one in found if not one["metadata"].get("deletionTimestamp")}


def test_control_plane_finds_every_service_of_its_release(cluster: Cluster, control_plane: ChartMesh) -> None:
    workloads = {"mesh": "control-plane", "llm-http": "llm"}
    found = eventually(lambda: (now := replicas(control_plane)) and all(now.values()) and now, within=60)
    assert len(found) == 9
    for service, places in found.items():
        assert places == pods(cluster, workloads.get(service, service)), service


def test_scaling_and_a_canary_are_followed(
    cluster: Cluster, control_plane: ChartMesh, installed: Helm, folder: Path
) -> None:
    eventually(lambda: all(replicas(control_plane).values()), within=60)
    canary = {"services": {"product": {"replicas": 4, "versions": {"v2": {"image": {"tag": "3.0.0"}, "replicas": 1}}}}}
    older = merged(values_of("minimal"), {"image": {"tag": "1.0.0"}, **canary})
    installed("upgrade", chart=chart(folder, "0.0.10"), values=older)
    eventually(lambda: len(replicas(control_plane)["product"]) == 4, within=60)
    eventually(lambda: len(replicas(control_plane, "v2")["product"]) == 1, within=60)
    installed("rollback", version=1)
    eventually(lambda: not replicas(control_plane, "v2")["product"], within=60)


def test_two_releases_live_side_by_side(cluster: Cluster, installed: Helm, folder: Path) -> None:
    prepared(cluster, "shop-other")
    other = Helm(cluster, "shop-other")
    other("install", chart=chart(folder, "0.0.11"), values=values_of("minimal"))
    assert available(cluster, "shop-other")
    assert available(cluster)
    assert refusals(cluster, "shop-other") == []
    other("uninstall")
    eventually(lambda: not deployments(cluster, "shop-other"), within=60)
    assert available(cluster)
