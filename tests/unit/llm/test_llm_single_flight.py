"""Many who ask the same at once are answered by one call."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import pytest

from services.llm.application.single_flight import Flights
from services.llm.domain.errors import provider_unavailable
from services.llm.domain.generation import Finished, FinishReason, GenerationEvent, Started, TextDelta
from services.llm.domain.usage import TokenUsage
from services.runtime.errors import Unavailable
from tests.fakes.llm_models import CHEAP

EVENTS: list[GenerationEvent] = [
    Started("", CHEAP, "why"),
    TextDelta("Warm "),
    TextDelta("tea"),
    Finished(FinishReason.STOP, TokenUsage(1, 2)),
]


class Source:
    """Counts how often it is asked, and pauses after the first word."""

    def __init__(self, fails: bool = False) -> None:
        self.asked, self.left = 0, asyncio.Event()
        self.gate = asyncio.Event()
        self.fails = fails

    async def __call__(self) -> AsyncGenerator[GenerationEvent, None]:
        self.asked += 1
        try:
            for number, event in enumerate(EVENTS):
                if number == 2:
                    await self.gate.wait()
                    if self.fails:
                        raise provider_unavailable([("models/x", "was broken")], 1.0)
                yield event
        finally:
            self.left.set()


@pytest.fixture
async def flights() -> AsyncIterator[Flights]:
    flights = Flights()
    running = asyncio.ensure_future(flights.run())
    await asyncio.sleep(0)
    yield flights
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def listen(flights: Flights, source: Source, digest: str = "q") -> list[GenerationEvent]:
    async with aclosing(flights.join(digest, source)) as events:
        return [event async for event in events]


async def test_hundred_listeners_cost_one_call_and_hear_it_from_the_beginning(flights: Flights) -> None:
    source = Source()
    first = [asyncio.ensure_future(listen(flights, source)) for _ in range(50)]
    await asyncio.sleep(0.01)
    late = [asyncio.ensure_future(listen(flights, source)) for _ in range(50)]
    await asyncio.sleep(0.01)
    source.gate.set()
    assert await asyncio.gather(*first, *late) == [EVENTS] * 100
    assert source.asked == 1


async def test_next_one_after_the_end_asks_anew(flights: Flights) -> None:
    source = Source()
    source.gate.set()
    await listen(flights, source)
    await listen(flights, source)
    assert source.asked == 2
    assert not flights.is_flying("q")


async def test_other_questions_fly_by_themselves(flights: Flights) -> None:
    source = Source()
    source.gate.set()
    await asyncio.gather(listen(flights, source, "a"), listen(flights, source, "b"))
    assert source.asked == 2


async def test_first_one_may_leave_without_stopping_the_others(flights: Flights) -> None:
    source = Source()
    leader = asyncio.ensure_future(listen(flights, source))
    await asyncio.sleep(0.01)
    follower = asyncio.ensure_future(listen(flights, source))
    await asyncio.sleep(0.01)
    leader.cancel()
    await asyncio.sleep(0.01)
    source.gate.set()
    assert await follower == EVENTS


async def test_call_stops_when_the_last_one_leaves(flights: Flights) -> None:
    source = Source()
    riders = [asyncio.ensure_future(listen(flights, source)) for _ in range(3)]
    await asyncio.sleep(0.01)
    for rider in riders:
        rider.cancel()
    await asyncio.wait_for(source.left.wait(), 1)
    assert not flights.is_flying("q")


async def test_failure_reaches_everybody(flights: Flights) -> None:
    source = Source(fails=True)
    riders = [asyncio.ensure_future(listen(flights, source)) for _ in range(3)]
    await asyncio.sleep(0.01)
    source.gate.set()
    assert all(isinstance(one, Unavailable) for one in await asyncio.gather(*riders, return_exceptions=True))


async def test_without_a_runner_everybody_asks_for_themselves() -> None:
    source = Source()
    source.gate.set()
    assert await listen(Flights(), source) == EVENTS
