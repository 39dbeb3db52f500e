"""The capability table, read from a versioned YAML file and read again when the file changes."""

import asyncio
import logging
from pathlib import Path

from services.llm.adapters.models_file import BadModelsFile, read
from services.llm.domain.model import ModelTable

__all__ = ["PACKAGED", "BadModelsFile", "YamlModels", "read"]

log = logging.getLogger("aisle.llm.models")

PACKAGED = Path(__file__).parent.parent / "models.yaml"
_LOOK_SECONDS = 0.5


class YamlModels:
    """A `ModelSource` over one file. A file that cannot be used is told, and the table before it stays."""

    def __init__(self, path: Path, providers: frozenset[str]) -> None:
        """Take the file and the providers that are configured; raises BadModelsFile."""
        self._path = path
        self._providers = providers
        self._seen = self._signature()
        # Why the file as it is now is not used; empty when it is.
        self.problem = ""
        self._configured = self._read()

    def configured(self) -> ModelTable:
        """Return the models whose provider is configured."""
        return self._configured

    async def follow(self) -> None:
        """Look at the file until cancelled, and take over what changed."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Take the file over if it changed."""
        signature = self._signature()
        if signature == self._seen:
            return
        try:
            table = self._read()
        except BadModelsFile as bad:
            if str(bad) != self.problem:
                log.error("capability table refused", extra={"data": {"reason": str(bad)}})
            self.problem = str(bad)
            # A file that was caught half written is whole at the next look.
            self._seen = signature
            return
        self._configured, self._seen, self.problem = table, signature, ""
        log.info("capability table read", extra={"data": {"digest": table.digest, "models": len(table.models)}})

    def _read(self) -> ModelTable:
        table = read(self._path)
        models = [model for model in table.models if model.provider in self._providers]
        return ModelTable(table.version, models, table.policies, table.budgets, table.digest)

    def _signature(self) -> tuple[int, int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return found.st_mtime_ns, found.st_size, found.st_ino
