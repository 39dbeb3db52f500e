"""What every transaction of the llm service's database has alike."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import CursorResult, exc, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.runtime import sql
from services.runtime.errors import Unavailable


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn a lost or refused connection into Unavailable; everything else is a fault of ours and stays one."""
    try:
        yield
    except (exc.SQLAlchemyError, OSError, TimeoutError) as error:
        if not sql.is_away(error):
            raise
        raise Unavailable("DATABASE_AWAY", "The database does not answer.") from error


async def rows_of(session: AsyncSession, statement: str, parameters: dict[str, Any]) -> Sequence[Any]:
    """Run a statement; return its rows, none of one that returns nothing."""
    result = await session.execute(text(statement), parameters)
    return result.all() if isinstance(result, CursorResult) and result.returns_rows else ()
