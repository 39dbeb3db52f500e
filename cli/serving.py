"""`aisle serve NAME`."""

import runpy
from typing import Annotated

import typer

from local.ports import SERVICES

_MODULES = {
    **{name: f"services.{name}" for name in SERVICES},
    "limits": "services.limits",
    "control-plane": "services.control_plane",
    "bff": "bff",
    "models": "local.models",
    "telemetry": "local.telemetry",
}


def serve(name: Annotated[str, typer.Argument(help=f"One of {', '.join(_MODULES)}.")]) -> None:
    """Run one process in the foreground, with its settings from the environment."""
    module = _MODULES.get(name)
    if module is None:
        raise typer.BadParameter(f"{name} is not one of {', '.join(_MODULES)}")
    runpy.run_module(module, run_name="__main__")
