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
    (first, *_) = quote(question, judged(question.text).evidence)
    assert first.text == "Wash wool cool. Dry it flat and away from the sun."
    assert first.citation.passage == "Wash wool cool. Dry it flat and away from the sun."
    assert (first.citation.index, first.citation.article, first.citation.title) == (1, "care", "Wool care")


def test_steps_are_quoted_with_the_line_before_them() -> None:
    question = Question("how do I pack it for sending back?")
    (first, *_) = quote(question, judged(question.text).evidence)
    assert first.text.endswith("Then choose the item:\n- Pack it.\n- Post it.")
    assert first.citation.section == "Sending back"


DELIVERY = Article(
    "delivery",
    "Delivery options",
    "",
    "You choose how delivery travels.\n\n"
    "## Express delivery\n\nExpress delivery leaves at once. Express delivery costs 9.90 EUR. Dogs may sign.\n\n"
    "## Standard delivery\n\nStandard delivery costs 4.90 EUR and is free over 60 EUR. Parcels are brown.",
)
STEPS = Article("send", "How to send back", "", "Sending something back takes three minutes.")
DAYS = Article("days", "Send back in short", "", "You have 30 days to think.\n\n## Packing\n\nPut it in a box.")


def quoted(text: str, *articles: Article) -> list[str]:
    found = [Stored(passage) for article in articles for passage in passages_of(article)]
    known = Vocabulary.of(terms(one.passage.headed) for one in found)
    question = Question(text)
    return [one.text for one in quote(question, judge(question, found, known).evidence)]


def test_the_sentence_of_the_kind_asked_for_is_quoted_and_nothing_beside_it() -> None:
    assert quoted("what does express delivery cost?", DELIVERY) == ["Express delivery costs 9.90 EUR."]


def test_who_names_no_special_case_is_told_the_usual_one() -> None:
    assert quoted("what does delivery cost?", DELIVERY) == ["Standard delivery costs 4.90 EUR and is free over 60 EUR."]


def test_of_passages_near_in_topic_the_one_that_answers_in_kind_comes_first() -> None:
    near = [
        Stored(passage, "m", (1.0, 0.0), tuple((1.0, 0.0) for _ in passage.in_context()))
        for article in (STEPS, DAYS)
        for passage in passages_of(article)
    ]
    question = Question("how long do I have to send it back?", (1.0, 0.0), "m")
    (first, *_) = quote(question, judge(question, near, vocabulary()).evidence)
    assert first.text == "You have 30 days to think."


def test_kind_does_not_override_topic() -> None:
    assert quoted("how do I wash wool?", STEPS, DAYS, CARE)[0].startswith("Wash wool cool.")
    assert quoted("how long do dogs wait in stores?", STORES, DAYS)[0] == "All stores open at ten. Dogs are welcome."


def test_kind_does_not_make_anything_known() -> None:
    assert not judged("how many days until the world cup?").known


def test_a_second_passage_is_quoted_only_for_what_the_first_does_not_hold() -> None:
    again = Article("again", "Wool", "", "Wash wool cool and gently.")
    assert len(quoted("how do I wash wool?", CARE, again)) == 1


def test_a_second_passage_that_is_not_of_the_kind_asked_for_is_left_out() -> None:
    fee = Article("fee", "Wool", "", "Washing wool costs 5 EUR.")
    shop = Article("shop", "Wool in stores", "", "Stores wash wool.")
    assert quoted("what does washing wool in stores cost?", fee, shop) == ["Washing wool costs 5 EUR."]


def test_at_most_three_sentences_of_a_section_are_quoted() -> None:
    lamp = Article("lamp", "Lamps", "", "Lamps glow. Lamps shine. Lamps warm. Lamps hum. Lamps stand.")
    assert quoted("broken lamps", lamp) == ["Lamps glow. Lamps shine. Lamps warm."]


def test_every_quote_is_marked_and_another_article_is_led_in() -> None:
    question = Question("wool stores")
    quotes = quote(question, judged("wool").evidence[:1])
    other = quote(Question("dogs"), judged("dogs").evidence[:1])
    said = joined([*quotes, *other])
    assert said[0].text.endswith(" [1]")
    assert said[1].text.startswith("\n\nOn stores: ")
    assert said[1].text.endswith(" [2]")


def test_deltas_are_words_and_lose_nothing() -> None:
    text = "You have  30 days.\n- Pack it."
    assert "".join(deltas(text)) == text
    assert len(deltas(text)) == 7
