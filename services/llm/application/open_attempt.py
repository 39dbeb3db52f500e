"""Opens one call to a provider and closes it: redaction, budget, health and the record it leaves."""

import logging
from dataclasses import replace

from services.llm.application.answer_run import PREFERRED_PROVIDER, Run, Surroundings
from services.llm.application.attempt import LEFT, Attempt
from services.llm.application.race import OUTRUN, Contender
from services.llm.domain import recovery
from services.llm.domain.budget import Amount, Scope
from services.llm.domain.errors import FailureKind, PromptRefused, PromptTooLong, ProviderFailed
from services.llm.domain.generation import Prompt
from services.llm.domain.pricing import PriceUnknown, cost_micros
from services.llm.domain.recovery import Style
from services.llm.domain.routing import Route
from services.llm.domain.usage import TokenUsage, estimate_conversation, estimate_tokens

log = logging.getLogger("aisle.llm.attempts")

# Whole answers are waited for this long at the most, in seconds; the caller's own deadline is usually nearer.
_WHOLE_ANSWER = 290.0


# What a continuation may take at the least, in tokens.
_LEAST_REST = 16
_OUTCOMES: dict[type[Exception], str] = {PromptTooLong: "too long", PromptRefused: "refused"}


class OpenAttempt:
    """Opens calls, and keeps the books about them."""

    def __init__(self, around: Surroundings) -> None:
        """Take everything a call touches."""
        self._a = around

    async def __call__(self, run: Run, route: Route, style: Style | None) -> Contender:
        """Reserve what the call may take and open it. Raises BudgetSpent."""
        prompt = replace(run.wanted.prompt, max_output_tokens=route.max_output_tokens)
        if style is not None:
            rest = max(route.max_output_tokens - estimate_tokens(run.said), _LEAST_REST)
            prompt = recovery.continuation(replace(prompt, max_output_tokens=rest), run.said, style)
        reservation = await self._a.budgets.reserve(
            Scope(run.wanted.tenant, run.wanted.use_case, run.wanted.user, run.wanted.api_key),
            _most(route, prompt),
            run.wanted.priority,
        )
        if run.tried:
            run.degrade(PREFERRED_PROVIDER)
        run.attempts += 1
        attempt = Attempt(
            route=route,
            wanted=run.wanted,
            prompt=prompt,
            number=run.attempts,
            started_at=self._a.clock(),
            reservation=reservation,
            degraded=tuple(run.degraded),
        )
        if self._a.spans is not None:
            attempt.span = self._a.spans.attempt("chat", route.model.name)
        contender = self._contender(attempt)
        run.contenders.append(contender)
        return contender

    def _contender(self, attempt: Attempt) -> Contender:
        model, stream = attempt.route.model, attempt.wanted.stream
        prompt, restorer = attempt.prompt, None
        if model.external:
            prompt, restorer = self._a.redaction.redact(prompt)
        events = self._a.providers[model.provider].generate(model, prompt, stream)
        patience = model.first_token_seconds if stream else _WHOLE_ANSWER
        return Contender(attempt, events, patience, model.silence_seconds, restorer)

    def account(self, run: Run, contender: Contender) -> None:
        """Settle the call's budget and record it, once."""
        attempt = contender.attempt
        if attempt.reservation.settled:
            return
        attempt.reservation.settled = True
        usage = attempt.usage()
        micros = self._cost(attempt, usage)
        self._a.budgets.settle(attempt.reservation, Amount(usage.input_tokens + usage.output_tokens, micros))
        run.spent(usage, micros)
        record = attempt.record(self._a.clock(), usage, micros)
        self._a.ledger.record(record)
        if attempt.span is not None:
            attempt.span.end(record, attempt.ended)

    def _cost(self, attempt: Attempt, usage: TokenUsage) -> int:
        """Return what the call cost. A usage without a price is charged as fresh input, and told."""
        model = attempt.route.model
        try:
            return cost_micros(model.price, usage)
        except PriceUnknown as unknown:
            log.error("usage without a price", extra={"data": {"model": model.name, "problem": str(unknown)}})
            attempt.unpriced = True
            return cost_micros(model.price, TokenUsage(usage.input_tokens, usage.output_tokens))

    async def close_all(self, run: Run) -> None:
        """End every call of the run that is still open."""
        for contender in run.contenders:
            await self.close(run, contender)
        run.contenders.clear()

    async def close(self, run: Run, contender: Contender) -> None:
        """End a call, whoever ended it. A second time changes nothing."""
        if contender.closed:
            return
        contender.closed = True
        if contender.failure is not None and contender.attempt.outcome != OUTRUN:
            self._note(contender.attempt, contender.failure)
        elif contender.attempt.outcome in (LEFT, OUTRUN):
            self._a.health.release(contender.attempt.route.model)
        try:
            await contender.events.aclose()
        finally:
            self.account(run, contender)

    def _note(self, attempt: Attempt, failure: Exception) -> None:
        model = attempt.route.model
        if isinstance(failure, ProviderFailed) and failure.kind is not FailureKind.INVALID:
            attempt.outcome = failure.kind.value
            self._a.health.failed(model, failure.kind, self._a.clock(), failure.retry_after)
            return
        # Says something about the question or the answer, nothing about whether the model can be reached.
        self._a.health.release(model)
        attempt.outcome = _OUTCOMES.get(type(failure), FailureKind.INVALID.value)


def _most(route: Route, prompt: Prompt) -> Amount:
    """Return the most a call may take: the conversation as estimated, and all the answer it may give."""
    tokens = estimate_conversation(message.text for message in prompt.messages)
    usage = TokenUsage(tokens, route.max_output_tokens)
    return Amount(tokens + route.max_output_tokens, cost_micros(route.model.price, usage))
