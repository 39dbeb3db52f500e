"""What the chart tells programs and what programs ask for are the same."""

import os
from typing import Any

import pytest

from checks.chart import KINDS, settings_schema
from local.ports import WORKLOADS
from services.runtime.settings import RuntimeSettings
from tests.helm.releases import SETS, Engine, Release, merged, values_of

# Read by libraries, by the chart itself when it puts addresses together, or by nobody's settings.
OTHERS = {"PYTHONUNBUFFERED", "HOME", "POD_NAME", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "PGSSLROOTCERT"}


def fields(workload: str) -> dict[str, Any]:
    """Return the fields of a workload's settings by the variable each is read from."""
    kind = KINDS[workload]
    return {f"AISLE_{kind.service.upper()}_{name.upper()}": field for name, field in kind.model_fields.items()}


def told(release: Release, workload: str) -> dict[str, str]:
    """Return the environment of a program as the kubelet makes it, with a word for each secret."""
    found: dict[str, str] = {}
    for name, said in release.environment(workload).items():
        value = said.get("value", f"secret-{name.lower().replace('_', '-')}")
        for known, text in found.items():
            value = value.replace(f"$({known})", text)
        found[name] = value
    return found


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("workload", KINDS)
def test_every_variable_is_a_setting(releases: dict[str, Release], name: str, workload: str) -> None:
    assert set(told(releases[name], workload)) - OTHERS <= set(fields(workload))


@pytest.mark.parametrize("workload", ["product", "llm", "chat", "recommendation"])
def test_whoever_asks_milvus_has_its_token(releases: dict[str, Release], workload: str) -> None:
    environment = releases["external"].environment(workload)
    said = environment[f"AISLE_{workload.upper()}_MILVUS_TOKEN"]["valueFrom"]["secretKeyRef"]
    # A Milvus that wants none has no entry in the secret.
    assert (said["key"], said["optional"]) == ("milvus", True)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("workload", KINDS)
def test_a_program_starts_with_what_it_is_told(
    releases: dict[str, Release], name: str, workload: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in [one for one in os.environ if one.startswith("AISLE_")]:
        monkeypatch.delenv(variable)
    environment = told(releases[name], workload)
    assert not [said for said in environment.values() if "$(" in said]
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    settings: RuntimeSettings = KINDS[workload].load()
    assert settings.listen_host == "127.0.0.1"
    assert settings.egress_address == "127.0.0.1:15001"


@pytest.mark.parametrize("workload", KINDS)
def test_every_setting_that_is_no_secret_and_not_the_chart_s_can_be_given(
    releases: dict[str, Release], workload: str
) -> None:
    """Each field is either set by the chart in some set of values, or one people may set; none is forgotten."""
    offered = {
        f"AISLE_{KINDS[workload].service.upper()}_{name.upper()}" for name in settings_schema(workload)["properties"]
    }
    by_chart = {variable for name in SETS for variable in told(releases[name], workload)} - OTHERS
    left = set(fields(workload)) - offered - by_chart
    never = {
        "AISLE_BFF_DEMO_ACCOUNTS",
        "AISLE_BFF_DEMO_PASSWORD",
        # Loopback, where the proxy beside it calls.
        f"AISLE_{KINDS[workload].service.upper()}_LISTEN_HOST",
        # Its own by default: the name of the pod.
        "AISLE_CHAT_REPLICA",
        # Those who have no pages.
        "AISLE_LIMITS_TOKEN_KEY",
        "AISLE_CONTROL_PLANE_TOKEN_KEY",
        # The account's own, where Kubernetes puts them.
        "AISLE_CONTROL_PLANE_KUBERNETES_URL",
        "AISLE_CONTROL_PLANE_KUBERNETES_TOKEN_FILE",
        "AISLE_CONTROL_PLANE_KUBERNETES_CA_FILE",
    }
    assert left <= never


def test_a_setting_of_the_values_reaches_the_program(engine: Engine) -> None:
    change = {"services": {"chat": {"settings": {"passages_collection": "other", "max_message_bytes": 4194304}}}}
    environment = told(engine.release(merged(values_of("minimal"), change)), "chat")
    assert environment["AISLE_CHAT_PASSAGES_COLLECTION"] == "other"
    assert environment["AISLE_CHAT_MAX_MESSAGE_BYTES"] == "4194304"


def test_a_version_has_an_image_and_settings_of_its_own(releases: dict[str, Release]) -> None:
    stable, canary = (releases["canary"].get("Deployment", name) for name in ("product", "product-v2"))
    programs = [one["spec"]["template"]["spec"]["containers"][0] for one in (stable, canary)]
    assert [one["image"].rsplit(":", 1)[1] for one in programs] == ["1.4.0", "1.5.0"]
    said = [{one["name"]: one.get("value") for one in program["env"]} for program in programs]
    assert [one.get("AISLE_PRODUCT_CURRENCY") for one in said] == [None, "USD"]
    accounts = {one["spec"]["template"]["spec"]["serviceAccountName"] for one in (stable, canary)}
    assert len(accounts) == 1


def test_every_workload_of_the_mesh_is_in_the_chart(releases: dict[str, Release]) -> None:
    there = {
        one["metadata"]["labels"]["app.kubernetes.io/component"] for one in releases["development"].of("Deployment")
    }
    assert there == set(WORKLOADS)


def test_migrations_are_told_every_database(releases: dict[str, Release]) -> None:
    for name in SETS:
        program = releases[name].get("Job", "migrate")["spec"]["template"]["spec"]["containers"][0]
        assert program["command"] == ["aisle", "migrate"]
        said = {one["name"] for one in program["env"]}
        needed = {f"AISLE_{owner.upper()}_DATABASE_URL" for owner in ("product", "llm", "chat", "analytics", "bff")}
        assert needed | {"AISLE_RECOMMENDATION_DATABASE_URL"} <= said
        # Roles are made where somebody who may is named.
        assert ("AISLE_MIGRATE_ADMIN_URL" in said) == (name in ("production", "development"))


def test_production_is_never_seeded(releases: dict[str, Release]) -> None:
    for _, container in releases["production"].containers():
        assert "seed" not in container.get("command", [])
        assert not [one for one in container.get("env", []) if "DEMO" in one["name"]]
