"""`aisle mesh …`: what the proxies run on, and how calls are spread over versions, from a terminal."""

import sys
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from aisle.mesh.v1 import mesh_service_pb2 as pb
from aisle.mesh.v1.mesh_service_pb2_grpc import MeshAdminServiceStub
from cli.asking import CALLER, ask, console
from local.settings import LocalSettings

_VARIANTS = {pb.PROTOCOL_VARIANT_STATE_OF_THE_WORLD: "state of the world", pb.PROTOCOL_VARIANT_DELTA: "delta"}

_HEALTH = {
    pb.ENDPOINT_HEALTH_HEALTHY: "[green]ready[/]",
    pb.ENDPOINT_HEALTH_UNHEALTHY: "[red]not ready[/]",
    pb.ENDPOINT_HEALTH_DRAINING: "[yellow]leaving[/]",
}

mesh = typer.Typer(help="The proxies, and how calls are spread over versions of services.", no_args_is_help=True)

File = Annotated[
    Path, typer.Argument(help="The delivery file, in YAML; - reads it from standard input.", show_default=False)
]


@mesh.command("status")
def status() -> None:
    """Show each service's replicas, what each proxy runs on, and what it refused."""
    found = _ask(lambda admin: admin.GetMeshStatus(pb.GetMeshStatusRequest(), caller=CALLER))
    _show_services(found)
    _show_proxies(found)
    for problem in found.problems:
        console.print(f"[bold red]✗[/] not published: {escape(problem)}", highlight=False)
    for problem in found.source_problems:
        console.print(f"[yellow]![/] not used: {escape(problem)}", highlight=False)
    refused = [(proxy, one) for proxy in found.proxies for one in proxy.types if one.refused_version]
    for proxy, one in refused:
        what = ", ".join(one.refused_resources) or one.type
        console.print(f"[bold red]✗[/] {escape(proxy.node_id)} refused {escape(what)}:", highlight=False)
        console.print(f"  {escape(one.refusal_reason)}", highlight=False)
    if refused or found.problems:
        raise typer.Exit(1)


@mesh.command("diff")
def diff(file: File) -> None:
    """Say what applying a file would change; nothing is changed. Ends with 2 when something would."""
    told = _ask(lambda admin: admin.ApplyDelivery(_request(file, validate_only=True), caller=CALLER))
    if not told.changes:
        console.print("Nothing would change.")
        return
    _show_changes(told)
    _show_waiting(told.problems)
    raise typer.Exit(2)


@mesh.command("apply")
def apply(
    file: File,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Apply a file as a whole: canaries, copies and faults. What it does not name goes to the stable version."""
    request = _request(file, validate_only=True)
    told = _ask(lambda admin: admin.ApplyDelivery(request, caller=CALLER))
    if not told.changes and told.delivery.text == request.text:
        console.print("Nothing to change.")
        return
    _show_changes(told)
    _show_waiting(told.problems)
    if not yes and str(file) != "-":
        typer.confirm("Apply this?", abort=True)
    # Of what was shown, and of nothing that came since.
    request.validate_only, request.etag = False, told.delivery.etag
    _ask(lambda admin: admin.ApplyDelivery(request, caller=CALLER))
    console.print("[green]✓[/] Applied; proxies have it within a second or two: see `aisle mesh status`.")


def _request(file: Path, validate_only: bool) -> pb.ApplyDeliveryRequest:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        console.print(f"[bold red]✗[/] {escape(str(problem))}", highlight=False)
        raise typer.Exit(1) from None
    return pb.ApplyDeliveryRequest(text=text, validate_only=validate_only)


def _show_changes(told: pb.ApplyDeliveryResponse) -> None:
    if not told.differences:
        console.print("Nothing changes for calls, only the wording of the file.")
        return
    table = Table("Service", "What", "Now", "Then", box=None)
    for one in told.differences:
        table.add_row(*(escape(part or "none") for part in (one.service, one.field, one.before, one.after)))
    console.print(table)


def _show_waiting(problems: Iterable[str]) -> None:
    for problem in problems:
        console.print(f"[yellow]![/] {escape(problem)}: it waits until there is one.", highlight=False)


def _show_services(found: pb.MeshStatus) -> None:
    table = Table("Service", "Replica", "Version", "Zone", "Registered as", box=None)
    for service in found.services:
        if not service.endpoints:
            table.add_row(escape(service.name), "[red]none: calls fail[/]")
        for number, one in enumerate(service.endpoints):
            name = "" if number else service.name
            said = (escape(part) for part in (name, one.address, one.version, one.zone or "-"))
            table.add_row(*said, _HEALTH.get(one.health, "-"))
    console.print(table)


def _show_proxies(found: pb.MeshStatus) -> None:
    certified = any(proxy.HasField("certificate") for proxy in found.proxies)
    table = Table("Proxy", "Speaks", "State", *(["Certificate until"] if certified else []), "Versions", box=None)
    for proxy in found.proxies:
        versions = ", ".join(f"{one.type} {one.acknowledged_version[:8] or '-'}" for one in proxy.types)
        state = "[green]in sync[/]" if proxy.in_sync else "[yellow]behind[/]"
        until = [_until(proxy)] if certified else []
        table.add_row(escape(proxy.node_id), _VARIANTS.get(proxy.variant, ""), state, *until, escape(versions))
    console.print(table if found.proxies else "No proxy is connected.")


def _until(proxy: pb.ProxyStatus) -> str:
    """Return when what a proxy showed ends, in the terminal's own time."""
    if not proxy.HasField("certificate"):
        return "-"
    return f"{proxy.certificate.expire_time.ToDatetime(UTC).astimezone():%H:%M:%S}"


def control_plane() -> str:
    """Return the control plane's own address: asked directly, it tells of a mesh through which nothing can be asked."""
    return f"127.0.0.1:{LocalSettings.load().ports()['control-plane']}"


def _ask(call: Callable[[Any], Awaitable[Any]]) -> Any:
    return ask("mesh", control_plane(), MeshAdminServiceStub, call)
