"""Facets: counts that let a shopper change their mind."""

from typing import Any

from services.product.domain.facets import MOST_VALUES, counted, facets
from services.product.domain.price import Money
from services.product.domain.product import Product, ProductState, Rating
from services.product.domain.product_filter import ProductFilter, ProductOrder, cursor, rating_score
from tests.unit.product.shelf import product

TITLES = {"footwear": "Footwear", "table": "At the table"}


def rated(product_id: str, average: float, **fields: Any) -> Product:
    fields["rating"] = Rating(average, 10)
    return product(product_id, **fields)


SHELF = [
    rated("a", 4.5, brand="Harbour"),
    rated("b", 3.5, brand="Kiln", price=Money("EUR", 900)),
    rated("c", 4.0, brand="Kiln", category="table", stock_quantity=0, price=Money("EUR", 250_000)),
]


def told(condition: ProductFilter) -> dict[str, dict[str, int]]:
    made = facets(counted(SHELF, condition, "EUR"), TITLES, "EUR")
    return {facet.field: {value.label: value.count for value in facet.values} for facet in made}


def test_everything_is_counted_without_a_filter() -> None:
    assert told(ProductFilter()) == {
        "category": {"Footwear": 2, "At the table": 1},
        "brand": {"Kiln": 2, "Harbour": 1},
        "price": {"Under €10": 1, "€25 to €50": 1, "€2,000 and more": 1},
        "rating": {"4 stars and more": 2, "3 stars and more": 3, "2 stars and more": 3, "1 star and more": 3},
        "availability": {"In stock": 2},
    }


def test_chosen_value_narrows_the_other_facets_but_not_its_own() -> None:
    found = told(ProductFilter(brands=frozenset({"Harbour"})))
    assert found["brand"] == {"Kiln": 2, "Harbour": 1}
    assert found["category"] == {"Footwear": 1}


def test_two_chosen_values_each_narrow_the_other() -> None:
    found = told(ProductFilter(brands=frozenset({"Kiln"}), categories=frozenset({"footwear"})))
    assert found["brand"] == {"Harbour": 1, "Kiln": 1}
    assert found["category"] == {"Footwear": 1, "At the table": 1}
    assert found["availability"] == {"In stock": 1}


def test_price_values_are_what_the_filter_takes() -> None:
    made = facets(counted(SHELF, ProductFilter(), "EUR"), TITLES, "EUR")
    prices = next(facet for facet in made if facet.field == "price")
    assert [value.value for value in prices.values] == ["0-999", "2500-4999", "200000-"]


def test_brands_end_after_the_most_frequent() -> None:
    many = [product(f"p{n}", brand=f"Brand {n:02}") for n in range(MOST_VALUES + 5)]
    made = facets(counted(many, ProductFilter(), "EUR"), TITLES, "EUR")
    assert len(next(facet for facet in made if facet.field == "brand").values) == MOST_VALUES


def test_filter_keeps_only_what_meets_all_conditions() -> None:
    condition = ProductFilter(min_price_minor=1_000, max_price_minor=5_000, in_stock=True, min_rating=4.0)
    assert [item.id for item in SHELF if condition.keeps(item)] == ["a"]


def test_drafts_are_hidden_unless_asked_for() -> None:
    draft = product(state=ProductState.DRAFT)
    assert not ProductFilter().keeps(draft)
    assert ProductFilter(states=frozenset({ProductState.DRAFT})).keeps(draft)


def test_reduced_means_cheaper_than_before() -> None:
    assert ProductFilter(reduced=True).keeps(product(list_price=Money("EUR", 9_900)))
    assert not ProductFilter(reduced=True).keeps(product())


def test_many_good_reviews_beat_one_enthusiast() -> None:
    assert rating_score(4.6, 80) > rating_score(5.0, 1) > rating_score(0.0, 0)


def test_cursors_tell_products_apart_in_every_order() -> None:
    for order in ProductOrder:
        assert cursor(product("a"), order) != cursor(product("b"), order)
