"""One promise for the fake and the real keeper of articles."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import pytest

from services.chat.adapters import postgres_session
from services.chat.adapters.postgres_articles import PostgresArticleBook
from services.chat.application.ports import ArticleBook
from services.chat.domain.article import Article, passages_of
from services.chat.domain.retrieval import Stored
from services.runtime import sql
from tests.fakes.chat_article_book import FakeArticleBook

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
RETURNS = Article("returns", "Returns", "returns", "You have 30 days to return something. It is free.")
WOOL = Article("wool", "Wool care", "care", "Wash wool jumpers cool.")
HATS = Article("hats", "Hats", "care", "Brush hats softly.")


@pytest.fixture
async def postgres_book(database_url: Callable[[str], Awaitable[str]]) -> AsyncIterator[ArticleBook]:
    async with sql.connect(await database_url("chat"), service="chat") as database:
        await postgres_session.migrated(database)
        yield PostgresArticleBook(database)


@pytest.fixture(params=["fake", pytest.param("postgres", marks=pytest.mark.servers)])
def book(request: pytest.FixtureRequest) -> ArticleBook:
    if request.param == "fake":
        return FakeArticleBook()
    opened: ArticleBook = request.getfixturevalue("postgres_book")
    return opened


async def put(book: ArticleBook, *articles: Article) -> None:
    async with book.writing() as stored:
        for article in articles:
            assert await stored.put(article, passages_of(article), NOW)


async def index(book: ArticleBook, model: str = "m") -> list[Stored]:
    made = []
    async with book.writing() as stored:
        for waiting in await stored.pending((), 10):
            vectors = [
                Stored(one, model, (1.0, 0.5), tuple((0.5, float(n)) for n, _ in enumerate(one.in_context())))
                for one in waiting.passages
            ]
            await stored.indexed(waiting, vectors)
            made += vectors
    return made


async def test_articles_are_listed_by_title_page_by_page(book: ArticleBook) -> None:
    await put(book, RETURNS, WOOL, HATS)
    async with book.reading() as stored:
        first = await stored.page(None, 2)
        assert [one.title for one in first] == ["Hats", "Returns"]
        assert [one.title for one in await stored.page(("Returns", "returns"), 2)] == ["Wool care"]
        found = await stored.find("returns")
        assert found is not None
        assert (found.body, found.update_time) == (RETURNS.body, NOW)
        assert await stored.find("nothing") is None


async def test_the_same_article_again_changes_nothing(book: ArticleBook) -> None:
    await put(book, RETURNS)
    await index(book)
    async with book.writing() as stored:
        assert not await stored.put(RETURNS, passages_of(RETURNS), NOW)
        assert not (await stored.knowledge()).pending


async def test_vectors_are_kept_as_they_were_made(book: ArticleBook) -> None:
    await put(book, RETURNS, WOOL)
    made = {one.passage.key: one for one in await index(book)}
    async with book.reading() as stored:
        kept = await stored.passages([*made, "gone"])
        assert {one.passage.key for one in kept} == set(made)
        for one in kept:
            wanted = made[one.passage.key]
            assert (one.passage, one.model, tuple(one.vector)) == (wanted.passage, "m", wanted.vector)
            assert [tuple(vector) for vector in one.sentence_vectors] == list(wanted.sentence_vectors)
        assert await stored.indexed_count(()) == 2
        assert await stored.indexed_count(["wool"]) == 1
        assert await stored.pending((), 10) == []


async def test_an_article_that_changed_meanwhile_goes_on_waiting(book: ArticleBook) -> None:
    await put(book, RETURNS)
    async with book.reading() as stored:
        (waiting,) = await stored.pending(["returns"], 10)
    changed = Article("returns", "Returns", "returns", "You have 14 days.")
    await put(book, changed)
    async with book.writing() as stored:
        await stored.indexed(waiting, [Stored(one, "m", (1.0,), ()) for one in waiting.passages])
        (again,) = await stored.pending((), 10)
        assert again.passages == tuple(passages_of(changed))
        assert await stored.passages([one.key for one in waiting.passages]) == []


async def test_articles_wait_again_for_another_model_or_all(book: ArticleBook) -> None:
    await put(book, RETURNS, WOOL)
    await index(book)
    async with book.writing() as stored:
        assert await stored.wait_again("m") == 0
        assert await stored.wait_again("other") == 2
        assert (await stored.knowledge()).pending
    await index(book)
    async with book.writing() as stored:
        assert await stored.wait_again("") == 2


async def test_full_text_finds_any_of_the_words(book: ArticleBook) -> None:
    await put(book, RETURNS, WOOL)
    await index(book)
    await put(book, HATS)
    async with book.reading() as stored:
        (wool,) = await stored.by_words("how should jumpers be washed?", 5, pending_only=False)
        assert wool.startswith("wool.")
        assert await stored.by_words("jumpers", 5, pending_only=True) == []
        (hats,) = await stored.by_words("a soft brush for hats", 5, pending_only=True)
        assert hats.startswith("hats.")
        assert await stored.by_words("the of and ' & | !", 5, pending_only=False) == []


async def test_topics_come_most_frequent_first_and_changes_change_the_version(book: ArticleBook) -> None:
    await put(book, RETURNS, WOOL, HATS)
    async with book.reading() as stored:
        before = await stored.knowledge()
        assert before.topics == ("care", "returns")
        assert len(await stored.texts()) == 3
    await put(book, Article("wool", "Wool care", "care", "Air it."))
    async with book.reading() as stored:
        assert (await stored.knowledge()).version > before.version
