"""What the images are made of and by whom they are run, read from their Dockerfiles."""

import fnmatch
import re
from pathlib import Path

import pytest

from local.settings import ROOT

DOCKERFILES = (ROOT / "Dockerfile", ROOT / "frontend" / "Dockerfile")
_BASE = re.compile(r"^ARG \w+=(?P<image>docker\.io/\S+)$", re.MULTILINE)
_FROM = re.compile(r"^FROM (?P<base>\S+)(?: AS (?P<name>\S+))?$", re.MULTILINE)


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)
class TestDockerfile:
    def test_every_base_is_named_by_digest(self, dockerfile: Path) -> None:
        text = dockerfile.read_text("utf-8")
        bases = _BASE.findall(text)
        assert bases
        assert all(re.search(r":[\w.-]+@sha256:[0-9a-f]{64}$", base) for base in bases)
        assert all(not base.split("@")[0].endswith(":latest") for base in bases)
        stages = [stage["name"] for stage in _FROM.finditer(text)]
        for stage in _FROM.finditer(text):
            assert stage["base"] in stages or re.fullmatch(r"\$\{\w+\}", stage["base"])

    def test_what_runs_is_an_unprivileged_number_that_kubernetes_can_check(self, dockerfile: Path) -> None:
        users = re.findall(r"^USER (\d+):(\d+)$", dockerfile.read_text("utf-8"), re.MULTILINE)
        assert users
        assert all(int(number) >= 10001 for user in users for number in user)

    def test_it_says_how_it_is_stopped_and_asked(self, dockerfile: Path) -> None:
        text = dockerfile.read_text("utf-8")
        assert re.search(r"^STOPSIGNAL SIG\w+$", text, re.MULTILINE)
        assert re.search(r"^HEALTHCHECK .*CMD \[", text, re.MULTILINE)
        # In the form of a list nothing stands between the engine and the process that is to stop.
        assert re.search(r"^ENTRYPOINT \[", text, re.MULTILINE)
        assert "org.opencontainers.image.revision" in text

    def test_nothing_is_fetched_but_by_lock(self, dockerfile: Path) -> None:
        text = dockerfile.read_text("utf-8")
        assert not re.search(r"\b(curl|wget|apt-get|npm install)\b(?!\")", text)
        installs = [line for line in text.splitlines() if "pip install" in line]
        assert all("--require-hashes" in line or "/wheels/aisle-" in line for line in installs)

    def test_no_secret_is_an_argument_or_a_variable(self, dockerfile: Path) -> None:
        said = re.findall(r"^(?:ARG|ENV) (.*)$", dockerfile.read_text("utf-8"), re.MULTILINE)
        assert not [line for line in said if re.search(r"PASSWORD|SECRET|TOKEN|API_KEY", line, re.IGNORECASE)]


class TestContext:
    @pytest.mark.parametrize(
        "path",
        [
            *(
                ".aisle/secrets.json",
                ".aisle/signing-keys.json",
                ".env",
                ".env.example",
                ".git/config",
                ".venv/bin/python",
            ),
            *(".state/images/rootfs.tar", "frontend/node_modules/react/index.js", "terraform/environments/dev/main.tf"),
            *(
                "services/llm/.env",
                "bff/server.key",
                "local/authority.pem",
                "tests/conftest.py",
                "proto/gen/aisle/x.py",
            ),
        ],
    )
    def test_no_secret_and_nothing_of_this_machine_goes_to_a_build(self, path: str) -> None:
        assert not _sent(path)

    @pytest.mark.parametrize(
        "path",
        [
            "services/llm/models.yaml",
            "proto/aisle/mesh/v1/policy.proto",
            "requirements/runtime.lock",
            "frontend/src/main.tsx",
        ],
    )
    def test_what_is_built_does(self, path: str) -> None:
        assert _sent(path)


def _sent(path: str) -> bool:
    """Return whether .dockerignore lets a path through: the last line that speaks of it decides."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!")
        parts = path.split("/")
        above = ["/".join(parts[: turn + 1]) for turn in range(len(parts))]
        names = parts if pattern.startswith("**/") else above
        if any(fnmatch.fnmatchcase(name, pattern.removeprefix("**/")) for name in names):
            sent = line.startswith("!")
    return sent
