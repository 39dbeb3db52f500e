"""`aisle doctor`."""

import typer
from rich.console import Console
from rich.markup import escape

from local import doctor as checks
from local.settings import LocalSettings


def doctor() -> None:
    """Look for what would keep the platform from starting, and say what to do about it."""
    console = Console()
    found = checks.problems(LocalSettings.load())
    for problem in found:
        console.print(f"[bold red]✗[/] {escape(problem)}", highlight=False)
    if found:
        raise typer.Exit(1)
    console.print("[green]✓[/] Nothing is in the way. Start with `make up`.")
