"""Jobs end when they are told to, also when a client of Redis swallows the word."""

import asyncio
from typing import Any

from services.llm.adapters.redis_health import RedisHealth
from services.llm.domain.errors import FailureKind
from services.llm.domain.health import HealthBook
from tests.fakes.llm_models import CHEAP


class Deaf:
    """A client that answers in spite of a cancellation, as one with a timeout of its own may."""

    def __init__(self, raises: bool = False) -> None:
        self.asked = asyncio.Event()
        self._raises = raises

    async def publish(self, channel: str, message: Any) -> int:
        self.asked.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if self._raises:
                raise TimeoutError from None
        return 1


async def ends(client: Deaf) -> bool:
    news = RedisHealth(client)  # type: ignore[arg-type]
    book = news.book = HealthBook(news.tell)
    job = asyncio.ensure_future(news.publish())
    for _ in range(5):
        book.failed(CHEAP, FailureKind.BROKEN, 1.0)
    await asyncio.wait_for(client.asked.wait(), 5)
    job.cancel()
    await asyncio.wait([job], timeout=5)
    return job.cancelled()


async def test_job_ends_when_its_client_answers_all_the_same() -> None:
    assert await ends(Deaf())


async def test_job_ends_when_its_client_takes_the_word_for_a_timeout() -> None:
    assert await ends(Deaf(raises=True))
