"""Batches in PostgreSQL. Its clock is the only one: leases are given and judged by it."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.llm.adapters import batch_statements as sql_of
from services.llm.adapters.postgres_session import rows_of, storage_errors
from services.llm.application.batch_ports import ProviderJob
from services.llm.domain.batch import Batch, BatchState, Claimed, Interrupted, Item, ItemState, NewItem, Outcome, Tally
from services.llm.domain.model import Quality
from services.llm.domain.usage import TokenUsage
from services.runtime.sql import Database


class PostgresBatchBook:
    """A `BatchBook` over the service's own database."""

    def __init__(self, database: Database) -> None:
        """Take the service's database."""
        self._database = database

    @asynccontextmanager
    async def writing(self) -> AsyncIterator["PostgresBatches"]:
        """Open a transaction that commits when the block ends well."""
        with storage_errors():
            async with self._database.transaction() as session:
                yield PostgresBatches(session)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator["PostgresBatches"]:
        """Open a transaction that only reads."""
        with storage_errors():
            async with self._database.reading() as session:
                yield PostgresBatches(session)


class PostgresBatches:
    """Batches inside one transaction: a `BatchWriter`."""

    def __init__(self, session: AsyncSession) -> None:
        """Take the session whose transaction is open."""
        self._session = session

    async def find(self, key: str) -> Batch | None:
        """Return a batch."""
        rows = await self._run(sql_of.FIND, key=key)
        return _batch(rows[0]) if rows else None

    async def lock(self, key: str) -> Batch | None:
        """Return a batch and keep others from changing it until the transaction ends."""
        rows = await self._run(sql_of.FIND + " FOR UPDATE", key=key)
        return _batch(rows[0]) if rows else None

    async def tally(self, key: str) -> Tally:
        """Return a batch's items by state, with what they came to."""
        rows = await self._run(sql_of.TALLY, key=key)
        usage = TokenUsage(
            sum(int(row.input_tokens) for row in rows),
            sum(int(row.output_tokens) for row in rows),
            any(row.estimated for row in rows),
            sum(int(row.cached_input_tokens) for row in rows),
        )
        return Tally(
            {ItemState(row.state): row.items for row in rows},
            sum(int(row.cost_micros) for row in rows),
            usage,
            sum(row.lately for row in rows),
            max((float(row.lately_seconds or 0) for row in rows), default=0.0),
        )

    async def page(self, tenant: str, after: tuple[str, str] | None, limit: int) -> list[Batch]:
        """Return batches behind a (time of creation, key), newest first."""
        place = {"time": after[0], "key": after[1]} if after else {"time": "infinity", "key": ""}
        return [_batch(row) for row in await self._run(sql_of.PAGE, tenant=tenant, limit=limit, **place)]

    async def items(
        self, key: str, states: Sequence[ItemState], after: int, limit: int, answers: bool, most_bytes: int = 0
    ) -> list[Item]:
        """Return items behind a position; of answers no more than so many bytes, but at least one item."""
        rows = await self._run(
            sql_of.RESULTS if answers else sql_of.ITEMS,
            key=key,
            states=[int(state) for state in states],
            after=after,
            limit=limit,
            **({"most": most_bytes} if answers else {}),
        )
        return [_item(row) for row in rows]

    async def runnable(self) -> list[Batch]:
        """Return the running batches that do not wait and have items that do, the longest running first."""
        return [_batch(row) for row in await self._run(sql_of.RUNNABLE)]

    async def add(self, batch: Batch, request_id: str) -> Batch:
        """Keep a new batch, or return the one that was created by this request."""
        await self._run(
            sql_of.ADD,
            key=batch.key,
            request_id=request_id,
            display_name=batch.display_name,
            use_case=batch.use_case,
            model=batch.model,
            min_quality=int(batch.min_quality),
            tenant=batch.tenant,
            user_id=batch.user,
            interrupted=batch.interrupted.value,
            state=int(batch.state),
        )
        rows = await self._run(sql_of.FIND_ADDED, key=batch.key, request_id=request_id)
        return _batch(rows[0])

    async def add_items(self, key: str, items: Sequence[NewItem]) -> tuple[int, list[str]]:
        """Add items whose keys are new; return how many, and the keys that stand for another request."""
        given = {"keys": [item.key for item in items], "requests": [item.request for item in items], "key": key}
        added = await self._run(sql_of.ADD_ITEMS, **given)
        if len(added) == len(items):
            return len(added), []
        return len(added), [row.key for row in await self._run(sql_of.OTHERS, **given)]

    async def move(self, key: str, state: BatchState, provider: str = "") -> None:
        """Put a batch into another state."""
        await self._run(sql_of.MOVE, key=key, state=int(state), provider=provider)

    async def cancel_pending(self, key: str) -> int:
        """Cancel the items that wait."""
        return len(await self._run(sql_of.CANCEL_PENDING, key=key))

    async def wait_again(self, key: str, states: Sequence[ItemState], keys: Sequence[str]) -> int:
        """Make items wait again, of the given keys when any are given."""
        numbers = [int(state) for state in states]
        return len(await self._run(sql_of.WAIT_AGAIN, key=key, states=numbers, keys=list(keys), all=not keys))

    async def claim(self, key: str, holder: str, lease: float, limit: int, only_here: bool = False) -> list[Claimed]:
        """Take items that wait, oldest first, past those that others are taking."""
        job = "here" if only_here else ""
        rows = await self._run(sql_of.CLAIM, key=key, holder=holder, lease=lease, limit=limit, job=job, whose=job)
        return [_claimed(row) for row in rows]

    async def renew(self, holder: str, positions: Sequence[int], lease: float) -> None:
        """Let the leases that a holder has of items end in so many seconds from now."""
        await self._run(sql_of.RENEW, holder=holder, positions=list(positions), lease=lease)

    async def finish(self, outcomes: Sequence[Outcome]) -> None:
        """Keep how attempts ended."""
        await self._run(
            sql_of.FINISH,
            positions=[one.position for one in outcomes],
            attempts=[one.attempt for one in outcomes],
            states=[int(one.state) for one in outcomes],
            answers=[one.answer for one in outcomes],
            inputs=[one.usage.input_tokens for one in outcomes],
            outputs=[one.usage.output_tokens for one in outcomes],
            cached=[one.usage.cached_input_tokens for one in outcomes],
            estimated=[one.usage.estimated for one in outcomes],
            costs=[one.cost_micros for one in outcomes],
            reasons=[one.error_reason for one in outcomes],
            messages=[one.error_message for one in outcomes],
        )

    async def lapsed(self, limit: int) -> list[Claimed]:
        """Return running items whose lease ran out, locked until the transaction ends."""
        return [_claimed(row) for row in await self._run(sql_of.LAPSED, limit=limit)]

    async def pause(self, key: str, reason: str, resume_in: float, look_in: float) -> None:
        """Let a batch wait."""
        await self._run(sql_of.PAUSE, key=key, reason=reason, resume=resume_in, look=look_in)

    async def end_finished(self) -> None:
        """Put batches without anything left into their last state, and cancel what waits in cancelled ones."""
        await self._run(sql_of.CANCEL_LEFT)
        locked = await self._run(sql_of.LOCK_FINISHED)
        if locked:
            await self._run(sql_of.END_FINISHED, keys=[row.key for row in locked])

    async def open_job(self, batch: str, holder: str, lease: float, limit: int) -> tuple[ProviderJob, list[Claimed]]:
        """Take items that wait as one job of a provider."""
        key = str(uuid.uuid4())
        rows = await self._run(
            sql_of.CLAIM, key=batch, holder=f"job {key}", lease=None, limit=limit, job=key, whose="provider"
        )
        if not rows:
            return ProviderJob(key, batch, ""), []
        (made,) = await self._run(sql_of.OPEN_JOB, key=key, batch=batch, holder=holder, lease=lease)
        return ProviderJob(key, batch, made.provider), [_claimed(row) for row in rows]

    async def left_to_provider(self, key: str) -> int:
        """Return how many items wait that the batch's provider may run as its own batch."""
        (row,) = await self._run(sql_of.LEFT_TO_PROVIDER, key=key)
        return int(row.items)

    async def run_here(self, job: str, positions: Sequence[int]) -> None:
        """Take items out of a provider's job: they wait again, for whoever runs items one by one."""
        await self._run(sql_of.RUN_HERE, key=job, positions=list(positions))

    async def take_job(self, holder: str, lease: float) -> ProviderJob | None:
        """Take a job that is due to be looked at and that nobody holds."""
        rows = await self._run(sql_of.TAKE_JOB, holder=holder, lease=lease)
        return ProviderJob(rows[0].key, rows[0].batch, rows[0].provider, rows[0].handle, True) if rows else None

    async def note_job(self, job: str, handle: str, look_in: float) -> None:
        """Keep the provider's name of a job, give the job back and say when to look at it again."""
        await self._run(sql_of.NOTE_JOB, key=job, handle=handle, look=look_in)

    async def close_job(self, job: str, left: ItemState, reason: str = "") -> None:
        """End a job; its items that did not end get this state."""
        await self._run(sql_of.CLOSE_JOB_ITEMS, key=job, state=int(left), reason=reason)
        await self._run(sql_of.CLOSE_JOB, key=job, reason=reason)

    async def job_items(self, job: str, after: int, limit: int) -> list[Claimed]:
        """Return a job's items that have not ended, behind a position."""
        return [_claimed(row) for row in await self._run(sql_of.JOB_ITEMS, key=job, after=after, limit=limit)]

    async def _run(self, statement: str, **parameters: Any) -> Sequence[Any]:
        return await rows_of(self._session, statement, parameters)


def _batch(row: Any) -> Batch:
    return Batch(
        key=row.key,
        display_name=row.display_name,
        create_time=row.create_time,
        use_case=row.use_case,
        model=row.model,
        min_quality=Quality(row.min_quality),
        tenant=row.tenant,
        user=row.user_id,
        interrupted=Interrupted(row.interrupted),
        state=BatchState(row.state),
        provider=row.provider,
        start_time=row.start_time,
        end_time=row.end_time,
        wait_reason=row.waits_for,
        resume_time=row.resume_time if row.waits_for else None,
    )


def _item(row: Any) -> Item:
    return Item(
        key=row.key,
        position=row.position,
        state=ItemState(row.state),
        attempt=row.attempt,
        cost_micros=row.cost_micros,
        usage=TokenUsage(row.input_tokens, row.output_tokens, row.estimated, row.cached_input_tokens),
        error_reason=row.error_reason,
        error_message=row.error_message,
        answer=bytes(row.answer),
        end_time=row.end_time,
    )


def _claimed(row: Any) -> Claimed:
    return Claimed(row.position, row.batch, row.key, row.attempt, bytes(row.request))
