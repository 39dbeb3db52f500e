"""Generates text: from the cache where the same was answered before, from one running call where it is asked just now,
from the models otherwise.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from services.llm.application.answer_run import Surroundings
from services.llm.application.ask_models import AskModels
from services.llm.application.ports import AnswerCache
from services.llm.application.single_flight import Flights
from services.llm.domain import errors
from services.llm.domain.answer_cache import Question, is_worth_keeping, question_of
from services.llm.domain.generation import (
    Answer,
    CacheOutcome,
    CacheUse,
    Continued,
    Finished,
    GenerationEvent,
    Privacy,
    Restarted,
    Started,
    TextDelta,
    ToolCall,
    Wanted,
)
from services.llm.domain.prompt_check import contradiction
from services.llm.domain.usage import UsageRecord

# Characters of a replayed delta: about what models send at once, so that a page looks the same.
_REPLAYED = 48


class GenerateText:
    """Streams an answer."""

    def __init__(self, around: Surroundings, cache: AnswerCache, flights: Flights | None = None) -> None:
        """Take everything asking a model takes, the answers given before, and those on their way."""
        self._a = around
        self._ask = AskModels(around)
        self._cache = cache
        self._flights = flights or Flights()

    async def __call__(self, wanted: Wanted) -> AsyncGenerator[GenerationEvent, None]:
        """Yield `Started` first and `Finished` last; see `AskModels` for what comes between."""
        self._check(wanted)
        self._a.admission.enter(wanted.priority, wanted.user or wanted.tenant)
        try:
            question, started = self._question(wanted), self._a.clock()
            found = await self._cache.find(question) if question else None
            if found is not None:
                for event in self._replayed(wanted, *found, started):
                    yield event
                return
            events = self._shared(wanted, question, started) if question else self._ask(wanted)
            async with aclosing(events):
                async for event in events:
                    yield event
        finally:
            self._a.admission.leave()

    def _check(self, wanted: Wanted) -> None:
        """Refuse what contradicts itself before it costs anything."""
        prompt = wanted.prompt
        problem = contradiction(prompt) or self._a.shapes.refusal(prompt.response_format, prompt.tools)
        if problem is not None:
            raise errors.prompt_invalid(*problem)

    def _question(self, wanted: Wanted) -> Question | None:
        if wanted.cache_use is CacheUse.OFF:
            return None
        table = self._a.models.configured()
        personal = wanted.privacy is Privacy.PERSONAL
        if wanted.privacy is Privacy.BY_CONTENT:
            personal = self._a.redaction.is_personal(wanted.prompt)
        question = question_of(wanted, table.digest, table.policy(wanted.use_case), personal)
        if question is None or not question.text or wanted.privacy is not Privacy.SHARED:
            return question
        # Who says that an answer is for everybody has not said that the words of the question are.
        return replace(question, text="") if self._a.redaction.is_personal(wanted.prompt) else question

    async def _shared(
        self, wanted: Wanted, question: Question, started: float
    ) -> AsyncGenerator[GenerationEvent, None]:
        """Ask, or listen to whoever asks the same just now. Listeners pay nothing."""
        # Calls of batches fly by themselves: when one fails no other model is asked, which whoever waits may expect.
        flight = f"{question.exact} batch" if wanted.batch else question.exact
        listens = self._flights.is_flying(flight)
        gathered = Gathered()
        async with aclosing(self._flights.join(flight, lambda: self._kept(wanted, question))) as events:
            async for event in events:
                if listens:
                    gathered.add(event)
                    if isinstance(event, Finished):
                        self._a.ledger.record(self._hit(wanted, gathered.answer(), CacheOutcome.SHARED, started))
                        event = replace(event, cost_micros=0, cache=CacheOutcome.SHARED)
                yield event

    async def _kept(self, wanted: Wanted, question: Question) -> AsyncGenerator[GenerationEvent, None]:
        """Ask the models, and keep an answer that ended well. Incomplete ones are never kept."""
        gathered = Gathered()
        async with aclosing(self._ask(wanted)) as events:
            async for event in events:
                if isinstance(event, Finished):
                    event = replace(event, cache=CacheOutcome.MISS)
                    gathered.add(event)
                    if is_worth_keeping(answer := gathered.answer()):
                        await self._cache.store(question, answer)
                else:
                    gathered.add(event)
                yield event

    def _replayed(self, wanted: Wanted, answer: Answer, outcome: CacheOutcome, started: float) -> list[GenerationEvent]:
        """Return an answer given before as the stream it would be, and note that it was given again."""
        finished = replace(answer.finished, cost_micros=0, cache=outcome, degraded=(), attempts=0)
        self._a.ledger.record(self._hit(wanted, answer, outcome, started))
        text = answer.text
        return [
            replace(
                answer.started, requested_model=wanted.model, route_reason=f"answered before ({outcome.name.lower()})"
            ),
            *(TextDelta(text[at : at + _REPLAYED]) for at in range(0, len(text), _REPLAYED)),
            *answer.tool_calls,
            finished,
        ]

    def _hit(self, wanted: Wanted, answer: Answer, outcome: CacheOutcome, started: float) -> UsageRecord:
        seconds = self._a.clock() - started
        return UsageRecord(
            operation="chat",
            model=answer.started.model.name,
            provider=answer.started.model.provider,
            use_case=wanted.use_case,
            outcome="ok",
            usage=answer.finished.usage,
            cost_micros=0,
            seconds=seconds,
            first_token_seconds=seconds,
            route_reason="cache",
            tenant=wanted.tenant,
            user=wanted.user,
            api_key=wanted.api_key,
            prompt_version=wanted.prompt_version,
            cache=outcome.name.lower(),
            saved_micros=answer.finished.cost_micros,
            batch=wanted.batch,
            record_id=wanted.record_id,
            streamed=wanted.stream,
        )


class Gathered:
    """An answer put together from its events."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._started: Started | None = None
        self._finished: Finished | None = None
        self._text: list[str] = []
        self._calls: list[ToolCall] = []

    def add(self, event: GenerationEvent) -> None:
        """Take one event in."""
        if isinstance(event, TextDelta):
            self._text.append(event.text)
        elif isinstance(event, Finished):
            self._finished = event
        elif isinstance(event, Started):
            self._started = event
        elif isinstance(event, ToolCall):
            self._calls.append(event)
        else:
            self._moved_on(event)

    def answer(self) -> Answer:
        """Return the whole answer; to be asked once it has ended."""
        assert self._started is not None
        assert self._finished is not None
        return Answer(self._started, self._finished, "".join(self._text), tuple(self._calls))

    def _moved_on(self, event: Continued | Restarted) -> None:
        """Note that another model answers; one that begins anew makes void what was said."""
        if isinstance(event, Restarted):
            self._text.clear()
            self._calls.clear()
        if self._started is not None:
            self._started = replace(self._started, model=event.model)
