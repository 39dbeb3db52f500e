"""An honest provider in memory: it answers, fails and stalls as told, and remembers what it was asked."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from services.llm.domain.embedding import Embedded, EmbeddingLimits
from services.llm.domain.errors import FailureKind, PromptRefused, PromptTooLong, ProviderFailed
from services.llm.domain.generation import Ended, FinishReason, Prompt, ProviderEvent, Role, TextDelta
from services.llm.domain.model import Model
from services.llm.domain.usage import TokenUsage, UsageRecord
from tests.fakes.llm_scenario import DELTAS, SLOW_START, USAGE, Scenario

_BEFORE: dict[Scenario, Exception] = {
    Scenario.THROTTLED: ProviderFailed(FailureKind.THROTTLED, 7.0),
    Scenario.BROKEN: ProviderFailed(FailureKind.BROKEN),
    Scenario.FORBIDDEN: ProviderFailed(FailureKind.FORBIDDEN),
    Scenario.GONE: ProviderFailed(FailureKind.GONE),
    Scenario.REFUSED: PromptRefused("invalid_value"),
    Scenario.TOO_LONG: PromptTooLong(),
    Scenario.NOTHING: ProviderFailed(FailureKind.BROKEN),
    Scenario.WRONG_MODEL: ProviderFailed(FailureKind.WRONG_MODEL),
}
_BREAKS = (Scenario.CUT, Scenario.ERROR_INSIDE, Scenario.MALFORMED, Scenario.UNFINISHED, Scenario.HALF_CALL)


class FakeProvider:
    """A `TextProvider`, `EmbeddingProvider` and `ProbedProvider`."""

    limits = EmbeddingLimits(texts_per_call=4, calls_at_once=1)
    probe_seconds = 0.01

    def __init__(self, scenario: Scenario = Scenario.ANSWER, timeout: float = 5.0, dimension: int = 3) -> None:
        self.scenario = scenario
        self.dimension = dimension
        self.prompts: list[tuple[str, Prompt]] = []
        self.batches: list[list[str]] = []
        self.left = asyncio.Event()
        self.embedding_seconds = 0.0
        self.probed_once = asyncio.Event()
        self.listed: frozenset[str] | None = None
        self._timeout = timeout

    async def generate(self, model: Model, prompt: Prompt, stream: bool = True) -> AsyncGenerator[ProviderEvent, None]:
        self.prompts.append((model.name, prompt))
        if self.scenario in _BEFORE:
            raise _BEFORE[self.scenario]
        if self.scenario is Scenario.REFUSES_TO_GO_ON and any(turn.role is Role.ASSISTANT for turn in prompt.messages):
            raise PromptRefused("prefill_refused")
        try:
            if self.scenario is Scenario.SILENT:
                await self._silence()
            await asyncio.sleep(SLOW_START if self.scenario is Scenario.SLOW else 0)
            if not stream and self.scenario is Scenario.ANSWER:
                yield TextDelta("".join(DELTAS))
                yield Ended(FinishReason.STOP, TokenUsage(*USAGE))
                return
            yield TextDelta(DELTAS[0])
            if self.scenario is Scenario.STALLED:
                await self._silence()
            while self.scenario is Scenario.ENDLESS:
                await asyncio.sleep(0.01)
                yield TextDelta("more ")
        finally:
            if self.scenario in (Scenario.SILENT, Scenario.STALLED, Scenario.ENDLESS):
                self.left.set()
        if self.scenario in _BREAKS:
            raise ProviderFailed(FailureKind.BROKEN)
        yield TextDelta(DELTAS[1])
        reason = FinishReason.LENGTH if self.scenario is Scenario.LENGTH else FinishReason.STOP
        yield Ended(reason, None if self.scenario is Scenario.UNCOUNTED else TokenUsage(*USAGE))

    async def embed(self, model: Model, texts: Sequence[str], query: bool) -> Embedded:
        self.batches.append(list(texts))
        if self.scenario in _BEFORE:
            raise _BEFORE[self.scenario]
        if self.scenario is Scenario.SILENT:
            await self._silence()
        if self.scenario is Scenario.MALFORMED:
            raise ProviderFailed(FailureKind.BROKEN)
        await asyncio.sleep(self.embedding_seconds)
        return Embedded([[float(len(text)), *[0.0] * (self.dimension - 1)] for text in texts], 7)

    async def offered(self) -> frozenset[str] | None:
        self.probed_once.set()
        if self.scenario in _BEFORE:
            raise _BEFORE[self.scenario]
        return self.listed

    async def _silence(self) -> None:
        await asyncio.sleep(self._timeout)
        raise ProviderFailed(FailureKind.TIMED_OUT)


class FakeLedger:
    """A `UsageLedger` that keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[UsageRecord] = []

    def record(self, record: UsageRecord) -> None:
        self.records.append(record)
