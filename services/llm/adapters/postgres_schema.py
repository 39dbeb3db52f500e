"""The llm service's own schema, brought up to date at start."""

import asyncio
import logging
from pathlib import Path

from sqlalchemy import exc

from services.runtime import sql

log = logging.getLogger("aisle.llm")

_PATIENCE = 30.0
_PAUSE = 0.5


async def migrated(database: sql.Database) -> None:
    """Bring the schema up to date, waiting a while for PostgreSQL to start."""
    waited = 0.0
    while True:
        try:
            await sql.migrate(database, "llm", Path(__file__).parent / "migrations")
            return
        except (exc.SQLAlchemyError, OSError, TimeoutError) as error:
            if waited >= _PATIENCE or not sql.is_away(error):
                raise
            log.info("waiting for the database", extra={"data": {"seconds": waited}})
        await asyncio.sleep(_PAUSE)
        waited += _PAUSE
