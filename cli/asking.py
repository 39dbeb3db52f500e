"""How commands ask a service: with the rights of staff, and in the service's words when it refuses."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from services.runtime.channel import MeshChannel
from services.runtime.errors import AisleError
from services.runtime.interceptors import Caller

CALLER = Caller(service="cli", subject="cli", role="admin")

console = Console()


def ask(service: str, address: str, stub: Callable[[Any], Any], call: Callable[[Any], Awaitable[Any]]) -> Any:
    """Return what the service at an address answers; a refusal ends the command with its words."""

    async def asked() -> Any:
        async with MeshChannel("cli", service, address) as channel:
            return await call(stub(channel))

    try:
        return asyncio.run(asked())
    except AisleError as error:
        console.print(f"[bold red]✗[/] {escape(error.message)} ({error.reason})", highlight=False)
        raise typer.Exit(1) from None
