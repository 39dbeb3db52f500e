"""Forgets cached answers when what they were made from has changed."""

from collections.abc import Sequence

from services.llm.application.ports import AnswerCache


class PurgeAnswers:
    """Purges the cache by tag."""

    def __init__(self, cache: AnswerCache) -> None:
        """Take the cache."""
        self._cache = cache

    async def __call__(self, tags: Sequence[str]) -> int:
        """Return how many answers were forgotten. Raises Unavailable while the cache cannot be reached."""
        return await self._cache.purge(tags)
