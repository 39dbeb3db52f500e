"""Formats, validates, tests and scans `terraform/`, all of it offline.

Run by `make test-terraform` with the Python of `.venv-terraform`, which holds checkov and the provider's bindings. Ends
with 0 when all is well, 1 when something is not.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from checks.terraform.provider import served
from checks.terraform.schema import Schemas, UnknownTypeError, read

ROOT = Path(__file__).resolve().parent.parent.parent / "terraform"
_USED = re.compile(r'^\s*(resource|data)\s+"(aws_\w+)"', re.MULTILINE)
_WORD = re.compile(r"\w+")
_PASSED = re.compile(r"(\d+) passed, (\d+) failed")
_ASSERTION = re.compile(r"^\s*assert\s*\{", re.MULTILINE)


class FailedError(RuntimeError):
    """A step found something; its text is what the step said."""


def main() -> int:
    """Run every step. Returns an exit code."""
    terraform = shutil.which("terraform")
    if terraform is None:
        _say("There is no terraform on the path: nothing of terraform/ was verified.")
        return 1
    well = [_told("format", lambda: _terraform(terraform, ["fmt", "-check", "-diff", "-recursive"], ROOT, {}))]
    try:
        schemas = _schemas()
    except UnknownTypeError as unknown:
        _say(f"✗ schema\n{unknown}")
        return 1
    with served(schemas) as variables:
        for module in _modules():
            well.append(_told(str(module.relative_to(ROOT)), partial(_verified, terraform, module, variables)))
    well.append(_told("checkov", _scanned))
    return 0 if all(well) else 1


def _told(name: str, step: Callable[[], str]) -> bool:
    """Run a step and say in one line how it went."""
    started = time.monotonic()
    try:
        said = step()
    except FailedError as found:
        _say(f"✗ {name}\n{found}")
        return False
    _say(f"✓ {name:28} {time.monotonic() - started:5.1f} s  {said}")
    return True


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _schemas() -> Schemas:
    """Return the schemas of all types that any module uses."""
    texts = [path.read_text("utf-8") for path in ROOT.rglob("*.tf")]
    used = {match.groups() for text in texts for match in _USED.finditer(text)}
    words = {word for text in texts for word in _WORD.findall(text)}
    resources, data_sources = ([name for kind, name in used if kind == wanted] for wanted in ("resource", "data"))
    return read(_bindings(), resources, data_sources, words)


def _bindings() -> Path:
    spec = find_spec("cdktn_provider_aws")
    if spec is None or spec.origin is None:
        raise SystemExit("The package cdktn-provider-aws is not installed. Run `make test-terraform`.")
    (bindings,) = (Path(spec.origin).parent / "_jsii").glob("*.tgz")
    return bindings


def _modules() -> Iterator[Path]:
    """Yield every module and environment, modules first."""
    for kind in ("modules", "environments", "bootstrap"):
        yield from sorted({path.parent for path in (ROOT / kind).rglob("*.tf") if ".terraform" not in path.parts})


def _verified(terraform: str, module: Path, variables: Mapping[str, str]) -> str:
    """Validate a module and run its tests."""
    _terraform(terraform, ["init", "-backend=false", "-input=false"], module, variables)
    # One that is given a second provider cannot stand alone; it is validated where it is called.
    if "configuration_aliases" not in (module / "versions.tf").read_text("utf-8"):
        _terraform(terraform, ["validate"], module, variables)
    tests = sorted((module / "tests").glob("*.tftest.hcl"))
    if not tests:
        return "valid; no tests"
    said = _terraform(terraform, ["test"], module, variables)
    match = _PASSED.search(said)
    if match is None or match[2] != "0":
        raise FailedError(said)
    assertions = sum(len(_ASSERTION.findall(path.read_text("utf-8"))) for path in tests)
    return f"valid; {match[1]} runs with {assertions} assertions"


def _terraform(terraform: str, arguments: Sequence[str], folder: Path, variables: Mapping[str, str]) -> str:
    environment = {**os.environ, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", **variables}
    environment.pop("TF_CLI_CONFIG_FILE", None)
    return _run([terraform, arguments[0], *_uncoloured(arguments)], folder, environment)


def _uncoloured(arguments: Sequence[str]) -> list[str]:
    return ["-no-color", *arguments[1:]] if arguments[0] != "fmt" else list(arguments[1:])


def _scanned() -> str:
    """Let checkov look at everything; what it may pass over stands beside the resource, with a reason."""
    checkov = Path(sys.executable).with_name("checkov")
    command = [
        str(checkov),
        "--directory",
        str(ROOT),
        "--framework",
        "terraform",
        "--skip-download",
        "--compact",
        "--quiet",
    ]
    said = _run([*command, "--output", "cli"], ROOT, dict(os.environ))
    counted = re.search(r"Passed checks: (\d+), Failed checks: (\d+), Skipped checks: (\d+)", said)
    # A scan that saw nothing ends well too.
    if counted is None or int(counted[1]) == 0 or int(counted[2]):
        raise FailedError(said)
    return f"{counted[1]} passed, {counted[2]} failed, {counted[3]} excused with a reason"


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> str:
    done = subprocess.run(  # noqa: S603 - the commands are ours
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode != 0:
        raise FailedError(done.stdout.strip())
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
