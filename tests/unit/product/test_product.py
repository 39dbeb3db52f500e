"""Products: cleaned on the way in, refused when they make no sense, changed only where a mask says so."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.product.domain.plain_text import clean, slug, sort_key, stem, words
from services.product.domain.price import Money
from services.product.domain.product import Rating, generated_id, sound
from services.product.domain.product_changes import UPDATABLE, changed, fields_to_change
from services.runtime.errors import Invalid
from tests.unit.product.shelf import product


def test_hidden_characters_are_removed_from_all_texts() -> None:
    hidden = "\u200b\U000e0041\x00\u202e"
    dirty = product(title=f"Wool{hidden} throw", brand=f"Fold{hidden}", attributes={f"Care{hidden}": f"cold{hidden}"})
    assert (dirty.title, dirty.brand, dict(dirty.attributes)) == ("Wool throw", "Fold", {"Care": "cold"})


@given(st.text())
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"title": " \u200b "}, "title"),
        ({"category": ""}, "category"),
        ({"list_price": Money("USD", 9_900)}, "list_price"),
        ({"list_price": Money("EUR", 4_900)}, "list_price"),
        ({"stock_quantity": 2**31}, "stock_quantity"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(fields: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        sound(replace(product(), **fields), "products[4]")  # type: ignore[arg-type]
    assert caught.value.violations[0].field == f"products[4].{field}"


def test_etag_follows_what_people_edit_and_nothing_else() -> None:
    before = product()
    assert sound(replace(before, rating=Rating(4.0, 9))).etag == before.etag
    assert sound(replace(before, price=Money("EUR", 4_901))).etag != before.etag
    assert sound(replace(before, attributes={"a": "b"})).etag != before.etag


def test_etag_does_not_depend_on_the_order_of_attributes() -> None:
    assert product(attributes={"a": "1", "b": "2"}).etag == product(attributes={"b": "2", "a": "1"}).etag


def test_empty_mask_means_what_is_populated() -> None:
    assert fields_to_change([], {"name", "title", "etag", "price", "rating"}) == ("title", "price")


def test_star_means_everything() -> None:
    assert fields_to_change(["*"], {"title"}) == UPDATABLE


@pytest.mark.parametrize("mask", [["name"], ["rating"], ["title", "colour"], ["*", "title"], ["price.units"], ["etag"]])
def test_unknown_and_unchangeable_paths_are_refused(mask: list[str]) -> None:
    with pytest.raises(Invalid) as caught:
        fields_to_change(mask, set())
    assert caught.value.reason == "FIELD_NOT_UPDATABLE"


def test_change_takes_the_masked_fields_only() -> None:
    stored, wanted = product(brand="Fold"), product(title="Other", brand="Kiln")
    merged = changed(stored, wanted, ["title"])
    assert (merged.title, merged.brand) == ("Other", "Fold")


@given(st.text(max_size=200))
def test_generated_ids_are_always_names(title: str) -> None:
    made = generated_id(title, "k3x9a")
    assert made.endswith("k3x9a")
    assert len(made) <= 80
    assert all(c in "abcdefghijklmnopqrstuvwxyz0123456789-" for c in made)
    assert made[0] != "-"


def test_slug_reads_like_the_title() -> None:
    assert slug("Café Crème – Nº 5, large!") == "cafe-creme-no-5-large"


@pytest.mark.parametrize(
    ("plural", "singular"),
    [("slippers", "slipper"), ("dishes", "dish"), ("boxes", "box"), ("batteries", "battery"), ("glasses", "glass")],
)
def test_plurals_meet_their_singulars(plural: str, singular: str) -> None:
    assert stem(plural) == stem(singular)


@pytest.mark.parametrize("word", ["glass", "bus", "tennis", "gas"])
def test_words_that_only_look_plural_stay(word: str) -> None:
    assert stem(word) == word


def test_words_keep_codes_and_contractions_whole() -> None:
    assert words("Don't miss TN-2110, Ärmel!") == ["don't", "miss", "tn-2110", "armel"]


def test_titles_sort_without_case_and_accents() -> None:
    assert sorted(["Zebra", "école", "Apple"], key=sort_key) == ["Apple", "école", "Zebra"]
