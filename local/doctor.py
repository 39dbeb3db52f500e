"""Looks for what would keep the stack from starting, and says what to do about it."""

import shutil
import socket
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from local import envoy, milvus
from local.settings import LocalSettings

GIGABYTE = 1_000_000_000
# An outgoing connection that happens to sit on a port of ours is waited for this long: most end soon.
PATIENCE_SECONDS = 15.0
_SOMEBODY = "another program"


def problems(settings: LocalSettings) -> list[str]:
    """Return what is in the way, each with what to do; empty when nothing is."""
    found = [*_missing_servers(settings), *_taken_ports(settings.ports(), settings.host)]
    if not (settings.static_dir / "index.html").exists():
        found.append(f"The front end is not built in {settings.static_dir}. Run `make frontend`.")
    free = shutil.disk_usage(_existing(settings.home)).free
    if free < GIGABYTE:
        found.append(f"Only {free / 1e6:.0f} MB are free where {settings.home} is. Free 1 GB.")
    return found


def _missing_servers(settings: LocalSettings) -> list[str]:
    found = []
    for locate in (envoy.envoy_binary, milvus.binary):
        try:
            locate(settings.servers_venv)
        except (FileNotFoundError, envoy.EnvoyMissingError) as error:
            found.append(str(error))
    return found


def _taken_ports(numbers: Mapping[str, int], edge_host: str) -> list[str]:
    found = []
    for name, number in numbers.items():
        variable = "AISLE_EDGE_PORT" if name == "edge" else "AISLE_PORT_OFFSET"
        if list(numbers.values()).count(number) > 1:
            found.append(f"Port {number} ({name}) is wanted twice by this stack. Set another {variable}.")
        elif not _gets_free(edge_host if name == "edge" else "127.0.0.1", number):
            found.append(
                f"Port {number} ({name}) is taken by {_listener(number) or _SOMEBODY}. Stop it (`make down` if it is "
                f"another stack of yours), or set {variable}."
            )
    return found


def _gets_free(host: str, number: int) -> bool:
    """Return whether a port is free, at once or after somebody's passing connection has ended."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not _is_free(host, number):
        if _listener(number) is not None or time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _is_free(host: str, number: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, number))
        except OSError:
            return False
    return True


def _listener(number: int) -> str | None:
    """Return who waits for connections at a port; None where nobody does, or the system does not say."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == number and connection.status == psutil.CONN_LISTEN:
                if connection.pid is None:
                    return _SOMEBODY
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        pass
    return None


def _existing(path: Path) -> Path:
    path = path.resolve()
    while not path.exists():
        path = path.parent
    return path
