"""The catalogue in PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.product.adapters.postgres_catalogue.reader import PostgresReader
from services.product.adapters.postgres_catalogue.writer import PostgresWriter
from services.product.application.ports import CatalogueReader, CatalogueWriter
from services.runtime.errors import Unavailable
from services.runtime.sql import Database, is_away

__all__ = ["PostgresCatalogue"]


class PostgresCatalogue:
    """Products, departments and reviews in the service's own schema."""

    def __init__(self, database: Database, currency: str) -> None:
        """Take the database, and the currency price buckets are counted in."""
        self._database = database
        self._currency = currency

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[CatalogueReader]:
        """Open a read."""
        with _Later():
            async with self._database.reading() as session:
                yield PostgresReader(session, self._currency)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[CatalogueWriter]:
        """Open a transaction."""
        with _Later():
            async with self._database.transaction() as session:
                yield PostgresWriter(session, self._currency)


class _Later:
    """Turns what a restarting server causes into Unavailable."""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Translate the error, if it is one of those."""
        if error is not None and is_away(error):
            raise Unavailable("DATABASE_AWAY", "The catalogue's database does not answer.") from error
