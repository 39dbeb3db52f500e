"""What is asked of a text model, and the events of its answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from services.llm.domain.model import Model, Quality
from services.llm.domain.usage import TokenUsage

DEFAULT_OUTPUT_TOKENS = 512


class Role(Enum):
    """Who speaks in a conversation."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class FinishReason(Enum):
    """Why a generation ended."""

    STOP = "stop"
    LENGTH = "length"
    CONTENT_FILTER = "content_filter"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a provider is given. None means the model's own default."""

    messages: Sequence[Message]
    max_output_tokens: int = DEFAULT_OUTPUT_TOKENS
    temperature: float | None = None
    top_p: float | None = None
    stop: Sequence[str] = ()
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A prompt, and what is asked of the model that answers it."""

    prompt: Prompt
    # Empty lets the router choose.
    model: str = ""
    use_case: str = "default"
    min_quality: Quality = Quality.ANY


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text."""

    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The provider is done; without usage when it does not count."""

    reason: FinishReason
    usage: TokenUsage | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """Which model answers, and why; always the first event."""

    requested_model: str
    model: Model
    route_reason: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The text is whole; always the last event."""

    reason: FinishReason
    usage: TokenUsage
    degraded: Sequence[str] = ()


ProviderEvent = TextDelta | Ended
GenerationEvent = Started | TextDelta | Finished
