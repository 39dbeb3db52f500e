"""`aisle mesh status|diff|apply` before a control plane that an Envoy follows."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli import asking
from cli import mesh as commands
from cli.__main__ import app
from tests.mesh.rig import Mesh, eventually

pytestmark = pytest.mark.servers

CANARY = "services: {analytics: {max_calls: 50, weights: {stable: 9, v9: 1}}}"


def run(*arguments: str, code: int = 0, given: str | None = None) -> Result:
    result = CliRunner().invoke(app, ["mesh", *arguments], input=given)
    assert result.exit_code == code, result.output
    return result


def rows(output: str) -> list[list[str]]:
    return [line.split() for line in output.splitlines()]


@pytest.fixture(autouse=True)
def dialled(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "control_plane", lambda: f"127.0.0.1:{mesh.control_plane_port}")
    monkeypatch.setattr(asking.console, "_width", 200)


def test_status_shows_replicas_and_proxies(mesh: Mesh) -> None:
    shown = eventually(lambda: (found := run("status").output) and "in sync" in found and found)
    assert ["Service", "Replica", "Version", "Zone", "Registered", "as"] in rows(shown)
    assert any(row[0] == "analytics" and row[2:] == ["stable", "-", "-"] for row in rows(shown) if row)
    assert "mesh-test" in shown
    assert "Cluster" in shown


def test_a_file_is_told_applied_and_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "delivery.yaml"
    path.write_text(CANARY)
    told = run("diff", str(path), code=2).output
    assert ["analytics", "max_calls", "none", "50"] in rows(told)
    assert "no replica runs version 'v9': it waits until there is one." in told
    run("apply", str(path), code=1, given="n\n")
    assert ["analytics", "max_calls", "none", "50"] in rows(run("diff", str(path), code=2).output)
    applied = run("apply", str(path), given="y\n").output
    assert "no replica runs version 'v9'" in applied
    assert "Nothing would change" in run("diff", str(path)).output
    taken_back = run("apply", "-", given="services: {}").output
    assert ["analytics", "max_calls", "50", "none"] in rows(taken_back)


def test_a_file_that_is_wrong_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "delivery.yaml"
    path.write_text("services: {analytics: {weights: {stable: 0}}}")
    assert "the weights are all 0" in run("apply", str(path), code=1).output
    assert "No such file" in run("diff", str(tmp_path / "none.yaml"), code=1).output


def test_a_control_plane_that_is_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "control_plane", lambda: "127.0.0.1:1")
    assert "✗" in run("status", code=1).output
