"""`aisle signing-keys`: the keys that sign access tokens."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bff.auth import signing_keys
from local.settings import LocalSettings

keys = typer.Typer(help="The keys that sign access tokens.", no_args_is_help=True)

File = Annotated[Path | None, typer.Option(help="The file of keys; without it that of the embedded stack.")]


def _path(file: Path | None) -> Path:
    return file or LocalSettings.load().home / "signing-keys.json"


@keys.command("rotate")
def rotate(file: File = None) -> None:
    """Add a key that signs once everybody has seen it, and drop those whose tokens have all ended."""
    path, now = _path(file), datetime.now(UTC)
    try:
        ring = signing_keys.read(path).rotated(now)
    except signing_keys.SigningKeysError as broken:
        raise typer.BadParameter(str(broken)) from None
    signing_keys.write(path, ring)
    print(f"{ring.keys[-1].id} signs from {ring.keys[-1].signs_from:%Y-%m-%d %H:%M:%S} UTC.")


@keys.command("prepare")
def prepare(file: File = None) -> None:
    """Make the first key where there is none, and a successor where the newest has signed for long."""
    path = _path(file)
    try:
        signing_keys.prepare(path, datetime.now(UTC))
    except signing_keys.SigningKeysError as broken:
        raise typer.BadParameter(str(broken)) from None


@keys.command("list")
def show(file: File = None) -> None:
    """Show the keys by name, and since when each signs. Never the keys themselves."""
    try:
        ring = signing_keys.read(_path(file))
    except signing_keys.SigningKeysError as broken:
        raise typer.BadParameter(str(broken)) from None
    now = ring.signing(datetime.now(UTC))
    for key in ring.keys:
        state = "signs" if key is now else "is published"
        print(f"{key.id}  {state}, from {key.signs_from:%Y-%m-%d %H:%M:%S} UTC")
