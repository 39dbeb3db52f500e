"""`aisle migrate`: brings every database schema up to date before the services of a new version start."""

import asyncio
import hashlib
import hmac
import os
from base64 import b64encode
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg
import typer
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from rich.console import Console
from rich.markup import escape
from sqlalchemy.exc import SQLAlchemyError

from services.runtime import sql

# Where each owner of a schema keeps its migrations.
MIGRATIONS = {
    "product": "services.product.adapters.migrations",
    "llm": "services.llm.adapters.migrations",
    "chat": "services.chat.adapters.migrations",
    "recommendation": "services.recommendation.adapters.migrations",
    "analytics": "services.analytics.adapters.migrations",
    "bff": "bff.auth.migrations",
}
_PATIENCE_SECONDS = 120.0
_PAUSE_SECONDS = 2.0
# PostgreSQL's own number (scram_iterations).
_SCRAM_ROUNDS = 4096


class UnusablePasswordError(ValueError):
    """A password that cannot be given to a role."""

    def __init__(self, owner: str) -> None:
        """Name the role, and nothing of its password."""
        super().__init__(f"The password of {owner} is empty or holds something else than ASCII.")


class MigrationSettings(BaseSettings):
    """What migrating needs to know: the same addresses as the services, and perhaps who may make their roles."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_prefix="AISLE_")

    migrate_admin_url: SecretStr = Field(
        SecretStr(""), description="PostgreSQL role that makes the services' roles; empty takes them as they are."
    )
    product_database_url: SecretStr = SecretStr("")
    llm_database_url: SecretStr = SecretStr("")
    chat_database_url: SecretStr = SecretStr("")
    recommendation_database_url: SecretStr = SecretStr("")
    analytics_database_url: SecretStr = SecretStr("")
    bff_database_url: SecretStr = SecretStr("")

    def databases(self) -> dict[str, str]:
        """Return the address of each schema's database by its owner, of those that are named."""
        urls = {owner: getattr(self, f"{owner}_database_url").get_secret_value() for owner in MIGRATIONS}
        return {owner: url for owner, url in urls.items() if url}


def migrate() -> None:
    """Bring the schemas of all services that have an address up to date; make their roles first when told by whom."""
    console = Console()
    settings = MigrationSettings()
    if not settings.databases():
        console.print("[bold red]✗[/] No AISLE_<SERVICE>_DATABASE_URL is set.", highlight=False)
        raise typer.Exit(2)
    try:
        for line in asyncio.run(migrated(settings)):
            console.print(line, highlight=False)
    except (OSError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, UnusablePasswordError) as failed:
        # What the driver says of a connection may hold its address, and with that a password: the kind is enough.
        told = isinstance(failed, asyncpg.PostgresError | UnusablePasswordError)
        reason = failed.args[0] if told else type(failed).__name__
        console.print(f"[bold red]✗[/] {escape(str(reason))}", highlight=False)
        raise typer.Exit(1) from None


async def migrated(settings: MigrationSettings) -> list[str]:
    """Make roles and migrate, waiting for a server that is still starting. Returns what was done."""
    done = []
    databases = settings.databases()
    if settings.migrate_admin_url.get_secret_value():
        connection = await _patient(settings.migrate_admin_url.get_secret_value())
        try:
            await _make_roles(connection, databases)
        finally:
            await connection.close()
        done.append(f"roles: {', '.join(databases)}")
    for owner, url in databases.items():
        await (await _patient(url)).close()
        async with sql.connect(url, service=owner, pool_size=1, command_timeout=600.0) as database:
            await sql.migrate(database, owner, _folder(owner))
        done.append(f"schema {owner} is up to date")
    return done


async def _make_roles(connection: Any, databases: dict[str, str]) -> None:
    """Make each owner a role that may make its own schema in its database, with the password its address has.

    Whoever makes them need be no superuser and no member of the roles: each makes its schema itself as it migrates.
    """
    verifiers = {owner: _verifier(owner, unquote(urlsplit(url).password or "")) for owner, url in databases.items()}
    for owner, url in databases.items():
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", owner):
            await connection.execute(f'CREATE ROLE "{owner}"')
        for statement, values in (
            ("ALTER ROLE %I LOGIN PASSWORD %L", (owner, verifiers[owner])),
            ("GRANT CONNECT, CREATE ON DATABASE %I TO %I", (urlsplit(url).path.lstrip("/"), owner)),
        ):
            # PostgreSQL itself quotes: such statements take no parameters.
            quoted = await connection.fetchval("SELECT format($1, VARIADIC $2::text[])", statement, list(values))
            await connection.execute(quoted)


def _verifier(owner: str, password: str) -> str:
    """Return what PostgreSQL keeps of a password (SCRAM-SHA-256), so that the server's log of statements has no more.

    Raises UnusablePasswordError where server and client might not prepare the password alike.
    """
    if not password or not password.isascii():
        raise UnusablePasswordError(owner)
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _SCRAM_ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    parts = [b64encode(part).decode() for part in (salt, stored, hmac.digest(salted, b"Server Key", "sha256"))]
    return f"SCRAM-SHA-256${_SCRAM_ROUNDS}:{parts[0]}${parts[1]}:{parts[2]}"


async def _patient(url: str) -> Any:
    """Return a connection, giving a server that is away some time to come."""
    deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
    while True:
        try:
            return await asyncpg.connect(
                url.replace("postgresql+asyncpg://", "postgresql://").replace("?ssl=", "?sslmode="), timeout=5
            )
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError):
            if asyncio.get_running_loop().time() > deadline:
                raise
        await asyncio.sleep(_PAUSE_SECONDS)


def _folder(owner: str) -> Path:
    spec = find_spec(MIGRATIONS[owner])
    assert spec is not None and spec.submodule_search_locations
    return Path(next(iter(spec.submodule_search_locations)))
