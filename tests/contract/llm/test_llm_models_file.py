"""The packaged capability table, tables that are wrong, and what settings make of them."""

import asyncio
from pathlib import Path
from threading import Event, Thread

import pytest
from pydantic import SecretStr

from services.llm.adapters.yaml_models import PACKAGED, BadModelsFile, YamlModels, read
from services.llm.domain.model import Kind, Quality
from services.llm.domain.pricing import Price, Rates, Tier
from services.llm.settings import LlmSettings


def settings(**given: object) -> LlmSettings:
    return LlmSettings(listen_port=1, token_key=SecretStr("k"), **given)  # type: ignore[arg-type]


def test_packaged_table_is_whole() -> None:
    table = read(PACKAGED)
    assert table.version == 2
    assert set(table.policies) == {"default", "chat_support", "recommendations", "description", "sentiment", "free"}
    assert all(model.price.date for model in table.models)
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
    "version: 2\nmodels:\n- {name: models/x, display_name: X, provider: openai, provider_id: X, kind: text, "
    "quality: basic, context_tokens: 9, price: {date: 2026-11-01, input: 1, output: 1}}\n"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "models.yaml"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("version: 3", "version: 2 is expected"),
        ("- a list", "version: 2 is expected"),
        ("version: 2", "models: Field required"),
        ("version: 2\nmodels: []", "models: Tuple should have at least 1 item"),
        ("version: 2\nmodels: [{name: models/x}]", r"models\[0\].price \(models/x\): Field required"),
        ("version: 2\nmodels: [{", "ParserError"),
        ("version: 2\npolicies: {default: {prefer: splendid}}", "policies.default.prefer: Input should be"),
        (ROW + "policies: {free: {strategy: order, models: [models/y]}}", r"models\[0\]: names models/y, which is no"),
        (ROW + "policies: {free: {strategy: order}}", "policies.free.models: order names its models"),
        (ROW + "policies: {free: {strategy: complexity, models: [models/x]}}", "complexity names two models"),
        (ROW + "policies: {free: {strategy: complexity, models: [models/x, models/x]}}", "complexity names two models"),
        (ROW + "policies: {free: {strategy: weighted, weights: {models/x: 0}}}", "greater than 0"),
        (ROW + "policies: {free: {strategy: weighted}}", "policies.free.weights: weighted gives weights"),
        (ROW + "policies: {free: {threshold: 1.5}}", "policies.free.threshold: Input should be less than"),
        (ROW + "policies: {free: {threshold: .nan}}", "policies.free.threshold"),
        (ROW + "policies: {fre: {}}", "policies.fre"),
        (ROW + "budgets: [{subject: tenant, window: month}]", r"budgets\[0\]: a budget limits tokens or dollars"),
        (ROW + "version: 2", "version given twice"),
        (ROW.replace("output: 1", "outptu: 1"), r"models\[0\].price.outptu \(models/x\): Extra inputs"),
        (ROW.replace("input: 1", "input: -1"), r"models\[0\].price.input \(models/x\)"),
        (ROW.replace("input: 1", "input: 0.0000001"), r"models\[0\].price.input \(models/x\)"),
        (ROW.replace("date: 2026-11-01, ", ""), r"models\[0\].price.date \(models/x\): the day .* missing"),
        (ROW.replace("2026-11-01", "2026-13-01"), "ValueError"),
        (ROW.replace("2026-11-01", "20261101"), r"models\[0\].price.date \(models/x\): a day such as"),
        (ROW.replace("kind: text", "kind: embedding"), r"models\[0\].dimension \(models/x\): belongs to"),
    ],
)
def test_bad_table_says_what_is_wrong_and_where(text: str, problem: str, file: Path) -> None:
    file.write_text(text)
    with pytest.raises(BadModelsFile, match=problem):
        read(file)


def test_everything_that_is_wrong_is_told_at_once(file: Path) -> None:
    row = ROW.split("models:\n")[1]
    first = (
        row.replace("quality: basic", "quality: fine").replace("output: 1", "output: no").replace("2026-11-01", "''")
    )
    second = row.replace("context_tokens: 9", "context_tokens: 0, dimension: 3")
    policies = "policies: {free: {strategy: order, models: [models/z], threshold: 2}, nobody: {}}\n"
    file.write_text("version: 2\nmodels:\n" + first + second + policies + "budgets: [{subject: moon}]\nmore: 1\n")
    with pytest.raises(BadModelsFile) as bad:
        read(file)
    expected = (
        "models[0].quality (models/x)", "models[0].price.output (models/x)", "models[0].price.date (models/x)",
        "models[1].name (models/x): models/x is named twice, first in models[0]", "models[1].context_tokens (models/x)",
        "models[1].dimension (models/x)", "policies.free.models[0]: names models/z", "policies.free.threshold",
        "policies.nobody", "budgets[0].subject", "budgets[0].window", "budgets[0]: a budget limits", "more: Extra",
    )  # fmt: skip
    assert [one for one in expected if one not in str(bad.value)] == []


def test_first_version_is_still_read(file: Path) -> None:
    file.write_text(ROW.replace("version: 2", "version: 1").replace("date: 2026-11-01, ", ""))
    table = read(file)
    assert (table.version, table.models[0].price) == (1, Price(Rates(1_000_000, 1_000_000)))


def test_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadModelsFile, match="FileNotFoundError"):
        read(tmp_path / "nowhere.yaml")


def write(file: Path, text: str) -> None:
    file.write_text(text)


def take_over(models: YamlModels) -> None:
    models.look()
    models.look()


def test_file_that_changes_is_taken_over_and_a_bad_one_is_not(file: Path) -> None:
    file.write_text(ROW)
    models = YamlModels(file, frozenset({"openai"}))
    before, loaded_at = models.digest, models.loaded_at
    file.write_text(ROW.replace("display_name: X", "display_name: Changed"))
    take_over(models)
    assert models.configured().models[0].display_name == "Changed"
    assert models.digest != before
    assert models.loaded_at > loaded_at
    file.write_text(ROW[:90])
    take_over(models)
    assert models.problem
    assert models.configured().models[0].display_name == "Changed"
    file.unlink()
    take_over(models)
    assert "FileNotFoundError" in models.problem
    file.write_text(ROW)
    take_over(models)
    assert (models.configured().models[0].display_name, models.problem, models.digest) == ("X", "", before)


def test_half_a_file_is_never_taken_even_when_it_is_a_whole_table(file: Path) -> None:
    file.write_text(ROW)
    models = YamlModels(file, frozenset({"openai"}))
    row = ROW.split("models:\n")[1]
    with file.open("w") as writer:
        writer.write("version: 2\nmodels:\n")
        for number in range(5):
            writer.write(row.replace("models/x", f"models/x{number}"))
            writer.flush()
            models.look()
            assert len(models.configured().models) == 1
    take_over(models)
    assert len(models.configured().models) == 5


async def test_change_is_seen_within_a_second_and_no_look_up_fails_meanwhile(file: Path) -> None:
    write(file, ROW)
    models = YamlModels(file, frozenset({"openai"}))
    following = asyncio.ensure_future(models.follow())
    try:
        write(file, ROW.replace("display_name: X", "display_name: Changed"))
        for _ in range(100):
            assert models.configured().find("models/x") is not None
            await asyncio.sleep(0.01)
        assert models.configured().models[0].display_name == "Changed"
    finally:
        following.cancel()


def test_no_look_up_fails_during_two_hundred_changes(file: Path) -> None:
    file.write_text(ROW)
    models = YamlModels(file, frozenset({"openai"}))
    stop, looked, failed = Event(), list[int](), list[int]()

    def look_up() -> None:
        while not stop.is_set():
            table = models.configured()
            looked.append(1)
            # A name and its display name change together: a table is one file's, never of two.
            if [model.display_name for model in table.models] != [model.provider_id for model in table.models]:
                failed.append(1)

    reader = Thread(target=look_up)
    reader.start()
    try:
        for number in range(200):
            new = file.with_suffix(".new")
            name = f"n{number}"
            new.write_text(ROW.replace("display_name: X", f"display_name: {name}").replace("id: X", f"id: {name}"))
            new.replace(file)
            take_over(models)
            assert models.configured().models[0].display_name == name
    finally:
        stop.set()
        reader.join()
    assert (len(failed), bool(looked)) == (0, True)


def test_prices_of_every_kind_are_read(file: Path) -> None:
    price = "{input: 1, output: 2, cached_input: 0.1, cache_write: 1.25, cache_write_1h: 2, batch_factor: 0.5, "
    price += "per_call: 0.001, date: 2026-11-01, tiers: [{above_input_tokens: 200000, input: 2, output: 4}]}"
    file.write_text(ROW.replace("{date: 2026-11-01, input: 1, output: 1}", price.replace("2026-11-01", "'2026-11-01'")))
    found = read(file).models[0].price
    assert found.rates == Rates(1_000_000, 2_000_000, 100_000, 1_250_000, 2_000_000)
    assert (found.batch_permille, found.per_call, found.date) == (500, 1_000, "2026-11-01")
    assert found.tiers == (Tier(200_000, Rates(2_000_000, 4_000_000)),)
