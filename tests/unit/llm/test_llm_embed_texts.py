"""What a caller gets for texts, and how much a provider is given at once."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from services.llm.application.embed_texts import EmbedTexts
from services.llm.application.list_models import ListModels
from services.llm.application.probe_providers import ProbeProviders
from services.llm.domain.budget import Amount, Scope
from services.llm.domain.embedding import VectorCache
from services.llm.domain.errors import FailureKind
from services.llm.domain.health import HealthBook
from services.runtime.errors import Exhausted, Invalid, Precondition, Unavailable
from tests.fakes.llm_models import BASIC, BEST, CHEAP, DEAR, VECTORS, FixedModels
from tests.fakes.llm_provider import FakeLedger, FakeProvider
from tests.fakes.llm_scenario import Scenario
from tests.fakes.llm_surroundings import FakeBudgets


class House:
    """The use case with fakes all around."""

    def __init__(self, default: str = "models/vectors", **fake: Any) -> None:
        self.provider = FakeProvider(**fake)
        self.ledger, self.health = FakeLedger(), HealthBook()
        other = replace(VECTORS, name="models/other")
        models = FixedModels(BASIC, VECTORS, other)
        providers = {"local": self.provider}
        cache = VectorCache(10)
        self.embed = EmbedTexts(models, providers, default, self.health, self.ledger, lambda: 0.0, cache)


async def test_vectors_are_in_order_of_length_one_and_say_their_model() -> None:
    made = await House().embed(["a", "bbb"])
    assert [list(vector) for vector in made.vectors] == [[1, 0, 0], [1, 0, 0]]
    assert (made.model, made.usage.input_tokens) == (VECTORS, 7)


async def test_query_asked_again_costs_nothing() -> None:
    house = House()
    await house.embed(["red  shoes"])
    made = await house.embed([" red shoes"])
    assert (house.provider.batches, made.usage.input_tokens) == ([["red shoes"]], 0)


async def test_vectors_of_one_model_are_not_given_out_as_anothers() -> None:
    house = House()
    await house.embed(["tea"])
    await house.embed(["tea"], "models/other")
    assert len(house.provider.batches) == 2


async def test_bulk_is_cut_and_leaves_the_cache_alone() -> None:
    house = House()
    await house.embed([f"text {n}" for n in range(10)], batch=True)
    assert [len(batch) for batch in house.provider.batches] == [4, 4, 2]
    await house.embed(["text 1"])
    assert house.provider.batches[-1] == ["text 1"]


async def test_text_that_stands_twice_is_embedded_once() -> None:
    house = House()
    made = await house.embed(["a", "b", "a", "a", "b"])
    assert (house.provider.batches, len(made.vectors)) == ([["a", "b"]], 5)


async def test_query_passes_bulk_work_that_waits() -> None:
    house = House()
    house.provider.embedding_seconds = 0.02
    bulk = asyncio.ensure_future(house.embed([f"text {n}" for n in range(40)], batch=True))
    await asyncio.sleep(0.01)
    await house.embed(["query"])
    assert not bulk.done()
    assert house.provider.batches.index(["query"]) == 1
    await bulk


async def test_bulk_of_all_callers_shares_one_lane() -> None:
    house = House()
    house.provider.embedding_seconds = 0.01
    async with asyncio.timeout(5):
        await asyncio.gather(*(house.embed([f"{n} {m}" for m in range(8)], batch=True) for n in range(3)))
    assert len(house.provider.batches) == 6


@pytest.mark.parametrize("texts", [["a"], [f"text {n}" for n in range(10)]])
async def test_failed_provider_is_unavailable_and_noted(texts: list[str]) -> None:
    house = House(scenario=Scenario.THROTTLED)
    with pytest.raises(Unavailable) as caught:
        await house.embed(texts)
    assert (caught.value.reason, caught.value.retry_after) == ("PROVIDER_UNAVAILABLE", 7.0)
    assert house.ledger.records[0].outcome == "throttled"


async def test_provider_known_to_be_away_is_not_asked() -> None:
    house = House()
    house.health.probe_failed("local", FailureKind.UNREACHABLE)
    with pytest.raises(Unavailable):
        await house.embed(["a"])
    assert house.provider.batches == []


async def test_vectors_of_another_length_than_promised_are_refused() -> None:
    with pytest.raises(Unavailable):
        await House(dimension=5).embed(["a"])


async def test_unknown_model_text_model_and_no_model_are_told_apart() -> None:
    with pytest.raises(Invalid) as unknown:
        await House().embed(["a"], "models/none")
    with pytest.raises(Invalid) as text:
        await House().embed(["a"], "models/small")
    with pytest.raises(Precondition):
        await House(default="models/gone").embed(["a"])
    assert (unknown.value.reason, text.value.reason) == ("MODEL_NOT_FOUND", "MODEL_KIND_MISMATCH")


async def test_refused_text_is_the_callers_fault() -> None:
    with pytest.raises(Invalid) as caught:
        await House(scenario=Scenario.REFUSED).embed(["secret"])
    assert caught.value.reason == "PROVIDER_REFUSED"
    assert "secret" not in caught.value.message


async def test_models_are_listed_best_first_and_vectors_last() -> None:
    health = HealthBook()
    health.probe_failed("openai", FailureKind.UNREACHABLE)
    listed = await ListModels(FixedModels(VECTORS, BASIC, DEAR, BEST, CHEAP), health, lambda: 0.0)()
    assert [(model.name, available) for model, available in listed] == [
        ("models/best", True),
        ("models/cheap", False),
        ("models/dear", True),
        ("models/small", True),
        ("models/vectors", True),
    ]


async def test_probes_notice_that_a_provider_leaves_and_comes_back() -> None:
    provider, health = FakeProvider(Scenario.FORBIDDEN), HealthBook()
    probing = asyncio.ensure_future(ProbeProviders({"local": provider}, health, lambda: 0.0)())
    await provider.probed_once.wait()
    assert health.is_down("local")
    provider.scenario = Scenario.ANSWER
    provider.probed_once.clear()
    await provider.probed_once.wait()
    await asyncio.sleep(0)
    assert not health.is_down("local")
    probing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probing


def paid(budgets: FakeBudgets, scenario: Scenario = Scenario.ANSWER) -> House:
    house = House(scenario=scenario)
    dear = replace(VECTORS, price=CHEAP.price)
    providers = {"local": house.provider}
    cache, models = VectorCache(10), FixedModels(dear)
    house.embed = EmbedTexts(models, providers, dear.name, house.health, house.ledger, lambda: 0.0, cache, budgets)
    return house


async def test_vectors_that_cost_something_are_paid_from_whose_budget_it_is() -> None:
    budgets = FakeBudgets()
    house = paid(budgets)
    await house.embed(["tea " * 4000], scope=Scope("tenants/warehouse", api_key="apiKeys/one"))
    (record,) = house.ledger.records
    assert budgets.reserved[0].micros > 0
    assert budgets.settled == [Amount(7, record.cost_micros)]
    assert (record.tenant, record.api_key) == ("tenants/warehouse", "apiKeys/one")


async def test_vectors_beyond_the_budget_are_refused_and_nobody_is_asked() -> None:
    house = paid(FakeBudgets(0))
    with pytest.raises(Exhausted):
        await house.embed(["tea " * 4000])
    assert (house.provider.batches, house.ledger.records) == ([], [])


async def test_vectors_that_failed_give_back_what_was_set_aside() -> None:
    budgets = FakeBudgets(10**9)
    with pytest.raises(Unavailable):
        await paid(budgets, Scenario.BROKEN).embed(["tea " * 4000])
    assert budgets.left == 10**9


async def test_free_vectors_are_nobodys_to_budget() -> None:
    budgets = FakeBudgets(0)
    house = House()
    models, cache = FixedModels(VECTORS), VectorCache(10)
    clock = lambda: 0.0  # noqa: E731 - as the other houses have it
    embed = EmbedTexts(
        models, {"local": house.provider}, VECTORS.name, house.health, house.ledger, clock, cache, budgets
    )
    assert len((await embed(["tea"])).vectors) == 1
    assert budgets.reserved == []
