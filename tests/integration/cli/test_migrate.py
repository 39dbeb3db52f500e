"""`aisle migrate`: roles and schemas on a real PostgreSQL."""

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from cli.__main__ import app
from cli.migrating import MIGRATIONS, MigrationSettings, UnusablePasswordError, migrated
from local import postgres
from local.ports import SERVICES
from local.postgres import OWNERS, role_password
from tests.conftest import PASSWORD, free_port, run_server

# What the first user of RDS may do: it makes roles and databases, and is no superuser.
MASTER = "master"


@pytest.fixture(scope="module")
def managed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """Serve a PostgreSQL in which nobody has made a role yet, and which logs statements as on RDS; port and log."""
    folder, port = tmp_path_factory.mktemp("managed"), free_port()
    ours = postgres.process(folder / "postgres", port, PASSWORD)
    bare = replace(ours, provision=None, command=[*ours.command, "-c", "log_statement=ddl"])
    for _ in run_server(bare, folder):
        yield port, folder


@asynccontextmanager
async def master_of(port: int) -> AsyncIterator[tuple[str, Any]]:
    """Make the first user as a managed service does; yields the name of its database, and a superuser's connection."""
    name = f"managed_{secrets.token_hex(4)}"
    admin = await asyncpg.connect(host="127.0.0.1", port=port, user="postgres", password=PASSWORD, database="postgres")
    try:
        await admin.execute(f"DROP ROLE IF EXISTS {MASTER}")
        await admin.execute(f"CREATE ROLE {MASTER} LOGIN CREATEROLE CREATEDB PASSWORD '{PASSWORD}'")
        await admin.execute(f'CREATE DATABASE "{name}" OWNER {MASTER}')
        yield name, admin
    finally:
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        for role in (*OWNERS, MASTER):
            await admin.execute(f'DROP ROLE IF EXISTS "{role}"')
        await admin.close()


@asynccontextmanager
async def fresh_database(port: int) -> AsyncIterator[tuple[str, Any]]:
    """Yield the name of a new database, and a superuser's connection to it."""
    name = f"migrate_{secrets.token_hex(4)}"
    admin = await asyncpg.connect(host="127.0.0.1", port=port, user="postgres", password=PASSWORD, database="postgres")
    await admin.execute(f'CREATE DATABASE "{name}"')
    inside = await asyncpg.connect(host="127.0.0.1", port=port, user="postgres", password=PASSWORD, database=name)
    try:
        yield name, inside
    finally:
        await inside.close()
        await admin.close()


def settings_for(port: int, database: str, admin: str) -> MigrationSettings:
    urls: dict[str, Any] = {
        f"{owner}_database_url": SecretStr(
            f"postgresql+asyncpg://{owner}:{role_password(owner, PASSWORD)}@127.0.0.1:{port}/{database}"
        )
        for owner in MIGRATIONS
    }
    return MigrationSettings(
        migrate_admin_url=SecretStr(f"postgresql+asyncpg://{admin}@127.0.0.1:{port}/{database}"), **urls
    )


async def test_roles_and_schemas_are_made_by_somebody_who_is_no_superuser(postgres_port: int) -> None:
    async with fresh_database(postgres_port) as (name, admin):
        maker, password = f"maker_{secrets.token_hex(4)}", secrets.token_hex(8)
        await admin.execute(f"CREATE ROLE {maker} LOGIN CREATEROLE PASSWORD '{password}'")
        await admin.execute(f'ALTER DATABASE "{name}" OWNER TO {maker}')
        # Roles of other tests belong to the superuser; here they are lent.
        for owner in OWNERS:
            await admin.execute(f'GRANT "{owner}" TO {maker} WITH ADMIN OPTION')
        settings = settings_for(postgres_port, name, f"{maker}:{password}")
        done = await migrated(settings)
        assert len(done) == 1 + len(OWNERS)
        # A second time nothing is left to do, and nothing is in the way.
        assert await migrated(settings) == done
        schemas = {row[0] for row in await admin.fetch("SELECT schema_name FROM information_schema.schemata")}
        assert set(OWNERS) <= schemas


async def test_the_first_user_of_a_managed_server_makes_everything_from_nothing(managed: tuple[int, Path]) -> None:
    port, _ = managed
    async with master_of(port) as (name, admin):
        settings = settings_for(port, name, f"{MASTER}:{PASSWORD}")
        done = await migrated(settings)
        assert await migrated(settings) == done
        made = await admin.fetch(
            "SELECT rolname FROM pg_roles WHERE rolname = ANY($1) AND NOT (rolsuper OR rolcreaterole OR rolcreatedb)",
            list(OWNERS),
        )
        assert {row[0] for row in made} == set(OWNERS)
        inside = await asyncpg.connect(host="127.0.0.1", port=port, user="postgres", password=PASSWORD, database=name)
        try:
            schemas = await inside.fetch("SELECT nspname, nspowner::regrole::text FROM pg_namespace")
        finally:
            await inside.close()
        assert {owner: owner for owner in OWNERS}.items() <= {row[0]: row[1] for row in schemas}.items()


async def test_a_new_password_of_a_role_is_taken_over(managed: tuple[int, Path]) -> None:
    port, _ = managed
    async with master_of(port) as (name, _):
        settings = settings_for(port, name, f"{MASTER}:{PASSWORD}")
        await migrated(settings)
        other = settings.product_database_url.get_secret_value().replace(role_password("product", PASSWORD), "n3w%24")
        changed = settings.model_copy(update={"product_database_url": SecretStr(other)})
        assert await migrated(changed)


async def test_no_password_stands_in_the_log_of_a_server_that_logs_statements(managed: tuple[int, Path]) -> None:
    port, folder = managed
    async with master_of(port) as (name, _):
        await migrated(settings_for(port, name, f"{MASTER}:{PASSWORD}"))
    logged = "".join(path.read_text("utf-8", errors="replace") for path in folder.rglob("*.log"))
    assert "ALTER ROLE product LOGIN PASSWORD" in logged
    assert not [owner for owner in OWNERS if role_password(owner, PASSWORD) in logged]


async def test_a_password_that_may_be_read_in_two_ways_changes_nothing(managed: tuple[int, Path]) -> None:
    port, _ = managed
    async with master_of(port) as (name, admin):
        settings = settings_for(port, name, f"{MASTER}:{PASSWORD}")
        odd = SecretStr(f"postgresql+asyncpg://bff:p%C3%A4ss@127.0.0.1:{port}/{name}")
        with pytest.raises(UnusablePasswordError, match=r"^The password of bff is") as refused:
            await migrated(settings.model_copy(update={"bff_database_url": odd}))
        assert "päss" not in str(refused.value)
        assert not await admin.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = ANY($1)", list(OWNERS))


def test_every_owner_of_a_schema_is_migrated() -> None:
    assert set(MIGRATIONS) == set(OWNERS) == {*SERVICES, "bff"}


def test_without_an_address_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for owner in MIGRATIONS:
        monkeypatch.delenv(f"AISLE_{owner.upper()}_DATABASE_URL", raising=False)
    answer = CliRunner().invoke(app, ["migrate"])
    assert answer.exit_code == 2
    assert "DATABASE_URL" in answer.output


def test_a_refused_password_is_told_without_it(postgres_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "AISLE_BFF_DATABASE_URL", f"postgresql+asyncpg://bff:not-it-9@127.0.0.1:{postgres_port}/postgres"
    )
    answer = CliRunner().invoke(app, ["migrate"])
    assert answer.exit_code == 1
    assert "not-it-9" not in answer.output
