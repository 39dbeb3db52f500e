"""Runs batches as their provider's own, at its price: sends them in parts, looks how far they are, reads the answers.

A part is a job with a name of ours, on disk before the provider hears of it. Whoever comes after a crash asks the
provider for a batch of that name: when there is one it is followed, when there is none nothing was begun.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace

from services.llm.application.batch_ports import (
    BatchBook,
    ItemCodec,
    ProviderBatches,
    ProviderJob,
    ProviderResult,
    ProviderStatus,
)
from services.llm.application.give_up_items import interrupted_record, wanted_of
from services.llm.application.ports import Budgets, Clock, ModelSource, Redaction, ShapeChecker, UsageLedger
from services.llm.application.run_batches import Sleep
from services.llm.domain import errors, routing
from services.llm.domain.batch import INTERRUPTED, Batch, BatchState, Claimed, ItemState, Outcome, part_size
from services.llm.domain.budget import Amount, BudgetSpent, Reservation, Scope
from services.llm.domain.errors import FailureKind, PromptRefused, ProviderFailed
from services.llm.domain.generation import (
    Answer,
    Ended,
    Finished,
    FormatKind,
    Priority,
    Prompt,
    Started,
    TextDelta,
    ToolCall,
    Wanted,
)
from services.llm.domain.health import Availability
from services.llm.domain.model import Model
from services.llm.domain.pricing import PriceUnknown, cost_micros
from services.llm.domain.prompt_check import contradiction
from services.llm.domain.usage import TokenUsage, UsageRecord, estimate_conversation, estimate_tokens
from services.runtime.errors import AisleError, Unavailable

log = logging.getLogger("aisle.llm.batches")

# Whoever works on a job gives up long before its lease ends, so that nobody works on it beside another one.
LEASE = 300.0
_PATIENCE = 120.0
# Seconds between two looks for work, and at a job.
_LOOK = 1.0
FOLLOW = 30.0
# A call that broke off may still be carried out: it is looked for after so many seconds.
_UNCERTAIN = 60.0
_BUDGET = 30.0
# Of a part that a budget does not hold, a quarter is tried.
_SMALLER = 4
_WRITTEN_AT_ONCE = 200
_WHY = "the provider's own batch"
_WELL = Availability()


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked for an item."""

    item: Claimed
    wanted: Wanted
    model: Model
    prompt: Prompt


class RunProviderBatches:
    """A background job: follows jobs of providers and begins new ones."""

    def __init__(
        self,
        book: BatchBook,
        providers: Mapping[str, ProviderBatches],
        codec: ItemCodec,
        budgets: Budgets,
        ledger: UsageLedger,
        models: ModelSource,
        redaction: Redaction,
        shapes: ShapeChecker,
        holder: str,
        sleep: Sleep = asyncio.sleep,
        follow: float = FOLLOW,
        clock: Clock = time.monotonic,
    ) -> None:
        """Take where batches are kept, whose own batches are used, and a name that no other process has."""
        self._book = book
        self._providers = providers
        self._codec = codec
        self._budgets = budgets
        self._ledger = ledger
        self._models = models
        self._redaction = redaction
        self._shapes = shapes
        self._holder = holder
        self._sleep = sleep
        self._follow = follow
        self._clock = clock
        # What is set aside for jobs that were begun here; of those of others it is counted when they end.
        self._reserved: dict[str, Reservation] = {}
        self._sizes: dict[str, int] = {}
        # When the budgets of batches that wait should hold more, by this process's clock.
        self._more_at: dict[str, float] = {}

    async def __call__(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                while await self.follow_one() or await self.begin_one():
                    pass
            except Unavailable as away:
                log.info("batches wait", extra={"data": {"reason": away.reason}})
            await self._sleep(_LOOK)

    async def begin_one(self) -> bool:
        """Send a part of a batch that waits; return whether there was one."""
        async with self._book.reading() as batches:
            found = [batch for batch in await batches.runnable() if batch.provider in self._providers]
        for batch in found:
            provider = self._providers[batch.provider]
            most = self._sizes.get(batch.key, provider.most_items)
            async with self._book.writing() as batches:
                waiting = await batches.left_to_provider(batch.key)
                if not waiting:
                    continue
                size = part_size(waiting, most, provider.least_items)
                job, claimed = await batches.open_job(batch.key, self._holder, LEASE, size)
            if claimed:
                await self._begin(batch, job, claimed)
                return True
        return False

    async def follow_one(self) -> bool:
        """Look how far a job is; return whether one was due."""
        async with self._book.writing() as batches:
            job = await batches.take_job(self._holder, LEASE)
        if job is None:
            return False
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._followed(job)
        except (ProviderFailed, PromptRefused, TimeoutError) as failure:
            log.warning("a provider's batch cannot be followed", extra={"data": {"why": str(failure)}})
            await self._note(job.key, job.handle, self._follow)
        return True

    async def _begin(self, batch: Batch, job: ProviderJob, claimed: list[Claimed]) -> None:
        asked, provider = await self._questions(batch, claimed), self._providers[batch.provider]
        questions = [one for one in asked if provider.takes(one.prompt)]
        if len(questions) < provider.least_items:
            questions = []
        if len(questions) < len(asked):
            sent = {one.item.position for one in questions}
            await self._run_here(job, [one.item for one in asked if one.item.position not in sent])
        if not questions:
            await self._close(job, ItemState.PENDING)
            return
        try:
            reservation = await self._budgets.reserve(_scope(batch), _most(questions), Priority.BATCH)
        except BudgetSpent as spent:
            await self._too_dear(batch, job, [one.item for one in questions], spent)
            return
        self._more_at.pop(batch.key, None)
        self._reserved[job.key] = reservation
        prompts = [(one.item.key, self._redaction.redact(one.prompt)[0]) for one in questions]
        try:
            async with asyncio.timeout(_PATIENCE):
                handle = await provider.submit(job.key, questions[0].model, prompts)
        except PromptRefused:
            await self._settle(batch, job, Amount())
            await self._close(job, ItemState.FAILED, "PROVIDER_REFUSED")
        except (ProviderFailed, TimeoutError) as failure:
            # Perhaps it was created all the same.
            log.warning("a provider took no batch", extra={"data": {"why": str(failure)}})
            await self._note(job.key, "", _UNCERTAIN)
        else:
            await self._note(job.key, handle, self._follow)

    async def _questions(self, batch: Batch, claimed: list[Claimed]) -> list[_Question]:
        """Return what is asked; items that cannot be asked fail at once."""
        questions, refused = list[_Question](), list[Outcome]()
        for item in claimed:
            try:
                questions.append(self._question(batch, item))
            except AisleError as error:
                refused.append(_failed(item, error.reason, error.message))
        if refused:
            async with self._book.writing() as batches:
                await batches.finish(refused)
        return questions

    def _question(self, batch: Batch, item: Claimed) -> _Question:
        wanted = wanted_of(batch, item, self._codec)
        prompt = wanted.prompt
        problem = contradiction(prompt) or self._shapes.refusal(prompt.response_format, prompt.tools)
        if problem is not None:
            raise errors.prompt_invalid(*problem)
        # The model that was named comes first when everybody is well.
        route = routing.plan(wanted, self._models.configured(), lambda model: _WELL).routes[0]
        return _Question(item, wanted, route.model, replace(prompt, max_output_tokens=route.max_output_tokens))

    async def _too_dear(self, batch: Batch, job: ProviderJob, items: list[Claimed], spent: BudgetSpent) -> None:
        """Try a smaller part; let the batch wait when not even the smallest one is held."""
        least = self._providers[batch.provider].least_items
        if len(items) >= 2 * least:
            self._sizes[batch.key] = max(least, len(items) // _SMALLER)
            await self._close(job, ItemState.PENDING)
            return
        self._sizes.pop(batch.key, None)
        if len(items) > 1 and self._waited_in_vain(batch.key, spent.retry_after):
            # A budget that never holds the smallest part holds items one by one.
            await self._run_here(job, items)
            await self._close(job, ItemState.PENDING)
            return
        await self._close(job, ItemState.PENDING)
        async with self._book.writing() as batches:
            look = min(spent.retry_after, _BUDGET)
            await batches.pause(batch.key, "BUDGET_SPENT", spent.retry_after, look)

    def _waited_in_vain(self, batch: str, seconds: float) -> bool:
        """Return whether a batch waited until its budget should have held more; note when that will be."""
        now = self._clock()
        if now < self._more_at.setdefault(batch, now + seconds):
            return False
        del self._more_at[batch]
        return True

    async def _run_here(self, job: ProviderJob, items: list[Claimed]) -> None:
        async with self._book.writing() as batches:
            await batches.run_here(job.key, [item.position for item in items])

    async def _followed(self, job: ProviderJob) -> None:
        provider = self._providers.get(job.provider)
        async with self._book.reading() as batches:
            batch = await batches.find(job.batch)
        if provider is None or batch is None:
            await self._note(job.key, job.handle, _UNCERTAIN)
            return
        handle = job.handle or await provider.find(job.key)
        if handle is None:
            await self._settle(batch, job, Amount())
            await self._close(job, ItemState.PENDING)
            return
        try:
            status = await provider.status(handle)
        except ProviderFailed as failure:
            if failure.kind is not FailureKind.GONE:
                raise
            # It was there and is no more: whether its items were answered nobody knows.
            reserved = self._reserved.get(job.key)
            await self._settle(batch, job, reserved.amount if reserved else Amount())
            await self._end(batch, job, ProviderStatus(ended=True), await self._items(job))
            return
        if batch.state is BatchState.CANCELLING and not status.ended:
            await provider.cancel(handle)
        if not status.ended:
            await self._note(job.key, handle, self._follow)
            return
        await self._read(batch, job, handle, status)

    async def _read(self, batch: Batch, job: ProviderJob, handle: str, status: ProviderStatus) -> None:
        """Keep every answer, then end the job."""
        model = self._models.configured().find(batch.model)
        if model is None:
            await self._note(job.key, handle, _UNCERTAIN)
            return
        items = await self._items(job)
        outcomes, spent = list[Outcome](), Amount()
        async with aclosing(self._providers[job.provider].results(handle, model)) as results:
            async for result in results:
                item = items.pop(result.key, None)
                if item is None:
                    continue
                outcome = self._outcome(batch, model, item, result)
                tokens = outcome.usage.input_tokens + outcome.usage.output_tokens
                spent = Amount(spent.tokens + tokens, spent.micros + outcome.cost_micros)
                outcomes.append(outcome)
                if len(outcomes) >= _WRITTEN_AT_ONCE:
                    await self._write(outcomes)
        await self._write(outcomes)
        await self._settle(batch, job, spent)
        await self._end(batch, job, status, items)
        try:
            await self._providers[job.provider].forget(handle)
        except (ProviderFailed, PromptRefused) as failure:
            log.warning("a provider keeps the files of a batch", extra={"data": {"why": str(failure)}})

    async def _items(self, job: ProviderJob) -> dict[str, Claimed]:
        """Return the job's items that have not ended, by key."""
        items, after = dict[str, Claimed](), 0
        while True:
            async with self._book.reading() as batches:
                page = await batches.job_items(job.key, after, _WRITTEN_AT_ONCE)
            if not page:
                return items
            items.update((item.key, item) for item in page)
            after = page[-1].position

    def _outcome(self, batch: Batch, model: Model, item: Claimed, result: ProviderResult) -> Outcome:
        if result.unrun:
            return Outcome(item.position, item.attempt, ItemState.PENDING)
        if not result.events:
            return _failed(item, result.error_reason, "The provider could not answer the item.")
        wanted = wanted_of(batch, item, self._codec)
        answer = self._answer(wanted, model, result)
        usage, cost = answer.finished.usage, answer.finished.cost_micros
        self._ledger.record(_record(batch, model, item, wanted, answer))
        shape = wanted.prompt.response_format
        free = shape.kind is FormatKind.TEXT or answer.tool_calls
        problem = None if free else self._shapes.problem(shape, answer.text)
        if problem is not None:
            failed = _failed(item, "ANSWER_INVALID", f"The answer does not keep to the schema: {problem}.")
            return replace(failed, usage=usage, cost_micros=cost)
        kept = self._codec.answer(wanted.model, answer)
        return Outcome(item.position, item.attempt, ItemState.DONE, kept, usage, cost)

    def _answer(self, wanted: Wanted, model: Model, result: ProviderResult) -> Answer:
        """Return the answer with everything put back that was redacted: the same prompt has the same stand-ins."""
        _, restorer = self._redaction.redact(wanted.prompt)
        text = "".join(event.text for event in result.events if isinstance(event, TextDelta))
        calls = [event for event in result.events if isinstance(event, ToolCall)]
        ended = next(event for event in result.events if isinstance(event, Ended))
        usage = ended.usage
        if usage is None:
            read = estimate_conversation(message.text for message in wanted.prompt.messages)
            usage = TokenUsage(read, estimate_tokens(text), estimated=True)
        if restorer is not None:
            text, calls = restorer.feed(text) + restorer.end(), [restorer.call(call) for call in calls]
        finished = Finished(ended.reason, usage, cost_micros=_cost(model, usage))
        return Answer(Started(wanted.model, model, _WHY), finished, text, tuple(calls))

    async def _end(self, batch: Batch, job: ProviderJob, status: ProviderStatus, left: Mapping[str, Claimed]) -> None:
        """End a job: what has no result was refused as a whole, was never run, or nobody knows."""
        if status.refused:
            await self._close(job, ItemState.FAILED, "PROVIDER_REFUSED")
        elif status.unrun:
            await self._close(job, ItemState.PENDING)
        else:
            for item in left.values():
                self._ledger.record(interrupted_record(batch, item, wanted_of(batch, item, self._codec)))
            await self._close(job, ItemState.INTERRUPTED, INTERRUPTED)

    async def _settle(self, batch: Batch, job: ProviderJob, spent: Amount) -> None:
        """Replace what was set aside by what it came to; of a job of another process that is counted now."""
        reservation = self._reserved.pop(job.key, None)
        if reservation is None and spent.micros + spent.tokens:
            try:
                reservation = await self._budgets.reserve(_scope(batch), spent, Priority.BATCH)
            except BudgetSpent:
                log.warning("a batch cost more than its budget holds", extra={"data": {"batch": batch.key}})
        if reservation is not None:
            reservation.settled = True
            self._budgets.settle(reservation, spent)

    async def _write(self, outcomes: list[Outcome]) -> None:
        if outcomes:
            async with self._book.writing() as batches:
                await batches.finish(outcomes)
            outcomes.clear()

    async def _note(self, job: str, handle: str, look_in: float) -> None:
        async with self._book.writing() as batches:
            await batches.note_job(job, handle, look_in)

    async def _close(self, job: ProviderJob, left: ItemState, reason: str = "") -> None:
        async with self._book.writing() as batches:
            await batches.close_job(job.key, left, reason)


def _scope(batch: Batch) -> Scope:
    return Scope(batch.tenant, batch.use_case, batch.user)


def _most(questions: list[_Question]) -> Amount:
    """Return the most a job may take at the price of batches."""
    tokens = micros = 0
    for one in questions:
        read = estimate_conversation(message.text for message in one.prompt.messages)
        usage = TokenUsage(read, one.prompt.max_output_tokens)
        tokens += read + one.prompt.max_output_tokens
        micros += _cost(one.model, usage)
    return Amount(tokens, micros)


def _cost(model: Model, usage: TokenUsage) -> int:
    """Return what a usage costs at the price of batches. One without a price is charged as fresh input, and told."""
    try:
        return cost_micros(model.price, usage, batch=True)
    except PriceUnknown as unknown:
        log.error("usage without a price", extra={"data": {"model": model.name, "problem": str(unknown)}})
        return cost_micros(model.price, TokenUsage(usage.input_tokens, usage.output_tokens))


def _failed(item: Claimed, reason: str, message: str) -> Outcome:
    words = message[:500].replace("\0", "")
    return Outcome(item.position, item.attempt, ItemState.FAILED, error_reason=reason, error_message=words)


def _record(batch: Batch, model: Model, item: Claimed, wanted: Wanted, answer: Answer) -> UsageRecord:
    return UsageRecord(
        operation="chat",
        model=model.name,
        provider=model.provider,
        use_case=batch.use_case,
        outcome="ok",
        usage=answer.finished.usage,
        cost_micros=answer.finished.cost_micros,
        seconds=0.0,
        route_reason=_WHY,
        record_id=item.record_id,
        tenant=batch.tenant,
        user=batch.user,
        prompt_version=wanted.prompt_version,
        batch=True,
        price_date=model.price.date,
        streamed=False,
    )
