"""Shelves: what is on them, why, and what happens when a part is away."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from services.recommendation.application.find_candidates import FindCandidates
from services.recommendation.application.learn_interactions import LearnInteractions
from services.recommendation.application.ports import Delivery
from services.recommendation.application.recommend_products import RecommendProducts
from services.recommendation.domain.interaction import Interaction, Kind, interests
from services.recommendation.domain.ranking import Candidate, Together, blend, reordered, together_scores, varied
from services.recommendation.domain.shelf import Card, Placement, Question, ShelfId
from services.runtime.errors import Invalid, Unavailable
from tests.fakes.recommendation import (
    FakeAnswerCache,
    FakeHistory,
    FakeInteractionStream,
    FakeShop,
    FakeSimilarItems,
    FakeSuggester,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TEA, POT, CUP, RUG, LAMP, SOLD = (f"products/{name}" for name in ("tea", "pot", "cup", "rug", "lamp", "sold-out"))
CARDS = [
    Card(TEA, "Mint tea", "categories/tea", True),
    Card(POT, "Teapot", "categories/tea", True),
    Card(CUP, "Cup", "categories/tea", True),
    Card(RUG, "Rug", "categories/rugs", True),
    Card(LAMP, "Lamp", "categories/light", True),
    Card(SOLD, "Sold-out lamp", "categories/light", False),
]


class FixedClock:
    def now(self) -> datetime:
        return NOW


def act(shopper: str, session: str, product: str, kind: Kind = Kind.VIEW, days: float = 1) -> Interaction:
    return Interaction(uuid4(), shopper, session, product, kind, NOW - timedelta(days=days))


HISTORY = [
    act("maya", "m1", TEA),
    *[act(f"v{n}", f"s{n}", product, Kind.ADD_TO_CART) for n in range(4) for product in (TEA, POT)],
    *[act(f"v{n}", f"s{n}", CUP) for n in range(3)],
    act("v9", "s9", RUG),
    act("v9", "s9", SOLD, Kind.PURCHASE),
]


class World:
    """Everything a recommendation needs, to be broken one by one."""

    def __init__(self, preferred: list[str] | None = None) -> None:
        self.cache = FakeAnswerCache()
        self.history = FakeHistory(HISTORY)
        self.similar = FakeSimilarItems({TEA: {CUP: 0.8, RUG: 0.1}, LAMP: {SOLD: 0.9, RUG: 0.4}})
        self.shop = FakeShop(CARDS)
        find = FindCandidates(self.history, self.similar, FixedClock())
        self.recommend = RecommendProducts(self.cache, find, self.shop, FakeSuggester(preferred))


def question(placement: Placement, shopper: str = "", product: str = "", basket: tuple[str, ...] = ()) -> Question:
    return Question(placement, shopper, product, basket, 6)


async def test_home_of_a_known_shopper_says_why() -> None:
    answer = await World().recommend(question(Placement.HOME, "maya"))
    shelves = {shelf.id: shelf for shelf in answer.shelves.shelves}
    assert [item.product for item in shelves[ShelfId.FOR_YOU].items][:2] == [CUP, POT]
    assert shelves[ShelfId.FOR_YOU].items[0].reason == "Goes with Mint tea"


async def test_home_of_a_stranger_is_what_others_like() -> None:
    answer = await World().recommend(question(Placement.HOME))
    assert [shelf.id for shelf in answer.shelves.shelves] == [ShelfId.POPULAR]
    assert not answer.shelves.degraded


async def test_sold_out_and_vanished_products_are_not_shown() -> None:
    answer = await World().recommend(question(Placement.PRODUCT, product=LAMP))
    shown = [item.product for shelf in answer.shelves.shelves for item in shelf.items]
    assert SOLD not in shown
    assert RUG in shown


async def test_product_page_shows_nothing_twice_and_never_the_product_itself() -> None:
    answer = await World().recommend(question(Placement.PRODUCT, product=TEA))
    shown = [item.product for shelf in answer.shelves.shelves for item in shelf.items]
    assert len(shown) == len(set(shown))
    assert TEA not in shown


async def test_basket_is_completed_with_what_others_bought_with_it() -> None:
    answer = await World().recommend(question(Placement.BASKET, basket=(TEA,)))
    assert answer.shelves.shelves[0].items[0].product == POT
    assert answer.shelves.shelves[0].items[0].reason == "Often bought with Mint tea"


async def test_model_of_quality_orders_the_first_shelf() -> None:
    answer = await World([CUP, "products/invented"]).recommend(question(Placement.HOME, "maya"))
    assert answer.shelves.shelves[0].items[0].product == CUP
    assert "LLM" not in answer.shelves.degraded


async def test_second_answer_comes_from_the_cache_until_the_shopper_does_something() -> None:
    world = World()
    asked = question(Placement.HOME, "maya")
    assert not (await world.recommend(asked)).cached
    assert (await world.recommend(asked)).cached
    stream = FakeInteractionStream([Delivery("1", act("maya", "m2", RUG)), Delivery("2", None)])
    assert await LearnInteractions(stream, world.history, world.cache, 10)() == 2
    assert not stream.waiting
    assert not (await world.recommend(asked)).cached


@pytest.mark.parametrize(
    ("part", "name"), [("cache", "CACHE"), ("history", "HISTORY"), ("similar", "VECTORS"), ("shop", "CATALOGUE")]
)
async def test_answers_whatever_is_away_and_says_so(part: str, name: str) -> None:
    world = World()
    getattr(world, part).away = True
    answer = await world.recommend(question(Placement.HOME, "maya"))
    if part == "history":
        assert [shelf.id for shelf in answer.shelves.shelves] == [ShelfId.POPULAR]
    assert name in answer.shelves.degraded


async def test_an_answer_that_lacks_a_step_is_not_kept() -> None:
    world = World()
    world.similar.away = True
    await world.recommend(question(Placement.HOME, "maya"))
    assert not world.cache.kept


async def test_product_page_without_product_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        await World().recommend(question(Placement.PRODUCT))
    assert refused.value.reason == "PRODUCT_REQUIRED"


async def test_nothing_is_acknowledged_while_the_history_is_away() -> None:
    history = FakeHistory()
    history.away = True
    stream = FakeInteractionStream([Delivery("1", act("maya", "m", TEA))])
    with pytest.raises(Unavailable):
        await LearnInteractions(stream, history, FakeAnswerCache(), 10)()
    assert stream.waiting


def test_interest_fades_by_half_in_a_half_life() -> None:
    fresh, old = interests([act("m", "s", TEA, days=0), act("m", "s", RUG, days=14)], NOW)
    assert (fresh.product, old.product) == (TEA, RUG)
    assert old.weight == pytest.approx(fresh.weight / 2)


def test_pair_seen_once_by_chance_ranks_below_a_pair_seen_often() -> None:
    scores = together_scores(20, [Together("often", 15, 30), Together("chance", 1, 1)])
    assert scores["often"] > scores["chance"]


def test_blend_prefers_what_is_seen_together_and_alike() -> None:
    scores = blend({"both": 1.0, "seen": 1.0}, {"both": 0.9, "alike": 0.9})
    assert scores["both"] > scores["seen"] > scores["alike"]


def test_variety_passes_over_a_third_of_a_kind_only_while_there_is_choice() -> None:
    candidates = [Candidate(name, 1.0) for name in ("a1", "a2", "a3", "b1")]
    groups = {"a1": "a", "a2": "a", "a3": "a", "b1": "b"}
    assert [c.product for c in varied(candidates, groups, 3, 2)] == ["a1", "a2", "b1"]
    assert [c.product for c in varied(candidates, groups, 4, 2)] == ["a1", "a2", "b1", "a3"]


def test_model_cannot_bring_in_what_is_no_candidate() -> None:
    assert [c.product for c in reordered([Candidate("a", 2), Candidate("b", 1)], ["b", "b", "x"])] == ["b", "a"]
