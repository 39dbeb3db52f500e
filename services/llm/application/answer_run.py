"""One answer on its way over all the models that are asked for it, and what asking them takes."""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from services.llm.application.ports import (
    Budgets,
    CallSpans,
    Clock,
    DifficultyJudge,
    ModelSource,
    Redaction,
    Refusals,
    ShapeChecker,
    TextProvider,
    UsageLedger,
)
from services.llm.application.race import Contender
from services.llm.domain import errors
from services.llm.domain.admission import Admission
from services.llm.domain.errors import FailureKind, PromptTooLong, ProviderFailed
from services.llm.domain.generation import FormatKind, ToolCall, Wanted
from services.llm.domain.health import HealthBook
from services.llm.domain.latency import LatencyBook
from services.llm.domain.model import Policy
from services.llm.domain.routing import Plan, Route
from services.llm.domain.usage import TokenUsage, added, estimate_conversation

PREFERRED_PROVIDER = "PREFERRED_PROVIDER"
RECOVERED = "RECOVERED"
BUDGET = "BUDGET"
# Calls that may run at once where nobody said how many.
_PLACES = 1024


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Everything asking a model takes."""

    models: ModelSource
    providers: Mapping[str, TextProvider]
    health: HealthBook
    latency: LatencyBook
    budgets: Budgets
    ledger: UsageLedger
    judge: DifficultyJudge | None
    redaction: Redaction
    shapes: ShapeChecker
    clock: Clock
    # Waits a random moment before a model is asked once more.
    pause: Callable[[], Awaitable[None]]
    # Where calls are traced and refusals counted, if anywhere.
    spans: CallSpans | None = None
    refusals: Refusals | None = None
    admission: Admission = field(default_factory=lambda: Admission(_PLACES))


class Run:
    """What has been planned, said and spent for one answer."""

    def __init__(self, wanted: Wanted, plan: Plan, policy: Policy) -> None:
        """Begin with nothing said."""
        self.wanted = wanted
        self.policy = policy
        self.queue: deque[Route] = deque(plan.routes)
        # Whether text is passed on as it comes; an answer of a given shape is held back until it is whole.
        self.open = wanted.prompt.response_format.kind is FormatKind.TEXT
        self.calls: list[ToolCall] = []
        self.tried: list[tuple[Route, Exception]] = []
        self.attempts = 0
        # Calls that are open, or were.
        self.contenders: list[Contender] = []
        self.usage = TokenUsage(0)
        self.micros = 0
        self.degraded: list[str] = [PREFERRED_PROVIDER] if plan.degraded else []
        self.announced = False
        self.retried = False
        self.finished = False
        self._said: list[str] = []

    @property
    def said(self) -> str:
        """Return the text so far."""
        if len(self._said) > 1:
            self._said = ["".join(self._said)]
        return self._said[0] if self._said else ""

    def say(self, text: str) -> None:
        """Add to the text so far."""
        self._said.append(text)

    def hold_call(self, call: ToolCall) -> None:
        """Keep a call until the answer has ended well."""
        self.calls.append(call)

    def forget(self) -> None:
        """Begin anew."""
        self._said.clear()
        self.calls.clear()

    def degrade(self, step: str) -> None:
        """Note a step that was left out."""
        if step not in self.degraded:
            self.degraded.append(step)

    def spent(self, usage: TokenUsage, micros: int) -> None:
        """Add what one model took."""
        self.usage = added(self.usage, usage) if self.usage.input_tokens or self.usage.output_tokens else usage
        self.micros += micros

    def last_failure(self) -> str:
        """Return how the model before failed, as a word that can be shown."""
        return str(self.tried[-1][1]) if self.tried else ""

    def is_new(self, route: Route) -> bool:
        """Return whether this model has not been asked yet."""
        return all(route.model is not tried.model for tried, _ in self.tried)

    def worth_trying(self, route: Route) -> bool:
        """Return whether another model can do better: what was too long for one needs a larger one."""
        if not self.tried or not isinstance(self.tried[-1][1], PromptTooLong):
            return True
        return route.model.context_tokens > self.tried[-1][0].model.context_tokens


def gave_up(run: Run, health: HealthBook, now: float) -> Exception:
    """Return the error that fits what was tried."""
    if run.tried and all(isinstance(failure, PromptTooLong) for _, failure in run.tried):
        tokens = estimate_conversation(message.text for message in run.wanted.prompt.messages)
        return errors.context_too_long(tokens, max(route.model.context_tokens for route, _ in run.tried))
    if run.said and run.announced and run.open:
        route, failure = run.tried[-1]
        return errors.answer_cut_off(route.model.name, str(failure))
    words = [(route.model.name, f"was {why}") for route, why in run.tried]
    if run.tried and all(_is_invalid(failure) for _, failure in run.tried):
        return errors.answer_invalid("; ".join(f"{name} {why}" for name, why in words))
    rests = [health.of(route.model, now).retry_after for route, _ in run.tried]
    return errors.provider_unavailable(words, min(rests, default=1.0))


def _is_invalid(failure: Exception) -> bool:
    return isinstance(failure, ProviderFailed) and failure.kind is FailureKind.INVALID
