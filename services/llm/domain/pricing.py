"""What a call costs: prices per million tokens in micro-USD, exact in whole numbers, rounded up once per call."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.llm.domain.usage import TokenUsage

_MILLION = 1_000_000
_THOUSAND = 1_000


class PriceUnknown(Exception):
    """The price does not cover what was used; says what is missing."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Micro-USD for a million tokens of each kind; None is a kind the price does not know."""

    input: int = 0
    output: int = 0
    # Read from the provider's prompt cache.
    cached_input: int | None = None
    # Written to the provider's prompt cache, to be kept for five minutes and for an hour.
    cache_write: int | None = None
    cache_write_1h: int | None = None

    @property
    def free(self) -> bool:
        """Whether nothing costs anything: what is not named then costs nothing either."""
        return not (self.input or self.output or self.cached_input or self.cache_write or self.cache_write_1h)


@dataclass(frozen=True, slots=True)
class Tier:
    """Rates of the whole call once its input is longer than so many tokens."""

    above_input_tokens: int
    rates: Rates


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs, as it was published on a day."""

    rates: Rates
    tiers: Sequence[Tier] = ()
    # Micro-USD for every call, whatever its size.
    per_call: int = 0
    # Part of the price, in thousandths, that a provider's batch takes; None when no price of batches is known.
    batch_permille: int | None = None
    # The day it was published, for example "2026-11-01".
    date: str = ""

    def of(self, usage: TokenUsage) -> Rates:
        """Return the rates for a call of this length: those of the highest tier it passes."""
        found, passed = self.rates, -1
        for tier in self.tiers:
            if passed < tier.above_input_tokens < usage.input_tokens:
                found, passed = tier.rates, tier.above_input_tokens
        return found


def cost_micros(price: Price, usage: TokenUsage, batch: bool = False) -> int:
    """Return the cost of a call in micro-USD, rounded up: what costs something never counts as free.

    The parts are summed exactly, in micro-USD for a million tokens, and rounded once. Tokens of thinking are part of
    the output and cost the same. Raises PriceUnknown for a part that has no price.
    """
    rates = price.of(usage)
    cached, written, kept = usage.cached_input_tokens, usage.cache_write_tokens, usage.cache_write_1h_tokens
    fresh = usage.input_tokens - cached - written - kept
    if fresh < 0:
        raise PriceUnknown("the parts of the input are more than the whole")
    exact = fresh * rates.input + usage.output_tokens * rates.output + price.per_call * _MILLION
    if (cached or written or kept) and not rates.free:
        exact += _part(cached, rates.cached_input, "a read from the prompt cache")
        exact += _part(written, rates.cache_write, "a write into the prompt cache")
        exact += _part(kept, rates.cache_write_1h, "an hour in the prompt cache")
    if not batch or not exact:
        return -(-exact // _MILLION)
    if price.batch_permille is None:
        raise PriceUnknown("a batch has no price")
    return -(-exact * price.batch_permille // (_MILLION * _THOUSAND))


def _part(tokens: int, rate: int | None, what: str) -> int:
    if not tokens:
        return 0
    if rate is None:
        raise PriceUnknown(f"{what} has no price")
    return tokens * rate
