"""What a judge of difficulty is shown of a conversation, and what is counted about it."""

from hypothesis import given
from hypothesis import strategies as st

from services.llm.domain.difficulty import SHAPE_SIZE, clipped, question, shape
from services.llm.domain.generation import Message, Role


def test_question_is_the_last_words_of_the_user() -> None:
    turns = [
        Message(Role.SYSTEM, "Be kind."),
        Message(Role.USER, "Hi"),
        Message(Role.ASSISTANT, "Hello"),
        Message(Role.USER, "Why?"),
        Message(Role.ASSISTANT, "Because"),
    ]
    assert question(turns) == "Why?"


def test_conversation_without_a_user_has_no_question() -> None:
    assert question([Message(Role.SYSTEM, "Be kind.")]) == ""


def test_long_question_keeps_its_beginning_and_its_end() -> None:
    text = "first " + "middle " * 5_000 + " last"
    cut = clipped(text)
    assert cut.startswith("first ")
    assert cut.endswith(" last")
    assert len(cut) <= 2_001


def test_short_question_is_left_as_it_is() -> None:
    assert clipped("x" * 2_000) == "x" * 2_000


def test_shape_counts_kinds_of_characters() -> None:
    assert shape("12ab")[6] == 0.5
    assert shape("ABcd")[7] == 0.5
    assert shape("é")[13] == 1.0


@given(st.text(st.characters(exclude_categories=()), max_size=300))
def test_shape_of_any_text_is_finite(text: str) -> None:
    numbers = shape(text)
    assert len(numbers) == SHAPE_SIZE
    assert all(-1e6 < number < 1e6 for number in numbers)
