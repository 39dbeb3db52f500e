"""Entry of the `aisle` command."""

import os

import typer

# The supervisor starts processes while gRPC is in use; gRPC's fork handlers would only warn about it.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

from cli import (
    chart_values,
    doctor,
    gateway,
    importing,
    mesh,
    migrating,
    probing,
    seeding,
    serving,
    signing_keys,
    stack,
)

app = typer.Typer(
    name="aisle",
    help="Aisle: a shop's search, recommendations, assistant, writing and analytics.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
)
imports = typer.Typer(help="Bring your own data in.", no_args_is_help=True)
imports.command("catalog")(importing.catalog)
app.add_typer(imports, name="import")
app.add_typer(signing_keys.keys, name="signing-keys")
app.add_typer(gateway.keys, name="keys")
app.add_typer(gateway.budgets, name="budgets")
app.add_typer(mesh.mesh, name="mesh")
app.command("up")(stack.up)
app.command("down")(stack.down)
app.command("status")(stack.status)
app.command("serve")(serving.serve)
app.command("chart-values")(chart_values.chart_values)
app.command("migrate")(migrating.migrate)
app.command("probe")(probing.probe)
app.command("seed")(seeding.seed)
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Run the command."""
    app()


if __name__ == "__main__":
    main()
