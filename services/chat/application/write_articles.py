"""Creates or replaces articles and makes them answerable."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.chat.application.index_passages import IndexPassages
from services.chat.application.ports import ArticleBook, Clock
from services.chat.domain.article import Article, passages_of
from services.chat.domain.errors import article_invalid
from services.chat.domain.text import clean
from services.runtime.errors import AisleError

log = logging.getLogger("aisle.chat")


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a batch of articles."""

    articles: int
    indexed_passages: int


class WriteArticles:
    """Stores articles; what cannot be indexed now waits for the background."""

    def __init__(self, book: ArticleBook, index_passages: IndexPassages, clock: Clock) -> None:
        """Take where articles are kept and what indexes them."""
        self._book = book
        self._index_passages = index_passages
        self._clock = clock

    async def __call__(self, articles: Sequence[Article]) -> Written:
        """Store the articles, then index them as far as the models and the index are there."""
        cleaned = [_cleaned(article, place) for place, article in enumerate(articles)]
        keys = [article.key for article in cleaned]
        if len(set(keys)) != len(keys):
            raise article_invalid("articles", "two of them have the same name")
        now = self._clock.now()
        async with self._book.writing() as stored:
            for article in cleaned:
                await stored.put(article, passages_of(article), now)
        try:
            await self._index_passages(keys)
        except AisleError as away:
            log.warning("articles wait for their vectors", extra={"data": {"reason": away.reason}})
        async with self._book.reading() as stored:
            return Written(len(cleaned), await stored.indexed_count(keys))


def _cleaned(article: Article, place: int) -> Article:
    if not article.key:
        raise article_invalid(f"articles[{place}].name", "is missing")
    cleaned = replace(
        article, title=" ".join(clean(article.title).split()), topic=clean(article.topic), body=clean(article.body)
    )
    for field, value in (("title", cleaned.title), ("body", cleaned.body)):
        if not value:
            raise article_invalid(f"articles[{place}].{field}", "says nothing")
    return cleaned
