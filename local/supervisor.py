"""Keeps processes running: starts them in order, says what happens, restarts what dies, leaves nothing behind."""

import asyncio
import logging
import os
import shutil
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from local.process import PROBE_ERRORS, Process

log = logging.getLogger("aisle.up")

# A process that dies this often within the window is given up.
DEATHS = 5
DEATH_WINDOW = 60.0
# The first start may not fail at all more often than this.
FIRST_START_DEATHS = 2
PROBE_PAUSE = 0.1
MAX_LOG_BYTES = 20_000_000
LOG_CHECK_INTERVAL = 30.0


class State(StrEnum):
    """What a process is doing."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


class GivenUp(Exception):
    """A process cannot be kept running; the message says which, why, and what to do."""


@dataclass(slots=True)
class Watched:
    """A process with what became of it."""

    process: Process
    state: State = State.WAITING
    child: asyncio.subprocess.Process | None = None
    since: float = 0.0
    restarts: int = 0
    note: str = ""
    deaths: deque[float] = field(default_factory=deque)
    ready: asyncio.Event = field(default_factory=asyncio.Event)


Listener = Callable[[Watched], None]


class Supervisor:
    """Runs a set of processes until told to stop."""

    def __init__(self, processes: Sequence[Process], logs: Path, on_change: Listener) -> None:
        """Take the processes, the folder of their logs, and who is told of every change."""
        self.watched = {process.name: Watched(process) for process in processes}
        self._logs = logs
        self._on_change = on_change
        self._stopping = asyncio.Event()

    async def run(self, when_ready: Callable[[], None] | None = None) -> None:
        """Start everything and keep it running until `stop`. Raises GivenUp; everything is stopped either way."""
        try:
            async with asyncio.TaskGroup() as group:
                keepers = [group.create_task(self._keep(watched)) for watched in self.watched.values()]
                announcer = group.create_task(self._announce(when_ready))
                keepers.append(group.create_task(self._keep_logs_small()))
                await self._stopping.wait()
                for task in (*keepers, announcer):
                    task.cancel()
        except* GivenUp as given_up:
            raise given_up.exceptions[0] from None
        finally:
            await self._stop_all()

    def stop(self) -> None:
        """Begin to stop everything."""
        self._stopping.set()

    async def stopping(self) -> None:
        """Return once everything begins to stop."""
        await self._stopping.wait()

    async def _announce(self, when_ready: Callable[[], None] | None) -> None:
        for watched in self.watched.values():
            await watched.ready.wait()
        if when_ready is not None:
            when_ready()

    async def _keep_logs_small(self) -> None:
        """Cut logs that have grown too long; what is cut stays in one older file beside it."""
        while True:
            for watched in self.watched.values():
                path = self._logs / f"{watched.process.name}.log"
                if path.exists() and path.stat().st_size > MAX_LOG_BYTES:
                    # The process appends to an open file, so it is copied and emptied rather than moved away.
                    shutil.copyfile(path, path.with_suffix(".log.1"))
                    os.truncate(path, 0)
            await asyncio.sleep(LOG_CHECK_INTERVAL)

    async def _keep(self, watched: Watched) -> None:
        for name in watched.process.after:
            await self.watched[name].ready.wait()
        self._change(watched, State.STARTING)
        if watched.process.prepare is not None:
            await self._prepare(watched, watched.process.prepare)
        while True:
            await self._start(watched)
            assert watched.child is not None
            await self._wait_ready(watched)
            code = await watched.child.wait()
            await self._count_death(watched, code)

    async def _prepare(self, watched: Watched, prepare: Callable[[], object]) -> None:
        try:
            await prepare()  # type: ignore[misc]
        except (RuntimeError, OSError) as error:
            raise GivenUp(f"{watched.process.title} could not be prepared: {error}") from error

    async def _start(self, watched: Watched) -> None:
        process = watched.process
        path = self._logs / f"{process.name}.log"
        with path.open("ab") as output:
            try:
                watched.child = await asyncio.create_subprocess_exec(
                    *_dying_with_us(process.command),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=asyncio.subprocess.STDOUT,
                    env={**os.environ, **process.env},
                    cwd=process.cwd,
                    start_new_session=True,
                )
            except OSError as error:
                raise GivenUp(f"{process.title} cannot be started: {error}") from error
        watched.since = time.monotonic()

    async def _wait_ready(self, watched: Watched) -> None:
        """Wait until the probe succeeds, the process dies, or its time is up."""
        process, child = watched.process, watched.child
        assert child is not None
        deadline = time.monotonic() + process.ready_within
        while child.returncode is None:
            if await self._is_ready(process):
                if child.returncode is None:
                    await self._became_ready(watched)
                return
            if time.monotonic() > deadline:
                child.kill()
                raise GivenUp(self._explain(watched, f"was not ready within {process.ready_within:.0f} s"))
            await asyncio.sleep(PROBE_PAUSE)

    async def _is_ready(self, process: Process) -> bool:
        try:
            async with asyncio.timeout(2.0):
                return await process.ready()
        except PROBE_ERRORS:
            return False

    async def _became_ready(self, watched: Watched) -> None:
        if watched.process.provision is not None:
            await watched.process.provision()
        watched.ready.set()
        self._change(watched, State.READY, f"in {time.monotonic() - watched.since:.1f} s")

    async def _count_death(self, watched: Watched, code: int) -> None:
        """Say what happened and wait a little, or give up when it happens too often."""
        now = time.monotonic()
        watched.deaths.append(now)
        while watched.deaths and now - watched.deaths[0] > DEATH_WINDOW:
            watched.deaths.popleft()
        limit = DEATHS if watched.ready.is_set() else FIRST_START_DEATHS
        how = f"died ({_exit_words(code)})"
        if len(watched.deaths) >= limit:
            raise GivenUp(self._explain(watched, f"{how} {len(watched.deaths)} times"))
        watched.restarts += 1
        self._change(watched, State.RESTARTING, how)
        await asyncio.sleep(min(0.1 * 2 ** len(watched.deaths), 3.0))

    def _explain(self, watched: Watched, what: str) -> str:
        self._change(watched, State.FAILED, what)
        path = self._logs / f"{watched.process.name}.log"
        tail = path.read_text(errors="replace").splitlines()[-8:] if path.exists() else []
        quoted = "\n".join(f"    {line[:300]}" for line in tail)
        return f"{watched.process.title} {what}. Its last words in {path}:\n{quoted}"

    async def _stop_all(self) -> None:
        """Stop in the reverse of the starting order, so that nobody loses what they depend on."""
        for layer in reversed(_layers([w.process for w in self.watched.values()])):
            async with asyncio.TaskGroup() as group:
                for name in layer:
                    group.create_task(self._stop_one(self.watched[name]))

    async def _stop_one(self, watched: Watched) -> None:
        child = watched.child
        if child is None or child.returncode is not None:
            return
        self._change(watched, State.STOPPING)
        child.send_signal(watched.process.stop_signal)
        try:
            async with asyncio.timeout(watched.process.stop_within):
                await child.wait()
        except TimeoutError:
            log.warning("killing what would not stop", extra={"data": {"process": watched.process.name}})
        _kill_group(child.pid)
        await child.wait()
        self._change(watched, State.STOPPED)

    def _change(self, watched: Watched, state: State, note: str = "") -> None:
        watched.state, watched.note = state, note
        self._on_change(watched)


def _layers(processes: Sequence[Process]) -> list[list[str]]:
    """Return names in the order they may start, those that may start together in one list."""
    left = {process.name: set(process.after) for process in processes}
    layers = []
    while left:
        layer = [name for name, after in left.items() if not after & left.keys()]
        if not layer:
            raise ValueError(f"processes wait for each other: {sorted(left)}")
        layers.append(layer)
        for name in layer:
            del left[name]
    return layers


def _dying_with_us(command: Sequence[str]) -> Sequence[str]:
    """Have the kernel end the child when the supervisor is gone, however that happened, where `setpriv` is there."""
    setpriv = shutil.which("setpriv")
    if setpriv is None or command[0] == "setpriv":
        return command
    return [setpriv, "--pdeathsig=TERM", "--", *command]


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _exit_words(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
