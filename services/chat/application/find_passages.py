"""Finds the passages that answer a question, by meaning and by words, and says when none does."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.chat.application.ports import ArticleBook, Clock, Embedder, Knowledge, PassageIndex
from services.chat.domain.article import Passage
from services.chat.domain.retrieval import CALIBRATED, Calibration, Judgement, Question, Stored, fuse, judge
from services.chat.domain.text import terms
from services.chat.domain.vocabulary import Vocabulary
from services.runtime.errors import AisleError

log = logging.getLogger("aisle.chat")

_DEPTH = 20
_CANDIDATES = 16
_FRESH = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Found:
    """What was found for a question, and the steps that were left out."""

    question: Question
    judgement: Judgement
    vocabulary: Vocabulary
    topics: tuple[str, ...]
    degraded: tuple[str, ...] = ()

    @property
    def best(self) -> Passage | None:
        """The best passage, whether it answers or not."""
        evidence = self.judgement.evidence
        return evidence[0].passage if evidence else None


class Glossary:
    """Remembers the vocabulary of all articles until they change."""

    def __init__(self, book: ArticleBook, clock: Clock) -> None:
        """Take where articles are kept."""
        self._book = book
        self._clock = clock
        self._checked: datetime | None = None
        self._knowledge = Knowledge(-1, (), pending=False)
        self._vocabulary = Vocabulary()

    async def __call__(self) -> tuple[Knowledge, Vocabulary]:
        """Return what is known about the articles, at most two seconds old."""
        now = self._clock.now()
        if self._checked is None or now - self._checked > _FRESH:
            async with self._book.reading() as articles:
                knowledge = await articles.knowledge()
                if knowledge.version != self._knowledge.version:
                    self._vocabulary = Vocabulary.of(terms(text) for text in await articles.texts())
            self._knowledge, self._checked = knowledge, now
        return self._knowledge, self._vocabulary


class FindPassages:
    """Hybrid retrieval with an honest end."""

    def __init__(
        self,
        book: ArticleBook,
        index: PassageIndex,
        embedder: Embedder,
        glossary: Glossary,
        calibration: Calibration = CALIBRATED,
    ) -> None:
        """Take the index, its source, and what makes vectors."""
        self._book = book
        self._index = index
        self._embedder = embedder
        self._glossary = glossary
        self._calibration = calibration

    async def __call__(self, text: str) -> Found:
        """Return the passages weighed against the question. Raises Unavailable only without the database."""
        knowledge, vocabulary = await self._glossary()
        question, degraded = await self._question(text)
        lists: list[list[str]] = []
        try:
            lists.append(await self._index.by_words(text, _DEPTH))
            if question.vector:
                lists.append(await self._index.by_meaning(question.vector, question.model, _DEPTH))
        except AisleError as away:
            log.info("search index left out", extra={"data": {"reason": away.reason}})
            degraded.append("SEARCH_INDEX")
        stored = await self._candidates(text, lists, "SEARCH_INDEX" in degraded, knowledge.pending)
        judgement = judge(question, stored, vocabulary, self._calibration)
        return Found(question, judgement, vocabulary, knowledge.topics, tuple(degraded))

    async def _question(self, text: str) -> tuple[Question, list[str]]:
        try:
            vectors = await self._embedder.embed([text], urgent=True)
        except AisleError as away:
            log.info("vectors left out", extra={"data": {"reason": away.reason}})
            return Question(text), ["VECTORS"]
        return Question(text, vectors.vectors[0], vectors.model), []

    async def _candidates(
        self, text: str, lists: Sequence[Sequence[str]], without_index: bool, pending: bool
    ) -> list[Stored]:
        """Return the passages as the database has them: what was deleted since is not there any more."""
        async with self._book.reading() as articles:
            own = []
            if without_index or pending:
                own.append(await articles.by_words(text, _DEPTH, pending_only=not without_index))
            keys = fuse([*lists, *own], _CANDIDATES)
            stored = {one.passage.key: one for one in await articles.passages(keys)}
        return [stored[key] for key in keys if key in stored]
