"""The supervisor starts in order, restarts what dies, gives up with reasons, and leaves nothing behind."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from local import supervisor as module
from local.process import Process
from local.supervisor import GivenUp, State, Supervisor, Watched

LIVES = [sys.executable, "-c", "import time; time.sleep(60)"]
DIES = [sys.executable, "-c", "import sys; print('the reason', flush=True); sys.exit(7)"]


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


def process(name: str, command: Sequence[str] = LIVES, **changes: object) -> Process:
    values: dict[str, object] = {"ready": yes, "port": 1, "stop_within": 3.0, **changes}
    return Process(name=name, title=name.title(), command=command, **values)  # type: ignore[arg-type]


class Stage:
    """Runs a supervisor and remembers what it said."""

    def __init__(self, processes: Sequence[Process], logs: Path) -> None:
        self.said: list[tuple[str, State]] = []
        self.supervisor = Supervisor(processes, logs, self._note)

    def _note(self, watched: Watched) -> None:
        self.said.append((watched.process.name, watched.state))

    def child(self, name: str) -> psutil.Process:
        running = self.supervisor.watched[name].child
        assert running is not None
        return psutil.Process(running.pid)

    async def until(self, name: str, state: State, times: int = 1) -> None:
        async with asyncio.timeout(15):
            while self.said.count((name, state)) < times:  # noqa: ASYNC110 - the supervisor has no event for each state
                await asyncio.sleep(0.02)


async def test_starts_in_order_and_stops_in_reverse(tmp_path: Path) -> None:
    stage = Stage([process("late", after=("early",)), process("early")], tmp_path)
    running = asyncio.ensure_future(stage.supervisor.run())
    await stage.until("late", State.READY)
    stage.supervisor.stop()
    await running
    order = [said for said in stage.said if said[1] in (State.READY, State.STOPPED)]
    assert order == [
        ("early", State.READY),
        ("late", State.READY),
        ("late", State.STOPPED),
        ("early", State.STOPPED),
    ]


async def test_killed_process_is_restarted_and_nothing_is_left_in_the_end(tmp_path: Path) -> None:
    stage = Stage([process("one")], tmp_path)
    running = asyncio.ensure_future(stage.supervisor.run())
    await stage.until("one", State.READY)
    first = stage.child("one")
    first.kill()
    await stage.until("one", State.READY, times=2)
    second = stage.child("one")
    assert second.pid != first.pid
    assert ("one", State.RESTARTING) in stage.said
    stage.supervisor.stop()
    await running
    assert not second.is_running()


async def test_process_that_cannot_start_is_given_up_with_its_last_words(tmp_path: Path) -> None:
    stage = Stage([process("good"), process("bad", DIES, ready=no)], tmp_path)
    with pytest.raises(GivenUp, match="Bad died") as given_up:
        await stage.supervisor.run()
    assert "exit code 7" in str(given_up.value)
    assert "the reason" in str(given_up.value)
    assert not [w for w in stage.supervisor.watched.values() if w.child and w.child.returncode is None]


async def test_process_that_never_gets_ready_does_not_hang_the_rest(tmp_path: Path) -> None:
    stage = Stage([process("slow", ready=no, ready_within=0.5)], tmp_path)
    with pytest.raises(GivenUp, match="not ready within"):
        await stage.supervisor.run()


async def test_missing_program_is_named(tmp_path: Path) -> None:
    stage = Stage([process("gone", [str(tmp_path / "no-such-program")], ready=no)], tmp_path)
    with pytest.raises(GivenUp, match="Gone"):
        await stage.supervisor.run()


async def test_logs_are_cut_while_the_process_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LOG_BYTES", 1000)
    monkeypatch.setattr(module, "LOG_CHECK_INTERVAL", 0.05)
    talks = [sys.executable, "-uc", "import time\nwhile True: print('x' * 99); time.sleep(0.005)"]
    stage = Stage([process("talker", talks)], tmp_path)
    running = asyncio.ensure_future(stage.supervisor.run())
    async with asyncio.timeout(15):
        while not (tmp_path / "talker.log.1").exists():  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.02)
    stage.supervisor.stop()
    await running
    assert (tmp_path / "talker.log").stat().st_size < 100_000
