"""What `aisle up` shows: one tidy line per process on a terminal, plain lines of change elsewhere."""

import time
from types import TracebackType
from typing import Self

import psutil
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from local.supervisor import State, Watched

# Seconds between lines of progress where there is no terminal.
SHOW_EVERY = 2.0

_STYLES = {
    State.WAITING: "dim",
    State.STARTING: "yellow",
    State.READY: "green",
    State.RESTARTING: "bold yellow",
    State.STOPPING: "yellow",
    State.STOPPED: "dim",
    State.FAILED: "bold red",
}


class Screen:
    """Shows the state of watched processes as it changes."""

    def __init__(self, console: Console) -> None:
        """Take the console to draw on; without a terminal only changes are printed."""
        self._console = console
        self._rows: dict[str, Watched] = {}
        self._footer: list[str] = []
        self._live: Live | None = None
        self._started = self._shown = time.monotonic()

    def __enter__(self) -> Self:
        """Begin to draw."""
        if self._console.is_terminal:
            self._live = Live(self, console=self._console, refresh_per_second=4, transient=False)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Draw once more and leave the last picture standing."""
        if self._live is not None:
            self._live.stop()

    def on_change(self, watched: Watched) -> None:
        """Take note of a change; called by the supervisor."""
        name = watched.process.name
        self._rows[name] = watched
        if self._live is None:
            elapsed = time.monotonic() - self._started
            note = f" {watched.note}" if watched.note else ""
            self._console.print(f"{elapsed:6.1f} s  {watched.process.title:<15} {watched.state}{note}", highlight=False)
        elif watched.state in (State.RESTARTING, State.FAILED):
            self._live.console.print(f"{watched.process.title} {watched.note}; {_what_next(watched)}", style="yellow")

    def say(self, *lines: str) -> None:
        """Print lines above the table."""
        for line in lines:
            (self._live.console if self._live else self._console).print(line, highlight=False)

    def show(self, line: str) -> None:
        """Show how far something is: under the table, or every few seconds where there is no terminal."""
        if self._live is not None:
            self._footer = [escape(line)]
        elif time.monotonic() - self._shown > SHOW_EVERY:
            self._shown = time.monotonic()
            self.say(line)

    def footer(self, *lines: str) -> None:
        """Keep lines under the table; printed once where there is no terminal."""
        self._footer = list(lines)
        if self._live is None:
            self.say(*lines)

    def __rich__(self) -> RenderableType:
        """Return the current picture."""
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for watched in self._rows.values():
            table.add_row(
                watched.process.title,
                Text(watched.state, style=_STYLES[watched.state]),
                f":{watched.process.port}" if watched.process.port else "",
                _memory(watched),
                f"{watched.restarts} restarts" if watched.restarts else "",
                Text(watched.note, style="dim"),
            )
        return Group(table, *[Text.from_markup(line) for line in self._footer])


def _memory(watched: Watched) -> str:
    if watched.child is None or watched.child.returncode is not None:
        return ""
    try:
        return f"{psutil.Process(watched.child.pid).memory_info().rss / 1e6:.0f} MB"
    except psutil.Error:
        return ""


def _what_next(watched: Watched) -> str:
    return "starting it again" if watched.state is State.RESTARTING else "giving up"
