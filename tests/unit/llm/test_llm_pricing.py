"""What calls cost: a golden table of usage shapes, worked out in dollars with decimals, priced to the micro-dollar."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.llm.domain.pricing import Price, PriceUnknown, Rates, Tier, cost_micros
from services.llm.domain.usage import TokenUsage

SONNET_LONG = Tier(200_000, Rates(6_000_000, 22_500_000, 600_000, 7_500_000, 12_000_000))
PRICES = {
    "luna": Price(Rates(100_000, 500_000, 10_000)),
    "terra": Price(Rates(1_000_000, 5_000_000, 100_000)),
    "sol": Price(Rates(2_000_000, 10_000_000, 200_000), batch_permille=500),
    "sonnet": Price(Rates(3_000_000, 15_000_000, 300_000, 3_750_000, 6_000_000), (SONNET_LONG,), batch_permille=500),
    "haiku": Price(Rates(1_000_000, 5_000_000, 100_000, 1_250_000, 2_000_000), batch_permille=500),
    "micro": Price(Rates(35_000, 140_000)),
    "lite": Price(Rates(60_000, 240_000, 15_000)),
    "embed": Price(Rates(20_000, 0)),
    "free": Price(Rates()),
    "percall": Price(Rates(100_000, 400_000), per_call=5_000),
    "odd": Price(Rates(333_333, 777_777, 111_111)),
}
with (Path(__file__).parent / "usage_shapes.csv").open(encoding="utf-8") as file:
    SHAPES = list(csv.DictReader(file))


def test_golden_table_is_as_large_as_it_should_be() -> None:
    assert len(SHAPES) >= 60
    assert {shape["price"] for shape in SHAPES} == set(PRICES)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape['price']}: {shape['note']} {shape['input']}")
def test_shape_costs_exactly_what_it_should(shape: dict[str, str]) -> None:
    usage = TokenUsage(
        int(shape["input"]),
        int(shape["output"]),
        cached_input_tokens=int(shape["cached"]),
        cache_write_tokens=int(shape["written"]),
        cache_write_1h_tokens=int(shape["written_1h"]),
        reasoning_tokens=int(shape["thinking"]),
    )
    assert cost_micros(PRICES[shape["price"]], usage, batch=shape["batch"] == "1") == int(shape["micros"])


def test_part_without_a_price_is_told_and_not_given_away() -> None:
    with pytest.raises(PriceUnknown, match="a write into the prompt cache"):
        cost_micros(PRICES["luna"], TokenUsage(10, 0, cache_write_tokens=5))
    with pytest.raises(PriceUnknown, match="an hour"):
        cost_micros(PRICES["luna"], TokenUsage(10, 0, cache_write_1h_tokens=5))


def test_parts_that_are_more_than_the_whole_are_told() -> None:
    with pytest.raises(PriceUnknown, match="more than the whole"):
        cost_micros(PRICES["luna"], TokenUsage(10, 0, cached_input_tokens=11))


@given(st.integers(0, 10**7), st.integers(0, 10**6), st.sampled_from(sorted(PRICES)))
def test_more_tokens_never_cost_less(tokens: int, output: int, name: str) -> None:
    price = PRICES[name]
    cost = cost_micros(price, TokenUsage(tokens, output))
    assert cost_micros(price, TokenUsage(tokens + 1, output)) >= cost
    assert cost_micros(price, TokenUsage(tokens, output + 1)) >= cost
    assert (cost > 0) == bool((price.rates.input and tokens) or (price.rates.output and output) or price.per_call)
