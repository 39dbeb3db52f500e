"""Runs the items of batches one by one, at low priority, on every replica at once.

An item is claimed in a transaction of its own before anybody is called, so a crash leaves it running with a lease that
lapses. What becomes of it then is decided in `give_up_items`. Batches make room for those who wait: fewer items run at
once while interactive calls are answered later than usual.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from services.llm.application.batch_ports import BatchBook, ItemCodec
from services.llm.application.give_up_items import GiveUpItems, wanted_of
from services.llm.application.ports import Clock, ModelSource
from services.llm.domain.batch import Batch, Claimed, ItemState, Outcome
from services.llm.domain.courtesy import Courtesy
from services.llm.domain.errors import FlightEnded, nobody_began
from services.llm.domain.generation import Answer, Wanted
from services.llm.domain.latency import LatencyBook
from services.llm.domain.model import Kind, Model
from services.llm.domain.pace import Pace
from services.runtime.errors import AisleError, Exhausted, Retryable, Unavailable

log = logging.getLogger("aisle.llm.batches")

LEASE = 30.0
_BEAT = 5.0
_SWEEP = 1.0
# Seconds between two looks for batches to run.
_LOOK = 0.5
# Small claims and small writes are put together: a transaction takes about as long for one item as for twenty. Nobody
# waits for an item, but whoever asks something meanwhile waits for the processor.
_CLAIM_EVERY = 0.05
_WRITE_EVERY = 0.02
_WORTH_CLAIMING = 4
# A budget that somebody raises is found within so many seconds, and what items on their way give back of theirs sooner.
_LOOK_AGAIN = 30.0
_LOOK_AGAIN_SOON = 2.0
# Waits shorter than this are nobody's business but the lane's.
_WORTH_TELLING = 5.0
_MOST_LANES = 200
_FINISHED_AT_ONCE = 500
_LONGEST_MESSAGE = 500

Complete = Callable[[Wanted], Awaitable[Answer]]


class Sleep(Protocol):
    """How to wait."""

    async def __call__(self, seconds: float, /) -> None:
        """Return after so many seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one process does at once."""

    # Items on their way, over all batches and per model.
    most_at_once: int = 64
    lease_seconds: float = LEASE


@dataclass(slots=True)
class _Lane:
    """Batches of one model, which share its pace."""

    pace: Pace
    batches: list[Batch] = field(default_factory=list)
    running: int = 0


class RunBatches:
    """The worker of one process. Runs until cancelled, and leaves by the steps of a `serve.Door`."""

    def __init__(
        self,
        book: BatchBook,
        complete: Complete,
        codec: ItemCodec,
        give_up: GiveUpItems,
        models: ModelSource,
        latency: LatencyBook,
        clock: Clock,
        holder: str,
        limits: Limits | None = None,
        elsewhere: Collection[str] = (),
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Take where batches are kept, who answers, and a name that no other process and no former one has.

        Batches of the providers `elsewhere` are run as those providers' own, but for the items they do not take.
        """
        self._book = book
        self._complete = complete
        self._codec = codec
        self._give_up = give_up
        self._models = models
        self._latency = latency
        self._courtesy = Courtesy()
        self._clock = clock
        self._holder = holder
        self._elsewhere = frozenset(elsewhere)
        self._limits = limits or Limits()
        self._sleep = sleep
        self._lanes: dict[str, _Lane] = {}
        self._running = self._ended = 0
        # Positions of items whose leases are kept alive here: on their way, or ended and not written yet.
        self._held: set[int] = set()
        self._leaving = False
        self._looked_at = float("-inf")
        self._finished: list[Outcome] = []
        self._to_write = asyncio.Event()
        self._moved = asyncio.Event()
        self._ended_one = asyncio.Event()

    async def serve(self) -> None:
        """Claim, run, keep and sweep until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._write())
                group.create_task(self._beat())
                group.create_task(self._sweep())
                await self._claim_and_run(group)
        finally:
            with suppress(Unavailable):
                await self._flush()
                # How the rest ended nobody saw: its leases end now, and somebody else decides.
                await self._renew(0.0)

    def not_serving(self) -> None:
        """Begin nothing more."""
        self._leaving = True

    async def stop(self, grace: float) -> None:
        """Return once nothing is on its way any more, or the grace is over."""
        self._leaving = True
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                while self._running:
                    self._ended_one.clear()
                    await self._ended_one.wait()

    def at_once(self, lane: str) -> int:
        """Return how many items of a lane may run at once now."""
        return self._lanes[lane].pace.at_once if lane in self._lanes else 0

    async def _claim_and_run(self, group: asyncio.TaskGroup) -> None:
        while not self._leaving:
            try:
                begun = await self._claim(group)
            except Unavailable as away:
                log.info("batches wait", extra={"data": {"reason": away.reason}})
                await self._sleep(_LOOK)
                continue
            await self._until_room(begun)

    async def _claim(self, group: asyncio.TaskGroup) -> int:
        """Begin as many items as there is room for; return how many."""
        now, begun = self._clock(), 0
        if now - self._looked_at >= _LOOK:
            self._looked_at = now
            await self._look()
            self._make_room(now)
        # Who runs least goes first: a slow model that fills all places must not keep the others out.
        for lane in sorted(self._lanes.values(), key=lambda one: one.running):
            room = min(lane.pace.room(now, lane.running), self._limits.most_at_once - self._running)
            # One after the other, so that a small batch does not wait for a large one of the same model.
            while room > 0 and lane.batches:
                batch = lane.batches.pop(0)
                share = -(-room // (len(lane.batches) + 1))
                async with self._book.writing() as batches:
                    claimed = await batches.claim(
                        batch.key, self._holder, self._limits.lease_seconds, share, self._is_elsewhere(batch)
                    )
                if len(claimed) == share:
                    lane.batches.append(batch)
                lane.pace.begun(now, len(claimed))
                self._held.update(item.position for item in claimed)
                for item in claimed:
                    lane.running += 1
                    self._running += 1
                    group.create_task(self._run(lane, batch, item))
                room -= len(claimed)
                begun += len(claimed)
        return begun

    async def _look(self) -> None:
        """Find the batches to run, by lane."""
        async with self._book.reading() as batches:
            found = await batches.runnable()
        for lane in self._lanes.values():
            lane.batches.clear()
        for batch in found:
            lane = self._lanes.setdefault(batch.lane, _Lane(Pace(self._limits.most_at_once)))
            lane.batches.append(batch)
        for name in [name for name, lane in self._lanes.items() if not lane.batches and not lane.running]:
            # What was learnt of a pace is kept for as long as anything of it may still be wanted soon.
            if len(self._lanes) > _MOST_LANES:
                del self._lanes[name]

    def _is_elsewhere(self, batch: Batch) -> bool:
        return batch.provider in self._elsewhere

    def _make_room(self, now: float) -> None:
        """Slow down the lanes beside which interactive calls are answered later than usual."""
        slow = [
            model
            for model in self._models.configured().of_kind(Kind.TEXT)
            if self._courtesy.is_kept_waiting(
                model.name, self._latency.average(model), self._latency.calls(model), not self._running
            )
        ]
        for name, lane in self._lanes.items():
            if lane.running and any(self._is_beside(name, model) for model in slow):
                lane.pace.make_room(now)
            else:
                lane.pace.ease(now)

    def _is_beside(self, lane: str, model: Model) -> bool:
        """Return whether a lane may take from what a model has: one named model from all of its provider's."""
        named = self._models.configured().find(lane)
        return named is None or named.provider == model.provider

    async def _until_room(self, begun: int) -> None:
        """Wait until there may be something worth claiming: a part of what may run at once, or a moment has passed."""
        now = self._clock()
        free = self._limits.most_at_once - self._running
        waits = [
            lane.pace.wait(now) if lane.running < lane.pace.at_once else _LOOK
            for lane in self._lanes.values()
            if lane.batches and free
        ]
        until = now + max(_CLAIM_EVERY, min([*waits, _LOOK]))
        enough = max(1, min(self._running + begun, self._limits.most_at_once) // _WORTH_CLAIMING)
        ended = self._ended + enough
        while (left := until - self._clock()) > 0 and self._ended < ended:
            self._moved.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._moved.wait()

    async def _run(self, lane: _Lane, batch: Batch, item: Claimed) -> None:
        """Run one item to its end, whatever that is."""
        outcome: Outcome | None = None
        try:
            outcome = await self._answered(lane, batch, item)
        finally:
            # Without an outcome the process leaves or a fault of ours stops it: nobody knows how the call ended.
            # Then its lease is left to lapse.
            if outcome is not None:
                self._finished.append(outcome)
            elif not self._leaving:
                self._held.discard(item.position)
            lane.running -= 1
            self._running -= 1
            self._ended += 1
            self._to_write.set()
            self._moved.set()
            self._ended_one.set()

    async def _answered(self, lane: _Lane, batch: Batch, item: Claimed) -> Outcome | None:
        """Return how the item ended, None when a shared call was stopped and nobody knows."""
        try:
            wanted = wanted_of(batch, item, self._codec)
            answer = await self._complete(wanted)
        except FlightEnded:
            return None
        except AisleError as error:
            return await self._refused(lane, batch, item, error)
        lane.pace.succeeded(self._clock())
        return Outcome(
            item.position,
            item.attempt,
            ItemState.DONE,
            self._codec.answer(wanted.model, answer),
            answer.finished.usage,
            answer.finished.cost_micros,
        )

    async def _refused(self, lane: _Lane, batch: Batch, item: Claimed, error: AisleError) -> Outcome:
        """Let the item wait again when nobody began to work on it; fail it when somebody may have."""
        now = self._clock()
        again = Outcome(item.position, item.attempt, ItemState.PENDING)
        if isinstance(error, Exhausted) and error.reason == "BUDGET_SPENT":
            lane.batches = [one for one in lane.batches if one.key != batch.key]
            await self._pause(batch, error, _LOOK_AGAIN_SOON if lane.running > 1 else _LOOK_AGAIN)
            return again
        if isinstance(error, Exhausted):
            lane.pace.overloaded(now, error.retry_after)
            return again
        if isinstance(error, Retryable) and nobody_began(error):
            lane.pace.throttled(now, error.retry_after)
            if error.retry_after >= _WORTH_TELLING:
                await self._pause(batch, error, _LOOK_AGAIN)
            return again
        return Outcome(
            item.position,
            item.attempt,
            ItemState.FAILED,
            error_reason=error.reason,
            # What a provider calls its refusal may be part of it, and PostgreSQL keeps no zeros in texts.
            error_message=error.message[:_LONGEST_MESSAGE].replace("\0", ""),
        )

    async def _pause(self, batch: Batch, error: Retryable, look_again: float) -> None:
        """Let the batch wait; while the database is away it only waits here."""
        with suppress(Unavailable):
            async with self._book.writing() as batches:
                look = min(error.retry_after, look_again)
                await batches.pause(batch.key, error.reason, error.retry_after, look)

    async def _write(self) -> None:
        """Keep what has ended, all that came together while the one before was written in one transaction."""
        while True:
            await self._to_write.wait()
            await self._sleep(_WRITE_EVERY)
            self._to_write.clear()
            try:
                await self._flush()
            except Unavailable as away:
                log.warning("ended items wait to be written", extra={"data": {"reason": away.reason}})
                await self._sleep(_LOOK)
                self._to_write.set()

    async def _flush(self) -> None:
        while self._finished:
            written = self._finished[:_FINISHED_AT_ONCE]
            async with self._book.writing() as batches:
                await batches.finish(written)
            del self._finished[: len(written)]
            self._held.difference_update(one.position for one in written)

    async def _beat(self) -> None:
        """Keep the leases of what is on its way here alive."""
        while True:
            await self._sleep(min(_BEAT, self._limits.lease_seconds / 4))
            with suppress(Unavailable):
                await self._renew(self._limits.lease_seconds)

    async def _renew(self, seconds: float) -> None:
        """Let the leases of what is held here end in so many seconds."""
        if self._held:
            async with self._book.writing() as batches:
                await batches.renew(self._holder, sorted(self._held), seconds)

    async def _sweep(self) -> None:
        """Give up items whose worker is gone, and end batches."""
        while True:
            await self._sleep(_SWEEP)
            with suppress(Unavailable):
                await self._give_up()
