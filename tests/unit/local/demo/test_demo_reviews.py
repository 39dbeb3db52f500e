"""Reviews belong to products, agree with their stars and speak of the right things."""

from __future__ import annotations

from collections import Counter, defaultdict

from local.demo.catalogue import build_catalogue
from local.demo.families import CONTENT, families, read_yaml
from local.demo.reviews import aspects_of, build_reviews

CATALOGUE = build_catalogue()
REVIEWS = build_reviews(CATALOGUE)
ASPECTS = read_yaml(CONTENT / "reviews.yaml")["aspects"]


def test_every_review_is_about_a_product_of_the_shop() -> None:
    assert {review.product_id for review in REVIEWS} <= {product.id for product in CATALOGUE.products}
    assert len({review.id for review in REVIEWS}) == len(REVIEWS)


def test_most_products_have_three_to_twelve_reviews_and_some_have_none() -> None:
    counts = Counter(review.product_id for review in REVIEWS)
    assert all(3 <= count <= 12 for count in counts.values())
    silent = len(CATALOGUE.products) - len(counts)
    assert 10 <= silent <= 0.15 * len(CATALOGUE.products)


def test_ratings_look_like_a_good_shop() -> None:
    stars = Counter(review.rating for review in REVIEWS)
    assert set(stars) == {1, 2, 3, 4, 5}
    mean = sum(rating * count for rating, count in stars.items()) / len(REVIEWS)
    assert 3.5 < mean < 4.5
    assert stars[5] > stars[3] > stars[1]


def test_text_agrees_with_the_stars() -> None:
    blames = [line for entry in ASPECTS.values() for line in entry["blame"] if "{" not in line]
    praises = [line for entry in ASPECTS.values() for line in entry["praise"] if "{" not in line]
    for review in REVIEWS:
        if review.rating == 5:
            assert not any(line in review.body for line in blames), review.body
        if review.rating == 1:
            assert not any(line in review.body for line in praises), review.body
        if review.rating <= 3:
            assert any(line in review.body for line in blames), review.body


def test_reviews_speak_only_of_aspects_of_their_family_or_of_delivery() -> None:
    family_of = {product.id: product.family for product in CATALOGUE.products}
    lines: dict[str, set[str]] = defaultdict(set)
    for aspect, entry in ASPECTS.items():
        for line in (*entry["praise"], *entry["blame"]):
            lines[line].add(aspect)
    for review in REVIEWS:
        allowed = {*aspects_of(family_of[review.product_id]), "delivery"}
        for line, names in lines.items():
            if "{" not in line and line in review.body:
                assert names & allowed, (review.product_id, line)


def test_no_placeholder_is_left_in_a_review() -> None:
    assert not [review for review in REVIEWS if "{" in review.body or "{" in review.title]


def test_every_aspect_of_a_family_has_sentences() -> None:
    assert {aspect for family in families().values() for aspect in family.aspects} <= set(ASPECTS)


def test_building_twice_gives_the_same_reviews() -> None:
    assert build_reviews(CATALOGUE) == REVIEWS
