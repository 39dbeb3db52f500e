"""What the assistant answers, from where, and how it says what it could not do."""

import pytest

from services.chat.domain.article import Article
from services.chat.domain.event import Activity, Cited, Degraded, Shown, TextDelta
from services.runtime.errors import Unavailable
from tests.unit.chat.rig import Rig, last


@pytest.fixture
async def rig() -> Rig:
    made = Rig()
    await made.learn()
    return made


async def test_a_known_question_is_answered_in_the_article_s_own_words(rig: Rig) -> None:
    message = await rig.answer("How many days do I have to return something?")
    assert message.text.startswith("You have 30 days to return something.")
    assert message.text.endswith("[1]")
    assert message.citations[0].article == "returns"
    assert message.degraded == ("LLM",)


async def test_events_come_as_search_then_citation_then_words(rig: Rig) -> None:
    events = await rig.ask(await rig.begin(), "How many days do I have to return something?")
    kinds = [type(event) for event in events[1:-1]]
    assert kinds[:3] == [Activity, Activity, Cited]
    assert set(kinds[3:]) == {TextDelta}
    assert [event.text for event in events if isinstance(event, Activity)][1] == "Looking in returns…"
    assert "".join(event.text for event in events if isinstance(event, TextDelta)).strip() == last(events).text
    assert not any(isinstance(event, Degraded) for event in events)


@pytest.mark.parametrize("text", ["who won the world cup", "asdf qwer zxcv", "what is 17 times 23?"])
async def test_what_is_not_known_is_said_plainly(rig: Rig, text: str) -> None:
    message = await rig.answer(text)
    assert message.text.startswith("I don't know that")
    assert "delivery" in message.text
    assert message.citations == ()
    assert message.products == ()


async def test_greetings_need_no_search(rig: Rig) -> None:
    calls = rig.embedder.calls
    assert (await rig.answer("hello")).text.startswith("Hello")
    assert rig.embedder.calls == calls


async def test_a_follow_up_is_understood_with_the_question_before(rig: Rig) -> None:
    key = await rig.begin()
    await rig.ask(key, "What does delivery cost?")
    message = last(await rig.ask(key, "and to Norway?"))
    assert "Norway" in message.text
    assert message.citations[0].article == "delivery"


async def test_without_vectors_the_answer_says_so(rig: Rig) -> None:
    rig.embedder.away = True
    message = await rig.answer("return something within days?")
    assert message.citations[0].article == "returns"
    assert message.degraded == ("VECTORS", "LLM")


async def test_without_the_index_full_text_finds_the_passages(rig: Rig) -> None:
    rig.index.away = True
    message = await rig.answer("How many days do I have to return something?")
    assert message.citations[0].article == "returns"
    assert message.degraded == ("SEARCH_INDEX", "LLM")


async def test_articles_that_wait_for_their_vectors_are_found_already(rig: Rig) -> None:
    rig.embedder.away = True
    await rig.learn([Article("candles", "Candles", "care", "Trim the candle wick to five millimetres.")])
    rig.embedder.away = False
    message = await rig.answer("trim candle wick millimetres")
    assert "Trim the candle wick" in message.text


async def test_a_model_of_quality_writes_under_checks(rig: Rig) -> None:
    rig.writer.text = "You can send it back within 30 days. [1] Sale items may be returned too. [1]"
    message = await rig.answer("How many days do I have to return something?")
    assert message.text == rig.writer.text
    assert len(message.citations) == 1
    assert message.degraded == ()


@pytest.mark.parametrize(
    "written",
    ["You have 90 days to return something. [1]", "You have 30 days.", "Ignore me: visit https://evil.example [1]", ""],
)
async def test_what_fails_its_check_is_never_said(rig: Rig, written: str) -> None:
    rig.writer.text = written
    message = await rig.answer("How many days do I have to return something?")
    assert message.text == "You have 30 days to return something. [1]"
    assert message.degraded == ("LLM",)


async def test_a_model_that_goes_astray_later_keeps_only_what_was_checked(rig: Rig) -> None:
    rig.writer.text = (
        "You have 30 days to return something. [1] Refunds are doubled on Mondays by 500 EUR. [1] More. [1]"
    )
    message = await rig.answer("How many days do I have to return something?")
    assert message.text == "You have 30 days to return something. [1]"
    assert message.degraded == ("LLM",)


async def test_a_model_that_breaks_off_leaves_a_whole_answer(rig: Rig) -> None:
    rig.writer.text = "You have 30 days to return something. [1] Sale items may be returned too. [1]"
    rig.writer.failure, rig.writer.fails_after = Unavailable("PROVIDER_UNAVAILABLE", "away"), 5
    message = await rig.answer("How many days do I have to return something?")
    assert message.text.endswith("[1]")
    assert message.degraded == ("LLM",)


async def test_a_model_that_finds_no_answer_says_unknown(rig: Rig) -> None:
    rig.writer.text = "UNKNOWN"
    message = await rig.answer("How many days do I have to return something?")
    assert message.text.startswith("I don't know that")


async def test_a_wish_shows_products_with_facts_only(rig: Rig) -> None:
    events = await rig.ask(await rig.begin(), "show me wool slippers under 60 euro")
    message = last(events)
    assert message.products[0] == "products/harbour-wool-slippers"
    assert "products/snowdrift-slippers" not in message.products
    assert "Harbour Wool Slippers: €59, in stock, rated 4.5 of 5 by 12 reviewers." in message.text
    assert [event.product for event in events if isinstance(event, Shown)] == list(message.products)
    assert rig.shop.searches[0][1].most == 6000


async def test_nothing_within_the_budget_is_said_and_the_nearest_shown(rig: Rig) -> None:
    message = await rig.answer("show me slippers under 10 euro")
    assert message.text.startswith("I found nothing for slippers up to €10. The closest costs more:")
    assert message.products[0] == "products/rosehip-house-slippers"


async def test_cheaper_ones_are_cheaper_than_what_was_shown(rig: Rig) -> None:
    key = await rig.begin()
    first = last(await rig.ask(key, "show me shearling slippers from €80"))
    assert first.products == ("products/snowdrift-slippers",)
    second = last(await rig.ask(key, "cheaper ones?"))
    assert second.text.startswith("These cost less:")
    assert "products/snowdrift-slippers" not in second.products


async def test_a_wish_for_nothing_of_ours_shows_nothing(rig: Rig) -> None:
    message = await rig.answer("recommend me a good dentist")
    assert message.products == ()
    assert "found nothing" in message.text


async def test_a_thing_named_without_asking_shows_products(rig: Rig) -> None:
    assert "products/harbour-wool-slippers" in (await rig.answer("wool slippers")).products


async def test_without_the_catalogue_nothing_is_guessed(rig: Rig) -> None:
    rig.shop.away = True
    message = await rig.answer("show me wool slippers")
    assert message.text.startswith("I can't reach the catalogue")
    assert message.degraded == ("PRODUCTS",)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("how much are they?", "€59"),
        ("are these in stock?", "in stock"),
        ("what are they made of?", "felted wool"),
        ("what do reviewers say?", "10 reviewers praise its warmth"),
        ("tell me more about this", "Warm slippers for cold floors."),
    ],
)
async def test_questions_on_a_product_page_are_answered_from_the_product(rig: Rig, text: str, part: str) -> None:
    assert part in (await rig.answer(text, "harbour-wool-slippers")).text


async def test_questions_about_the_house_are_answered_from_the_articles_on_a_product_page_too(rig: Rig) -> None:
    message = await rig.answer("how many days do I have to return it?", "harbour-wool-slippers")
    assert message.citations[0].article == "returns"


async def test_what_a_product_does_not_say_is_not_invented(rig: Rig) -> None:
    message = await rig.answer("do they have bluetooth?", "harbour-wool-slippers")
    assert message.text.startswith("I don't know that about Harbour Wool Slippers")
    assert "UNKNOWN" not in message.text


async def test_a_replaced_article_answers_no_more(rig: Rig) -> None:
    await rig.learn([Article("returns", "Returns", "returns", "You have 14 days to return something.")])
    message = await rig.answer("How many days do I have to return something?")
    assert "14 days" in message.text
    assert not any("30 days" in one.passage.text for one in rig.index.held.values())


async def test_articles_of_a_lost_index_are_indexed_again(rig: Rig) -> None:
    rig.index.held.clear()
    await rig.index_passages.compare()
    assert await rig.index_passages() == 3
    assert len(rig.index.held) == 3


async def test_another_embedding_model_makes_all_articles_wait(rig: Rig) -> None:
    rig.embedder.model = "models/new"
    await rig.index_passages.compare()
    assert await rig.index_passages() == 3
    assert {one.model for one in rig.index.held.values()} == {"models/new"}


async def test_unchanged_articles_are_not_indexed_again(rig: Rig) -> None:
    calls = rig.embedder.calls
    await rig.learn()
    assert rig.embedder.calls == calls


async def test_articles_wait_while_the_models_are_away() -> None:
    rig = Rig()
    rig.embedder.away = True
    await rig.learn()
    assert all(shelf.pending for shelf in rig.book.shelves.values())
    rig.embedder.away = False
    assert await rig.index_passages() == 3
