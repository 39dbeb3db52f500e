"""PostgreSQL for a service: one engine, read and write sessions, migrations in the service's own schema."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NewType

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from opentelemetry.instrumentation.sqlalchemy.engine import EngineTracer
from sqlalchemy import Connection, exc, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from services.runtime import telemetry

Session = NewType("Session", AsyncSession)
ReadSession = NewType("ReadSession", AsyncSession)

# One number for the whole platform: whoever migrates holds this advisory lock.
_MIGRATION_LOCK = 7_415_203


# SQLSTATE classes and codes of a server that is away, starting, stopping or full, or that broke off one of two
# transactions in each other's way (40), rather than of a wrong statement.
_AWAY = ("08", "40", "53", "57P01", "57P02", "57P03")


def is_away(error: BaseException) -> bool:
    """Tell whether an error means that PostgreSQL cannot be used now: lost, starting, stopping, full, deadlocked."""
    if isinstance(error, OSError | TimeoutError | exc.TimeoutError | exc.OperationalError | exc.InterfaceError):
        return True
    if not isinstance(error, exc.DBAPIError):
        return False
    state = str(getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None) or "")
    return error.connection_invalidated or not state or state.startswith(_AWAY)


class Database:
    """The database of one service. Commits happen here and nowhere else."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Take an engine made by `connect`."""
        self.engine = engine
        self._sessions = async_sessionmaker(engine, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """Yield a session that commits when the block ends well and rolls back when it does not."""
        outer = self._outer()
        if outer is not None:
            async with outer.begin_nested():
                yield outer
            return
        async with self._sessions() as session, session.begin():
            yield Session(session)

    @asynccontextmanager
    async def together(self) -> AsyncIterator[Session]:
        """Yield a transaction that all others of this database opened within the block are parts of.

        They take effect together or not at all. The block is one task: parts do not run side by side.
        """
        async with self.transaction() as session:
            reset = _together.set((self, session))
            try:
                yield session
            finally:
                _together.reset(reset)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[ReadSession]:
        """Yield a session whose transaction PostgreSQL keeps from writing, unless it is part of one that writes."""
        outer = self._outer()
        if outer is not None:
            yield ReadSession(outer)
            return
        async with self._sessions() as session, session.begin():
            await session.execute(text("SET TRANSACTION READ ONLY"))
            yield ReadSession(session)

    def _outer(self) -> Session | None:
        found = _together.get()
        return found[1] if found is not None and found[0] is self else None

    async def check(self) -> None:
        """Raise while the database does not answer."""
        async with self.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))


_together: ContextVar[tuple[Database, Session] | None] = ContextVar("together", default=None)


@asynccontextmanager
async def connect(
    url: str, *, service: str, pool_size: int = 5, command_timeout: float = 10.0
) -> AsyncIterator[Database]:
    """Yield the database at `url` (`postgresql+asyncpg://…`) with the service's schema first on its search path.

    Times are seconds.
    """
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_recycle=1800,
        pool_pre_ping=True,
        connect_args={
            "command_timeout": command_timeout,
            "timeout": 5.0,
            "server_settings": {"application_name": f"aisle-{service}", "search_path": service},
        },
    )
    # Statements with places where their values go.
    EngineTracer(telemetry.tracer, engine.sync_engine, telemetry.connections_used)  # type: ignore[no-untyped-call]
    try:
        yield Database(engine)
    finally:
        await engine.dispose()


async def migrate(database: Database, schema: str, folder: Path) -> None:
    """Bring `schema` to the newest version in `folder` (Alembic revisions). Safe to call from many replicas at once."""
    async with database.engine.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        await connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
        await connection.run_sync(_upgrade, schema, folder)


def _upgrade(connection: Connection, schema: str, folder: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.set_main_option("version_locations", str(folder))
    config.set_main_option("path_separator", "newline")
    script = ScriptDirectory.from_config(config)

    def steps(revision: Any, context: Any) -> Any:
        return script._upgrade_revs("head", revision)

    with EnvironmentContext(config, script, fn=steps, destination_rev="head") as environment:
        environment.configure(connection=connection, version_table_schema=schema, transactional_ddl=True)
        environment.run_migrations()
