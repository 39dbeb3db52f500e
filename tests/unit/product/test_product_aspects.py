"""What reviews say about single aspects."""

import pytest

from services.product.domain.aspects import mentions, summaries


def polarity(text: str) -> dict[str, int]:
    return {mention.aspect: (mention.polarity > 0) - (mention.polarity < 0) for mention in mentions(text)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("They keep my feet really warm.", {"warmth": 1}),
        ("The sound is great but the battery is terrible.", {"sound": 1, "battery": -1}),
        ("Not comfortable at all.", {"comfort": -1}),
        ("The fit is not bad.", {"fit": 1}),
        ("They run small.", {"fit": -1}),
        ("Too small for me.", {"size": -1}),
        ("Easy to assemble, and the delivery was late.", {"ease of use": 1, "delivery": -1}),
        ("Overpriced.", {"value": -1}),
        ("The stitching came apart after a week.", {"quality": -1}),
        ("The battery lasts all day.", {"battery": 1}),
        ("Superb quality!", {"quality": 1}),
    ],
)
def test_clauses_are_judged_one_by_one(text: str, said: dict[str, int]) -> None:
    assert {aspect: polarity(text).get(aspect) for aspect in said} == said


@pytest.mark.parametrize("text", ["", "It has a battery.", "I bought this in March.", "!!! ???", "Great!"])
def test_what_is_not_judged_is_not_guessed(text: str) -> None:
    assert mentions(text) == []


def test_quotes_are_sentences_of_the_review() -> None:
    text = "I bought two. The wool is soft and comfortable.\nArrived late, the parcel was damaged."
    for mention in mentions(text):
        assert mention.sentence in text


def test_summary_counts_reviews_and_quotes_the_majority() -> None:
    said = {
        "r1": "Lovely and warm in winter mornings.",
        "r2": "So warm, I love them very much.",
        "r3": "Not warm enough for our house.",
    }
    found = summaries((key, mention) for key, text in said.items() for mention in mentions(text))
    warmth = next(item for item in found if item.aspect == "warmth")
    assert (warmth.positive_count, warmth.negative_count) == (2, 1)
    assert warmth.quote == said[warmth.review_id]
    assert warmth.review_id in ("r1", "r2")


def test_most_mentioned_aspect_comes_first() -> None:
    texts = ["Great sound.", "Great sound, good value.", "Awful sound."]
    found = summaries((str(n), mention) for n, text in enumerate(texts) for mention in mentions(text))
    assert [item.aspect for item in found] == ["sound", "value"]
