"""Tokens and money: counted by the provider where it counts, estimated where it does not."""

from collections.abc import Iterable
from dataclasses import dataclass

# English and its tokenizers: about four bytes to a token, and a few tokens of framing to a message.
_BYTES_PER_TOKEN = 4
_TOKENS_PER_MESSAGE = 4


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens in and out; estimated when the provider did not say. Parts are included in their wholes."""

    # All that was read: fresh, cached and written to the provider's cache.
    input_tokens: int
    # All that was written, thinking included.
    output_tokens: int = 0
    estimated: bool = False
    # Part of the input that the provider read from its prompt cache.
    cached_input_tokens: int = 0
    # Parts of the input that the provider wrote into its prompt cache, to be kept for 5 minutes and for an hour.
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    # Part of the output that was thinking.
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """What one call to a provider, or one answer from the cache, took, whoever ended it.

    Never holds a word of the prompt or the answer. Seconds are a duration; the moment is added by whoever delivers it.
    """

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
    # Names the record for ever: a record delivered twice counts once. Empty lets the ledger choose.
    record_id: str = ""
    tenant: str = ""
    user: str = ""
    api_key: str = ""
    prompt_version: str = ""
    # "", "miss", "exact", "similar" or "shared".
    cache: str = ""
    # Counts the models that were asked for one answer, from 1.
    attempt: int = 1
    # Whether this was the second of two models asked side by side.
    hedge: bool = False
    batch: bool = False
    # Date of the price that was used, for example "2026-11-01".
    price_date: str = ""
    # What an answer from the cache would have cost: the cost of the answer that was kept.
    saved_micros: int = 0
    # Whether the answer came in pieces, and in how many; 0 when nobody counted.
    streamed: bool = True
    chunks: int = 0


def added(one: TokenUsage, other: TokenUsage) -> TokenUsage:
    """Return what two calls took together."""
    return TokenUsage(
        one.input_tokens + other.input_tokens,
        one.output_tokens + other.output_tokens,
        one.estimated or other.estimated,
        one.cached_input_tokens + other.cached_input_tokens,
        one.cache_write_tokens + other.cache_write_tokens,
        one.cache_write_1h_tokens + other.cache_write_1h_tokens,
        one.reasoning_tokens + other.reasoning_tokens,
    )


def estimate_tokens(text: str) -> int:
    """Return about how many tokens a text is."""
    return (len(text.encode()) + _BYTES_PER_TOKEN - 1) // _BYTES_PER_TOKEN


def estimate_conversation(texts: Iterable[str]) -> int:
    """Return about how many tokens the messages of a conversation are together."""
    return sum(estimate_tokens(text) + _TOKENS_PER_MESSAGE for text in texts)
