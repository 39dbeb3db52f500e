"""`aisle seed`."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from local import seed as demo
from local.settings import LocalSettings


def seed(
    again: Annotated[bool, typer.Option(help="Write everything once more, even when it is there.")] = False,
) -> None:
    """Fill the running platform with the demo shop."""
    console = Console()
    settings = LocalSettings.load()
    try:
        with console.status("Filling the shop …") as status:
            asyncio.run(
                demo.fill(settings, lambda line: console.print(line, highlight=False), status.update, again=again)
            )
    except demo.SeedFailed as failed:
        console.print(f"[bold red]✗[/] {escape(str(failed))}", highlight=False)
        raise typer.Exit(1) from None
