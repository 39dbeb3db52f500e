"""What `aisle up` says and how it lets go of work that is under way."""

import asyncio
import time
from pathlib import Path

import pytest
from rich.console import Console

from local import credentials, seed, stack, up
from local.occupancy import occupied
from local.screen import Screen
from local.settings import LocalSettings
from local.supervisor import Supervisor


def test_second_stack_in_the_same_home_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = LocalSettings(home=tmp_path, port_offset=4321)
    with occupied(settings.folder("run")):
        assert up.up(settings) == 1
    assert "AISLE_HOME" in capsys.readouterr().out
    assert not (tmp_path / "data").exists()


def test_down_without_a_stack_stops_nobody(tmp_path: Path) -> None:
    settings = LocalSettings(home=tmp_path)
    (settings.folder("run") / "up.pid").write_text("1")
    assert up.down(settings) == 0


async def test_stopping_does_not_wait_for_the_demo_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = asyncio.Event()

    async def endless(*arguments: object) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            left.set()

    monkeypatch.setattr(seed, "fill", endless)
    supervisor = Supervisor([], tmp_path, lambda watched: None)
    asyncio.get_running_loop().call_later(0.05, supervisor.stop)
    started = time.monotonic()
    assert not await up._filled(LocalSettings(home=tmp_path), Screen(Console()), supervisor)
    assert left.is_set()
    assert time.monotonic() - started < 5


def test_processes_of_the_stack_reach_each_other_without_the_machines_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "intranet.example")
    env = stack.environment(LocalSettings(home=tmp_path), credentials.load(tmp_path))
    assert env["no_proxy"] == env["NO_PROXY"] == "intranet.example,127.0.0.1,localhost"


def test_open_edge_gets_passwords_nobody_published(tmp_path: Path) -> None:
    secrets = credentials.load(tmp_path)
    assert stack.demo_password(LocalSettings(home=tmp_path), secrets) == stack.KNOWN_PASSWORD
    opened = stack.demo_password(LocalSettings(home=tmp_path, host="0.0.0.0"), secrets)
    assert opened == secrets.demo_password != stack.KNOWN_PASSWORD
