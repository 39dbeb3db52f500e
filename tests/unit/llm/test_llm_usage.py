"""Tokens, money and vectors: the sums."""

from math import isclose

import pytest

from services.llm.domain.embedding import VectorCache, chunks, prepared, unit
from services.llm.domain.pricing import cost_micros
from services.llm.domain.usage import TokenUsage, estimate_conversation, estimate_tokens
from tests.fakes.llm_models import BASIC, BEST, CHEAP


@pytest.mark.parametrize(
    ("usage", "micros"),
    [
        (TokenUsage(1_000_000, 0), 100_000),
        (TokenUsage(0, 1_000_000), 500_000),
        (TokenUsage(1_000, 200), 200),
        (TokenUsage(1, 0), 1),
        (TokenUsage(0, 0), 0),
    ],
)
def test_cost_is_exact_and_rounds_up(usage: TokenUsage, micros: int) -> None:
    assert cost_micros(CHEAP.price, usage) == micros


def test_free_model_costs_nothing_and_dear_one_more() -> None:
    usage = TokenUsage(12_345, 678)
    assert cost_micros(BASIC.price, usage) == 0
    assert cost_micros(BEST.price, usage) == 12_345 * 3 + 339


def test_estimate_counts_bytes_not_letters() -> None:
    assert (estimate_tokens(""), estimate_tokens("four"), estimate_tokens("fives"), estimate_tokens("茶茶茶茶")) == (
        0,
        1,
        2,
        3,
    )
    assert estimate_conversation(["four", "four"]) == 10


def test_vectors_become_one_long() -> None:
    made = unit([3.0, 4.0])
    assert isclose(made[0], 0.6, rel_tol=1e-6)
    assert isclose(made[1], 0.8, rel_tol=1e-6)
    assert list(unit([0.0, 0.0])) == [0.0, 0.0]


def test_white_space_makes_no_other_text() -> None:
    assert prepared("  red \n shoes ") == "red shoes"
    assert prepared(" \t") == " "


def test_chunks_keep_the_order() -> None:
    assert chunks(["a", "b", "c", "d", "e"], 2) == [["a", "b"], ["c", "d"], ["e"]]


def test_cache_forgets_what_was_not_asked_for_the_longest() -> None:
    cache = VectorCache(2)
    cache.put("m", "a", [1.0])
    cache.put("m", "b", [2.0])
    assert cache.get("m", "a") == [1.0]
    cache.put("m", "c", [3.0])
    assert (cache.get("m", "a"), cache.get("m", "b"), cache.get("m", "c")) == ([1.0], None, [3.0])
    assert cache.get("other", "a") is None


def test_cache_of_nothing_keeps_nothing() -> None:
    cache = VectorCache(0)
    cache.put("m", "a", [1.0])
    assert cache.get("m", "a") is None
