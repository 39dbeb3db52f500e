"""Questions whose answers are remembered, in memory."""

from collections.abc import Callable, Sequence
from math import hypot

from services.llm.domain.answer_cache import KnownQuestion, Question


class FakeSimilarQuestions:
    """A `SimilarQuestions` that may be away; `now` is its clock."""

    def __init__(self, now: Callable[[], float] = lambda: 0.0) -> None:
        self.away = False
        self.known: dict[str, tuple[Question, float, Sequence[float]]] = {}
        self._now = now

    async def nearest(self, question: Question, vector: Sequence[float], limit: int) -> Sequence[KnownQuestion]:
        if self.away:
            return []
        mine = [
            KnownQuestion(known.exact, known.text, list(found))
            for known, expires, found in self.known.values()
            if known.circle == question.circle and expires > self._now()
        ]
        return sorted(mine, key=lambda one: -_cosine(vector, one.vector))[:limit]

    async def remember(self, question: Question, vector: Sequence[float]) -> None:
        if not self.away:
            self.known[question.exact] = (question, self._now() + question.seconds, vector)

    async def purge(self, tags: Sequence[str]) -> None:
        gone = [exact for exact, (question, _, _) in self.known.items() if set(question.tags) & set(tags)]
        for exact in gone if not self.away else ():
            del self.known[exact]


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / ((hypot(*one) * hypot(*other)) or 1.0)
