"""What kind of answer a question expects, and which sentences are answers of that kind."""

import pytest

from services.chat.domain.answer_kind import Kind, fit, kinds_of, usual
from services.chat.domain.text import Sentence, terms


def how_far(question: str, text: str, section: str = "", title: str = "") -> float:
    return fit(kinds_of(question), frozenset(terms(question)), Sentence(text, section=section), title)


@pytest.mark.parametrize(
    ("question", "kinds"),
    [
        ("How long do I have to send something back?", {Kind.DEADLINE}),
        ("Until when can presents be returned?", {Kind.DEADLINE}),
        ("how long is a gift card valid", {Kind.DEADLINE}),
        ("how long does delivery take", {Kind.DURATION}),
        ("how many working days does it take?", {Kind.DURATION}),
        ("when do I get my refund", {Kind.MOMENT}),
        ("What are your opening times?", {Kind.MOMENT}),
        ("what does shipping cost?", {Kind.AMOUNT}),
        ("How much is express?", {Kind.AMOUNT}),
        ("Can I return shoes that I've worn?", {Kind.YES_NO}),
        ("my card was stolen, do you block it?", {Kind.YES_NO}),
        ("which payment methods do you take", {Kind.LIST}),
        ("What countries are you delivering to", {Kind.LIST}),
        ("how do I change my password", {Kind.STEPS}),
        ("Where can I find my invoice?", {Kind.PLACE}),
        ("Can you deliver to Zurich, and what does it cost?", {Kind.AMOUNT}),
        ("my lamp is broken", set()),
        ("gift wrapping", set()),
        ("", set()),
    ],
)
def test_the_form_of_a_question_tells_what_it_expects(question: str, kinds: set[Kind]) -> None:
    assert kinds_of(question) == kinds


@pytest.mark.parametrize(
    ("question", "answer", "beside"),
    [
        ("how long do I have to return it", "You have 30 days from delivery.", "Returning takes about three minutes."),
        ("until when are returns accepted", "They are accepted until 31 January.", "Presents come with a slip."),
        ("how long does delivery take", "It takes 2–4 working days.", "Sofas come by appointment."),
        ("when is my refund made", "We refund within five working days.", "Refunds go to the payment you used."),
        ("what does delivery cost", "Delivery costs 4.90 EUR.", "Delivery takes 2–4 working days."),
        ("which methods do you accept", "We accept Visa, PayPal and Apple Pay.", "Up to four cards can be used."),
        ("how do I reset it", "Choose Sign in and then Forgot password.", "It happens to everyone."),
        ("how should I wash it", "Do not rub or soak.", "Wool is forgiving."),
        ("where do I see my invoice", "Open Orders in your account.", "Every invoice has a number."),
        ("do you ship to Norway", "We deliver to Norway.", "Prices include tax."),
        ("is your cotton organic", "Cotton is organic.", "Wood is certified."),
    ],
)
def test_an_answer_of_the_kind_fits_better_than_what_is_only_near(question: str, answer: str, beside: str) -> None:
    assert how_far(question, answer) > how_far(question, beside)


def test_nothing_fits_a_question_without_a_kind() -> None:
    assert how_far("my lamp is broken", "You have 30 days. It costs 4.90 EUR.") == 0.0


def test_a_number_without_a_unit_of_time_is_no_duration() -> None:
    assert how_far("how long does it take", "Up to 4 gift cards can be used.") == 0.0


def test_headings_announce_what_stands_below_them() -> None:
    text = "Anything unused and complete."
    assert how_far("can I return worn shoes", text, "What can come back") > 0.5
    assert how_far("can I return worn shoes", text, "Packing") == 0.0


def test_the_title_heads_what_stands_under_no_heading() -> None:
    assert how_far("what does it cost", "It is free.", title="What a return costs") > how_far(
        "what does it cost", "It is free."
    )


def test_items_of_a_list_and_numbered_lines_are_enumerations_and_steps() -> None:
    item, step = Sentence("By bank transfer", lead=0, marker="- "), Sentence("The label", lead=0, marker="1. ")
    assert fit(kinds_of("which ways do you offer"), frozenset(), item) == 1.0
    assert fit(kinds_of("how do I return it"), frozenset(), step) == 1.0


def test_fit_never_exceeds_one() -> None:
    assert how_far("which countries do you deliver to", "We deliver to France, Spain, Italy and Malta.") == 1.0


def test_the_usual_case_is_told_only_of_times_and_prices() -> None:
    sentence = Sentence("Standard delivery costs 4.90 EUR.")
    assert usual(kinds_of("what does delivery cost"), sentence)
    assert not usual(kinds_of("do you deliver"), sentence)
    assert not usual(kinds_of("what does delivery cost"), Sentence("Express costs 9.90 EUR."))
