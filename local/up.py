"""`aisle up`: check, start, seed, show, and stop without a trace."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack

from rich.console import Console
from rich.markup import escape

from local import credentials, doctor, seed, stack
from local.occupancy import Occupied, occupant, occupied
from local.reservation import reserved
from local.screen import Screen
from local.settings import LocalSettings
from local.supervisor import GivenUp, Supervisor

SHOPPER, ADMIN = "maya@lanternandloom.example", "admin@lanternandloom.example"


def up(settings: LocalSettings, *, exit_when_ready: bool = False) -> int:
    """Run the stack in the foreground. Returns an exit code: 0 after Ctrl-C, 1 when something could not run."""
    console = Console()
    with ExitStack() as held:
        try:
            held.enter_context(occupied(settings.folder("run")))
        except Occupied as other:
            console.print(
                f"[bold red]✗[/] A stack runs in {escape(str(settings.home))} already (process {other}). "
                "Stop it with `make down`, or give this one a home of its own with AISLE_HOME.",
                highlight=False,
            )
            return 1
        return _up(settings, console, exit_when_ready)


def _up(settings: LocalSettings, console: Console, exit_when_ready: bool) -> int:
    found = doctor.problems(settings)
    if found:
        for problem in found:
            console.print(f"[bold red]✗[/] {escape(problem)}", highlight=False)
        return 1
    return asyncio.run(_run(settings, console, exit_when_ready))


async def _run(settings: LocalSettings, console: Console, exit_when_ready: bool) -> int:
    started = time.monotonic()
    processes = stack.processes(settings, credentials.load(settings.home))
    code = 0
    with Screen(console) as screen:
        supervisor = Supervisor(processes, settings.folder("logs"), screen.on_change)
        ready = asyncio.Event()
        async with AsyncExitStack() as leaving:
            leaving.callback((settings.folder("run") / "ready").unlink, missing_ok=True)
            leaving.enter_context(reserved(settings.ports().values()))
            _on_signals(supervisor.stop)
            try:
                async with asyncio.TaskGroup() as group:
                    running = group.create_task(supervisor.run(ready.set))
                    group.create_task(_welcome(settings, screen, ready, running, started, exit_when_ready, supervisor))
            except* (GivenUp, seed.SeedFailed) as failed:
                screen.say(f"[bold red]✗[/] {escape(str(failed.exceptions[0]))}")
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
    if settings.demo and not await _filled(settings, screen, supervisor):
        return
    edge = f"http://localhost:{settings.ports()['edge']}"
    password = stack.demo_password(settings, credentials.load(settings.home))
    screen.footer(
        "",
        f"[bold]Lantern & Loom is open[/] after {time.monotonic() - started:.0f} s. Ctrl-C closes it.",
        f"  Storefront  {edge}          {SHOPPER} / {password}",
        f"  Admin       {edge}/admin    {ADMIN} / {password}",
        f"  REST        {edge}/api/openapi.json    gRPC  127.0.0.1:{settings.ports()['egress']} (reflection)",
        f"  Logs        {settings.home / 'logs'}",
    )
    (settings.folder("run") / "ready").write_text(f"{time.monotonic() - started:.1f}")
    if exit_when_ready:
        supervisor.stop()


async def _filled(settings: LocalSettings, screen: Screen, supervisor: Supervisor) -> bool:
    """Fill an empty shop; False when the stack was told to stop meanwhile: the next start goes on with it."""
    filling = asyncio.ensure_future(seed.fill(settings, screen.say, screen.show))
    stopping = asyncio.ensure_future(supervisor.stopping())
    try:
        await asyncio.wait({filling, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if stopping.done():
            return False
        await filling
        return True
    finally:
        for task in (filling, stopping):
            task.cancel()
        await asyncio.gather(filling, stopping, return_exceptions=True)


def _on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop)


def down(settings: LocalSettings, wait: float = 40.0) -> int:
    """Stop a running stack and wait until it is gone."""
    run = settings.home / "run"
    console = Console()
    pid = occupant(run)
    if pid is None:
        console.print("Nothing is running.")
        return 0
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + wait
    while time.monotonic() < deadline:
        if occupant(run) is None:
            console.print("Everything is stopped.")
            return 0
        time.sleep(0.2)
    console.print(f"Process {pid} did not stop within {wait:.0f} s.")
    return 1
