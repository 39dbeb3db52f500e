"""`aisle keys …` and `aisle budgets …`: the administration of the model gateway from a terminal."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from aisle.llm.v1 import llm_admin_service_pb2 as pb
from aisle.llm.v1.llm_admin_service_pb2_grpc import LlmAdminServiceStub
from cli.asking import CALLER, ask, console
from local.settings import LocalSettings

_MICROS = 1_000_000
_PAGE = 200

keys = typer.Typer(help="Keys of other teams for the models under /v1.", no_args_is_help=True)
budgets = typer.Typer(help="What teams, use cases, users and keys may spend.", no_args_is_help=True)


class Kind(StrEnum):
    """Whose spending is limited."""

    TENANT = "tenant"
    USE_CASE = "use-case"
    USER = "user"
    KEY = "key"


class Window(StrEnum):
    """How long a budget lasts."""

    MINUTE = "minute"
    MONTH = "month"


_KINDS: dict[Kind, Any] = {
    Kind.TENANT: pb.BUDGET_SUBJECT_TENANT,
    Kind.USE_CASE: pb.BUDGET_SUBJECT_USE_CASE,
    Kind.USER: pb.BUDGET_SUBJECT_USER,
    Kind.KEY: pb.BUDGET_SUBJECT_API_KEY,
}
_WINDOWS: dict[Window, Any] = {
    Window.MINUTE: pb.BUDGET_WINDOW_MINUTE,
    Window.MONTH: pb.BUDGET_WINDOW_MONTH,
}
_PREFIXES = {Kind.TENANT: "tenants/", Kind.KEY: "apiKeys/"}
_STATES = {
    pb.API_KEY_STATE_ACTIVE: "accepted",
    pb.API_KEY_STATE_EXPIRED: "expired",
    pb.API_KEY_STATE_REVOKED: "revoked",
}

Dollars = Annotated[float | None, typer.Option(min=0, help="US dollars it may cost.")]
Tokens = Annotated[int | None, typer.Option(min=0, help="Tokens, in and out together.")]


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="Who will use it, and for what.")],
    tenant: Annotated[str, typer.Option(help="Whom its calls are counted for; empty means the shop itself.")] = "",
    days: Annotated[int, typer.Option(min=0, help="Days it is accepted; 0 means for good.")] = 0,
) -> None:
    """Make a key and print its secret, this once. What it may spend is set by `aisle budgets set key`."""
    key = pb.ApiKey(display_name=name, tenant=f"tenants/{tenant}" if tenant else "")
    if days:
        key.expire_time.FromDatetime(datetime.now(UTC) + timedelta(days=days))
    made = _ask(lambda admin: admin.CreateApiKey(pb.CreateApiKeyRequest(api_key=key), caller=CALLER))
    console.print(f"[green]✓[/] {escape(made.api_key.name)}. Its secret is shown this once:", highlight=False)
    # Plain, so that it can be piped.
    typer.echo(made.secret)


@keys.command("list")
def list_keys() -> None:
    """List keys, newest first."""
    table = Table("Id", "Name", "Team", "Ends in", "State", box=None)
    request = pb.ListApiKeysRequest(page_size=_PAGE)
    for key in _ask(lambda admin: _pages(admin.ListApiKeys, request, "api_keys")):
        state = _STATES.get(key.state, "")
        table.add_row(*map(escape, (_id(key.name), key.display_name, _id(key.tenant), key.hint, state)))
    console.print(table)


@keys.command("revoke")
def revoke_key(key: Annotated[str, typer.Argument(help="The key's id.")]) -> None:
    """Revoke a key for good: within two seconds nobody accepts it."""
    request = pb.RevokeApiKeyRequest(name=f"apiKeys/{_id(key)}")
    revoked = _ask(lambda admin: admin.RevokeApiKey(request, caller=CALLER))
    console.print(f"[green]✓[/] {escape(revoked.display_name)} is revoked.", highlight=False)


@budgets.command("list")
def list_budgets() -> None:
    """List budgets with how far each is spent."""
    table = Table("Id", "For", "May spend", "Spent", "Set by", box=None)
    kinds = {number: kind for kind, number in _KINDS.items()}
    windows = {number: window for window, number in _WINDOWS.items()}
    for budget in _ask(lambda admin: admin.ListBudgets(pb.ListBudgetsRequest(), caller=CALLER)).budgets:
        kind = kinds[budget.subject_kind]
        subject = budget.subject.removeprefix(_PREFIXES.get(kind, ""))
        said = [f"${budget.micros / _MICROS:g}"] if budget.HasField("micros") else []
        said += [f"{budget.tokens:,} tokens"] if budget.HasField("tokens") else []
        spent = f"${budget.spending.used_micros / _MICROS:g}, {budget.spending.used_tokens:,} tokens"
        table.add_row(
            _id(budget.name),
            escape(f"{kind} {subject}"),
            f"{' and '.join(said)} a {windows[budget.window]}",
            spent if budget.HasField("spending") else "-",
            "the models file" if budget.origin == pb.BUDGET_ORIGIN_FILE else escape(budget.updater),
        )
    console.print(table)


@budgets.command("set")
def set_budget(
    kind: Annotated[Kind, typer.Argument(help="Whose spending.")],
    subject: Annotated[str, typer.Argument(help="An id, or * for each of the kind.")],
    window: Annotated[Window, typer.Option(help="How long it lasts.")] = Window.MONTH,
    dollars: Dollars = None,
    tokens: Tokens = None,
) -> None:
    """Set a budget in place of what was set for the same subject and window."""
    prefix = _PREFIXES.get(kind, "")
    name = subject if subject == "*" or subject.startswith(prefix) else prefix + subject
    micros = round(dollars * _MICROS) if dollars is not None else None
    budget = pb.Budget(subject_kind=_KINDS[kind], subject=name, window=_WINDOWS[window], micros=micros, tokens=tokens)
    kept = _ask(lambda admin: admin.SetBudget(pb.SetBudgetRequest(budget=budget), caller=CALLER))
    console.print(f"[green]✓[/] {_id(kept.name)} holds within two seconds.", highlight=False)


@budgets.command("delete")
def delete_budget(budget: Annotated[str, typer.Argument(help="The budget's id.")]) -> None:
    """Remove a budget that was set; that of the models file, if any, holds again."""
    request = pb.DeleteBudgetRequest(name=f"budgets/{_id(budget)}")
    _ask(lambda admin: admin.DeleteBudget(request, caller=CALLER))
    console.print("[green]✓[/] Removed.", highlight=False)


def egress() -> str:
    """Return the address of the local egress."""
    return f"127.0.0.1:{LocalSettings.load().ports()['egress']}"


def _ask(call: Callable[[Any], Awaitable[Any]]) -> Any:
    return ask("llm", egress(), LlmAdminServiceStub, call)


async def _pages(method: Callable[..., Awaitable[Any]], request: Any, field: str) -> list[Any]:
    found: list[Any] = []
    while True:
        reply = await method(request, caller=CALLER)
        found += getattr(reply, field)
        if not reply.next_page_token:
            return found
        request.page_token = reply.next_page_token


def _id(name: str) -> str:
    return name.rpartition("/")[2]
