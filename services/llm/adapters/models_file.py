"""The capability table as it is written: every key known, every value checked, all that is wrong told at once."""

import hashlib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

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
Dollars = Annotated[Decimal, Field(ge=0, le=100_000)]
Name = Annotated[str, Field(pattern=r"^models/[A-Za-z0-9][A-Za-z0-9._:-]{0,119}$")]
QualityName = Literal["any", "basic", "standard", "premium"]


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
    batch_factor: Annotated[Decimal, Field(gt=0, le=1, decimal_places=3)] = Decimal(1)
    date: str = ""

    @model_validator(mode="after")
    def _dated(self) -> Self:
        if self.date:
            date.fromisoformat(self.date)
        return self

    def whole(self) -> Price:
        tiers = tuple(Tier(tier.above_input_tokens, tier.read()) for tier in self.tiers)
        return Price(self.read(), tiers, _micros(self.per_call), int(self.batch_factor * 1000), self.date)


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
    first_token_seconds: float = Field(10.0, gt=0, le=300)
    silence_seconds: float = Field(10.0, gt=0, le=300)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.kind == "embedding") != (self.dimension > 0):
            raise ValueError("dimension belongs to embedding models, and to each of them")
        return self

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
    threshold: float = Field(0.5, ge=0, le=1)
    over_budget: Literal["refuse", "cheaper"] = "refuse"
    hedge: bool = False
    cache: Literal["off", "exact", "similar"] = "off"
    cache_seconds: float = Field(3600.0, ge=1, le=30 * 86_400)

    @model_validator(mode="after")
    def _fits_its_strategy(self) -> Self:
        if self.strategy == "complexity" and len(self.models) != 2:
            raise ValueError("complexity names two models: the small one and the large one")
        if self.strategy == "order" and not self.models:
            raise ValueError("order names its models")
        if self.strategy == "weighted" and not self.weights:
            raise ValueError("weighted gives weights")
        return self

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

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.tokens is None and self.dollars is None:
            raise ValueError("a budget limits tokens or dollars")
        return self

    def read(self) -> Rule:
        micros = None if self.dollars is None else _micros(self.dollars)
        return Rule(Subject(self.subject), self.name, Window(self.window), self.tokens, micros)


USE_CASES = Literal["default", "chat_support", "recommendations", "description", "sentiment", "free"]


class _File(_Entry):
    version: int
    models: tuple[_Model, ...] = Field(min_length=1)
    policies: dict[USE_CASES, _Policy] = {}
    budgets: tuple[_Budget, ...] = ()

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if self.version not in _VERSIONS:
            raise ValueError(f"version {_VERSIONS[-1]} is expected")
        names = [model.name for model in self.models]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{', '.join(twice)} named twice")
        known = {model.name for model in self.models if model.kind == "text"}
        for use_case, policy in self.policies.items():
            if unknown := sorted({*policy.models, *policy.weights} - known):
                raise ValueError(f"policies.{use_case} names {', '.join(unknown)}, which is no text model of this file")
        return self


def read(path: Path) -> ModelTable:
    """Return the whole table of a file, or raise BadModelsFile."""
    try:
        text = path.read_text(encoding="utf-8")
        document = yaml.safe_load(text)
        if not isinstance(document, Mapping) or document.get("version") not in _VERSIONS:
            raise BadModelsFile(f"{path}: version {_VERSIONS[-1]} is expected")
        file = _File.model_validate(document)
    except ValidationError as invalid:
        raise BadModelsFile(f"{path}: {_explained(document, invalid)}") from invalid
    except (OSError, yaml.YAMLError, UnicodeDecodeError, RecursionError) as problem:
        raise BadModelsFile(f"{path}: {type(problem).__name__}: {problem}") from problem
    return ModelTable(
        file.version,
        [model.read() for model in file.models],
        {use_case: policy.read() for use_case, policy in file.policies.items()},
        [budget.read() for budget in file.budgets],
        hashlib.blake2b(text.encode(), digest_size=8).hexdigest(),
    )


def _explained(document: Mapping[str, Any], invalid: ValidationError) -> str:
    """Say everything that is wrong, each with its place, a model by its name where it has one."""
    said = []
    for error in invalid.errors(include_url=False, include_input=False, include_context=False):
        place = [str(part) for part in error["loc"]]
        if len(place) > 1 and place[0] == "models":
            row = document["models"][int(place[1])]
            name = row.get("name") if isinstance(row, Mapping) else None
            place[:2] = [str(name or f"models[{place[1]}]")]
        said.append(f"{'.'.join(place) or 'the file'}: {error['msg'].removeprefix('Value error, ')}")
    return "; ".join(said)


def _micros(dollars: Decimal) -> int:
    """Return micro-USD; through the written form, or 0.035 would lose a micro-dollar."""
    return int(dollars * _MILLION)
