"""What the workflows may do, what they run, and whose code that is."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.settings import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
# Whose code runs beside ours. Another name here is a decision.
KNOWN = {
    "actions/checkout",
    "actions/setup-node",
    "actions/setup-python",
    "actions/upload-artifact",
    "aws-actions/configure-aws-credentials",
    "hashicorp/setup-terraform",
    "sigstore/cosign-installer",
}
_ACTION = re.compile(r"^\s*(?:- )?uses: (?P<name>[\w./-]+)@(?P<at>\S+)(?: # (?P<version>\S+))?$", re.MULTILINE)


def _read(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text("utf-8"))
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
class TestWorkflow:
    def test_actions_are_named_by_commit_with_the_version_beside_it(self, path: Path) -> None:
        found = [use for use in _ACTION.finditer(path.read_text("utf-8")) if not use["name"].startswith("./")]
        assert {use["name"] for use in found} <= KNOWN
        for use in found:
            assert re.fullmatch(r"[0-9a-f]{40}", use["at"]), use["name"]
            assert re.fullmatch(r"v\d+\.\d+\.\d+", use["version"] or ""), use["name"]

    def test_nothing_is_allowed_that_a_job_does_not_ask_for(self, path: Path) -> None:
        workflow = _read(path)
        assert workflow["permissions"] == {}
        for name, job in workflow["jobs"].items():
            assert set(job["permissions"]) <= {"contents", "id-token"}, name
            # Whoever may take on a role in AWS is let in by an environment, whose rules decide; a plan, which may only
            # read, by what set it off.
            uses = [
                step["with"]["role-to-assume"]
                for step in job.get("steps", [])
                if "role-to-assume" in step.get("with", {})
            ]
            matrix = job.get("strategy", {}).get("matrix", {}).get("include", [])
            reads = uses == ["${{ matrix.role }}"] and all("vars.AWS_PLAN_ROLE_ARN_" in one["role"] for one in matrix)
            assert ("id-token" in job["permissions"]) == ("environment" in job or reads), name
            assert not ("environment" in job and reads), name

    def test_every_job_ends_and_two_of_a_kind_do_not_meet(self, path: Path) -> None:
        workflow = _read(path)
        assert workflow["concurrency"]["group"]
        assert all("timeout-minutes" in job or "uses" in job for job in workflow["jobs"].values())

    def test_a_checkout_leaves_no_token_behind(self, path: Path) -> None:
        steps = [step for job in _read(path)["jobs"].values() for step in job.get("steps", [])]
        checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
        assert all(step["with"]["persist-credentials"] is False for step in checkouts)

    def test_no_key_of_aws_is_kept_and_no_text_of_strangers_is_run(self, path: Path) -> None:
        text = path.read_text("utf-8")
        assert not re.search(r"secrets\.|AWS_SECRET|pull_request_target", text)
        scripts = [
            step["run"] for job in _read(path)["jobs"].values() for step in job.get("steps", []) if "run" in step
        ]
        assert not [script for script in scripts if "${{" in script]


def test_a_change_is_checked_by_the_commands_that_people_run() -> None:
    jobs = _read(ROOT / ".github" / "workflows" / "check.yml")["jobs"]
    run = "\n".join(step["run"] for job in jobs.values() for step in job["steps"] if "run" in step)
    targets = set(re.findall(r"\bmake ([a-z-]+)", run))
    assert {"check", "test", "test-terraform", "test-images", "test-kubernetes"} <= targets
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert targets <= known


def test_every_variable_is_an_output_of_terraform() -> None:
    asked = {name for path in WORKFLOWS for name in re.findall(r"\bvars\.(\w+)", path.read_text("utf-8"))}
    said = (ROOT / "terraform" / "modules" / "platform" / "outputs.tf").read_text("utf-8")
    said = said.split('output "github"')[1].split('output "frontend"')[0]
    outputs = set(re.findall(r"^ +([A-Z_]+) +=", said, re.MULTILINE))
    for environment in ("DEV", "STAGING", "PRODUCTION"):
        outputs |= {name + environment for name in re.findall(r'"(\w+_)\$\{upper', said)}
        # The text of terraform.tfvars is what Terraform is told.
        outputs.add(f"TERRAFORM_VARIABLES_{environment}")
    assert asked <= outputs


def test_a_plan_is_given_no_secret_and_an_apply_is() -> None:
    script = (ROOT / ".github" / "terraform.sh").read_text("utf-8")
    (plan,) = re.findall(r"plan\) TF_VAR_redis_tokens=.*", script)
    (apply,) = re.findall(r"apply\) TF_VAR_redis_tokens=.*", script)
    assert "redis-tokens.sh" in apply
    assert "redis-tokens.sh" not in plan
    told = plan.split("$(", 1)[1].rsplit(") ;;", 1)[0]
    made = subprocess.run(["bash", "-c", told], capture_output=True, text=True, check=True).stdout
    assert {name: set(value) for name, value in json.loads(made).items()} == {"main": {"0"}, "limits": {"0"}}


def test_every_use_of_an_action_is_the_same_version() -> None:
    found: dict[str, set[str]] = {}
    for path in WORKFLOWS:
        for use in _ACTION.finditer(path.read_text("utf-8")):
            found.setdefault(use["name"], set()).add(use["at"])
    assert [name for name, at in found.items() if len(at) > 1] == []


def test_the_chart_is_installed_upgraded_and_rolled_back_with_what_was_built() -> None:
    script = (ROOT / ".github" / "kind.sh").read_text("utf-8")
    done = re.findall(r"^(?:helm (install|upgrade|rollback) \"\$release\"|(well)$)", script, re.MULTILINE)
    assert [what or asked for what, asked in done] == ["install", "well", "upgrade", "well", "rollback", "well"]
    steps = _read(ROOT / ".github" / "workflows" / "check.yml")["jobs"]["chart"]["steps"]
    run = [step["run"] for step in steps if "run" in step]
    assert run[-1] == ".github/kind.sh"
    assert [command for command in run if re.search(r"docker build .*--tag aisle:local", command)]


def test_a_package_of_the_chart_has_what_it_depends_on() -> None:
    for path in WORKFLOWS:
        text = path.read_text("utf-8")
        for needs in ("helm package", "helm lint"):
            assert needs not in text or text.index("helm dependency build") < text.index(needs), path.name


def test_everything_a_release_promises_has_a_job_or_a_step() -> None:
    said = {path.stem: path.read_text("utf-8") for path in WORKFLOWS}
    release = (ROOT / ".github" / "release.sh").read_text("utf-8")
    assert {"check", "test", "terraform", "images", "kubernetes", "chart"} <= set(_read(WORKFLOWS[0])["jobs"])
    assert {"plan", "apply"} <= set(_read(ROOT / ".github" / "workflows" / "terraform.yml")["jobs"])
    assert ".github/release.sh" in said["release"]
    order = [
        release.index(step)
        for step in ("\npush services", "checks/sbom.sh", 'scanned "$name"', "cosign sign", "cosign attest")
    ]
    assert order == sorted(order)


@pytest.mark.parametrize(
    ("counted", "passes"),
    [
        ("None\\tNone", True),
        ("0\\t0", True),
        ("None\\t0", True),
        ("0\\t10", False),
        ("None\\t1", False),
        ("2\\tNone", False),
    ],
)
def test_an_image_with_grave_findings_is_not_signed(counted: str, passes: bool, tmp_path: Path) -> None:
    script = (ROOT / ".github" / "release.sh").read_text("utf-8")
    judged, scanned = re.findall(r"^(?:judged|scanned)\(\) \{.*?^\}$", script, re.MULTILINE | re.DOTALL)
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "services.digest").write_text("registry.example/aisle/services@sha256:0\n")
    index = {
        "manifests": [
            {"digest": "sha256:image", "platform": {"os": "linux"}},
            {"digest": "sha256:origin", "platform": {"os": "unknown"}},
        ]
    }
    (tmp_path / "index.json").write_text(json.dumps(index))
    counts = f"if [ \"$2\" = describe-image-scan-findings ]; then printf '{counted}\\n'; fi"
    stub = f'docker() {{ cat index.json; }}\naws() {{ echo "$@" >> asked; {counts}; }}'
    command = f"set -euo pipefail\nREGISTRY=registry.example/aisle\n{stub}\n{judged}\n{scanned}\nscanned services"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode == 0) is passes, done.stderr
    assert ("critical or high" in done.stderr) is not passes
    assert (tmp_path / "asked").read_text("utf-8").count("imageDigest=sha256:image") == 2


def test_every_image_that_the_chart_is_told_is_in_the_registry_is_pushed(tmp_path: Path) -> None:
    script = (ROOT / ".github" / "release.sh").read_text("utf-8")
    variables = (ROOT / "terraform" / "modules" / "registry" / "variables.tf").read_text("utf-8")
    repositories = json.loads(re.findall(r"default\s*= (\[.*\])", variables)[0])
    assert set(repositories) == {*re.findall(r"^push (\w+)", script, re.MULTILINE), "envoy"}
    (mirror,) = re.findall(r"^mirror\(\) \{.*?^\}$", script, re.MULTILINE | re.DOTALL)
    command = f"REGISTRY=registry.example/aisle\naws() {{ return 1; }}\ndocker() {{ echo $*; }}\n{mirror}\nmirror"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    values = yaml.safe_load((ROOT / "helm" / "aisle" / "values.yaml").read_text("utf-8"))
    image = values["envoy"]["image"]
    wanted = f"--tag registry.example/aisle/envoy:{image['tag']} {image['repository']}:{image['tag']}"
    assert done.stdout.strip() == f"buildx imagetools create {wanted}"


def test_pages_come_after_the_files_they_ask_for(tmp_path: Path) -> None:
    (tmp_path / ".github").mkdir()
    script = Path(shutil.copy(ROOT / ".github" / "pages.sh", tmp_path / ".github"))
    for program in ("aws", "make"):
        (tmp_path / program).write_text(f'#!/bin/sh\necho {program} "$@" >> said\n')
        (tmp_path / program).chmod(0o755)
    told = {"PATH": f"{tmp_path}:{os.defpath}", "FRONTEND_BUCKET": "pages", "DISTRIBUTION": "D1"}
    subprocess.run([str(script)], cwd=tmp_path, env=told, check=True)
    built, assets, rest, cleared = (tmp_path / "said").read_text("utf-8").splitlines()
    assert built == "make frontend"
    assert "s3://pages/assets " in assets
    assert "immutable" in assets
    assert "--exclude assets/*" in rest
    assert "no-cache" in rest
    assert "create-invalidation --distribution-id D1" in cleared
