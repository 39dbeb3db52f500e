"""The demo catalogue is large, coherent and the same every time."""

from __future__ import annotations

from collections import Counter

from local.demo.catalogue import build_catalogue, slugify
from local.demo.families import families, palette, things

CATALOGUE = build_catalogue()


def test_shop_is_large_enough_in_every_department() -> None:
    sizes = Counter(product.category_id for product in CATALOGUE.products)
    assert len(CATALOGUE.products) >= 640
    assert len(CATALOGUE.categories) >= 14
    assert set(sizes) == {category.id for category in CATALOGUE.categories}
    assert min(sizes.values()) >= 15


def test_no_two_products_share_an_id_a_title_or_a_description() -> None:
    products = CATALOGUE.products
    for values in ([p.id for p in products], [p.title for p in products], [p.description for p in products]):
        assert len(set(values)) == len(products)
    assert all(product.id == slugify(product.title) for product in products)


def test_building_twice_gives_the_same_catalogue() -> None:
    build_catalogue.cache_clear()
    assert build_catalogue() == CATALOGUE


def test_prices_are_sensible_and_a_sale_is_a_real_reduction() -> None:
    for product in CATALOGUE.products:
        assert 200 <= product.price_minor <= 300_000, product.title
        assert product.currency == "EUR"
        if product.list_price_minor is not None:
            assert product.price_minor < product.list_price_minor <= 2 * product.price_minor, product.title
    on_sale = sum(product.list_price_minor is not None for product in CATALOGUE.products)
    assert 0.05 < on_sale / len(CATALOGUE.products) < 0.3


def test_some_products_are_sold_out_but_few() -> None:
    sold_out = sum(product.stock == 0 for product in CATALOGUE.products)
    assert 5 <= sold_out <= 0.08 * len(CATALOGUE.products)


def test_descriptions_are_two_to_six_sentences_without_gaps() -> None:
    for product in CATALOGUE.products:
        assert 120 <= len(product.description) <= 620, product.title
        assert "{" not in product.description
        assert "  " not in product.description
        assert product.description.endswith("."), product.title


def test_slippers_answer_a_query_about_cold_feet_in_their_own_words() -> None:
    text = " ".join(product.description.lower() for product in CATALOGUE.products if product.family == "slippers")
    assert all(word in text for word in ("cold", "warm", "feet", "winter"))


def test_every_word_in_the_content_refers_to_something_that_exists() -> None:
    known, colours = things(), palette()
    for family in families().values():
        assert set(family.pairs) <= set(families()), family.id
        assert set(family.objects) | set(family.companions) <= set(known), family.id
        for item in family.items:
            assert item.material in family.materials, item.title
            assert item.thing is None or item.thing in known, item.title
            assert item.colour is None or item.colour in colours.colours, item.title
    assert set(colours.phrases) == set(colours.colours)
    assert {category.tint for category in CATALOGUE.categories} <= set(colours.tints)


def test_a_coloured_product_is_photographed_in_its_colour() -> None:
    for family in families().values():
        for item in family.items:
            thing = things()[item.thing or family.objects[0]]
            assert item.colour is None or thing.mode != "none", item.title


def test_every_product_has_two_or_three_pictures_with_words_for_them() -> None:
    for product in CATALOGUE.products:
        assert len(product.images) in (2, 3)
        assert len({image.key for image in product.images}) == len(product.images)
        for image in product.images:
            assert product.title in image.alt
            assert image.key.endswith(".webp")
