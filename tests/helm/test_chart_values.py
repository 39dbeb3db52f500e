"""Values: the right ones are taken, a wrong one is refused with a word that helps, and no password is made up."""

import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.settings import ROOT
from tests.helm.releases import CHART, SETS, Engine, Refused, Release, merged, values_of

MINIMAL = values_of("minimal")


@pytest.mark.parametrize("name", SETS)
def test_helm_finds_nothing_to_warn_of(engine: Engine, name: str) -> None:
    assert engine.lint(values_of(name), "1.33") == []


@pytest.mark.parametrize(
    "change",
    [
        {"replicaCount": 3},
        {"image": {"repositry": "x"}},
        {"image": {"tag": "latest"}},
        {"image": {"digest": "sha256:short"}},
        {"envoy": {"heapMegabyte": 1}},
        {"drain": {"seconds": "five"}},
        {"logLevel": "LOUD"},
        {"trust": {"issuer": {"nam": "x"}}},
        {"secrets": {"external": {"store": {"kind": "Vault"}}}},
        {"secrets": {"external": {"optional": ["everything"]}}},
        {"postgres": {"ssl": "prefer"}},
        {"postgres": {"port": 70000}},
        {"postgres": {"password": "secret"}},
        {"services": {"product": {"setings": {}}}},
        {"services": {"product": {"settings": {"curency": "EUR"}}}},
        {"services": {"product": {"settings": {"currency": "euro"}}}},
        {"services": {"product": {"settings": {"database_url": "postgresql://"}}}},
        {"services": {"bff": {"settings": {"demo_accounts": True}}}},
        {"services": {"llm": {"settings": {"openai_api_key": "sk-"}}}},
        {"services": {"product": {"versions": {"V2": {}}}}},
        {"services": {"product": {"versions": {"v2": {"replica": 1}}}}},
        {"services": {"product": {"resources": {"limits": {"cpu": "1"}, "request": {}}}}},
        {"services": {"prodct": {"enabled": True}}},
        {"services": {"edge": {"enabled": False}}},
        {"controlPlane": {"delivery": {"services": {"product": {"wieghts": {}}}}}},
        {"edge": {"trustedHops": -1}},
        {"edge": {"targetGroup": {"arn": "targetgroup/x"}}},
        {"networkPolicy": {"outside": ["everywhere"]}},
        {"milvus": {"enabled": "yes"}},
    ],
    ids=str,
)
def test_a_value_that_is_none_is_refused(engine: Engine, change: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        engine.release(merged(MINIMAL, change))


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        ({"secrets": {"existing": ""}}, "secrets.existing"),
        ({"image": {"repository": ""}}, "image.repository"),
        ({"postgres": {"host": ""}}, "postgres.host"),
        ({"postgres": {"authorityConfigMap": ""}}, "postgres.authorityConfigMap"),
        ({"redis": {"host": ""}}, "redis.host"),
        ({"limitsRedis": {"host": ""}}, "limitsRedis.host"),
        ({"vectors": {"uri": ""}}, "vectors.uri"),
        ({"collector": {"enabled": True}}, "collector.region"),
        ({"edge": {"ingress": {"enabled": True}}}, "edge.ingress.certificateArn"),
    ],
    ids=str,
)
def test_what_is_missing_is_named(engine: Engine, change: dict[str, Any], advice: str) -> None:
    with pytest.raises(Refused, match=advice):
        engine.release(merged(MINIMAL, change))


def test_every_object_of_the_schema_is_closed_but_the_dependency_s() -> None:
    schema = yaml.safe_load((CHART / "values.schema.json").read_text("utf-8"))
    open_ones = []

    def look(said: Any, where: str) -> None:
        if isinstance(said, dict):
            if said.get("type") == "object" and said.get("additionalProperties", True) is True:
                open_ones.append(where)
            for key, value in said.items():
                look(value, f"{where}.{key}")

    look(schema, "")
    assert open_ones == [".properties.milvus"]


def test_every_value_has_a_place_in_the_schema_and_a_word_about_it() -> None:
    lines = (CHART / "values.yaml").read_text("utf-8").splitlines()
    silent = [
        line
        for before, line in pairwise(lines)
        if ":" in line
        and not line.lstrip().startswith(("#", "-"))
        and not line.rstrip().endswith(":")
        and not before.lstrip().startswith("# --")
        and line.strip().split(":")[0] not in ("enabled", "replicas", "requests", "limits")
    ]
    assert silent == []


def test_the_dependency_is_declared_and_left_out_by_default() -> None:
    said = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    (milvus,) = said["dependencies"]
    assert (milvus["name"], milvus["condition"]) == ("milvus", "milvus.enabled")
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    assert values["milvus"] == {"enabled": False, "cluster": {"enabled": True}}


def test_an_installed_dependency_gets_its_values_and_is_what_services_ask(
    engine: Engine, chart: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "aisle"
    shutil.copytree(chart, folder)
    shutil.copy(CHART / "Chart.yaml", folder / "Chart.yaml")
    (folder / "charts" / "milvus" / "templates").mkdir(parents=True)
    version = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))["dependencies"][0]["version"]
    (folder / "charts" / "milvus" / "Chart.yaml").write_text(f"apiVersion: v2\nname: milvus\nversion: {version}\n")
    head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: stand-in}\n"
    stand_in = head + "data: {cluster: '{{ .Values.cluster.enabled }}'}\n"
    (folder / "charts" / "milvus" / "templates" / "said.yaml").write_text(stand_in)
    plain, engine.chart = engine.chart, folder
    try:
        change = {"milvus": {"enabled": True, "etcd": {"replicaCount": 3}}, "vectors": {"uri": ""}}
        release = engine.release(merged(MINIMAL, change))
    finally:
        engine.chart = plain
    said = next(one for one in release.of("ConfigMap") if one["metadata"]["name"] == "stand-in")
    assert said["data"] == {"cluster": "true"}
    assert release.environment("product")["AISLE_PRODUCT_MILVUS_URI"]["value"] == "http://shop-milvus:19530"


def test_notes_say_how_to_go_on(releases: dict[str, Release]) -> None:
    assert "for development" in releases["development"].notes
    assert "https://shop.example" in releases["canary"].notes
    assert "targetgroup" in releases["production"].notes


def test_a_release_on_a_small_cluster_fits_and_pulls_nothing_of_ours(engine: Engine) -> None:
    small = yaml.safe_load((ROOT / ".github" / "kind.values.yaml").read_text("utf-8"))
    release = engine.release(merged(values_of("development"), small))
    ours = [one for _, one in release.containers() if one["image"].startswith("aisle")]
    assert ours
    assert {(one["image"], one["imagePullPolicy"]) for one in ours if one["name"] != "models"} == {
        ("aisle:local", "Never")
    }
    # An upgrade runs each pod twice for a while; of a runner's four processors the cluster needs one.
    requested = [one["resources"]["requests"]["cpu"] for _, one in release.containers()]
    milli = sum(int(cpu.removesuffix("m")) if cpu.endswith("m") else int(float(cpu) * 1000) for cpu in requested)
    assert 2 * milli <= 3000
