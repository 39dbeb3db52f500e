"""The text products are found by: what is in it, what is not, and how long it gets."""

from dataclasses import replace

from services.product.domain.price import Money
from services.product.domain.search_document import PASSAGE_WORDS, product_codes, search_document
from tests.unit.product.shelf import product

SLIPPERS = product(
    subtitle="For stone floors",
    brand="Fold & Harbour",
    description="Thick felted wool. " * 200,
    attributes={"Material": "felted wool", "SKU": "FH-100", "Bluetooth": "no", "Washable": "yes", "Weight": "300 g"},
    tags=("winter",),
)


def test_price_and_stock_change_neither_words_nor_vector() -> None:
    cheaper = replace(SLIPPERS, price=Money("EUR", 1), stock_quantity=0, delivery_note="tomorrow")
    before, after = search_document(SLIPPERS, "Footwear"), search_document(cheaper, "Footwear")
    assert (before.words_hash, before.passage_hash) == (after.words_hash, after.passage_hash)


def test_tag_changes_both_and_far_text_changes_words_only() -> None:
    before = search_document(SLIPPERS, "Footwear")
    tagged = search_document(replace(SLIPPERS, tags=("summer",)), "Footwear")
    longer = search_document(replace(SLIPPERS, description=SLIPPERS.description + " Sheepskin."), "Footwear")
    assert tagged.passage_hash != before.passage_hash
    assert longer.passage_hash == before.passage_hash
    assert longer.words_hash != before.words_hash


def test_passage_is_short_and_begins_with_what_matters() -> None:
    passage = search_document(SLIPPERS, "Footwear").passage
    assert passage.startswith("Harbour wool slippers. For stone floors. Footwear. felted wool")
    assert len(passage.split()) <= PASSAGE_WORDS
    assert "FH-100" not in passage


def test_heading_holds_title_brand_department_and_codes() -> None:
    heading = search_document(SLIPPERS, "Footwear").heading
    for part in ("Harbour wool slippers", "Fold & Harbour", "Footwear", "FH-100", "harbour-slippers"):
        assert part in heading


def test_yes_is_told_by_the_name_and_no_is_not_told() -> None:
    text = search_document(SLIPPERS, "Footwear").text
    assert "Washable" in text
    assert "Washable yes" not in text
    assert "Bluetooth" not in text


def test_codes_are_article_numbers_and_the_id() -> None:
    assert product_codes(SLIPPERS) == ("FH-100", "harbour-slippers")


def test_the_longest_product_fits_the_index() -> None:
    huge = product(description="ß" * 20_000, attributes={str(n): "ü" * 2_000 for n in range(200)})
    document = search_document(huge, "Footwear")
    assert len(document.text.encode()) <= 65_535
    assert len(document.heading.encode()) <= 8_192
