"""The Compose file says what the code and the chart say, and gives nobody more than needed."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from checks import compose
from checks.chart import KINDS
from local.ports import table
from local.settings import ROOT

_ROOT_STORES = {"milvus"}
_INTERPOLATED = re.compile(r"(?<!\$)\$\{(?P<name>[A-Z_]+)(?P<rest>[^}]*)\}")


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    found = yaml.safe_load(compose.FILE.read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def test_it_is_what_the_code_and_the_chart_say() -> None:
    assert {name: (ROOT / name).read_text("utf-8") for name in compose.texts()} == compose.texts()


def test_every_workload_of_the_mesh_is_in_it(written: dict[str, Any]) -> None:
    assert set(KINDS) <= set(written["services"])
    assert all(written["services"][name]["command"] == ["serve", name] for name in KINDS)


def test_every_process_listens_where_the_table_of_ports_says(written: dict[str, Any]) -> None:
    for name in KINDS:
        told = written["services"][name]["environment"]
        assert told[f"AISLE_{name.upper().replace('-', '_')}_LISTEN_PORT"] == str(table()[name])


def test_every_variable_is_a_setting_of_the_process_that_is_told(written: dict[str, Any]) -> None:
    for name, kind in KINDS.items():
        prefix = f"AISLE_{name.upper().replace('-', '_')}_"
        told = {key.removeprefix(prefix).lower() for key in written["services"][name]["environment"]}
        assert told <= set(kind.model_fields)


def test_limits_are_those_of_the_chart(written: dict[str, Any]) -> None:
    values = yaml.safe_load((ROOT / "helm" / "aisle" / "values.yaml").read_text("utf-8"))
    for name in KINDS:
        wanted = values["services"][name].get("resources", values["defaults"]["resources"])["limits"]
        given = written["services"][name]["deploy"]["resources"]["limits"]
        assert (given["cpus"], given["memory"] + "i") == (wanted["cpu"], wanted["memory"].lower())


def test_nothing_but_the_edge_is_published_and_that_to_this_machine_only(written: dict[str, Any]) -> None:
    published = [port for service in written["services"].values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:${AISLE_EDGE_PORT:-8080}:8080"]
    assert written["networks"]["stores"]["internal"] is True


def test_nobody_may_write_to_a_root_or_become_more_than_they_are(written: dict[str, Any]) -> None:
    for name, service in written["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service and "cap_add" not in service, name
        if name not in _ROOT_STORES:
            assert int(service["user"].split(":")[0]) > 0, name


def test_no_secret_has_a_value_or_a_default(written: dict[str, Any]) -> None:
    text = compose.FILE.read_text("utf-8")
    for name in compose.secrets():
        uses = [found["rest"] for found in _INTERPOLATED.finditer(text) if found["name"] == name]
        assert uses, name
        assert all(rest.startswith(":?") for rest in uses), name
    example = compose.EXAMPLE.read_text("utf-8")
    assert all(re.search(rf"^{name}=$", example, re.MULTILINE) for name in compose.secrets())


def test_secrets_are_made_once_differ_and_can_stand_in_an_address(tmp_path: Path) -> None:
    (tmp_path / "checks").mkdir()
    script = tmp_path / "checks" / "compose_env.sh"
    script.write_bytes((ROOT / "checks" / "compose_env.sh").read_bytes())
    (tmp_path / ".env.example").write_bytes(compose.EXAMPLE.read_bytes())
    subprocess.run(["bash", script], check=True, capture_output=True)
    made = tmp_path / ".env"
    values = dict(line.split("=", 1) for line in made.read_text().splitlines() if not line.startswith("#"))
    assert set(values) == set(compose.secrets())
    assert len(set(values.values())) == len(values)
    assert all(re.fullmatch(r"[\w-]{40,}", value) for value in values.values())
    assert made.stat().st_mode & 0o077 == 0
    before = made.read_bytes()
    assert subprocess.run(["bash", script], check=False, capture_output=True).returncode == 1
    assert made.read_bytes() == before


def test_it_is_valid_by_the_schema_of_compose_files() -> None:
    judge = ROOT / ".venv-lint" / "bin" / "check-jsonschema"
    if not judge.exists():
        pytest.skip("the linters are not installed (make check does)")
    said = subprocess.run(
        [judge, "--builtin-schema", "vendor.compose-spec", compose.FILE], check=False, capture_output=True, text=True
    )
    assert said.returncode == 0, said.stdout
