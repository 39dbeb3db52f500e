"""One promise for the fake and the real index of passages."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from services.chat.adapters.milvus_passages import MilvusPassages
from services.chat.application.ports import PassageIndex
from services.chat.domain.article import Passage
from services.chat.domain.retrieval import Stored
from services.runtime.errors import Unavailable
from tests.fakes.chat_passage_index import FakePassageIndex


@pytest.fixture(params=["fake", pytest.param("milvus", marks=pytest.mark.servers)])
async def index(request: pytest.FixtureRequest) -> AsyncIterator[PassageIndex]:
    if request.param == "fake":
        yield FakePassageIndex()
        return
    opened = MilvusPassages(request.getfixturevalue("milvus_uri"), f"passages_{uuid4().hex[:8]}")
    yield opened
    await opened.close()


def passage(article: str, text: str, vector: tuple[float, ...], model: str = "m", number: int = 0) -> Stored:
    return Stored(Passage(f"{article}.{number}.{abs(hash(text))}", article, article, "", text), model, vector)


RETURNS = passage("returns", 'You may return "everything" within thirty days.', (1.0, 0.0, 0.0))
WOOL = passage("wool", "Wash woollen jumpers cool.", (0.0, 1.0, 0.0))
OTHER = passage("other", "Of another model.", (0.0, 1.0, 0.0), model="n")


async def test_an_index_without_passages_finds_nothing(index: PassageIndex) -> None:
    assert await index.by_words("anything", 5) == []
    assert await index.by_meaning((1.0, 0.0, 0.0), "m", 5) == []
    assert await index.count() == 0
    await index.replace(["returns"], [])


async def test_passages_are_found_by_meaning_nearest_first_and_by_words(index: PassageIndex) -> None:
    await index.replace(["returns", "wool", "other"], [RETURNS, WOOL, OTHER])
    assert await index.by_meaning((0.1, 0.9, 0.0), "m", 5) == [WOOL.passage.key, RETURNS.passage.key]
    assert await index.by_words("washing a jumper", 5) == [WOOL.passage.key]
    assert await index.by_words('"days" OR 1 == 1', 1) == [RETURNS.passage.key]
    assert await index.by_words("the of and", 5) == []
    assert await index.count() == 3


async def test_replacing_an_article_removes_its_old_passages_only(index: PassageIndex) -> None:
    second = passage("returns", "Old words about stamps.", (0.0, 0.0, 1.0), number=1)
    await index.replace(["returns", "wool"], [RETURNS, second, WOOL])
    fresh = passage("returns", "New words about parcels.", (0.0, 0.0, 1.0))
    await index.replace(["returns"], [fresh])
    assert await index.count() == 2
    assert await index.by_words("stamps days", 5) == []
    assert (await index.by_meaning((0.0, 0.0, 1.0), "m", 1)) == [fresh.passage.key]
    await index.replace(["returns"], [])
    assert await index.count() == 1


async def test_passages_of_another_dimension_replace_the_collection(index: PassageIndex) -> None:
    await index.replace(["wool"], [WOOL])
    wide = passage("wide", "Wide words.", (1.0, 0.0, 0.0, 0.0), model="wide")
    await index.replace(["wide"], [wide])
    assert await index.by_meaning((1.0, 0.0, 0.0, 0.0), "wide", 1) == [wide.passage.key]
    assert await index.by_meaning((1.0, 0.0, 0.0), "m", 5) in ([], [WOOL.passage.key])


@pytest.mark.servers
async def test_vectors_that_would_harm_the_index_are_refused_before_anything_is_sent(milvus_uri: str) -> None:
    index = MilvusPassages(milvus_uri, f"passages_{uuid4().hex[:8]}")
    await index.replace(["wool"], [WOOL])
    with pytest.raises(Unavailable):
        await index.replace(["wool"], [passage("wool", "Not a number.", (float("nan"), 0.0, 0.0))])
    assert await index.by_words("jumpers", 5) == [WOOL.passage.key]
    await index.close()


async def test_an_index_that_is_away_is_unavailable_soon() -> None:
    index = MilvusPassages("http://127.0.0.1:1", "passages")
    with pytest.raises(Unavailable):
        await index.count()
    await index.close()
