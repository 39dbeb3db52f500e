"""`aisle up`, `aisle down` and `aisle status`."""

from typing import Annotated

import httpx2
import typer
from rich.console import Console
from rich.table import Table

from local import up as embedded
from local.ports import SERVICES
from local.settings import LocalSettings


def up(
    exit_when_ready: Annotated[
        bool, typer.Option(help="Stop again as soon as everything runs: shows that an installation works.")
    ] = False,
    sidecars: Annotated[
        bool,
        typer.Option(help="Give each service a proxy of its own and mutual TLS, as on Kubernetes; 0.7 GB more memory."),
    ] = False,
) -> None:
    """Start the whole platform and stay in the foreground; Ctrl-C stops all of it."""
    settings = LocalSettings.load()
    chosen = settings.model_copy(update={"sidecars": True}) if sidecars else settings
    raise typer.Exit(embedded.up(chosen, exit_when_ready=exit_when_ready))


def down() -> None:
    """Stop a platform that was started elsewhere."""
    raise typer.Exit(embedded.down(LocalSettings.load()))


def status() -> None:
    """Show what Envoy knows about each service: healthy endpoints, requests, failures."""
    ports = LocalSettings.load().ports()
    console = Console()
    try:
        reply = httpx2.get(
            f"http://127.0.0.1:{ports['envoy-admin']}/stats?format=json&filter=cluster%5C.", timeout=3, trust_env=False
        )
    except httpx2.HTTPError:
        console.print("Envoy does not answer. Is the platform up? Start it with `make up`.")
        raise typer.Exit(1) from None
    counters = {stat["name"]: stat.get("value", 0) for stat in reply.json()["stats"] if "name" in stat}
    table = Table("Service", "Healthy", "Requests", "Failed", "Retried", box=None, padding=(0, 3, 0, 0))
    for name in (*SERVICES, "bff"):
        row = [counters.get(f"cluster.{name}.{counter}", 0) for counter in _COUNTERS]
        healthy = f"{row[0]}/{row[1]}"
        table.add_row(name, healthy, *[str(number) for number in row[2:]])
    console.print(table)


_COUNTERS = (
    "membership_healthy",
    "membership_total",
    "upstream_rq_completed",
    "upstream_rq_5xx",
    "upstream_rq_retry",
)
