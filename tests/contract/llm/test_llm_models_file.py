"""The packaged capability table, tables that are wrong, and what settings make of them."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from services.llm.adapters.yaml_models import PACKAGED, BadModelsFile, YamlModels, read
from services.llm.domain.model import Kind, Quality
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


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("version: 2", "version 1 is expected"),
        ("- a list", "version 1 is expected"),
        ("version: 1\nmodels: [{name: models/x}]", "models/x: KeyError"),
        ("version: 1\nmodels: [{", "ParserError"),
        ("version: 1\npolicies: {default: {prefer: splendid}}", "SPLENDID"),
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
