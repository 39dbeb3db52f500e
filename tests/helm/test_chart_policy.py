"""How pods run: under nobody's rights, with limits, apart from each other, and leaving in order."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.ports import WORKLOADS
from tests.helm.releases import ENVIRONMENT, SETS, Engine, Release, merged, values_of

EXCEPTIONS = yaml.safe_load(Path(__file__).with_name("exceptions.yaml").read_text("utf-8"))
# They hold everywhere but in production, which has digests: what is pulled by a tag is pulled when it is not there.
WITHOUT_DIGEST = {"CKV_K8S_43", "CKV_K8S_15"}


@pytest.mark.parametrize("name", SETS)
def test_every_pod_is_restricted(releases: dict[str, Release], name: str) -> None:
    seen = 0
    for whose, spec in releases[name].pods():
        security = spec["securityContext"]
        assert security["runAsNonRoot"] is True and security["runAsUser"] >= 10001, whose
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, whose
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), whose
        kinds = {kind for volume in spec.get("volumes", ()) for kind in volume if kind != "name"}
        assert kinds <= {"configMap", "secret", "emptyDir", "persistentVolumeClaim"}, whose
        seen += 1
    assert seen >= len(WORKLOADS) - 1
    for whose, container in releases[name].containers():
        security = container["securityContext"]
        assert security["allowPrivilegeEscalation"] is False, whose
        assert security["readOnlyRootFilesystem"] is True, whose
        assert security["capabilities"] == {"drop": ["ALL"]}, whose
        assert security["runAsUser"] >= 10001, whose


@pytest.mark.parametrize("name", SETS)
def test_every_container_says_what_it_needs_and_may_use(releases: dict[str, Release], name: str) -> None:
    for whose, container in releases[name].containers():
        resources = container["resources"]
        for bound in ("requests", "limits"):
            assert {"cpu", "memory"} <= resources[bound].keys(), whose
        image = container["image"]
        assert re.search(r"(:[A-Za-z0-9._-]+|@sha256:[0-9a-f]{64})$", image) and not image.endswith(":latest"), whose
        if name == "production":
            assert "@sha256:" in image, whose


@pytest.mark.parametrize("name", SETS)
def test_only_the_control_plane_is_known_to_kubernetes(releases: dict[str, Release], name: str) -> None:
    with_token = {whose for whose, spec in releases[name].pods() if spec["automountServiceAccountToken"]}
    assert with_token == {"Deployment shop-aisle-control-plane"}
    for account in releases[name].of("ServiceAccount"):
        assert account["automountServiceAccountToken"] is False
    (role,) = releases[name].of("Role")
    assert role["rules"] == [
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]}
    ]
    (binding,) = releases[name].of("RoleBinding")
    (subject,) = binding["subjects"]
    spec = releases[name].get("Deployment", "control-plane")["spec"]["template"]["spec"]
    assert subject["name"] == spec["serviceAccountName"]


@pytest.mark.parametrize("name", SETS)
def test_no_secret_stands_in_a_manifest(releases: dict[str, Release], name: str) -> None:
    assert list(releases[name].of("Secret")) == []
    for whose, container in releases[name].containers():
        for variable in container.get("env", ()):
            secret = re.search(r"PASSWORD|TOKEN_KEY|SIGNING_KEY$|API_KEY|CLIENT_SECRET|MILVUS_TOKEN", variable["name"])
            if secret:
                assert "secretKeyRef" in variable.get("valueFrom", {}), f"{whose}: {variable['name']}"
            # Addresses name the variable that holds a password, never the password.
            for password in re.findall(r"://[^@/]*:([^@/]+)@", variable.get("value", "")):
                assert re.fullmatch(r"\$\([A-Z_]+\)", password), f"{whose}: {variable['name']}"


@pytest.mark.parametrize("name", SETS)
def test_whoever_leaves_has_time_to(releases: dict[str, Release], name: str) -> None:
    for deployment in releases[name].of("Deployment"):
        workload = deployment["metadata"]["labels"]["app.kubernetes.io/component"]
        spec = deployment["spec"]["template"]["spec"]
        patience = spec["terminationGracePeriodSeconds"]
        if workload == "edge":
            (proxy,) = spec["containers"]
            assert proxy["lifecycle"]["preStop"]["sleep"]["seconds"] < patience
        elif workload in WORKLOADS and workload != "cli":
            told = {said["name"]: said.get("value") for said in spec["containers"][0]["env"]}
            prefix = f"AISLE_{workload.upper().replace('-', '_')}"
            leaving = float(told[f"{prefix}_DRAIN_SECONDS"]) + float(told[f"{prefix}_GRACE_SECONDS"])
            assert leaving < patience


@pytest.mark.parametrize("name", SETS)
def test_envoy_is_there_before_the_program_and_after_it(releases: dict[str, Release], name: str) -> None:
    for deployment in releases[name].of("Deployment"):
        workload = deployment["metadata"]["labels"]["app.kubernetes.io/component"]
        spec = deployment["spec"]["template"]["spec"]
        if workload in WORKLOADS and workload != "edge":
            (sidecar,) = spec["initContainers"]
            assert (sidecar["name"], sidecar["restartPolicy"]) == ("envoy", "Always")
            # The control plane's own proxy gets its configuration from the program that starts after it.
            assert ("startupProbe" in sidecar) == (workload != "control-plane")


@pytest.mark.parametrize("name", SETS)
def test_liveness_asks_for_no_dependency(releases: dict[str, Release], name: str) -> None:
    for deployment in releases[name].of("Deployment"):
        for container in deployment["spec"]["template"]["spec"]["containers"]:
            assert "readinessProbe" in container
            alive = container["livenessProbe"]
            if "grpc" in alive:
                assert alive["grpc"]["service"] == "alive"
            elif container["name"] == "bff":
                assert alive["httpGet"]["path"] == "/healthz"


def test_disruptions_are_held_back_where_there_is_more_than_one_pod(engine: Engine) -> None:
    one = engine.release(merged(values_of("development"), {"services": {"chat": {"replicas": 2}}}))
    assert [found["metadata"]["name"] for found in one.of("PodDisruptionBudget")] == ["shop-aisle-chat"]
    autoscaled = {"services": {"chat": {"autoscaling": {"enabled": True, "minReplicas": 1}}}}
    scaled = engine.release(merged(values_of("minimal"), autoscaled))
    budgets = {found["metadata"]["name"] for found in scaled.of("PodDisruptionBudget")}
    assert "shop-aisle-chat" not in budgets and "shop-aisle-product" in budgets


def test_readers_of_the_stream_are_scaled_by_it_and_others_by_processor(releases: dict[str, Release]) -> None:
    by_stream = {one["metadata"]["name"] for one in releases["external"].of("ScaledObject")}
    assert by_stream == {"shop-aisle-analytics", "shop-aisle-recommendation"}
    scaled = {one["metadata"]["name"] for one in releases["production"].of("HorizontalPodAutoscaler")}
    assert scaled == {f"shop-aisle-{name}" for name in WORKLOADS if name not in ("cli", "control-plane")}
    for name in ("external", "production"):
        governed = {
            one["spec"]["scaleTargetRef"]["name"]
            for one in releases[name].of("ScaledObject", "HorizontalPodAutoscaler")
        }
        for deployment in releases[name].of("Deployment"):
            # Whoever is scaled has no number in the manifest: each upgrade would set it back.
            assert ("replicas" in deployment["spec"]) != (deployment["metadata"]["name"] in governed)


def test_pods_are_spread_over_zones_and_nodes(releases: dict[str, Release]) -> None:
    for deployment in releases["production"].of("Deployment"):
        constraints = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert {one["topologyKey"] for one in constraints} == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}


def test_migrations_run_before_new_pods_and_after_a_database_of_the_release(releases: dict[str, Release]) -> None:
    hooks = {name: releases[name].get("Job", "migrate")["metadata"]["annotations"]["helm.sh/hook"] for name in SETS}
    assert hooks.pop("development") == "post-install,pre-upgrade"
    assert set(hooks.values()) == {"pre-install,pre-upgrade"}
    # What the job needs before there is a release it brings along.
    for kind in ("ServiceAccount", "ExternalSecret"):
        found = next(
            one
            for one in releases["production"].of(kind)
            if one["metadata"]["name"].removeprefix("shop-aisle-") == "migrate"
        )
        annotations = found["metadata"]["annotations"]
        assert annotations["helm.sh/hook"] == "pre-install,pre-upgrade"
        assert int(annotations["helm.sh/hook-weight"]) < 0


@pytest.fixture(scope="session")
def findings(releases: dict[str, Release], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Return what the policy scanner finds in all releases, in the namespace that Helm puts them into."""
    folder = tmp_path_factory.mktemp("rendered")
    for name, release in releases.items():
        placed = [{**one, "metadata": {**one["metadata"], "namespace": "aisle"}} for one in release.objects]
        (folder / f"{name}.yaml").write_text(yaml.safe_dump_all(placed), "utf-8")
    command = [str(ENVIRONMENT / "bin" / "checkov"), "--framework", "kubernetes", "--skip-download", "--compact"]
    scanned = subprocess.run(
        [*command, "--quiet", "-o", "json", "-d", str(folder)], capture_output=True, text=True, timeout=300
    )
    said = json.loads(scanned.stdout)
    assert said["summary"]["passed"] > 5000 and said["summary"]["parsing_errors"] == 0
    found: list[dict[str, Any]] = said["results"]["failed_checks"]
    return found


def test_the_policy_scanner_finds_nothing_unexplained(findings: list[dict[str, Any]]) -> None:
    unexplained = [
        f"{one['file_path']} {one['check_id']} {one['check_name']}: {one['resource']}"
        for one in findings
        if not (one["check_id"] in WITHOUT_DIGEST and "production" not in one["file_path"])
        and not re.search(EXCEPTIONS.get(one["check_id"], {}).get("of", "(?!)"), one["resource"])
    ]
    assert unexplained == []


def test_no_exception_has_outlived_its_finding(findings: list[dict[str, Any]]) -> None:
    assert {one["check_id"] for one in findings} >= set(EXCEPTIONS)
    assert all(said["reason"].strip().endswith(".") for said in EXCEPTIONS.values())
