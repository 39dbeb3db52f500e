"""The cache of a process that has no Redis: nothing is ever found."""

from collections.abc import Sequence

from services.llm.domain.answer_cache import Question
from services.llm.domain.generation import Answer, CacheOutcome


class ForgetfulCache:
    """An `AnswerCache` that keeps nothing."""

    async def find(self, question: Question) -> tuple[Answer, CacheOutcome] | None:
        """Find nothing."""
        return None

    async def store(self, question: Question, answer: Answer) -> None:
        """Keep nothing."""

    async def purge(self, tags: Sequence[str]) -> int:
        """Have nothing to forget."""
        return 0
