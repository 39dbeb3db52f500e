"""A `BatchBook` in memory, with a clock of its own that tests may turn."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from services.llm.application.batch_ports import ProviderJob
from services.llm.domain.batch import Batch, BatchState, Claimed, Item, ItemState, NewItem, Outcome, Tally
from services.llm.domain.usage import TokenUsage, added
from services.runtime.errors import Unavailable

BEGINNING = datetime(2026, 5, 4, tzinfo=UTC)


@dataclass
class Row:
    batch: str
    request: bytes
    item: Item
    holder: str = ""
    lease_until: float | None = None
    job: str = ""

    @property
    def claimed(self) -> Claimed:
        return Claimed(self.item.position, self.batch, self.item.key, self.item.attempt, self.request)


@dataclass
class JobRow:
    job: ProviderJob
    holder: str = ""
    lease_until: float = 0.0
    look_at: float = 0.0
    closed: bool = False


@dataclass
class Kept:
    batch: Batch
    look_at: float = 0.0


@dataclass
class FakeBatchBook:
    """Batches of one test. `away` makes it behave as a database that does not answer."""

    batches: dict[str, Kept] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    requests: dict[str, str] = field(default_factory=dict)
    jobs: dict[str, JobRow] = field(default_factory=dict)
    turned: float = 0.0
    away: bool = False

    @asynccontextmanager
    async def writing(self) -> AsyncIterator["FakeBatches"]:
        if self.away:
            raise Unavailable("DATABASE_AWAY", "The database does not answer.")
        saved = ({key: replace(kept) for key, kept in self.batches.items()}, [replace(row) for row in self.rows])
        try:
            yield FakeBatches(self)
        except BaseException:
            self.batches, self.rows = saved
            raise

    @asynccontextmanager
    async def reading(self) -> AsyncIterator["FakeBatches"]:
        if self.away:
            raise Unavailable("DATABASE_AWAY", "The database does not answer.")
        yield FakeBatches(self)

    def now(self) -> float:
        return time.monotonic() + self.turned

    def moment(self) -> datetime:
        return BEGINNING + timedelta(seconds=self.now())


class FakeBatches:
    """Batches inside one transaction."""

    def __init__(self, book: FakeBatchBook) -> None:
        self._b = book

    async def find(self, key: str) -> Batch | None:
        kept = self._b.batches.get(key)
        return self._shown(kept) if kept else None

    async def lock(self, key: str) -> Batch | None:
        return await self.find(key)

    async def tally(self, key: str) -> Tally:
        items = [row.item for row in self._of(key)]
        counts: dict[ItemState, int] = {}
        usage = TokenUsage(0)
        for item in items:
            counts[item.state] = counts.get(item.state, 0) + 1
            usage = added(usage, item.usage)
        return Tally(counts, sum(item.cost_micros for item in items), usage)

    async def page(self, tenant: str, after: tuple[str, str] | None, limit: int) -> list[Batch]:
        found = [self._shown(kept) for kept in self._b.batches.values() if tenant in ("", kept.batch.tenant)]
        found.sort(key=lambda batch: (batch.create_time, batch.key), reverse=True)
        if after is not None:
            place = (datetime.fromisoformat(after[0]), after[1])
            found = [batch for batch in found if (batch.create_time, batch.key) < place]
        return found[:limit]

    async def items(
        self, key: str, states: Sequence[ItemState], after: int, limit: int, answers: bool, most_bytes: int = 0
    ) -> list[Item]:
        found = [row.item for row in self._of(key) if row.item.state in states and row.item.position > after][:limit]
        if not answers:
            return [replace(item, answer=b"") for item in found]
        fitting, size = list[Item](), 0
        for item in found:
            size += len(item.answer)
            if fitting and size > most_bytes:
                break
            fitting.append(item)
        return fitting

    async def runnable(self) -> list[Batch]:
        return [
            self._shown(kept)
            for key, kept in self._b.batches.items()
            if kept.batch.state is BatchState.RUNNING
            and kept.look_at <= self._b.now()
            and any(row.item.state is ItemState.PENDING for row in self._of(key))
        ]

    async def add(self, batch: Batch, request_id: str) -> Batch:
        if request_id and request_id in self._b.requests:
            return self._b.batches[self._b.requests[request_id]].batch
        if request_id:
            self._b.requests[request_id] = batch.key
        self._b.batches[batch.key] = Kept(replace(batch, create_time=self._b.moment()))
        return self._b.batches[batch.key].batch

    async def add_items(self, key: str, items: Sequence[NewItem]) -> tuple[int, list[str]]:
        known = {row.item.key: row.request for row in self._of(key)}
        new = [item for item in items if item.key not in known]
        for item in new:
            position = len(self._b.rows) + 1
            self._b.rows.append(Row(key, item.request, Item(item.key, position, ItemState.PENDING, 0)))
        return len(new), [item.key for item in items if known.get(item.key, item.request) != item.request]

    async def move(self, key: str, state: BatchState, provider: str = "") -> None:
        kept, now = self._b.batches[key], self._b.moment()
        start = kept.batch.start_time or (now if state is BatchState.RUNNING else None)
        end = now if state in (BatchState.CANCELLED, BatchState.ENDED) else None
        provider = provider or kept.batch.provider
        kept.batch = replace(kept.batch, state=state, start_time=start, end_time=end, provider=provider, wait_reason="")
        kept.look_at = 0.0

    async def cancel_pending(self, key: str) -> int:
        waiting = [row for row in self._of(key) if row.item.state is ItemState.PENDING]
        for row in waiting:
            row.item = replace(row.item, state=ItemState.CANCELLED, end_time=self._b.moment())
        return len(waiting)

    async def wait_again(self, key: str, states: Sequence[ItemState], keys: Sequence[str]) -> int:
        found = [row for row in self._of(key) if row.item.state in states and (not keys or row.item.key in keys)]
        for row in found:
            row.job = ""
            row.item = replace(row.item, state=ItemState.PENDING, error_reason="", error_message="", end_time=None)
        return len(found)

    async def claim(self, key: str, holder: str, lease: float, limit: int, only_here: bool = False) -> list[Claimed]:
        return self._claim(key, holder, self._b.now() + lease, limit, "here" if only_here else "")

    async def renew(self, holder: str, positions: Sequence[int], lease: float) -> None:
        for row in self._b.rows:
            if row.holder == holder and row.item.position in positions and row.item.state is ItemState.RUNNING:
                row.lease_until = self._b.now() + lease

    async def finish(self, outcomes: Sequence[Outcome]) -> None:
        for one in outcomes:
            row = self._b.rows[one.position - 1]
            late = row.item.state is ItemState.INTERRUPTED and one.state in (ItemState.DONE, ItemState.FAILED)
            if row.item.attempt != one.attempt or not (row.item.state is ItemState.RUNNING or late):
                continue
            row.holder, row.lease_until = "", None
            row.item = replace(
                row.item,
                state=one.state,
                answer=one.answer,
                usage=added(row.item.usage, one.usage),
                cost_micros=row.item.cost_micros + one.cost_micros,
                error_reason=one.error_reason,
                error_message=one.error_message,
                end_time=self._b.moment() if one.state > ItemState.RUNNING else None,
            )

    async def lapsed(self, limit: int) -> list[Claimed]:
        now = self._b.now()
        return [
            row.claimed
            for row in self._b.rows
            if row.item.state is ItemState.RUNNING and row.lease_until is not None and row.lease_until < now
        ][:limit]

    async def pause(self, key: str, reason: str, resume_in: float, look_in: float) -> None:
        kept = self._b.batches[key]
        if kept.batch.state is BatchState.RUNNING:
            resume = self._b.moment() + timedelta(seconds=resume_in)
            kept.batch = replace(kept.batch, wait_reason=reason, resume_time=resume)
            kept.look_at = self._b.now() + look_in

    async def end_finished(self) -> None:
        for key, kept in self._b.batches.items():
            if kept.batch.state is BatchState.CANCELLING:
                await self.cancel_pending(key)
            left = any(row.item.state <= ItemState.RUNNING for row in self._of(key))
            if not left and kept.batch.state in (BatchState.RUNNING, BatchState.CANCELLING):
                cancelled = kept.batch.state is BatchState.CANCELLING
                await self.move(key, BatchState.CANCELLED if cancelled else BatchState.ENDED)

    async def open_job(self, batch: str, holder: str, lease: float, limit: int) -> tuple[ProviderJob, list[Claimed]]:
        job = ProviderJob(f"job-{len(self._b.jobs) + 1}", batch, self._b.batches[batch].batch.provider)
        claimed = self._claim(batch, f"job {job.key}", None, limit, "provider")
        if claimed:
            for one in claimed:
                self._b.rows[one.position - 1].job = job.key
            self._b.jobs[job.key] = JobRow(job, holder, self._b.now() + lease)
        return job, claimed

    async def left_to_provider(self, key: str) -> int:
        return sum(row.item.state is ItemState.PENDING and row.job != "here" for row in self._of(key))

    async def run_here(self, job: str, positions: Sequence[int]) -> None:
        for row in self._b.rows:
            if row.job == job and row.item.state is ItemState.RUNNING and row.item.position in positions:
                row.job, row.holder = "here", ""
                row.item = replace(row.item, state=ItemState.PENDING)

    async def take_job(self, holder: str, lease: float) -> ProviderJob | None:
        now = self._b.now()
        for row in self._b.jobs.values():
            if not row.closed and row.look_at <= now and row.lease_until < now:
                row.holder, row.lease_until = holder, now + lease
                return replace(row.job, taken_over=True)
        return None

    async def note_job(self, job: str, handle: str, look_in: float) -> None:
        row = self._b.jobs[job]
        row.job, row.holder, row.lease_until = replace(row.job, handle=handle), "", 0.0
        row.look_at = self._b.now() + look_in

    async def close_job(self, job: str, left: ItemState, reason: str = "") -> None:
        for row in self._b.rows:
            if row.job == job and row.item.state is ItemState.RUNNING:
                row.job, row.holder = "", ""
                ended = self._b.moment() if left > ItemState.RUNNING else None
                row.item = replace(row.item, state=left, error_reason=reason, end_time=ended)
        self._b.jobs[job].closed = True

    async def job_items(self, job: str, after: int, limit: int) -> list[Claimed]:
        return [
            row.claimed
            for row in self._b.rows
            if row.job == job and row.item.state is ItemState.RUNNING and row.item.position > after
        ][:limit]

    def _of(self, key: str) -> list[Row]:
        return [row for row in self._b.rows if row.batch == key]

    def _claim(self, key: str, holder: str, lease_until: float | None, limit: int, whose: str) -> list[Claimed]:
        if self._b.batches[key].batch.state is not BatchState.RUNNING:
            return []
        waiting = [row for row in self._of(key) if row.item.state is ItemState.PENDING]
        picked = [row for row in waiting if not whose or (row.job == "here") == (whose == "here")][:limit]
        for row in picked:
            row.holder, row.lease_until, row.job = holder, lease_until, whose if whose == "here" else ""
            row.item = replace(row.item, state=ItemState.RUNNING, attempt=row.item.attempt + 1)
        return [row.claimed for row in picked]

    def _shown(self, kept: Kept) -> Batch:
        waits = kept.batch.state is BatchState.RUNNING and kept.look_at > self._b.now()
        return kept.batch if waits else replace(kept.batch, wait_reason="", resume_time=None)
