"""Reads the articles of the shop's support knowledge."""

from services.chat.application.ports import ArticleBook
from services.chat.domain.article import Article
from services.chat.domain.errors import article_not_found


class GetArticle:
    """Returns one article."""

    def __init__(self, book: ArticleBook) -> None:
        """Take where articles are kept."""
        self._book = book

    async def __call__(self, key: str) -> Article:
        """Return the article."""
        async with self._book.reading() as articles:
            found = await articles.find(key)
        if found is None:
            raise article_not_found(key)
        return found


class ListArticles:
    """Returns articles by title."""

    def __init__(self, book: ArticleBook) -> None:
        """Take where articles are kept."""
        self._book = book

    async def __call__(self, after: tuple[str, str] | None, limit: int) -> list[Article]:
        """Return the articles behind a (title, key)."""
        async with self._book.reading() as articles:
            return await articles.page(after, limit)
