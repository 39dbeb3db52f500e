"""What calls cost: a golden table of usage shapes, worked out in dollars with decimals, priced to the micro-dollar."""

import csv
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.llm.domain.pricing import Price, PriceUnknown, Rates, Tier, cost_micros
from services.llm.domain.usage import TokenUsage

TERRA_LONG = Tier(272_000, Rates(2_000_000, 7_500_000, 100_000, 2_500_000))
SONNET_LONG = Tier(200_000, Rates(6_000_000, 22_500_000, 600_000, 7_500_000, 12_000_000))
# The higher tier first: order says nothing.
GEMINI_LONG = (
    Tier(500_000, Rates(5_000_000, 20_000_000, 500_000)),
    Tier(200_000, Rates(2_500_000, 15_000_000, 250_000)),
)
PRICES = {
    "luna": Price(Rates(100_000, 500_000, 10_000, 125_000), batch_permille=1000),
    "terra": Price(Rates(1_000_000, 5_000_000, 50_000, 1_250_000), (TERRA_LONG,)),
    "sol": Price(Rates(2_000_000, 10_000_000, 200_000), batch_permille=500),
    "sonnet": Price(Rates(3_000_000, 15_000_000, 300_000, 3_750_000, 6_000_000), (SONNET_LONG,), batch_permille=500),
    "haiku": Price(Rates(1_000_000, 5_000_000, 100_000, 1_250_000, 2_000_000), batch_permille=500),
    "gemini": Price(Rates(1_250_000, 10_000_000, 125_000), GEMINI_LONG),
    "micro": Price(Rates(35_000, 140_000)),
    "lite": Price(Rates(60_000, 240_000, 15_000)),
    "embed": Price(Rates(20_000, 0)),
    "free": Price(Rates()),
    "percall": Price(Rates(100_000, 400_000), per_call=5_000),
    "odd": Price(Rates(333_333, 777_777, 111_111)),
}
with (Path(__file__).parent / "usage_shapes.csv").open(encoding="utf-8") as file:
    SHAPES = list(csv.DictReader(file))


def usage_of(shape: dict[str, str]) -> TokenUsage:
    return TokenUsage(
        int(shape["input"]),
        int(shape["output"]),
        cached_input_tokens=int(shape["cached"]),
        cache_write_tokens=int(shape["written"]),
        cache_write_1h_tokens=int(shape["written_1h"]),
        reasoning_tokens=int(shape["thinking"]),
    )


def by_hand(shape: dict[str, str]) -> int:
    """Do the sum that the table shows as its working: tokens times dollars for a million of them, times the batch."""
    factors = [term.split(" x ") for term in shape["working"].split(" + ")]
    dollars = sum((Decimal(tokens) * Decimal(rate) / 10**6 for tokens, rate in factors), Decimal(0))
    return int((dollars * Decimal(shape["batch"] or "1") * 10**6).to_integral_value(ROUND_CEILING))


def test_golden_table_is_as_large_as_it_should_be() -> None:
    assert len(SHAPES) >= 60
    assert {shape["price"] for shape in SHAPES} == set(PRICES)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape['price']}: {shape['note']} {shape['input']}")
def test_shape_costs_exactly_what_it_should(shape: dict[str, str]) -> None:
    usage, price, batch = usage_of(shape), PRICES[shape["price"]], bool(shape["batch"])
    assert int(shape["micros"]) == by_hand(shape)
    assert cost_micros(price, usage, batch) == int(shape["micros"])
    assert cost_micros(price, replace(usage, estimated=True), batch) == int(shape["micros"])


@pytest.mark.parametrize(
    ("price", "usage", "batch", "problem"),
    [
        ("micro", TokenUsage(10, 0, cached_input_tokens=5), False, "a read from the prompt cache"),
        ("sol", TokenUsage(10, 0, cache_write_tokens=5), False, "a write into the prompt cache"),
        ("luna", TokenUsage(10, 0, cache_write_1h_tokens=5), False, "an hour in the prompt cache"),
        ("terra", TokenUsage(272_001, 0, cache_write_1h_tokens=5), False, "an hour in the prompt cache"),
        ("terra", TokenUsage(10, 1), True, "a batch has no price"),
        ("luna", TokenUsage(10, 0, cached_input_tokens=11), False, "more than the whole"),
    ],
)
def test_part_without_a_price_is_told_and_not_given_away(
    price: str, usage: TokenUsage, batch: bool, problem: str
) -> None:
    with pytest.raises(PriceUnknown, match=problem):
        cost_micros(PRICES[price], usage, batch)


def test_nothing_needs_no_price() -> None:
    assert cost_micros(PRICES["terra"], TokenUsage(0, 0), batch=True) == 0
    assert cost_micros(PRICES["free"], TokenUsage(9, 9, cached_input_tokens=4), batch=True) == 0


@given(st.integers(0, 10**7), st.integers(0, 10**6), st.sampled_from(sorted(PRICES)))
def test_more_tokens_never_cost_less(tokens: int, output: int, name: str) -> None:
    price = PRICES[name]
    cost = cost_micros(price, TokenUsage(tokens, output))
    assert cost_micros(price, TokenUsage(tokens + 1, output)) >= cost
    assert cost_micros(price, TokenUsage(tokens, output + 1)) >= cost
    assert (cost > 0) == bool((price.rates.input and tokens) or (price.rates.output and output) or price.per_call)
