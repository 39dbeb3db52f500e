"""What the llm service needs from outside, in its own words."""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Protocol

from services.llm.domain.embedding import Embedded, EmbeddingLimits
from services.llm.domain.generation import Prompt, ProviderEvent
from services.llm.domain.model import Model, ModelTable
from services.llm.domain.usage import UsageRecord

# Seconds of a monotonic clock.
Clock = Callable[[], float]


class TextProvider(Protocol):
    """Somebody who runs text models."""

    def generate(self, model: Model, prompt: Prompt) -> AsyncGenerator[ProviderEvent, None]:
        """Stream the answer: deltas, then one `Ended`. Closing the generator stops the provider's work.

        Raises ProviderFailed, PromptRefused or PromptTooLong, and nothing else.
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
