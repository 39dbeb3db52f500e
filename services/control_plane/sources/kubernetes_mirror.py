"""A collection of the Kubernetes API as it is now: listed once, then followed, and kept while nobody can be asked.

What is known is replaced by what the API says, never by its silence: while it is away everything stays as it was.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.control_plane.sources.kubernetes_api import (
    ApiError,
    Collection,
    Event,
    Gone,
    KubernetesApi,
    Object,
    name_of,
)

log = logging.getLogger("aisle.control_plane.kubernetes")


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a watch lasts, and how long nobody is asked after a failure, in seconds."""

    # Lasting differently long, the watches of many replicas do not all end at once.
    shortest_watch: int = 240
    longest_watch: int = 480
    first_pause: float = 0.5
    longest_pause: float = 30.0
    # A watch that ends sooner, and not by our wish, counts as a failure.
    soon: float = 1.0


class Mirror:
    """The objects of a collection by name."""

    def __init__(
        self,
        api: KubernetesApi,
        collection: Collection,
        pace: Pace | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """Take the API, what to follow, how patiently, and where chance comes from."""
        self.objects: Mapping[str, Object] = {}
        # Set once there was a list: before that nothing is known, which is not the same as that there is nothing.
        self.complete = False
        # Why the API cannot be followed right now; empty while it can.
        self.trouble = ""
        # How many attempts failed since the last that did not.
        self.failures = 0
        self._api = api
        self._collection = collection
        self._pace = pace or Pace()
        self._draw = draw
        self._version = ""
        self._changed = asyncio.Event()

    async def changed(self) -> None:
        """Wait until something is other than it was when this returned last."""
        await self._changed.wait()
        self._changed.clear()

    async def follow(self) -> None:
        """Follow the collection until cancelled."""
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._watch()
            except Gone as gone:
                log.info("listed anew", extra={"data": {**self._data(), "reason": str(gone)}})
                self._version = ""
                self.failures += 1
            except ApiError as error:
                self._complain(str(error))
                self.failures += 1
            await asyncio.sleep(self.pause())

    def pause(self) -> float:
        """Return how long to wait: anything up to twice as long with every failure, so that not all come at once."""
        bound = self._pace.first_pause * 2.0 ** min(max(self.failures - 1, 0), 16)
        return self._draw() * min(bound, self._pace.longest_pause)

    async def _list(self) -> None:
        found, version = await self._api.list(self._collection)
        try:
            objects = {name_of(one): one for one in found}
        except (KeyError, TypeError) as odd:
            raise ApiError(f"not an answer of the API ({type(odd).__name__})") from odd
        self._version = version
        self._know(objects)
        log.info("listed", extra={"data": {**self._data(), "objects": len(objects), "version": version}})

    async def _watch(self) -> None:
        began = asyncio.get_running_loop().time()
        async with self._api.watch(self._collection, self._version, self._watch_seconds()) as events:
            if self.trouble:
                log.info("followed again", extra={"data": self._data()})
                self._say("")
            async for event in events:
                self._take(event)
                self.failures = 0
        lasted = asyncio.get_running_loop().time() - began
        self.failures = self.failures + 1 if lasted < self._pace.soon else 0

    def _take(self, event: Event) -> None:
        self._version = event.version
        if event.kind == "BOOKMARK":
            return
        name = name_of(event.object)
        others = {key: one for key, one in self.objects.items() if key != name}
        self._know(others if event.kind == "DELETED" else {**others, name: event.object})

    def _know(self, objects: Mapping[str, Object]) -> None:
        if not self.complete or objects != self.objects:
            self.objects, self.complete = objects, True
            self._changed.set()

    def _complain(self, reason: str) -> None:
        if reason != self.trouble:
            log.error("Kubernetes API not followed", extra={"data": {**self._data(), "reason": reason}})
        self._say(reason)

    def _say(self, trouble: str) -> None:
        self.trouble = trouble

    def _watch_seconds(self) -> int:
        spread = self._pace.longest_watch - self._pace.shortest_watch
        return self._pace.shortest_watch + int(self._draw() * spread)

    def _data(self) -> dict[str, object]:
        return {"resource": self._collection.resource, "selector": self._collection.selector}
