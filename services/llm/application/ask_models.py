"""Asks models until one has answered.

Before the first token the next model takes over unseen; after it the next one goes on from the text so far. An answer
of a given shape, and the arguments of a tool, are passed on only once they are whole and checked.
"""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

from services.llm.application.answer_run import BUDGET, RECOVERED, Run, Surroundings, gave_up
from services.llm.application.open_attempt import OpenAttempt
from services.llm.application.race import FAILURES, Contender, first_to_speak, next_event
from services.llm.domain import errors, routing
from services.llm.domain.budget import BudgetSpent
from services.llm.domain.errors import FailureKind, PromptRefused, PromptTooLong, ProviderFailed
from services.llm.domain.generation import (
    Continued,
    Ended,
    Finished,
    GenerationEvent,
    Priority,
    ProviderEvent,
    Restarted,
    Started,
    TextDelta,
    ToolCall,
    Wanted,
)
from services.llm.domain.model import OverBudget
from services.llm.domain.recovery import Diverged, Seam, Style
from services.llm.domain.retry import HedgeBudget, RetryBudget
from services.llm.domain.routing import Route
from services.llm.domain.usage import estimate_tokens


class AskModels:
    """Streams an answer from the models that policy, health and budgets choose."""

    def __init__(self, around: Surroundings) -> None:
        """Take everything it works with."""
        self._a = around
        self._open = OpenAttempt(around)
        self._retries, self._hedges = RetryBudget(), HedgeBudget()

    async def __call__(self, wanted: Wanted) -> AsyncGenerator[GenerationEvent, None]:
        """Yield `Started`, deltas and whole tool calls, `Continued` or `Restarted` after failures, `Finished`."""
        run = self._planned(wanted)
        self._retries.earn()
        async with aclosing(self._over_routes(run)) as events:
            async for event in events:
                yield event
        if not run.finished:
            raise gave_up(run, self._a.health, self._a.clock())

    def _planned(self, wanted: Wanted) -> Run:
        now, a = self._a.clock(), self._a
        table = a.models.configured()
        plan = routing.plan(
            wanted, table, lambda model: a.health.of(model, now), difficulty=a.judge, latency=a.latency.average
        )
        return Run(wanted, plan, table.policy(wanted.use_case))

    async def _over_routes(self, run: Run) -> AsyncGenerator[GenerationEvent, None]:
        """Ask one route after the other until one has finished or none is left."""
        while not run.finished and (route := await self._next_route(run)) is not None:
            for style in _styles(run, route):
                try:
                    async with aclosing(self._ask(run, route, style)) as events:
                        async for event in events:
                            yield event
                    break
                except (PromptRefused, Diverged) as refused:
                    # Only a question of our own making may be refused and asked another way.
                    if style is None and isinstance(refused, PromptRefused):
                        raise errors.provider_refused(route.model.name, refused.code) from None
                    run.tried.append((route, ProviderFailed(FailureKind.BROKEN)))
                except (ProviderFailed, PromptTooLong) as failure:
                    run.tried.append((route, failure))
                    break
                except BudgetSpent as spent:
                    self._cannot_pay(run, route, spent)
                    break

    async def _next_route(self, run: Run) -> Route | None:
        """Return whom to ask next; with nobody left, the last one once more if that is worth it."""
        if run.wanted.batch and run.tried and errors.may_be_paid(run.tried[-1][1]):
            # Nobody waits for an item of a batch: whether it is paid once more is for people to decide.
            return None
        while run.queue:
            route = run.queue.popleft()
            if run.worth_trying(route) and self._a.health.begin(route.model, self._a.clock()):
                return route
        if run.retried or not run.tried:
            return None
        route, failure = run.tried[-1]
        if not isinstance(failure, ProviderFailed) or not self._retries.spend(failure.kind):
            return None
        run.retried = True
        await self._a.pause()
        return route if self._a.health.begin(route.model, self._a.clock()) else None

    def _cannot_pay(self, run: Run, route: Route, spent: BudgetSpent) -> None:
        """Look for a cheaper model where the policy says so, refuse where it does not."""
        self._a.health.release(route.model)
        cheaper: list[Route] = []
        if run.policy.over_budget is OverBudget.CHEAPER and spent.what == "money":
            table = self._a.models.configured()
            cheaper = [one for one in routing.cheaper(table, run.wanted, route.model) if run.is_new(one)]
        if not cheaper and not run.queue:
            if self._a.refusals is not None:
                self._a.refusals.budget_refused(spent.kind, spent.what)
            raise errors.budget_spent(spent.budget, spent.what, spent.retry_after)
        if cheaper:
            run.degrade(BUDGET)
            run.queue.clear()
            run.queue.extend(cheaper)

    async def _ask(self, run: Run, route: Route, style: Style | None) -> AsyncGenerator[GenerationEvent, None]:
        """Ask one model, with a second one beside it when it is slow to begin, and pass on what is said."""
        contender = await self._open(run, route, style)
        try:
            contender, first = await self._begin(run, contender, style)
            yield self._announcement(run, contender, style)
            seam = Seam(run.said, style) if style is not None else None
            async with aclosing(self._passed_on(run, contender, first, seam)) as events:
                async for event in events:
                    yield event
        except FAILURES as failure:
            contender.failure = failure
            raise
        except Diverged:
            contender.failure = ProviderFailed(FailureKind.BROKEN)
            raise
        finally:
            await self._open.close_all(run)

    async def _begin(self, run: Run, one: Contender, style: Style | None) -> tuple[Contender, ProviderEvent]:
        """Return who answers and its first event. Who was asked beside it in vain is closed."""
        after = self._hedge_after(run, one) if style is None else None
        if after is None:
            return one, await next_event(one)
        front, first, behind = await first_to_speak(one, after, lambda: self._second(run))
        if behind is not None:
            if behind.failure is not None:
                run.tried.append((behind.attempt.route, behind.failure))
            else:
                # It would have taken longer yet: without it the slow ones are forgotten, and more and more seem slow.
                self._a.latency.note(behind.attempt.route.model, self._a.clock() - behind.attempt.started_at)
            await self._open.close(run, behind)
        if first is None:
            raise front.failure or ProviderFailed(FailureKind.BROKEN)
        return front, first

    async def _second(self, run: Run) -> Contender | None:
        """Open a second call beside the first; None when nobody is left or the budget does not hold it."""
        if run.wanted.stream and not self._hedges.spend():
            return None
        route = await self._next_route(run) if run.queue else None
        if route is None:
            return None
        try:
            return await self._open(run, route, None)
        except BudgetSpent:
            self._a.health.release(route.model)
            return None

    def _hedge_after(self, run: Run, one: Contender) -> float | None:
        """Return after how many seconds of silence a second model is asked, None for never."""
        if not run.queue or run.wanted.priority is Priority.BATCH:
            return None
        model = one.attempt.route.model
        if not run.wanted.stream:
            # A whole answer may take long, and whether it still comes cannot be seen: both are waited for.
            return model.first_token_seconds
        if not run.policy.hedge:
            return None
        self._hedges.earn()
        return self._a.latency.p95(model)

    def _announcement(self, run: Run, contender: Contender, style: Style | None) -> GenerationEvent:
        """Say who answers: for the first time, going on, or beginning anew where something was said already."""
        attempt = contender.attempt
        model, reason = attempt.route.model, run.last_failure()
        if not run.announced:
            run.announced = True
            run.forget()
            return Started(run.wanted.model, model, attempt.route.reason)
        run.degrade(RECOVERED)
        if style is None and run.open and run.said:
            discard = len(run.said.encode())
            run.forget()
            return Restarted(attempt.number, model, reason, discard)
        if style is None:
            run.forget()
        return Continued(attempt.number, model, reason)

    async def _passed_on(
        self, run: Run, contender: Contender, event: ProviderEvent, seam: Seam | None
    ) -> AsyncGenerator[GenerationEvent, None]:
        """Put the provider's events into ours."""
        attempt, restorer = contender.attempt, contender.restorer
        attempt.first_token_at = self._a.clock()
        if run.wanted.stream:
            self._a.latency.note(attempt.route.model, attempt.first_token_at - attempt.started_at)
        held = not run.open
        while not isinstance(event, Ended):
            if isinstance(event, ToolCall):
                run.hold_call(restorer.call(event) if restorer else event)
            else:
                attempt.output_tokens += estimate_tokens(event.text)
                attempt.chunks += 1
                text = restorer.feed(event.text) if restorer else event.text
                text = seam.feed(text) if seam else text
                if text:
                    run.say(text)
                    if not held:
                        yield TextDelta(text)
            event = await next_event(contender)
        attempt.ended = event
        rest = restorer.end() if restorer else ""
        rest = (seam.feed(rest) + seam.end()) if seam else rest
        if rest:
            run.say(rest)
            if not held:
                yield TextDelta(rest)
        for last in self._finish(run, contender, event):
            yield last

    def _finish(self, run: Run, contender: Contender, ended: Ended) -> Iterator[GenerationEvent]:
        """Check what was held back, and end the answer."""
        attempt, prompt = contender.attempt, run.wanted.prompt
        wanted_shape = prompt.response_format
        if not run.open and not run.calls:
            problem = self._a.shapes.problem(wanted_shape, run.said)
            if problem:
                run.forget()
                raise ProviderFailed(FailureKind.INVALID)
        attempt.outcome = "ok"
        self._a.health.succeeded(attempt.route.model)
        run.finished = True
        if not run.open and run.said:
            yield TextDelta(run.said)
        yield from run.calls
        self._open.account(run, contender)
        yield Finished(ended.reason, run.usage, tuple(run.degraded), run.micros, attempts=attempt.number)


def _styles(run: Run, route: Route) -> Iterator[Style | None]:
    """Yield the ways to ask a model: as it was asked for, or after a break the ways to go on. None begins anew."""
    if not run.said or not run.open:
        yield None
        return
    if route.model.prefill:
        yield Style.PREFILL
    yield Style.INSTRUCTION
    if run.wanted.accepts_restart:
        yield None
