"""`aisle probe`: whether a process of this container is ready, for engines that ask by running a command."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from local.ports import table
from local.process import PROBE_ERRORS, Probe, grpc_probe, http_probe

# Who speaks HTTP, and where it says how it is. Everybody else has the standard health service.
_PATHS = {"bff": "/healthz", "models": "/health"}
_FIRST_PROCESS = Path("/proc/1/cmdline")


def probe(
    name: Annotated[str, typer.Argument(help="Whom to ask; by default what this container was started for.")] = "",
    port: Annotated[int, typer.Option(help="Where it listens; by default where it does by default.")] = 0,
) -> None:
    """Ask a process on loopback whether it is ready: 0 when it is, 1 when it is not."""
    asked = name or served(_FIRST_PROCESS.read_bytes())
    number = port or table().get(asked, 0)
    if not number:
        raise typer.BadParameter(f"{asked or 'this'} is no process that can be asked")
    raise typer.Exit(0 if asyncio.run(_ready(_question(asked, number))) else 1)


def served(command: bytes) -> str:
    """Return the name behind `aisle serve` in a command line as the kernel keeps it; empty when there is none."""
    words = [word.decode(errors="replace") for word in command.split(b"\0")]
    return words[words.index("serve") + 1] if "serve" in words[:-1] else ""


def _question(name: str, port: int) -> Probe:
    path = _PATHS.get(name)
    return http_probe(f"http://127.0.0.1:{port}{path}") if path else grpc_probe(port)


async def _ready(question: Probe) -> bool:
    try:
        return await question()
    except PROBE_ERRORS:
        return False
