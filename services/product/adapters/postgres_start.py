"""Readies the database at start, waiting for a server that is still starting itself."""

import asyncio
import logging
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from services.runtime.idempotency import PostgresReplies
from services.runtime.sql import Database, migrate

log = logging.getLogger("aisle.product")

_PATIENCE_SECONDS = 30.0
_BETWEEN_SECONDS = 0.5
MIGRATIONS = Path(__file__).parent / "migrations"


async def prepare_database(database: Database, schema: str, replies: PostgresReplies) -> None:
    """Bring the schema to its newest version; give a server that is away half a minute to come."""
    deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
    while True:
        try:
            await migrate(database, schema, MIGRATIONS)
            await replies.prepare()
        except (OSError, DBAPIError) as failure:
            wrong = isinstance(failure, DBAPIError) and not _is_starting(failure)
            if wrong or asyncio.get_running_loop().time() > deadline:
                raise
            log.info("waiting for the database")
            await asyncio.sleep(_BETWEEN_SECONDS)
        else:
            return


def _is_starting(failure: DBAPIError) -> bool:
    state = str(getattr(failure.orig, "sqlstate", None) or "")
    return not state or state.startswith(("08", "57", "53"))
