"""Generates text: asks one model after the other until one begins to answer, then streams what it says."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace

from services.llm.application.ports import Clock, ModelSource, TextProvider, UsageLedger
from services.llm.domain import errors, routing
from services.llm.domain.errors import FailureKind, PromptRefused, PromptTooLong, ProviderFailed
from services.llm.domain.generation import Ended, Finished, GenerationEvent, Started, TextDelta, Wanted
from services.llm.domain.health import HealthBook
from services.llm.domain.routing import Plan, Route
from services.llm.domain.usage import (
    TokenUsage,
    UsageRecord,
    cost_micros,
    estimate_conversation,
    estimate_tokens,
)

PREFERRED_PROVIDER = "PREFERRED_PROVIDER"


@dataclass(slots=True)
class _Attempt:
    """What one model did with the prompt, as far as it came."""

    route: Route
    wanted: Wanted
    degraded: tuple[str, ...]
    started_at: float
    first_token_at: float = 0.0
    output_tokens: int = 0
    ended: Ended | None = None
    outcome: str = "left"

    def usage(self) -> TokenUsage:
        """Return what the provider counted, or an estimate; of an answer without a token nothing is charged."""
        if self.ended is not None and self.ended.usage is not None:
            return self.ended.usage
        if self.ended is None and not self.first_token_at:
            return TokenUsage(0, 0, estimated=True)
        texts = (message.text for message in self.wanted.prompt.messages)
        return TokenUsage(estimate_conversation(texts), self.output_tokens, estimated=True)

    def record(self, now: float) -> UsageRecord:
        """Return the attempt's record."""
        usage = self.usage()
        return UsageRecord(
            operation="chat",
            model=self.route.model.name,
            provider=self.route.model.provider,
            use_case=self.wanted.use_case,
            outcome=self.outcome,
            usage=usage,
            cost_micros=cost_micros(self.route.model, usage),
            seconds=now - self.started_at,
            first_token_seconds=self.first_token_at - self.started_at if self.first_token_at else 0.0,
            route_reason=self.route.reason,
            degraded=self.degraded,
        )


class GenerateText:
    """Streams an answer from the model that policy and health choose."""

    def __init__(
        self,
        models: ModelSource,
        providers: Mapping[str, TextProvider],
        health: HealthBook,
        ledger: UsageLedger,
        clock: Clock,
    ) -> None:
        """Take the models, who runs them by provider name, and what is known about them."""
        self._models = models
        self._providers = providers
        self._health = health
        self._ledger = ledger
        self._clock = clock

    async def __call__(self, wanted: Wanted) -> AsyncGenerator[GenerationEvent, None]:
        """Yield `Started`, deltas, `Finished`. A failure before the first token moves on to the next model."""
        now = self._clock()
        plan = routing.plan(wanted, self._models.configured(), lambda model: self._health.of(model, now))
        tried: list[tuple[Route, Exception]] = []
        for route in plan.routes:
            if tried and not _worth_trying(route, tried[-1]):
                continue
            begun = False
            try:
                async with aclosing(self._ask(route, wanted, plan, bool(tried))) as events:
                    async for event in events:
                        begun = True
                        yield event
                return
            except (ProviderFailed, PromptTooLong) as failure:
                if begun:
                    raise errors.answer_cut_off(route.model.name, str(failure)) from None
                tried.append((route, failure))
        raise self._gave_up(wanted, tried)

    async def _ask(
        self, route: Route, wanted: Wanted, plan: Plan, fell_back: bool
    ) -> AsyncGenerator[GenerationEvent, None]:
        """Stream one model's answer, and note what it came to for health and ledger, whoever ends it."""
        degraded = (PREFERRED_PROVIDER,) if plan.degraded or fell_back else ()
        attempt = _Attempt(route, wanted, degraded, self._clock())
        try:
            async with aclosing(self._answer(attempt)) as events:
                async for event in events:
                    yield event
        except ProviderFailed as failure:
            attempt.outcome = failure.kind.value
            self._health.failed(route.model, failure.kind, self._clock(), failure.retry_after)
            raise
        except PromptTooLong:
            attempt.outcome = "too long"
            raise
        except PromptRefused as refused:
            attempt.outcome = "refused"
            raise errors.provider_refused(route.model.name, refused.code) from None
        finally:
            self._ledger.record(attempt.record(self._clock()))

    async def _answer(self, attempt: _Attempt) -> AsyncGenerator[GenerationEvent, None]:
        """Put the provider's events into ours: nothing is said before the provider has said something."""
        route, wanted = attempt.route, attempt.wanted
        prompt = replace(wanted.prompt, max_output_tokens=route.max_output_tokens)
        provider = self._providers[route.model.provider]
        started = Started(wanted.model, route.model, route.reason)
        async with aclosing(provider.generate(route.model, prompt)) as events:
            async for event in events:
                if not attempt.first_token_at:
                    attempt.first_token_at = self._clock()
                    yield started
                if isinstance(event, Ended):
                    attempt.ended = event
                    break
                if isinstance(event, TextDelta):
                    attempt.output_tokens += estimate_tokens(event.text)
                yield event
        if attempt.ended is None:
            raise ProviderFailed(FailureKind.BROKEN)
        attempt.outcome = "ok"
        self._health.succeeded(route.model)
        yield Finished(attempt.ended.reason, attempt.usage(), attempt.degraded)

    def _gave_up(self, wanted: Wanted, tried: list[tuple[Route, Exception]]) -> Exception:
        """Return the error that fits what was tried."""
        if all(isinstance(failure, PromptTooLong) for _, failure in tried):
            tokens = estimate_conversation(message.text for message in wanted.prompt.messages)
            return errors.context_too_long(tokens, max(route.model.context_tokens for route, _ in tried))
        now = self._clock()
        rests = [self._health.of(route.model, now).retry_after for route, _ in tried]
        return errors.provider_unavailable([(route.model.name, f"was {why}") for route, why in tried], min(rests))


def _worth_trying(route: Route, last: tuple[Route, Exception]) -> bool:
    """Return whether another model can do better: what was too long for one needs a larger one."""
    failed, failure = last
    return not isinstance(failure, PromptTooLong) or route.model.context_tokens > failed.model.context_tokens
