"""Manifests are what each Kubernetes that EKS supports takes, and two releases are out of each other's way."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.helm.releases import CHART, SETS, Engine, Release, merged, values_of

# In standard or extended support of EKS at the end of 2026, as its user guide lists them ("Understand the Kubernetes
# version lifecycle on EKS"), and those that follow.
VERSIONS = ("1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37")
OPERATORS = yaml.safe_load(Path(__file__).with_name("resources.yaml").read_text("utf-8"))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid(engine: Engine, releases: dict[str, Release], version: str) -> None:
    objects = tuple(found for name in SETS for found in releases[name].objects)
    problems, unknown = engine.validate(objects, version)
    assert problems == []
    # Of kinds that come with operators nothing is known there; of those our own schemas judge.
    assert set(unknown) <= set(OPERATORS)


def test_a_wrong_manifest_would_be_found(engine: Engine, releases: dict[str, Release]) -> None:
    (found,) = (one for one in releases["minimal"].of("Deployment") if one["metadata"]["name"].endswith("-chat"))
    misspelt = {**found, "spec": {**found["spec"], "replica": 2}}
    problems, _ = engine.validate((misspelt,), "1.33")
    assert problems


@pytest.mark.parametrize("name", SETS)
def test_kinds_of_operators_are_as_these_know_them(releases: dict[str, Release], name: str) -> None:
    judged = 0
    for found in releases[name].objects:
        schema = OPERATORS.get(f"{found['apiVersion']} {found['kind']}")
        if schema is not None:
            jsonschema.Draft202012Validator(schema).validate(found["spec"])
            judged += 1
    assert judged >= 9


def test_kubernetes_before_native_sidecars_is_refused() -> None:
    said = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    assert said["kubeVersion"] == ">=1.31.0-0"


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("namespaces", [("aisle", "aisle"), ("spring", "autumn")])
def test_two_releases_are_not_in_each_other_s_way(engine: Engine, name: str, namespaces: tuple[str, str]) -> None:
    # Names of service accounts that are given are given once: two shops in one namespace get their own.
    values = values_of(name)
    if namespaces[0] == namespaces[1]:
        own = {"serviceAccountName": ""}
        apart = {"services": {"product": own, "llm": own}, "migrations": own, "collector": own}
        values = merged(values, apart)
    one, two = (engine.release(values, f"shop-{number}", where) for number, where in enumerate(namespaces))
    names = [
        {(where, found["kind"], found["metadata"]["name"]) for found in release.objects}
        for release, where in zip((one, two), namespaces, strict=True)
    ]
    assert names[0] & names[1] == set()
    for release in (one, two):
        for deployment in release.of("Deployment"):
            assert deployment["spec"]["selector"]["matchLabels"]["app.kubernetes.io/instance"] == release.name


def test_no_object_lies_outside_the_release_s_namespace(releases: dict[str, Release]) -> None:
    whole_cluster = {"ClusterRole", "ClusterRoleBinding", "ClusterIssuer", "Namespace"}
    for release in releases.values():
        assert {found["kind"] for found in release.objects} & whole_cluster == set()
        assert all(found["metadata"].get("namespace", "aisle") == "aisle" for found in release.objects)


def test_names_fit_however_long_the_release_s_is(engine: Engine) -> None:
    release = engine.release(values_of("external"), "a" * 53)
    assert all(len(found["metadata"]["name"]) <= 63 for found in release.objects)


def test_selectors_stay_what_they_are_when_the_version_changes(engine: Engine) -> None:
    install = engine.release(values_of("canary"))
    upgrade = engine.release(merged(values_of("canary"), {"image": {"tag": "1.6.0"}}), upgrade=True)
    for before, after in zip(install.of("Deployment"), upgrade.of("Deployment"), strict=True):
        assert before["spec"]["selector"] == after["spec"]["selector"]
