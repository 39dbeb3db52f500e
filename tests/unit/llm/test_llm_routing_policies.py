"""The strategies of a policy, what a prompt needs of a model, and whom a spent budget can still pay."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.llm.domain import routing
from services.llm.domain.generation import (
    FormatKind,
    Image,
    Message,
    Prompt,
    ResponseFormat,
    Role,
    Tool,
    ToolCall,
    Wanted,
)
from services.llm.domain.health import Availability
from services.llm.domain.model import Model, ModelTable, Policy, Quality, Strategy
from services.runtime.errors import AisleError
from tests.fakes.llm_models import BASIC, BEST, CHEAP, DEAR

ALL = (BASIC, CHEAP, DEAR, BEST)


def wanted(text: str = "Hello", **asked: object) -> Wanted:
    return replace(Wanted(Prompt([Message(Role.USER, text)])), **asked)  # type: ignore[arg-type]


def plan(
    policy: Policy,
    asked: Wanted | None = None,
    models: Sequence[Model] = ALL,
    *,
    away: Sequence[str] = (),
    difficulty: Callable[[str], float] | None = None,
    latency: Mapping[str, float] | None = None,
    sticky: str = "",
) -> routing.Plan:
    return routing.plan(
        asked or wanted(),
        ModelTable(1, models, {"default": policy}),
        lambda model: Availability(model.name not in away, "is unreachable", 1.0),
        difficulty=difficulty,
        latency=None if latency is None else lambda model: latency.get(model.name, 0.0),
        sticky=sticky,
    )


def names(found: routing.Plan) -> list[str]:
    return [route.model.name.removeprefix("models/") for route in found.routes]


ORDER = Policy(strategy=Strategy.ORDER, models=("models/best", "models/small"))
COMPLEXITY = Policy(strategy=Strategy.COMPLEXITY, models=("models/cheap", "models/best"), threshold=0.55)
FASTEST = Policy(strategy=Strategy.FASTEST)
CANARY = Policy(strategy=Strategy.WEIGHTED, weights={"models/cheap": 90, "models/dear": 10})


def test_order_is_the_policy_s_own_and_whom_it_does_not_name_comes_last() -> None:
    found = plan(ORDER)
    assert names(found) == ["best", "small", "cheap", "dear"]
    assert found.routes[0].reason == "number 1 of the policy's order"
    assert found.routes[1].reason == "next in the policy's order after models/best"


def test_order_goes_on_with_the_second_when_the_first_is_away() -> None:
    found = plan(ORDER, away=["models/best"])
    assert (names(found)[0], found.degraded) == ("small", True)
    assert found.routes[0].reason == "models/best cannot answer now"


def test_order_without_any_model_that_fits_is_by_price() -> None:
    assert names(plan(replace(ORDER, models=("models/gone",)))) == ["cheap", "dear", "best", "small"]


@pytest.mark.parametrize("strategy", list(Strategy))
def test_no_strategy_answers_below_the_quality_that_the_caller_named(strategy: Strategy) -> None:
    policy = Policy(
        strategy=strategy, models=("models/small", "models/best"), weights={"models/small": 1}, threshold=1.0
    )
    found = plan(policy, wanted(min_quality=Quality.STANDARD), difficulty=lambda text: 0.0, latency={})
    assert "small" not in names(found)


@pytest.mark.parametrize("strategy", list(Strategy))
def test_model_that_the_caller_named_goes_before_every_strategy(strategy: Strategy) -> None:
    policy = Policy(strategy=strategy, models=("models/best", "models/small"), weights={"models/best": 1})
    found = plan(policy, wanted(model="models/cheap"), difficulty=lambda text: 1.0, latency={})
    assert (names(found)[0], found.routes[0].reason) == ("cheap", "the model asked for")


def test_conversation_stays_with_the_model_it_drew() -> None:
    turns = [Message(Role.SYSTEM, "Be kind."), Message(Role.USER, "Hello")]
    later = [*turns, Message(Role.ASSISTANT, "Hi"), Message(Role.USER, "Where is my order?")]
    for user in map(str, range(50)):
        first = plan(CANARY, Wanted(Prompt(turns), user=user))
        assert names(first) == names(plan(CANARY, Wanted(Prompt(later), user=user)))


def test_weights_are_the_shares_of_conversations() -> None:
    drawn = Counter(names(plan(CANARY, wanted(user=str(user))))[0] for user in range(2_000))
    assert set(drawn) == {"cheap", "dear"}
    assert 0.07 < drawn["dear"] / 2_000 < 0.13


def test_larger_weight_only_moves_conversations_towards_its_model() -> None:
    more = replace(CANARY, weights={"models/cheap": 90, "models/dear": 40})
    for user in map(str, range(300)):
        if names(plan(CANARY, wanted(user=user)))[0] == "dear":
            assert names(plan(more, wanted(user=user)))[0] == "dear"


def test_weight_of_nothing_is_only_asked_when_the_others_are_away() -> None:
    none = replace(CANARY, weights={"models/cheap": 1, "models/best": 0})
    assert names(plan(none))[0] == "cheap"
    assert plan(none).routes[0].reason == "drawn by weight, 1 of 1"


def test_sticky_key_goes_before_the_conversation() -> None:
    led = {names(plan(CANARY, wanted(f"Question {i}"), sticky="experiment 7"))[0] for i in range(60)}
    assert len(led) == 1


def test_fastest_of_late_leads_among_the_quality_that_is_preferred() -> None:
    found = plan(FASTEST, latency={"models/small": 0.1, "models/cheap": 0.8, "models/dear": 0.4, "models/best": 0.5})
    assert names(found) == ["dear", "best", "cheap", "small"]
    assert found.routes[0].reason == "the soonest to begin of late, 0.40 s"


def test_model_that_nobody_has_asked_is_tried_first() -> None:
    found = plan(FASTEST, latency={"models/small": 0.1, "models/cheap": 0.2, "models/best": 0.5})
    assert names(found)[0] == "dear"
    assert "nobody knows" in found.routes[0].reason


def test_few_conversations_find_out_how_soon_the_others_begin() -> None:
    seconds = {"models/small": 0.1, "models/cheap": 0.8, "models/dear": 0.4, "models/best": 0.5}
    led = Counter(names(plan(FASTEST, wanted(user=str(user)), latency=seconds))[0] for user in range(3_000))
    assert set(led) == {"cheap", "dear", "best"}
    assert 0.005 < (led["cheap"] + led["best"]) / 3_000 < 0.05


def test_fastest_keeps_to_the_models_that_the_policy_names() -> None:
    named = replace(FASTEST, models=("models/cheap", "models/best"))
    seconds = {"models/cheap": 0.8, "models/dear": 0.1, "models/best": 0.5, "models/small": 0.1}
    assert {names(plan(named, wanted(user=str(i)), latency=seconds))[0] for i in range(300)} == {"best", "cheap"}


def test_fastest_without_observations_is_by_price() -> None:
    assert names(plan(FASTEST)) == ["cheap", "dear", "best", "small"]


def test_simple_question_goes_to_the_small_model_with_the_large_one_behind_it() -> None:
    found = plan(COMPLEXITY, difficulty=lambda text: 0.31)
    assert names(found)[:2] == ["cheap", "best"]
    assert found.routes[0].reason == "complexity 0.31, below 0.55: the small model"


def test_complex_question_goes_to_the_large_model_with_the_small_one_behind_it() -> None:
    found = plan(COMPLEXITY, difficulty=lambda text: 0.55)
    assert names(found)[:2] == ["best", "cheap"]
    assert found.routes[0].reason == "complexity 0.55, not below 0.55: the large model"


def test_difficulty_is_judged_by_the_last_words_of_the_user() -> None:
    judged: list[str] = []

    def judge(text: str) -> float:
        judged.append(text)
        return 0.0

    turns = [Message(Role.SYSTEM, "Rules"), Message(Role.USER, "Hi"), Message(Role.ASSISTANT, "Hello"),
             Message(Role.USER, "Prove it."), Message(Role.TOOL, "42")]  # fmt: skip
    plan(COMPLEXITY, Wanted(Prompt(turns)), [replace(model, tools=True) for model in ALL], difficulty=judge)
    assert judged == ["Prove it."]


@pytest.mark.parametrize("strategy", [one for one in Strategy if one is not Strategy.COMPLEXITY])
def test_difficulty_is_not_worked_out_for_other_strategies(strategy: Strategy) -> None:
    def judge(text: str) -> float:
        raise AssertionError(text)

    plan(replace(COMPLEXITY, strategy=strategy), difficulty=judge)


def test_difficulty_is_not_worked_out_for_a_model_that_the_caller_named() -> None:
    def judge(text: str) -> float:
        raise AssertionError(text)

    assert names(plan(COMPLEXITY, wanted(model="models/dear"), difficulty=judge))[0] == "dear"


def test_without_a_judge_the_large_model_answers_everything() -> None:
    found = plan(COMPLEXITY)
    assert names(found)[:2] == ["best", "cheap"]
    assert "nobody judges" in found.routes[0].reason


def test_the_one_of_small_and_large_that_fits_answers_without_a_judge() -> None:
    found = plan(COMPLEXITY, wanted("word " * 10_000), difficulty=lambda text: 0.0)
    assert (names(found)[0], found.routes[0].reason) == ("best", "the only one of small and large that fits")


VISION = replace(DEAR, name="models/sees", vision=True)
HANDY = replace(DEAR, name="models/handy", tools=True, structured_output=True)


def prompt(**parts: object) -> Wanted:
    return Wanted(replace(Prompt([Message(Role.USER, "Hello")]), **parts))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "able"),
    [
        (prompt(tools=[Tool("find")]), "handy"),
        (prompt(messages=[Message(Role.ASSISTANT, "", [ToolCall("1", "find", "{}")])]), "handy"),
        (prompt(messages=[Message(Role.TOOL, "found", tool_call_id="1")]), "handy"),
        (prompt(response_format=ResponseFormat(FormatKind.JSON_SCHEMA, "x", "{}")), "handy"),
        (prompt(response_format=ResponseFormat(FormatKind.JSON_OBJECT)), "handy"),
        (prompt(messages=[Message(Role.USER, "Look", images=[Image("image/png", b"")])]), "sees"),
    ],
)
def test_models_that_cannot_do_what_the_prompt_needs_are_left_out(asked: Wanted, able: str) -> None:
    assert names(plan(Policy(), asked, [*ALL, VISION, HANDY])) == [able]


def test_nobody_being_able_says_what_is_missing() -> None:
    both = prompt(tools=[Tool("find")], messages=[Message(Role.USER, "Look", images=[Image("image/png", b"")])])
    with pytest.raises(AisleError) as caught:
        plan(Policy(), both, [*ALL, VISION, HANDY])
    assert (caught.value.reason, caught.value.metadata) == ("CAPABILITY_MISSING", {"wanted": "tools and vision"})


def test_named_model_that_is_not_able_is_not_swapped_for_another() -> None:
    asked = replace(prompt(response_format=ResponseFormat(FormatKind.JSON_OBJECT)), model="models/cheap")
    with pytest.raises(AisleError) as caught:
        plan(Policy(), asked, [*ALL, HANDY])
    assert caught.value.reason == "CAPABILITY_MISSING"
    assert caught.value.message == "models/cheap does not have structured output."


def cheaper(asked: Wanted, than: Model, models: Sequence[Model] = ALL) -> list[str]:
    return [route.model.name for route in routing.cheaper(ModelTable(1, models), asked, than)]


def test_cheaper_models_come_in_ascending_price() -> None:
    assert cheaper(wanted(), BEST) == ["models/small", "models/cheap", "models/dear"]
    assert cheaper(wanted(), BASIC) == []


def test_cheaper_models_keep_to_least_quality_context_and_abilities() -> None:
    assert cheaper(wanted(min_quality=Quality.STANDARD), BEST) == ["models/cheap", "models/dear"]
    assert cheaper(wanted("word " * 10_000), BEST) == ["models/dear"]
    assert cheaper(prompt(tools=[Tool("find")]), BEST, [*ALL, HANDY]) == ["models/handy"]


def test_cheaper_model_says_which_one_the_budget_does_not_hold() -> None:
    [*_, last] = routing.cheaper(ModelTable(1, ALL), wanted(), BEST)
    assert last.reason == "the budget does not hold models/best"


@given(
    st.sampled_from(list(Strategy)),
    st.lists(st.sampled_from([model.name for model in ALL]), max_size=4),
    st.dictionaries(st.sampled_from([model.name for model in ALL]), st.integers(0, 5)),
    st.text(max_size=40),
    st.floats(0, 1),
)
def test_every_policy_asks_each_model_once_and_says_why(
    strategy: Strategy, order: list[str], weights: dict[str, int], text: str, judged: float
) -> None:
    policy = Policy(strategy=strategy, models=order, weights=weights)
    found = plan(policy, wanted(text), difficulty=lambda text: judged, latency={"models/cheap": 0.2})
    assert sorted(names(found)) == ["best", "cheap", "dear", "small"]
    assert all(route.reason for route in found.routes)
