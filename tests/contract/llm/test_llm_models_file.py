"""The packaged capability table, tables that are wrong, and what settings make of them."""

import asyncio
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.llm.adapters.yaml_models import PACKAGED, BadModelsFile, YamlModels, read
from services.llm.domain.model import Kind, Quality
from services.llm.domain.pricing import Rates, Tier
from services.llm.settings import LlmSettings


def settings(**given: object) -> LlmSettings:
    return LlmSettings(listen_port=1, token_key=SecretStr("k"), **given)  # type: ignore[arg-type]


def test_packaged_table_is_whole() -> None:
    table = read(PACKAGED)
    assert {model.provider for model in table.models} == {"local", "openai", "bedrock"}
    assert all(model.dimension > 0 for model in table.of_kind(Kind.EMBEDDING))
    assert all(model.context_tokens > 0 and not model.dimension for model in table.of_kind(Kind.TEXT))


def test_prices_are_exact_micro_dollars() -> None:
    nova = read(PACKAGED).find("models/nova-micro")
    assert nova is not None
    assert (nova.input_price_micros, nova.output_price_micros) == (35_000, 140_000)


def test_without_a_key_only_the_local_models_are_configured() -> None:
    configured = YamlModels(PACKAGED, settings().providers()).configured()
    assert [(model.name, model.quality) for model in configured.of_kind(Kind.TEXT)] == [
        ("models/smollm2-135m-instruct", Quality.BASIC)
    ]
    embedding = configured.find(settings().embedding_model)
    assert embedding is not None
    assert embedding.dimension == 384


def test_provider_is_configured_by_its_own_setting() -> None:
    assert settings(local_url="").providers() == frozenset()
    assert settings(openai_api_key=SecretStr("sk-x"), bedrock_region="us-east-1").providers() == {
        "local",
        "openai",
        "bedrock",
    }
    assert "openai" in settings(openai_base_url="http://vllm:8000/v1").providers()


def test_settings_do_not_show_the_key() -> None:
    assert "sk-x" not in repr(settings(openai_api_key=SecretStr("sk-x")))


ROW = (
    "version: 2\nmodels:\n- {name: models/x, display_name: X, provider: openai, provider_id: x, kind: text, "
    "quality: basic, context_tokens: 9, price: {input: 1, output: 1}}\n"
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("version: 3", "version 2 is expected"),
        ("- a list", "version 2 is expected"),
        ("version: 2", "models: Field required"),
        ("version: 2\nmodels: [{name: models/x}]", "models/x.price: Field required"),
        ("version: 2\nmodels: [{", "ParserError"),
        ("version: 2\npolicies: {default: {prefer: splendid}}", "policies.default.prefer: Input should be"),
        (ROW + "policies: {free: {strategy: order, models: [models/y]}}", "names models/y, which is no text model"),
        (ROW + "policies: {free: {strategy: complexity, models: [models/x]}}", "complexity names two models"),
        (ROW + "policies: {free: {strategy: weighted, weights: {models/x: 0}}}", "greater than 0"),
        (ROW + "policies: {fre: {}}", "policies.fre"),
        (ROW + "budgets: [{subject: tenant, window: month}]", "limits tokens or dollars"),
        (ROW.replace("output: 1", "outptu: 1"), "models/x.price.outptu: Extra inputs"),
        (ROW.replace("input: 1", "input: -1"), "models/x.price.input"),
    ],
)
def test_bad_table_says_what_is_wrong(text: str, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "models.yaml"
    file.write_text(text)
    with pytest.raises(BadModelsFile, match=problem):
        read(file)


def test_name_given_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "models.yaml"
    row = PACKAGED.read_text().split("models:\n", 1)[1].split("  # OpenAI", 1)[0]
    file.write_text("version: 1\nmodels:\n" + row + row)
    with pytest.raises(BadModelsFile, match="named twice"):
        read(file)


def test_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadModelsFile, match="FileNotFoundError"):
        read(tmp_path / "nowhere.yaml")


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "models.yaml"
    file.write_text(ROW.replace("quality: basic", "quality: fine").replace("context_tokens: 9", "context_tokens: no"))
    with pytest.raises(BadModelsFile) as bad:
        read(file)
    assert "models/x.quality" in str(bad.value)
    assert "models/x.context_tokens" in str(bad.value)


def test_file_that_changes_is_taken_over_and_a_bad_one_is_not(tmp_path: Path) -> None:
    file = tmp_path / "models.yaml"
    file.write_text(ROW)
    models = YamlModels(file, frozenset({"openai"}))
    before = models.configured()
    file.write_text(ROW.replace("display_name: X", "display_name: Changed"))
    models.look()
    assert models.configured().models[0].display_name == "Changed"
    assert models.configured().digest != before.digest
    file.write_text(ROW[:90])
    models.look()
    assert models.problem
    assert models.configured().models[0].display_name == "Changed"
    file.unlink()
    models.look()
    file.write_text(ROW)
    models.look()
    assert (models.configured().models[0].display_name, models.problem) == ("X", "")


async def test_change_is_seen_within_a_second_and_no_look_up_fails_meanwhile(tmp_path: Path) -> None:
    file = tmp_path / "models.yaml"
    file.write_text(ROW)
    models = YamlModels(file, frozenset({"openai"}))
    following = asyncio.ensure_future(models.follow())
    try:
        file.write_text(ROW.replace("display_name: X", "display_name: Changed"))
        for _ in range(100):
            assert models.configured().find("models/x") is not None
            await asyncio.sleep(0.01)
        assert models.configured().models[0].display_name == "Changed"
    finally:
        following.cancel()


def test_prices_of_every_kind_are_read(tmp_path: Path) -> None:
    file = tmp_path / "models.yaml"
    price = "{input: 1, output: 2, cached_input: 0.1, cache_write: 1.25, cache_write_1h: 2, batch_factor: 0.5, "
    price += "per_call: 0.001, date: 2026-11-01, tiers: [{above_input_tokens: 200000, input: 2, output: 4}]}"
    file.write_text(ROW.replace("{input: 1, output: 1}", price.replace("2026-11-01", "'2026-11-01'")))
    found = read(file).models[0].price
    assert found.rates == Rates(1_000_000, 2_000_000, 100_000, 1_250_000, 2_000_000)
    assert (found.batch_permille, found.per_call, found.date) == (500, 1_000, "2026-11-01")
    assert found.tiers == (Tier(200_000, Rates(2_000_000, 4_000_000)),)
