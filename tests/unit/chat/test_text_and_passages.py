"""Text is cleaned of what hides in it, and articles are cut where people would cut them."""

import pytest

from services.chat.domain.article import MAX_WORDS, MIN_WORDS, Article, passages_of, plain
from services.chat.domain.text import clean, sentences, terms

WORDS = "The parcel goes to the nearest point and waits there for you with some patience. "


def article(body: str, title: str = "Returns") -> Article:
    return Article("returns", title, "returns", body)


@pytest.mark.parametrize(
    "hidden",
    ["\u200b", "\u2060", "\ufe0f", "\U000e0041", "\u202e", "\x07", "\x1b", "\ufeff"],
    ids=lambda text: hex(ord(text)),
)
def test_invisible_characters_are_removed(hidden: str) -> None:
    assert clean(f"ig{hidden}nore") == "ignore"


def test_line_ends_and_letters_of_all_languages_stay() -> None:
    assert clean("Größe\r\nnaïve 日本\tend") == "Größe\nnaïve 日本\tend"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sent it back", "return"),
        ("shipping", "delivery"),
        ("my parcels", "package"),
        ("forgotten passwords", "forgotten password"),
        ("how much does it cost", "price"),
        ("cancelled", "cancellation"),
    ],
)
def test_words_that_a_shop_uses_alike_are_one_term(one: str, other: str) -> None:
    assert terms(one) == terms(other)


def test_words_without_meaning_are_no_terms() -> None:
    assert terms("what is it and how do I do that?") == []


def test_a_passage_is_long_enough_to_stand_alone_and_short_enough_to_quote() -> None:
    body = "\n\n".join(f"## Section {number}\n\n{WORDS * 3}" for number in range(8))
    sizes = [len(passage.shown.split()) for passage in passages_of(article(body))]
    assert len(sizes) > 1
    assert all(MIN_WORDS // 2 < size <= MAX_WORDS + 10 for size in sizes)


def test_a_paragraph_too_long_is_cut_between_sentences() -> None:
    passages = passages_of(article(WORDS * 40))
    assert len(passages) > 2
    assert all(passage.text.endswith(".") for passage in passages)


def test_headings_stand_over_their_sentences_and_are_none_themselves() -> None:
    (passage,) = passages_of(article("Opening words.\n\n## Costs\n\nIt is free."))
    assert [(one.text, one.section) for one in sentences(passage.text)] == [
        ("Opening words.", ""),
        ("It is free.", "Costs"),
    ]
    assert passage.section == "Costs"
    assert passage.in_context() == ["Returns. Opening words.", "Returns. Costs. It is free."]
    assert passage.shown == "Opening words.\nCosts\nIt is free."


def test_table_rows_are_read_as_phrases() -> None:
    (passage,) = passages_of(article("| Country | Cost |\n|---|---|\n| Austria | 4.90 EUR |"))
    assert passage.text == "- Austria: cost 4.90 EUR"


def test_marks_of_markdown_are_not_quoted() -> None:
    assert plain("See **our** [form](https://x.example) ![x](y.png)<b>now</b> `code`") == "See our form now code"


def test_the_key_of_a_passage_changes_with_its_words() -> None:
    (one,), (same,), (other,) = (passages_of(article(text)) for text in ("It is free.", "It is free.", "It is dear."))
    assert one.key == same.key
    assert one.key != other.key


def test_sentences_do_not_end_at_abbreviations_or_decimals() -> None:
    found = sentences("It costs 4.90 EUR, e.g. Visa works. Next one!")
    assert [one.text for one in found] == ["It costs 4.90 EUR, e.g. Visa works.", "Next one!"]


def test_a_sentence_that_points_back_needs_the_one_before() -> None:
    assert [one.needs for one in sentences("We send a link. It works for an hour.")] == [0, 1]


def test_items_know_the_line_that_introduces_them() -> None:
    assert [one.lead for one in sentences("You need:\n- a box\n- tape\nThat is all.")] == [-1, 0, 0, -1]
