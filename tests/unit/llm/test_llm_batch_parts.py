"""How a batch is cut into parts, and who runs it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.llm.application.submit_batch import AddBatchItems, CreateBatch, StartBatch
from services.llm.domain.batch import Batch, NewItem, part_size
from services.llm.domain.model import Model
from services.llm.domain.pricing import Price, Rates
from services.llm.settings import LlmSettings
from tests.fakes.llm_batches import FakeBatchBook
from tests.fakes.llm_models import CHEAP, DEAR, FixedModels

ROLE = "arn:aws:iam::123456789012:role/aisle-batches"
HALF = Price(Rates(100_000, 500_000), batch_permille=500, date="2026-11-01")


@given(st.integers(1, 100_000), st.integers(200, 5_000))
def test_no_part_is_too_small_or_too_large_while_there_is_enough(waiting: int, most: int) -> None:
    sizes, left = [], waiting
    while left:
        sizes.append(min(left, part_size(left, most, 100)))
        left -= sizes[-1]
    assert sum(sizes) == waiting
    assert max(sizes) <= most
    assert min(sizes) >= min(100, waiting)
    assert len(sizes) == -(-waiting // most)


@given(st.integers(0, 10_000), st.integers(1, 5_000))
def test_without_a_least_size_a_part_is_never_larger_than_the_most(waiting: int, most: int) -> None:
    assert bool(waiting) <= part_size(waiting, most, 1) <= most


@pytest.mark.parametrize(
    ("model", "items", "who"),
    [
        (replace(CHEAP, price=HALF), 10, "openai"),
        (replace(DEAR, price=HALF), 10, ""),
        (replace(DEAR, price=HALF), 100, "bedrock"),
        (DEAR, 100, ""),
    ],
)
async def test_a_providers_own_batches_are_used_from_as_many_items_as_it_is_set_for(
    model: Model, items: int, who: str
) -> None:
    book, models = FakeBatchBook(), FixedModels(model)
    await CreateBatch(book, models)(Batch("b", "Texts", datetime(2026, 11, 26, tzinfo=UTC), model=model.name), "")
    await AddBatchItems(book)("b", [NewItem(f"item-{n}", b"ask") for n in range(items)])
    batch = await StartBatch(book, models, {"openai": 10, "bedrock": 100})("b")
    assert batch.provider == who


def settings(**given: object) -> LlmSettings:
    return LlmSettings(listen_port=1, token_key="k", **given)  # type: ignore[arg-type]


def test_bedrocks_batches_are_configured_together() -> None:
    given = {"bedrock_region": "us-east-1", "bedrock_batch_from": 500, "bedrock_batch_folder": "s3://aisle/batches"}
    assert settings(**given, bedrock_batch_role_arn=ROLE).own_batches() == {"bedrock": 500}
    assert settings().own_batches() == {}
    assert settings(openai_api_key="k", openai_batch_from=7).own_batches() == {"openai": 7}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"bedrock_batch_from": 500}, {"bedrock_batch_from", "bedrock_batch_folder", "bedrock_batch_role_arn"}),
        ({"bedrock_batch_folder": "s3://aisle"}, {"bedrock_batch_role_arn"}),
        ({"bedrock_batch_role_arn": ROLE}, {"bedrock_batch_role_arn"}),
        ({"bedrock_batch_folder": "aisle/batches", "bedrock_batch_role_arn": ROLE}, {"bedrock_batch_folder"}),
        ({"bedrock_batch_folder": "s3://aisle", "bedrock_batch_role_arn": "aisle"}, {"bedrock_batch_role_arn"}),
        (
            {
                "bedrock_region": "us-east-1",
                "bedrock_batch_from": 99,
                "bedrock_batch_folder": "s3://aisle",
                "bedrock_batch_role_arn": ROLE,
            },
            {"bedrock_batch_from"},
        ),
    ],
)
def test_half_a_configuration_of_bedrocks_batches_is_refused_by_name(given: dict[str, object], named: set[str]) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(**given)
    assert {str(error["loc"][0]) for error in refused.value.errors()} == named
