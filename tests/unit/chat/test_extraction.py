"""Which passages answer, which sentences are quoted, and when the honest answer is that nothing is known."""

from services.chat.domain.article import Article, passages_of
from services.chat.domain.extraction import quote
from services.chat.domain.phrasing import deltas, joined
from services.chat.domain.retrieval import Judgement, Question, Stored, closeness, fuse, judge
from services.chat.domain.text import terms
from services.chat.domain.vocabulary import Vocabulary

RETURNS = Article(
    "returns",
    "Returns",
    "",
    "You have 30 days.\n\n## Sending back\n\nOpen Orders. Then choose the item:\n\n- Pack it.\n- Post it.",
)
CARE = Article("care", "Wool care", "", "Wash wool cool. Dry it flat and away from the sun.")
STORES = Article("stores", "Stores", "", "All stores open at ten. Dogs are welcome.")


def stored() -> list[Stored]:
    return [Stored(passage) for article in (RETURNS, CARE, STORES) for passage in passages_of(article)]


def vocabulary() -> Vocabulary:
    return Vocabulary.of(terms(one.passage.headed) for one in stored())


def judged(text: str) -> Judgement:
    return judge(Question(text), stored(), vocabulary())


def test_fusion_prefers_what_stands_high_in_many_lists() -> None:
    assert fuse([["a", "b", "c"], ["b", "d"]], 3) == ["b", "a", "d"]


def test_vectors_of_different_models_are_not_compared() -> None:
    assert closeness((1.0, 0.0), (1.0, 0.0, 0.0)) == 0.0


def test_words_that_cover_the_question_are_known() -> None:
    judgement = judged("how do I wash wool?")
    assert judgement.known
    assert judgement.evidence[0].passage.article == "care"


def test_gibberish_and_foreign_matters_are_not_known() -> None:
    assert not judged("who won the world cup").known
    assert not judged("asdf qwer").known
    assert not judged("what is it?").known


def test_nothing_found_is_not_known() -> None:
    assert not judge(Question("wool"), [], Vocabulary()).known


def test_a_vector_far_from_everything_is_not_known_whatever_the_words_say() -> None:
    found = [
        Stored(one.passage, "m", (1.0, 0.0), tuple((1.0, 0.0) for _ in one.passage.in_context())) for one in stored()
    ]
    assert not judge(Question("wash wool", (0.0, 1.0), "m"), found, vocabulary()).known
    assert judge(Question("wash wool", (1.0, 0.0), "m"), found, vocabulary()).known


def test_quotes_are_word_for_word_and_carry_their_passage() -> None:
    question = Question("how do I wash wool?")
    (first, *_) = quote(question, judged(question.text).evidence, vocabulary())
    assert first.text == "Wash wool cool. Dry it flat and away from the sun."
    assert first.citation.passage == "Wash wool cool. Dry it flat and away from the sun."
    assert (first.citation.index, first.citation.article, first.citation.title) == (1, "care", "Wool care")


def test_steps_are_quoted_with_the_line_before_them() -> None:
    question = Question("how do I pack it for sending back?")
    (first, *_) = quote(question, judged(question.text).evidence, vocabulary())
    assert first.text.endswith("Then choose the item:\n- Pack it.\n- Post it.")
    assert first.citation.section == "Sending back"


def test_every_quote_is_marked_and_another_article_is_led_in() -> None:
    question = Question("wool stores")
    quotes = quote(question, judged("wool").evidence[:1], vocabulary())
    other = quote(Question("dogs"), judged("dogs").evidence[:1], vocabulary())
    said = joined([*quotes, *other])
    assert said[0].text.endswith(" [1]")
    assert said[1].text.startswith("\n\nOn stores: ")
    assert said[1].text.endswith(" [2]")


def test_deltas_are_words_and_lose_nothing() -> None:
    text = "You have  30 days.\n- Pack it."
    assert "".join(deltas(text)) == text
    assert len(deltas(text)) == 7
