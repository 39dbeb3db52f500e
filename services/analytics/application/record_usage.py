"""Takes records of calls to language models in."""

from collections.abc import Sequence

from services.analytics.application.ports import UsageStore
from services.analytics.domain.usage import UsageRecord


class RecordUsage:
    """Keeps records; when it returns they are durable, and what was sent before is not counted again."""

    def __init__(self, store: UsageStore) -> None:
        """Take the store."""
        self._store = store

    async def __call__(self, records: Sequence[UsageRecord]) -> int:
        """Return how many records were new."""
        return await self._store.store(records)
