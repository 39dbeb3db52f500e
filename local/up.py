"""`aisle up`: check, start, seed, show, and stop without a trace."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from rich.console import Console

from local import credentials, doctor, seed, stack
from local.reservation import reserved
from local.screen import Screen
from local.settings import LocalSettings
from local.supervisor import GivenUp, Supervisor

DEMO_LOGIN = "maya@lanternandloom.example / lantern-and-loom"
ADMIN_LOGIN = "admin@lanternandloom.example / lantern-and-loom"


def up(settings: LocalSettings, *, exit_when_ready: bool = False) -> int:
    """Run the stack in the foreground. Returns an exit code: 0 after Ctrl-C, 1 when something could not run."""
    console = Console()
    found = doctor.problems(settings)
    if found:
        for problem in found:
            console.print(f"[bold red]✗[/] {problem}", highlight=False)
        return 1
    return asyncio.run(_run(settings, console, exit_when_ready))


async def _run(settings: LocalSettings, console: Console, exit_when_ready: bool) -> int:
    started = time.monotonic()
    pid_file = settings.folder("run") / "up.pid"
    processes = stack.processes(settings, credentials.load(settings.home))
    code = 0
    with Screen(console) as screen:
        supervisor = Supervisor(processes, settings.folder("logs"), screen.on_change)
        ready = asyncio.Event()
        async with AsyncExitStack() as leaving:
            leaving.callback(_remove, pid_file)
            leaving.enter_context(reserved(settings.ports().values()))
            pid_file.write_text(str(os.getpid()))
            _on_signals(supervisor.stop)
            try:
                async with asyncio.TaskGroup() as group:
                    running = group.create_task(supervisor.run(ready.set))
                    group.create_task(_welcome(settings, screen, ready, running, started, exit_when_ready, supervisor))
            except* (GivenUp, seed.SeedFailed) as failed:
                screen.say(f"[bold red]✗[/] {failed.exceptions[0]}")
                code = 1
        screen.footer()
    console.print("Everything is stopped.")
    return code


async def _welcome(
    settings: LocalSettings,
    screen: Screen,
    ready: asyncio.Event,
    running: "asyncio.Task[None]",
    started: float,
    exit_when_ready: bool,
    supervisor: Supervisor,
) -> None:
    """Wait until everything runs, fill an empty shop, and say where it is."""
    waiting = asyncio.ensure_future(ready.wait())
    await asyncio.wait({waiting, running}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not ready.is_set():
        return
    if settings.demo:
        await seed.fill(settings, screen.say)
    edge = f"http://localhost:{settings.ports()['edge']}"
    screen.footer(
        "",
        f"[bold]Lantern & Loom is open[/] after {time.monotonic() - started:.0f} s. Ctrl-C closes it.",
        f"  Storefront  {edge}          {DEMO_LOGIN}",
        f"  Admin       {edge}/admin    {ADMIN_LOGIN}",
        f"  REST        {edge}/api/docs    gRPC  127.0.0.1:{settings.ports()['egress']} (reflection)",
        f"  Logs        {settings.home / 'logs'}",
    )
    (settings.folder("run") / "ready").write_text(f"{time.monotonic() - started:.1f}")
    if exit_when_ready:
        supervisor.stop()


def _on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop)


def _remove(pid_file: Path) -> None:
    pid_file.unlink(missing_ok=True)
    (pid_file.parent / "ready").unlink(missing_ok=True)


def down(settings: LocalSettings, wait: float = 40.0) -> int:
    """Stop a running stack and wait until it is gone."""
    pid_file = settings.home / "run" / "up.pid"
    console = Console()
    try:
        pid = int(pid_file.read_text())
        os.kill(pid, signal.SIGTERM)
    except (FileNotFoundError, ProcessLookupError, ValueError):
        pid_file.unlink(missing_ok=True)
        console.print("Nothing is running.")
        return 0
    deadline = time.monotonic() + wait
    while time.monotonic() < deadline:
        if not pid_file.exists():
            console.print("Everything is stopped.")
            return 0
        time.sleep(0.2)
    console.print(f"Process {pid} did not stop within {wait:.0f} s.")
    return 1
