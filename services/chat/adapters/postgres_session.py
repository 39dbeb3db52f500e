"""Opens sessions, and says in our words when PostgreSQL is away."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncSession

from services.runtime import sql
from services.runtime.errors import Unavailable

log = logging.getLogger("aisle.chat")

_PATIENCE = 30.0
_PAUSE = 0.5


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn a lost or refused connection into Unavailable; everything else is a fault of ours and stays one."""
    try:
        yield
    except (exc.SQLAlchemyError, OSError, TimeoutError) as error:
        if not sql.is_away(error):
            raise
        raise Unavailable("STORAGE_UNAVAILABLE", "The conversations cannot be reached at the moment.") from error


@asynccontextmanager
async def writing(database: sql.Database) -> AsyncIterator[AsyncSession]:
    """Open a transaction that commits when the block ends well."""
    with storage_errors():
        async with database.transaction() as session:
            yield session


@asynccontextmanager
async def reading(database: sql.Database) -> AsyncIterator[AsyncSession]:
    """Open a transaction that only reads."""
    with storage_errors():
        async with database.reading() as session:
            yield session


async def migrated(database: sql.Database) -> None:
    """Bring the schema up to date, waiting for PostgreSQL to start."""
    waited = 0.0
    while True:
        try:
            with storage_errors():
                await sql.migrate(database, "chat", Path(__file__).parent / "migrations")
            return
        except Unavailable:
            if waited >= _PATIENCE:
                raise
            log.info("waiting for the database", extra={"data": {"seconds": waited}})
        await asyncio.sleep(_PAUSE)
        waited += _PAUSE
