"""Tokens and money: counted by the provider where it counts, estimated where it does not."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.llm.domain.model import Model

# English and its tokenizers: about four bytes to a token, and a few tokens of framing to a message.
_BYTES_PER_TOKEN = 4
_TOKENS_PER_MESSAGE = 4


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens in and out; estimated when the provider did not say."""

    input_tokens: int
    output_tokens: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """What one upstream call took, whoever ended it. Never holds a word of the prompt or the answer."""

    operation: str
    model: str
    provider: str
    use_case: str
    # "ok", "left" when the caller went away, or the kind of failure.
    outcome: str
    usage: TokenUsage
    cost_micros: int
    seconds: float
    # Seconds to the first token; 0 when none came.
    first_token_seconds: float = 0.0
    route_reason: str = ""
    degraded: tuple[str, ...] = ()


def estimate_tokens(text: str) -> int:
    """Return about how many tokens a text is."""
    return (len(text.encode()) + _BYTES_PER_TOKEN - 1) // _BYTES_PER_TOKEN


def estimate_conversation(texts: Iterable[str]) -> int:
    """Return about how many tokens the messages of a conversation are together."""
    return sum(estimate_tokens(text) + _TOKENS_PER_MESSAGE for text in texts)


def cost_micros(model: Model, usage: TokenUsage) -> int:
    """Return the price of a call in micro-USD, rounded up: a call that costs something never counts as free."""
    exact = usage.input_tokens * model.input_price_micros + usage.output_tokens * model.output_price_micros
    return -(-exact // 1_000_000)
