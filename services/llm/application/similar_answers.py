"""Gives the answer to a similar question where nobody asked the same before."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from services.llm.application.embed_texts import EmbedTexts
from services.llm.application.ports import AnswerCache, SimilarityJudge, SimilarQuestions
from services.llm.domain.answer_cache import Question
from services.llm.domain.embedding import Vector
from services.llm.domain.generation import Answer, CacheOutcome
from services.runtime.errors import AisleError

# The nearest questions that are judged, and how many of the fitting ones are looked up: an answer may be forgotten
# while its question is still known.
_NEAREST = 8
_LOOKED_UP = 2
# A question that cannot be embedded in this time is asked of a model.
_SECONDS = 0.5
_MOST_WAITING = 1_000


class SimilarAnswers:
    """An `AnswerCache` over another one, which keeps all answers: what is forgotten there is never given here.

    An answer given for a similar question is not kept for that question too: answers would wander from meaning to
    meaning.
    """

    def __init__(
        self, answers: AnswerCache, known: SimilarQuestions, judge: SimilarityJudge, embed: EmbedTexts
    ) -> None:
        """Take the answers, the questions they are known by, and who tells which of them mean the same."""
        self._answers = answers
        self._known = known
        self._judge = judge
        self._embed = embed
        self._waiting: asyncio.Queue[Question] = asyncio.Queue(_MOST_WAITING)

    async def find(self, question: Question) -> tuple[Answer, CacheOutcome] | None:
        """Return the answer to the same question or, where the question allows it, to one of the same meaning."""
        found = await self._answers.find(question)
        if found is not None or not question.text or not self._judge.reads(question.text):
            return found
        vector = await self._vector(question.text)
        if vector is None:
            return None
        near = await self._known.nearest(question, vector, _NEAREST)
        for known in self._judge.fitting(question.text, vector, near)[:_LOOKED_UP]:
            found = await self._answers.find(replace(question, exact=known.exact, text=""))
            if found is not None:
                return found[0], CacheOutcome.SIMILAR
        return None

    async def store(self, question: Question, answer: Answer) -> None:
        """Keep an answer for as long as the question says; its question is made known to others soon."""
        await self._answers.store(question, answer)
        if question.text and self._judge.reads(question.text) and not self._waiting.full():
            self._waiting.put_nowait(question)

    async def purge(self, tags: Sequence[str]) -> int:
        """Forget the answers that carry any of the tags, on all replicas; return how many. Raises Unavailable."""
        gone = await self._answers.purge(tags)
        await self._known.purge(tags)
        return gone

    async def run(self) -> None:
        """Make questions known until cancelled: no caller waits for it."""
        while True:
            question = await self._waiting.get()
            vector = await self._vector(question.text)
            if vector is not None:
                await self._known.remember(question, vector)
            self._waiting.task_done()

    async def settled(self) -> None:
        """Return once all questions so far are known, as far as they can be."""
        await self._waiting.join()

    async def _vector(self, text: str) -> Vector | None:
        try:
            async with asyncio.timeout(_SECONDS):
                return (await self._embed([text], self._judge.model)).vectors[0]
        except (AisleError, TimeoutError):
            return None
