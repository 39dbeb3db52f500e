"""What comes first in a search, and what does not come at all."""

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.product.domain.product import Rating
from services.product.domain.ranking import Candidate, Hits, ranked, understood_as
from tests.unit.product.shelf import product


def candidate(product_id: str, title: str, **fields: object) -> Candidate:
    codes = fields.pop("codes", ())
    return Candidate(product(product_id, title, **fields), (*codes, product_id))  # type: ignore[misc]


SHELF: Mapping[str, Candidate] = {
    found.product.id: found
    for found in (
        candidate("a", "Wool slippers", brand="Harbour"),
        candidate("b", "Felt slippers with wool lining", brand="Kiln"),
        candidate("c", "Garden mug", category="table", codes=("TN-2110",)),
        candidate("d", "Town boots", brand="Harbour"),
    )
}


def order(query: str, by_words: dict[str, float], meaning: dict[str, float]) -> list[str]:
    return [found.id for found in ranked(query, Hits(by_words, meaning), SHELF)]


def test_what_words_and_meaning_both_find_comes_before_what_one_finds() -> None:
    assert order("felt", {"b": 4.0, "d": 4.0}, {"a": 0.6, "b": 0.6}) == ["b", "a", "d"]


def test_exact_title_beats_a_better_score() -> None:
    assert order("wool slipper", {"a": 5.0, "b": 8.0}, {})[0] == "a"


def test_article_number_beats_everything() -> None:
    assert order("tn-2110", {"a": 9.0, "c": 2.0}, {"a": 0.9})[0] == "c"


def test_typed_brand_lifts_its_products() -> None:
    assert order("harbour footwear", {"a": 4.0, "b": 4.2}, {}) == ["a", "b"]


def test_far_meaning_alone_finds_nothing() -> None:
    assert order("zxqv", {}, {"a": 0.22, "b": 0.19}) == []


def test_meaning_much_weaker_than_the_best_is_cut() -> None:
    assert order("warm feet", {}, {"a": 0.7, "b": 0.65, "c": 0.35}) == ["a", "b"]


def test_words_much_weaker_than_the_best_are_cut() -> None:
    assert order("rare slippers", {"a": 10.0, "d": 0.5}, {}) == ["a"]


def test_stock_and_reviews_decide_between_equals() -> None:
    shelf = {
        "out": candidate("out", "Mug", stock_quantity=0),
        "plain": candidate("plain", "Mug"),
    }
    loved = candidate("loved", "Mug")
    shelf["loved"] = replace(loved, product=replace(loved.product, rating=Rating(4.5, 200)))
    scores = dict.fromkeys(shelf, 3.0)
    assert [found.id for found in ranked("cup", Hits(scores, {}), shelf)] == ["loved", "plain", "out"]


def test_products_that_are_gone_are_left_out() -> None:
    assert order("mug", {"gone": 9.0, "c": 4.0}, {"gone": 0.9}) == ["c"]


def test_how_a_product_was_found_is_told() -> None:
    found = {item.id: item for item in ranked("wool", Hits({"a": 3.0}, {"a": 0.6, "d": 0.5}), SHELF)}
    assert (found["a"].by_words, found["a"].by_meaning) == (True, True)
    assert (found["d"].by_words, found["d"].by_meaning) == (False, True)


scores = st.dictionaries(st.sampled_from("abcd"), st.floats(0.01, 50))
cosines = st.dictionaries(st.sampled_from("abcd"), st.floats(-1, 1))


@given(scores, cosines)
def test_every_product_comes_once_best_first(by_words: dict[str, float], meaning: dict[str, float]) -> None:
    found = ranked("wool mug", Hits(by_words, meaning), SHELF)
    assert len({item.id for item in found}) == len(found)
    assert [item.score for item in found] == sorted((item.score for item in found), reverse=True)


TITLES = {"footwear": "Footwear", "table": "At the table"}


def test_meaning_is_told_when_words_found_nothing() -> None:
    found = ranked("toasty toes", Hits({}, {"a": 0.5, "b": 0.5}), SHELF)
    assert understood_as("toasty toes", found, SHELF, TITLES) == "footwear"


def test_plain_query_is_not_explained() -> None:
    found = ranked("slippers", Hits({"a": 3.0}, {"a": 0.7, "b": 0.6}), SHELF)
    assert understood_as("slippers", found, SHELF, TITLES) == ""


def test_nothing_found_is_not_explained() -> None:
    assert understood_as("x", [], SHELF, TITLES) == ""
