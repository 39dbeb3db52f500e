"""The support articles are complete and say one and the same thing about each rule."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from local.demo.knowledge import load_articles

ARTICLES = load_articles()


def _sentences(*words: str) -> Iterator[tuple[str, str]]:
    for article in ARTICLES:
        for sentence in re.split(r"(?<=[.?!])\s+|\n+", article.body_markdown):
            if all(re.search(word, sentence, re.IGNORECASE) for word in words):
                yield article.id, sentence


def test_there_are_enough_articles_with_their_own_ids_and_titles() -> None:
    assert len(ARTICLES) >= 44
    assert len({article.id for article in ARTICLES}) == len(ARTICLES)
    assert len({article.title for article in ARTICLES}) == len(ARTICLES)
    assert len({article.topic for article in ARTICLES}) >= 14


@pytest.mark.parametrize("article", ARTICLES, ids=lambda article: str(article.id))
def test_article_has_sections_and_a_readable_length(article: object) -> None:
    body = next(found.body_markdown for found in ARTICLES if found is article)
    assert 120 <= len(body.replace("#", "").split()) <= 260
    assert body.count("\n## ") >= 2


def test_every_mention_of_the_return_window_says_thirty_days() -> None:
    found = [
        (article_id, days)
        for article_id, sentence in _sentences(r"\breturn|send (it|items|something) back|exchange", r"\d+ days")
        for days in re.findall(
            r"(?:within|have|usual|for returns are over|the first) (\d+) days|(\d+) days (?:from|to return)", sentence
        )
    ]
    spoken = {number for _, groups in found for number in groups if number}
    assert spoken == {"30"}
    assert len(found) >= 8


@pytest.mark.parametrize(
    ("words", "pattern", "expected"),
    [
        ((r"free", r"over \d+ EUR"), r"over (\d+) EUR", "60"),
        ((r"standard delivery", r"costs? [\d.]+ EUR and is free"), r"costs? ([\d.]+) EUR and is free", "4.90"),
        ((r"express costs",), r"costs ([\d.]+) EUR", "9.90"),
        ((r"return.* by post", r"EUR"), r"(\d\.\d\d) EUR", "3.90"),
        ((r"refund", r"working days after"), r"within (\d+) working days after", "5"),
        ((r"valid for \d+ years",), r"valid for (\d+) years", "3"),
        ((r"large|chairs|bicycles", r"working days"), r"5–(\d+) working days", "10"),
        ((r"darning",), r"costs (\d+) EUR", "12"),
    ],
)
def test_every_article_gives_the_same_figure(words: tuple[str, ...], pattern: str, expected: str) -> None:
    figures = [match for _, sentence in _sentences(*words) for match in re.findall(pattern, sentence)]
    assert figures
    assert set(figures) == {expected}


def test_the_order_pages_delivery_promise_matches_the_articles() -> None:
    from local.demo.catalogue import build_catalogue

    promises = {product.delivery for product in build_catalogue().products}
    standard = next(article for article in ARTICLES if article.id == "delivery-options").body_markdown
    assert all(
        "2–4 working days" in promise or "5–10 working days" in promise or "14:00" in promise for promise in promises
    )
    assert all(words in standard for words in ("2–4 working days", "5–10 working days", "14:00"))
