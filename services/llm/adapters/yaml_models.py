"""The capability table, read from a versioned YAML file and read again when the file changes."""

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path

from services.llm.adapters.models_file import BadModelsFile, read
from services.llm.domain.model import ModelTable

__all__ = ["PACKAGED", "BadModelsFile", "YamlModels", "read"]

log = logging.getLogger("aisle.llm.models")

PACKAGED = Path(__file__).parent.parent / "models.yaml"
# A file is read once two looks in a row saw it unchanged, so a change is taken over within half a second.
_LOOK_SECONDS = 0.25

_Signature = tuple[int, int, int]


class YamlModels:
    """A `ModelSource` over one file. A file that cannot be used is told, and the table before it stays."""

    def __init__(self, path: Path, providers: frozenset[str]) -> None:
        """Take the file and the providers that are configured; raises BadModelsFile."""
        self._path = path
        self._providers = providers
        self._seen = self._last = self._signature()
        # Why the file as it is now is not used; empty when it is.
        self.problem = ""
        self.loaded_at = datetime.now(UTC)
        self._configured = self._read()

    @property
    def version(self) -> int:
        """The version of the format that the table is written in."""
        return self._configured.version

    @property
    def digest(self) -> str:
        """What changes with every word of the file, for telling two replicas' tables apart."""
        return self._configured.digest

    def configured(self) -> ModelTable:
        """Return the models whose provider is configured."""
        return self._configured

    async def follow(self) -> None:
        """Look at the file until cancelled, and take over what changed."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._is_due():
                await asyncio.to_thread(self._take_over)

    def look(self) -> None:
        """Take the file over if it changed and is not being written just now."""
        if self._is_due():
            self._take_over()

    def _is_due(self) -> bool:
        """Return whether the file is another one than was read last, and the same as at the last look.

        Half a file may be a whole table: somebody who writes in place is waited for.
        """
        before, self._last = self._last, self._signature()
        return self._last != self._seen and self._last == before

    def _take_over(self) -> None:
        signature = self._last
        try:
            table = self._read()
        except BadModelsFile as bad:
            if str(bad) != self.problem:
                log.error("capability table refused", extra={"data": {"reason": str(bad)}})
            self.problem, self._seen = str(bad), signature
            return
        if self._signature() != signature:
            # Changed while it was read: the next looks decide.
            return
        self._configured, self._seen, self.problem = table, signature, ""
        self.loaded_at = datetime.now(UTC)
        log.info("capability table read", extra={"data": {"digest": table.digest, "models": len(table.models)}})

    def _read(self) -> ModelTable:
        table = read(self._path)
        models = [model for model in table.models if model.provider in self._providers]
        return ModelTable(table.version, models, table.policies, table.budgets, table.digest)

    def _signature(self) -> _Signature:
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return found.st_mtime_ns, found.st_size, found.st_ino
