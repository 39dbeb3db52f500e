"""One promise for the fake and the real store of questions that are known by their meaning."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from local import milvus
from local.settings import LocalSettings
from services.llm.adapters import milvus_similar_questions
from services.llm.adapters.milvus_similar_questions import MilvusSimilarQuestions
from services.llm.application.ports import SimilarQuestions
from services.llm.domain.answer_cache import Question
from tests.conftest import ServerThread, free_port
from tests.fakes.llm_similar_questions import FakeSimilarQuestions

ASKED = Question("e1", "scope", "Do you ship to Spain?", 60.0, ("articles/shipping",), "tenants/shop")
TO_SPAIN, NEARLY, ELSEWHERE = (1.0, 0.0, 0.0), (0.9, 0.1, 0.0), (0.0, 0.0, 1.0)


@pytest.fixture(params=["fake", pytest.param("milvus", marks=pytest.mark.servers)])
async def known(request: pytest.FixtureRequest) -> AsyncIterator[SimilarQuestions]:
    if request.param == "fake":
        yield FakeSimilarQuestions()
        return
    async for opened in running(request.getfixturevalue("milvus_uri"), f"q{uuid4().hex[:8]}"):
        yield opened


async def running(uri: str, prefix: str, model: str = "models/vectors") -> AsyncIterator[MilvusSimilarQuestions]:
    opened = MilvusSimilarQuestions(uri, model, 3, prefix)
    job = asyncio.ensure_future(opened.run())
    # The first one to ask finds nothing, and has it opened.
    assert await opened.nearest(ASKED, NEARLY, 5) == []
    async with asyncio.timeout(30):
        await opened.opened.wait()
    yield opened
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)
    await opened.close()


async def near(known: SimilarQuestions, question: Question, vector: Sequence[float] = NEARLY) -> list[str]:
    return [one.exact for one in await known.nearest(question, vector, 5)]


async def test_questions_are_found_by_meaning_nearest_first_with_their_words(known: SimilarQuestions) -> None:
    assert await near(known, ASKED) == []
    await known.remember(replace(ASKED, exact="far", text='Where is "it"?'), ELSEWHERE)
    await known.remember(ASKED, TO_SPAIN)
    found = await known.nearest(ASKED, NEARLY, 5)
    assert [(one.exact, one.text) for one in found] == [("e1", ASKED.text), ("far", 'Where is "it"?')]
    assert list(found[0].vector) == pytest.approx(TO_SPAIN)
    assert [one.exact for one in await known.nearest(ASKED, ELSEWHERE, 1)] == ["far"]


CIRCLES: dict[str, Callable[[Question], Question]] = {
    "tenant": lambda one: replace(one, tenant="tenants/other"),
    "scope": lambda one: replace(one, scope="other"),
    "tags": lambda one: replace(one, tags=("articles/returns",)),
    "more tags": lambda one: replace(one, tags=(*one.tags, "articles/returns")),
    "no tags": lambda one: replace(one, tags=()),
    "quotes": lambda one: replace(one, tenant='" or 1 == 1 or tenant == "'),
}


@pytest.mark.parametrize("change", CIRCLES)
async def test_question_meets_nobody_of_another_circle(known: SimilarQuestions, change: str) -> None:
    stranger = replace(CIRCLES[change](ASKED), exact="stranger")
    await known.remember(ASKED, TO_SPAIN)
    await known.remember(stranger, TO_SPAIN)
    assert await near(known, ASKED) == ["e1"]
    assert await near(known, stranger) == ["stranger"]


async def test_order_of_tags_is_no_difference(known: SimilarQuestions) -> None:
    await known.remember(replace(ASKED, tags=("a", "b")), TO_SPAIN)
    assert await near(known, replace(ASKED, tags=("b", "a", "b"))) == ["e1"]


async def test_same_question_is_kept_once_as_it_was_last(known: SimilarQuestions) -> None:
    await known.remember(ASKED, TO_SPAIN)
    await known.remember(ASKED, ELSEWHERE)
    found = await known.nearest(ASKED, NEARLY, 5)
    assert [list(one.vector) for one in found] == [pytest.approx(ELSEWHERE)]


async def test_what_has_expired_is_not_found(known: SimilarQuestions) -> None:
    await known.remember(replace(ASKED, seconds=-1.0), TO_SPAIN)
    assert await near(known, ASKED) == []


async def test_purge_forgets_what_carries_a_tag_in_every_circle(known: SimilarQuestions) -> None:
    other = replace(ASKED, exact="other", scope="s2", tags=('it\'s "b"', "c"))
    third = replace(ASKED, exact="third", scope="s3", tags=())
    for question in (ASKED, other, third):
        await known.remember(question, TO_SPAIN)
    await known.purge(["nobody's"])
    await known.purge([])
    assert await near(known, ASKED) == ["e1"]
    await known.purge(["articles/shipping", 'it\'s "b"'])
    assert [await near(known, one) for one in (ASKED, other, third)] == [[], [], ["third"]]


@pytest.mark.servers
async def test_what_does_not_fit_is_not_kept_and_harms_nothing(milvus_uri: str) -> None:
    async for known in running(milvus_uri, f"q{uuid4().hex[:8]}"):
        await known.remember(replace(ASKED, text="é" * 4_000), TO_SPAIN)
        await known.remember(replace(ASKED, tags=tuple(map(str, range(65)))), TO_SPAIN)
        await known.remember(ASKED, (1.0, 0.0))
        await known.remember(ASKED, TO_SPAIN)
        assert await near(known, ASKED) == ["e1"]


@pytest.mark.servers
async def test_vectors_of_two_models_never_meet(milvus_uri: str) -> None:
    prefix = f"q{uuid4().hex[:8]}"
    async for one in running(milvus_uri, prefix):
        async for other in running(milvus_uri, prefix, "models/others"):
            await one.remember(ASKED, TO_SPAIN)
            assert await near(other, ASKED) == []


async def test_without_milvus_nothing_is_near_nothing_fails_and_nobody_waits() -> None:
    known = MilvusSimilarQuestions("http://127.0.0.1:1", "models/vectors", 3)
    job = asyncio.ensure_future(known.run())
    await asyncio.sleep(0.1)
    await known.remember(ASKED, TO_SPAIN)
    await known.purge(["articles/shipping"])
    assert await near(known, ASKED) == []
    assert not known.opened.is_set()
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)
    await known.close()


def test_whoever_asks_for_no_similar_questions_carries_no_client_of_milvus() -> None:
    start = (
        "import asyncio, sys\n"
        "from services.llm.adapters.milvus_similar_questions import MilvusSimilarQuestions\n"
        "known = MilvusSimilarQuestions('http://127.0.0.1:1', 'models/vectors', 3)\n"
        "async def wait(): await asyncio.wait([asyncio.ensure_future(known.run())], timeout=0.1)\n"
        "asyncio.run(wait())\n"
        "assert 'pymilvus' not in sys.modules and 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", start], check=True)


@pytest.mark.servers
async def test_milvus_that_comes_back_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(milvus_similar_questions, "_PAUSE_SECONDS", 0.2)
    port = free_port()
    process = milvus.process(tmp_path / "milvus", port, LocalSettings.load().servers_venv)
    first = ServerThread(process, tmp_path)
    await asyncio.to_thread(first.start)
    async for known in running(f"http://127.0.0.1:{port}", "q"):
        await known.remember(ASKED, TO_SPAIN)
        assert await near(known, ASKED) == ["e1"]
        await asyncio.to_thread(first.stop)
        assert await near(known, ASKED) == []
        assert not known.opened.is_set()
        again = ServerThread(process, tmp_path)
        await asyncio.to_thread(again.start)
        async with asyncio.timeout(60):
            await known.opened.wait()
        assert await near(known, ASKED) == ["e1"]
        await asyncio.to_thread(again.stop)
