"""The capability table as it is written: every key known, every value checked, all that is wrong told at once."""

import hashlib
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from services.llm.adapters.models_contradictions import contradictions
from services.llm.domain.budget import Rule, Subject, Window
from services.llm.domain.model import (
    CacheMode,
    Kind,
    Model,
    ModelTable,
    OverBudget,
    Policy,
    Quality,
    Strategy,
)
from services.llm.domain.pricing import Price, Rates, Tier

_VERSIONS = (1, 2)
_MILLION = 1_000_000
# Finer than a micro-dollar for a million tokens nothing is counted.
Dollars = Annotated[Decimal, Field(ge=0, le=100_000, decimal_places=6)]
Name = Annotated[str, Field(pattern=r"^models/[A-Za-z0-9][A-Za-z0-9._:-]{0,119}$")]
Seconds = Annotated[float, Field(gt=0, le=300, allow_inf_nan=False)]
QualityName = Literal["any", "basic", "standard", "premium"]


def _day(value: object) -> object:
    """Take a day with quotes or without, and nothing that only could be read as one."""
    if isinstance(value, datetime) or not isinstance(value, str | date):
        raise ValueError("a day such as 2026-11-01 is expected")
    return value


Day = Annotated[date, BeforeValidator(_day)]


class BadModelsFile(ValueError):
    """The capability table cannot be used; says where and why."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Rates(_Entry):
    input: Dollars
    output: Dollars
    cached_input: Dollars | None = None
    cache_write: Dollars | None = None
    cache_write_1h: Dollars | None = None

    def read(self) -> Rates:
        optional = (self.cached_input, self.cache_write, self.cache_write_1h)
        return Rates(
            _micros(self.input), _micros(self.output), *(None if one is None else _micros(one) for one in optional)
        )


class _Tier(_Rates):
    above_input_tokens: int = Field(gt=0)


class _Price(_Rates):
    tiers: tuple[_Tier, ...] = ()
    per_call: Dollars = Decimal(0)
    batch_factor: Annotated[Decimal, Field(gt=0, le=1, decimal_places=3)] | None = None
    date: Day | None = None

    def whole(self) -> Price:
        tiers = tuple(Tier(tier.above_input_tokens, tier.read()) for tier in self.tiers)
        batch = None if self.batch_factor is None else int(self.batch_factor * 1000)
        return Price(self.read(), tiers, _micros(self.per_call), batch, self.date.isoformat() if self.date else "")


class _Model(_Entry):
    name: Name
    display_name: str = Field(min_length=1)
    provider: Literal["local", "openai", "bedrock"]
    provider_id: str = Field(min_length=1)
    kind: Literal["text", "embedding"]
    quality: QualityName
    context_tokens: int = Field(gt=0)
    price: _Price
    output_tokens: int = Field(0, ge=0)
    dimension: int = Field(0, ge=0)
    sampling: bool = True
    options: dict[str, Any] = {}
    tools: bool = False
    vision: bool = False
    structured_output: bool = False
    prefill: bool = False
    external: bool | None = None
    region: str = ""
    first_token_seconds: Seconds = 10.0
    silence_seconds: Seconds = 10.0

    def read(self) -> Model:
        same = self.model_dump(exclude={"kind", "quality", "price", "external"})
        return Model(
            **same,
            kind=Kind(self.kind),
            quality=Quality[self.quality.upper()],
            price=self.price.whole(),
            external=self.provider != "local" if self.external is None else self.external,
        )


class _Policy(_Entry):
    prefer: QualityName = "standard"
    strategy: Literal["cheapest", "order", "weighted", "fastest", "complexity"] = "cheapest"
    models: tuple[Name, ...] = ()
    weights: dict[Name, Annotated[int, Field(gt=0, le=10_000)]] = {}
    threshold: float = Field(0.5, ge=0, le=1, allow_inf_nan=False)
    over_budget: Literal["refuse", "cheaper"] = "refuse"
    hedge: bool = False
    cache: Literal["off", "exact", "similar"] = "off"
    cache_seconds: float = Field(3600.0, ge=1, le=30 * 86_400, allow_inf_nan=False)

    def read(self) -> Policy:
        return Policy(
            prefer=Quality[self.prefer.upper()],
            strategy=Strategy(self.strategy),
            models=self.models,
            weights=self.weights,
            threshold=self.threshold,
            over_budget=OverBudget(self.over_budget),
            hedge=self.hedge,
            cache=CacheMode(self.cache),
            cache_seconds=self.cache_seconds,
        )


class _Budget(_Entry):
    subject: Literal["tenant", "use_case", "user", "api_key"]
    name: str = Field("*", min_length=1)
    window: Literal["minute", "month"]
    tokens: int | None = Field(None, ge=0)
    dollars: Dollars | None = None

    def read(self) -> Rule:
        micros = None if self.dollars is None else _micros(self.dollars)
        return Rule(Subject(self.subject), self.name, Window(self.window), self.tokens, micros)


USE_CASES = Literal["default", "chat_support", "recommendations", "description", "sentiment", "free"]


class _File(_Entry):
    version: int
    models: tuple[_Model, ...] = Field(min_length=1)
    policies: dict[USE_CASES, _Policy] = {}
    budgets: tuple[_Budget, ...] = ()


class _Loader(yaml.CSafeLoader):
    """Reads YAML, and refuses a key that stands twice: one of the two would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping whose keys are all different."""
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise yaml.constructor.ConstructorError(None, None, f"{', '.join(twice)} given twice", node.start_mark)
        return super().construct_mapping(node, deep)


def read(path: Path) -> ModelTable:
    """Return the whole table of a file, or raise BadModelsFile."""
    try:
        text = path.read_text(encoding="utf-8")
        document = yaml.load(text, _Loader)  # noqa: S506 - a safe loader
    # Numbers and days that are none are ValueErrors.
    except (OSError, yaml.YAMLError, ValueError, RecursionError) as problem:
        raise BadModelsFile(f"{path}: {type(problem).__name__}: {problem}") from problem
    if not isinstance(document, Mapping) or document.get("version") not in _VERSIONS:
        raise BadModelsFile(f"{path}: version: {_VERSIONS[-1]} is expected")
    file, said = None, list(contradictions(document))
    try:
        file = _File.model_validate(document)
    except ValidationError as invalid:
        said += [(error["loc"], error["msg"].removeprefix("Value error, ")) for error in invalid.errors()]
    if said or file is None:
        raise BadModelsFile(f"{path}: {'; '.join(_told(document, place, problem) for place, problem in said)}")
    return ModelTable(
        file.version,
        [model.read() for model in file.models],
        {use_case: policy.read() for use_case, policy in file.policies.items()},
        [budget.read() for budget in file.budgets],
        hashlib.blake2b(text.encode(), digest_size=8).hexdigest(),
    )


def _told(document: Mapping[str, Any], place: tuple[int | str, ...], problem: str) -> str:
    """Say what is wrong and where, `models[3].price.output (models/x): ...`, with the model's name where it has one."""
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")
    name = None
    if len(place) > 1 and place[0] == "models":
        row = document["models"][place[1]]
        name = row.get("name") if isinstance(row, Mapping) else None
    return f"{where} ({name}): {problem}" if name else f"{where}: {problem}"


def _micros(dollars: Decimal) -> int:
    """Return micro-USD; through the written form, or 0.035 would lose a micro-dollar."""
    return int(dollars * _MILLION)
