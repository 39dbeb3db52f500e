"""What Terraform's environments say, beside what the code says."""

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import yaml

from checks.sources import ROOT
from local.postgres import OWNERS

TERRAFORM = ROOT / "terraform"
ENVIRONMENTS = ("dev", "staging", "production")


def text_of(environment: str, file: str) -> str:
    return (TERRAFORM / "environments" / environment / file).read_text(encoding="utf-8")


def bedrock_models() -> set[str]:
    models = yaml.safe_load((ROOT / "services" / "llm" / "models.yaml").read_text(encoding="utf-8"))["models"]
    return {m["provider_id"].replace("{area}", "eu") for m in models if m["provider"] == "bedrock"}


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_every_bedrock_model_of_the_table_may_be_asked(environment: str) -> None:
    named = re.findall(r'^    "([^"]+)",$', text_of(environment, "main.tf"), re.MULTILINE)
    assert set(named) == bedrock_models()


def test_every_environment_has_a_state_of_its_own_that_is_locked_and_encrypted() -> None:
    backends = [text_of(environment, "versions.tf") for environment in ENVIRONMENTS]
    assert len({re.search(r'key\s+= "([^"]+)"', backend)[1] for backend in backends}) == 3  # type: ignore[index]
    assert all(re.search(r"use_lockfile\s+= true", b) and re.search(r"encrypt\s+= true", b) for b in backends)


def test_environments_differ_in_numbers_only() -> None:
    for file in ("variables.tf", "outputs.tf"):
        assert len({text_of(environment, file) for environment in ENVIRONMENTS}) == 1
    modules = {tuple(re.findall(r'source\s+= "([^"]+)"', text_of(name, "main.tf"))) for name in ENVIRONMENTS}
    assert modules == {("../../modules/platform",)}


def test_every_owner_of_a_schema_has_a_password_in_the_cloud() -> None:
    platform = (TERRAFORM / "modules" / "platform" / "main.tf").read_text(encoding="utf-8")
    owners = re.search(r"database_owners = \[([^\]]+)\]", platform)
    assert owners is not None
    assert set(re.findall(r'"(\w+)"', owners[1])) == set(OWNERS)
    script = (TERRAFORM / "bootstrap" / "secrets.sh").read_text(encoding="utf-8")
    made = re.search(r"for owner in ([a-z ]+);", script)
    assert made is not None
    assert set(made[1].split()) == set(OWNERS)


def test_every_variable_and_output_says_what_it_is() -> None:
    for path in TERRAFORM.rglob("*.tf"):
        if ".terraform" in path.parts:
            continue
        for kind, name, body in blocks(path):
            assert "  description" in body, f"{path}: {kind} {name}"
            assert kind == "output" or re.search(r"^  type\s+=", body, re.MULTILINE), f"{path}: {name} has no type"


def resources(kind: str, name: str) -> list[tuple[Path, str, str]]:
    """Return where each resource or data source of a kind stands, its name and what it says."""
    found = []
    for path in sorted(TERRAFORM.glob("modules/*/*.tf")):
        blocks_of = re.findall(
            rf'^{kind} "{name}" "(\w+)" \{{\n(.*?)^\}}', path.read_text("utf-8"), re.DOTALL | re.MULTILINE
        )
        found += [(path, named, body) for named, body in blocks_of]
    return found


def actions(body: str) -> set[str]:
    return set(re.findall(r'"([a-z0-9-]+:[A-Z]?[A-Za-z]*\*?)"', body))


def test_every_role_that_an_apply_makes_carries_the_boundary() -> None:
    free = {name for _, name, body in resources("resource", "aws_iam_role") if "permissions_boundary" not in body}
    assert free == {"plan", "apply"}
    users = [*resources("resource", "aws_iam_user"), *resources("resource", "aws_iam_group")]
    assert users == []


def test_what_roles_are_given_lies_within_the_boundary() -> None:
    documents = resources("data", "aws_iam_policy_document")
    ((_, _, said),) = [one for one in documents if one[1] == "boundary"]
    within = actions(said)
    assert len(within) > 30
    for path, name, body in documents:
        if path.parent.name in ("identity", "logs", "network") or name == "release":
            given = {one for one in actions(body) if not one.startswith(("sts:", "aws:", "kms:Via", "iam:Passed"))}
            beyond = {one for one in given if not any(fnmatchcase(one, allowed) for allowed in within)}
            assert beyond - {"cloudwatch:namespace"} == set(), f"{path.name}: {name}"


def test_every_exception_of_the_scanner_has_its_reason() -> None:
    for path in TERRAFORM.rglob("*.tf"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if "checkov:skip" in line:
                assert re.search(r"checkov:skip=CKV2?_AWS_\d+:\S.{20,}", line), f"{path}: {line.strip()}"


def blocks(path: Path) -> list[tuple[str, str, str]]:
    found = re.findall(
        r'^(variable|output) "(\w+)" \{\n(.*?)^\}', path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    return [(kind, name, body) for kind, name, body in found]
