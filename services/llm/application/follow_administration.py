"""Keeps what calls need to know of keys and budgets in step with what is set."""

import asyncio
import logging

from services.llm.application.admin_ports import AdminBook
from services.llm.domain.administration import Administration
from services.runtime.errors import Unavailable

log = logging.getLogger("aisle.llm")

# Seconds between two looks; a change holds everywhere after that and the time of one answer.
_SECONDS = 1.0


class FollowAdministration:
    """A background job; while the database is away, what was last known holds."""

    def __init__(self, book: AdminBook, administration: Administration) -> None:
        """Take where it is set, and who is to know."""
        self._book = book
        self._administration = administration
        self._known = -1
        self._away = False

    async def __call__(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_SECONDS)

    async def look(self) -> None:
        """Take over what is new."""
        try:
            async with self._book.reading() as reader:
                version = await reader.version()
                if version != self._known:
                    self._administration.learn(await reader.everything())
                    self._known = version
            self._away = False
        except Unavailable:
            if not self._away:
                log.warning("keys and budgets are not followed: the database is away")
            self._away = True
