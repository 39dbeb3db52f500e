"""One call for many who ask the same at the same moment: the first asks, the others listen from the beginning."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from services.llm.domain.errors import FlightEnded
from services.llm.domain.generation import Finished, GenerationEvent
from services.runtime.errors import AisleError

Make = Callable[[], AsyncGenerator[GenerationEvent, None]]


class _Flight:
    """An answer on its way, and how many listen to it."""

    def __init__(self) -> None:
        self.events: list[GenerationEvent] = []
        self.done = False
        self.error: AisleError | None = None
        self.riders = 0
        self.task: asyncio.Task[None] | None = None
        self._waiting: set[asyncio.Future[None]] = set()

    def wake(self) -> None:
        """Tell everybody who waits that there is more."""
        waiting, self._waiting = self._waiting, set()
        for one in waiting:
            if not one.done():
                one.set_result(None)

    async def more(self) -> None:
        """Wait until there is more."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)


class Flights:
    """The answers that are on their way in this process, by the question's digest."""

    def __init__(self) -> None:
        """Begin with none. Until `run` runs, everybody asks for themselves."""
        self._flights: dict[str, _Flight] = {}
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Keep the flights until cancelled: an answer must not end with whoever asked first."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                await asyncio.Event().wait()
        finally:
            self._group = None

    def is_flying(self, digest: str) -> bool:
        """Return whether the same is being answered."""
        return digest in self._flights

    async def join(self, digest: str, make: Make) -> AsyncGenerator[GenerationEvent, None]:
        """Yield the events of the answer that is on its way, from its beginning; begin it when there is none.

        Who leaves stops nobody else; when the last one leaves, the call is stopped.
        """
        if self._group is None:
            async with aclosing(make()) as events:
                async for event in events:
                    yield event
            return
        flight = self._flights.get(digest)
        if flight is None:
            flight = self._flights[digest] = _Flight()
            flight.task = self._group.create_task(self._fly(digest, flight, make))
        flight.riders += 1
        try:
            heard = 0
            while not flight.done or heard < len(flight.events):
                if heard == len(flight.events):
                    await flight.more()
                    continue
                yield flight.events[heard]
                heard += 1
            if flight.error is not None:
                raise flight.error
        finally:
            flight.riders -= 1
            if not flight.riders and not flight.done and flight.task is not None:
                self._forget(digest, flight)
                flight.task.cancel()

    async def _fly(self, digest: str, flight: _Flight, make: Make) -> None:
        try:
            async with aclosing(make()) as events:
                async for event in events:
                    flight.events.append(event)
                    flight.wake()
        except AisleError as error:
            flight.error = error
        except asyncio.CancelledError:
            flight.error = FlightEnded()
            raise
        finally:
            if not flight.done and flight.error is None and not _is_whole(flight.events):
                flight.error = FlightEnded()
            flight.done = True
            self._forget(digest, flight)
            flight.wake()

    def _forget(self, digest: str, flight: _Flight) -> None:
        if self._flights.get(digest) is flight:
            del self._flights[digest]


def _is_whole(events: list[GenerationEvent]) -> bool:
    return bool(events) and isinstance(events[-1], Finished)
