"""What the llm service needs from outside, in its own words."""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Protocol

from services.llm.domain.answer_cache import KnownQuestion, Question
from services.llm.domain.api_key import KeyHolder
from services.llm.domain.budget import Amount, Reservation, Scope
from services.llm.domain.embedding import Embedded, EmbeddingLimits
from services.llm.domain.generation import (
    Answer,
    CacheOutcome,
    Ended,
    Priority,
    Prompt,
    ProviderEvent,
    ResponseFormat,
    Tool,
    ToolCall,
)
from services.llm.domain.model import Model, ModelTable
from services.llm.domain.usage import UsageRecord

# Seconds of a monotonic clock.
Clock = Callable[[], float]


class TextProvider(Protocol):
    """Somebody who runs text models."""

    def generate(self, model: Model, prompt: Prompt, stream: bool = True) -> AsyncGenerator[ProviderEvent, None]:
        """Yield the answer: text as it comes, tool calls once whole, then one `Ended`. Closing stops the provider.

        Without `stream` the provider is asked for the whole at once. A conversation whose last turn is the assistant's
        asks the model to go on from there. Raises ProviderFailed, PromptRefused or PromptTooLong, and nothing else.
        """
        ...


class EmbeddingProvider(Protocol):
    """Somebody who runs embedding models."""

    @property
    def limits(self) -> EmbeddingLimits:
        """How much to give at once."""
        ...

    async def embed(self, model: Model, texts: Sequence[str], query: bool) -> Embedded:
        """Return one vector per text. `query` tells models that make a difference that the texts are questions.

        Raises ProviderFailed, PromptRefused or PromptTooLong, and nothing else.
        """
        ...


class ProbedProvider(Protocol):
    """Somebody who can be asked whether they are there."""

    @property
    def probe_seconds(self) -> float:
        """Seconds between two probes while all is well."""
        ...

    async def offered(self) -> frozenset[str] | None:
        """Return the ids the provider lists, None when it is there but does not say. Raises ProviderFailed."""
        ...


class ModelSource(Protocol):
    """Where the capability table comes from."""

    def configured(self) -> ModelTable:
        """Return the models whose provider is configured."""
        ...


class UsageLedger(Protocol):
    """Where the record of every upstream call goes."""

    def record(self, record: UsageRecord) -> None:
        """Keep one record. Must not block and never fails."""
        ...


class UsageSpool(Protocol):
    """Records on this machine's disk that were not delivered yet, those of processes that died included.

    Records are opaque here: in the form in which they travel.
    """

    def closed(self) -> Sequence[str]:
        """Return the segments nobody writes to any more, oldest first; what is written to is closed when it is due."""
        ...

    def read(self, segment: str) -> Sequence[bytes]:
        """Return the records of a segment, without those that a crash left unfinished."""
        ...

    def remove(self, segment: str) -> None:
        """Forget a segment: all of it was delivered."""
        ...

    def set_aside(self, record: bytes) -> None:
        """Keep a record that is refused for ever where people find it, and count it."""
        ...

    def seal(self) -> None:
        """Close what is written to, due or not: the process leaves."""
        ...


class UsageSink(Protocol):
    """Where records are delivered to."""

    async def deliver(self, records: Sequence[bytes]) -> None:
        """Return once all are durable there. Raises Invalid when it refuses one of them, or another AisleError."""
        ...


class Budgets(Protocol):
    """Who may still spend how much. Amounts are reserved before a call and settled after it."""

    async def reserve(self, scope: Scope, amount: Amount, priority: Priority) -> Reservation:
        """Set an amount aside in every budget of the scope, in all or in none. Raises BudgetSpent.

        Never raises because of an outside system: while that is away, what was leased before is spent.
        """
        ...

    def settle(self, reservation: Reservation, actual: Amount) -> None:
        """Replace what was set aside by what it came to. Must not block, never fails, is never lost while we live."""
        ...


class AnswerCache(Protocol):
    """Answers given before. Never raises: while it is away nothing is found and nothing is kept."""

    async def find(self, question: Question) -> tuple[Answer, CacheOutcome] | None:
        """Return the answer to the same question or, where the question allows it, to one of the same meaning."""
        ...

    async def store(self, question: Question, answer: Answer) -> None:
        """Keep an answer for as long as the question says."""
        ...

    async def purge(self, tags: Sequence[str]) -> int:
        """Forget the answers that carry any of the tags, on all replicas; return how many. Raises Unavailable."""
        ...


class SimilarQuestions(Protocol):
    """Questions whose answers are remembered, by what they mean. Never raises: while it is away nothing is near.

    A question meets those of its own circle only.
    """

    async def nearest(self, question: Question, vector: Sequence[float], limit: int) -> Sequence[KnownQuestion]:
        """Return the questions of the same circle whose vectors are nearest, nearest first."""
        ...

    async def remember(self, question: Question, vector: Sequence[float]) -> None:
        """Keep a question for as long as it says."""
        ...

    async def purge(self, tags: Sequence[str]) -> None:
        """Forget the questions that carry any of the tags."""
        ...


class SimilarityJudge(Protocol):
    """Says which known questions have the answer of another one."""

    @property
    def model(self) -> str:
        """The embedding model whose vectors it learnt from."""
        ...

    def reads(self, text: str) -> bool:
        """Return whether it understands a question well enough to judge."""
        ...

    def fitting(self, text: str, vector: Sequence[float], known: Sequence[KnownQuestion]) -> Sequence[KnownQuestion]:
        """Return those whose answers may be given, the surest first. No I/O; a few milliseconds at most."""
        ...


class DifficultyJudge(Protocol):
    """Says how likely it is that a question needs the better model."""

    def __call__(self, text: str) -> float:
        """Return the difficulty between 0 and 1. Takes well under a millisecond and never fails."""
        ...


class ApiKeys(Protocol):
    """Keys of other teams, known in memory: a database that is away locks nobody out."""

    def find(self, secret: str) -> KeyHolder | None:
        """Return whom the key stands for, None when it is unknown, revoked or expired. No I/O; constant time."""
        ...


class Restorer(Protocol):
    """Puts back what was redacted, in an answer that comes in pieces."""

    def feed(self, text: str) -> str:
        """Return what may be passed on; a stand-in that is cut in two is held back until its other half comes."""
        ...

    def end(self) -> str:
        """Return what is still held back."""
        ...

    def call(self, call: ToolCall) -> ToolCall:
        """Return a whole tool call with everything put back."""
        ...


class Redaction(Protocol):
    """Takes personal data out of what leaves for somebody else's machine."""

    def redact(self, prompt: Prompt) -> tuple[Prompt, Restorer | None]:
        """Return the prompt with stand-ins, and what puts the originals back; None when nothing was found."""
        ...

    def is_personal(self, prompt: Prompt) -> bool:
        """Return whether a prompt holds personal data, so that its answer is for nobody else."""
        ...


class CallSpan(Protocol):
    """The trace of one call to a model."""

    def end(self, record: UsageRecord, ended: Ended | None = None) -> None:
        """Write down what it came to. Only the first time counts; never fails, never waits."""
        ...


class CallSpans(Protocol):
    """Traces calls to models, below whatever is being answered."""

    def attempt(self, operation: str, model: str) -> CallSpan:
        """Begin to trace a call."""
        ...


class Refusals(Protocol):
    """Counts what budgets did not allow."""

    def budget_refused(self, budget: str, what: str) -> None:
        """Count one; `budget` is the kind of budget, never whose it is, and `what` is "tokens" or "money"."""
        ...


class ShapeChecker(Protocol):
    """Checks answers against the shape that was asked for."""

    def refusal(self, wanted: ResponseFormat, tools: Sequence[Tool]) -> tuple[str, str] | None:
        """Return (field, problem) of a schema that is none, or None."""
        ...

    def problem(self, wanted: ResponseFormat, text: str) -> str | None:
        """Return what is wrong with a whole answer, in a few words without its content; None when it fits."""
        ...
