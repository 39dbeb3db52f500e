"""Which models are asked, in which order, and why."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from services.llm.domain import routing
from services.llm.domain.generation import Message, Prompt, Role, Wanted
from services.llm.domain.health import Availability
from services.llm.domain.model import Model, Quality
from services.llm.domain.pricing import Price, Rates
from services.runtime.errors import AisleError, Invalid, Precondition, Unavailable
from tests.fakes.llm_models import BASIC, BEST, CHEAP, DEAR, VECTORS, FixedModels

ALL = (BASIC, DEAR, CHEAP, BEST, VECTORS)


def wanted(text: str = "Hello", **asked: object) -> Wanted:
    return replace(Wanted(Prompt([Message(Role.USER, text)])), **asked)  # type: ignore[arg-type]


def plan(asked: Wanted, *models: Model, away: Mapping[str, str] | None = None) -> routing.Plan:
    def health(model: Model) -> Availability:
        why = (away or {}).get(model.name)
        return Availability(False, why, 9.0) if why else Availability()

    return routing.plan(asked, FixedModels(*(models or ALL)).table, health)


def names(found: routing.Plan) -> list[str]:
    return [route.model.name for route in found.routes]


def refusal(asked: Wanted, *models: Model, away: Mapping[str, str] | None = None) -> AisleError:
    with pytest.raises(AisleError) as caught:
        plan(asked, *models, away=away)
    return caught.value


def test_cheapest_that_meets_the_quality_comes_first() -> None:
    assert names(plan(wanted(min_quality=Quality.STANDARD))) == ["models/cheap", "models/dear", "models/best"]


def test_without_a_least_quality_the_use_case_prefers_its_own_and_falls_back_below() -> None:
    assert names(plan(wanted())) == ["models/cheap", "models/dear", "models/best", "models/small"]


def test_basic_is_enough_when_the_caller_says_so() -> None:
    assert names(plan(wanted(min_quality=Quality.BASIC)))[0] == "models/small"


def test_named_model_comes_first_and_only_its_equals_or_betters_follow() -> None:
    assert names(plan(wanted(model="models/dear"))) == ["models/dear", "models/cheap", "models/best"]


def test_auto_means_that_the_router_chooses() -> None:
    assert names(plan(wanted(model="models/auto"))) == names(plan(wanted()))


def test_reasons_are_words() -> None:
    reasons = [route.reason for route in plan(wanted(min_quality=Quality.STANDARD)).routes]
    assert reasons[:2] == ["the cheapest of 3 that fit standard quality", "next in price after models/cheap"]
    assert plan(wanted(model="models/best")).routes[0].reason == "the model asked for"
    assert plan(wanted(), BASIC).routes[0].reason == "the only model that fits"


def test_model_that_is_away_is_left_out_and_the_plan_is_degraded() -> None:
    found = plan(wanted(min_quality=Quality.STANDARD), away={"models/cheap": "is unreachable"})
    assert (names(found), found.degraded) == (["models/dear", "models/best"], True)
    assert found.routes[0].reason == "models/cheap cannot answer now"


def test_plan_is_not_degraded_when_only_a_later_choice_is_away() -> None:
    assert not plan(wanted(), away={"models/best": "is unreachable"}).degraded


def test_nobody_who_fits_being_there_is_unavailable_with_the_shortest_wait() -> None:
    error = refusal(wanted(), BASIC, away={"models/small": "is unreachable"})
    assert isinstance(error, Unavailable)
    assert (error.reason, error.retry_after) == ("PROVIDER_UNAVAILABLE", 9.0)
    assert "models/small is unreachable" in error.message


def test_unknown_model_is_invalid() -> None:
    error = refusal(wanted(model="models/none"))
    assert isinstance(error, Invalid)
    assert (error.reason, error.violations[0].field) == ("MODEL_NOT_FOUND", "model")


def test_embedding_model_makes_no_text() -> None:
    assert refusal(wanted(model="models/vectors")).reason == "MODEL_KIND_MISMATCH"


@pytest.mark.parametrize("model", ["", "models/small"])
def test_nothing_good_enough_is_a_precondition(model: str) -> None:
    error = refusal(wanted(model=model, min_quality=Quality.STANDARD), BASIC, VECTORS)
    assert isinstance(error, Precondition)
    assert (error.reason, error.metadata) == ("NO_MODEL_OF_QUALITY", {"quality": "STANDARD"})


def test_models_that_cannot_read_the_conversation_are_left_out() -> None:
    assert names(plan(wanted("word " * 10_000, min_quality=Quality.STANDARD))) == ["models/dear", "models/best"]


def test_conversation_that_nobody_can_read_is_too_long() -> None:
    error = refusal(wanted("word " * 1_000), BASIC)
    assert (error.reason, error.metadata["limit"]) == ("CONTEXT_TOO_LONG", "936")


def test_named_model_that_cannot_read_the_conversation_is_not_swapped_for_another() -> None:
    assert refusal(wanted("word " * 10_000, model="models/cheap")).reason == "CONTEXT_TOO_LONG"


def test_answer_is_cut_to_what_context_and_model_allow() -> None:
    asked = replace(wanted(), prompt=Prompt([Message(Role.USER, "x" * 400)], max_output_tokens=5_000))
    assert plan(asked, BASIC).routes[0].max_output_tokens == 1_000 - 104
    assert plan(asked, replace(BASIC, output_tokens=300)).routes[0].max_output_tokens == 300


def test_price_of_every_model_is_asked_for_the_same_question_and_the_longest_answer() -> None:
    long = replace(wanted(), prompt=Prompt([Message(Role.USER, "x")], max_output_tokens=100_000))
    dear_to_write = replace(CHEAP, name="models/writer", price=Price(Rates(0, 9_000_000)))
    assert names(plan(long, dear_to_write, replace(DEAR, price=Price(Rates(1_000_000, 1))))) == [
        "models/dear",
        "models/writer",
    ]
