"""The capability table, read from a versioned YAML file."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from services.llm.domain.model import Kind, Model, ModelTable, Policy, Quality

PACKAGED = Path(__file__).parent.parent / "models.yaml"
_VERSION = 1


class BadModelsFile(ValueError):
    """The capability table cannot be used; says where and why."""


class YamlModels:
    """A `ModelSource` over one file, read when made."""

    def __init__(self, path: Path, providers: frozenset[str]) -> None:
        """Take the file and the providers that are configured; raises BadModelsFile."""
        table = read(path)
        models = [model for model in table.models if model.provider in providers]
        self._configured = ModelTable(table.version, models, table.policies)

    def configured(self) -> ModelTable:
        """Return the models whose provider is configured."""
        return self._configured


def read(path: Path) -> ModelTable:
    """Return the whole table of a file, or raise BadModelsFile."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(document, Mapping) or document.get("version") != _VERSION:
            raise BadModelsFile(f"{path}: version {_VERSION} is expected")
        models = [_model(path, row) for row in document.get("models") or []]
        policies = {
            use: Policy(Quality[row["prefer"].upper()]) for use, row in (document.get("policies") or {}).items()
        }
    except (OSError, yaml.YAMLError, KeyError, AttributeError, TypeError) as problem:
        raise BadModelsFile(f"{path}: {type(problem).__name__}: {problem}") from problem
    names = [model.name for model in models]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadModelsFile(f"{path}: {', '.join(twice)} named twice")
    return ModelTable(_VERSION, models, policies)


def _model(path: Path, row: Mapping[str, Any]) -> Model:
    try:
        kind = Kind(row["kind"])
        model = Model(
            name=row["name"],
            display_name=row["display_name"],
            provider=row["provider"],
            provider_id=row["provider_id"],
            kind=kind,
            quality=Quality[row["quality"].upper()],
            context_tokens=int(row["context_tokens"]),
            input_price_micros=_micros(row["price"]["input"]),
            output_price_micros=_micros(row["price"]["output"]),
            output_tokens=int(row.get("output_tokens", 0)),
            dimension=int(row["dimension"]) if kind is Kind.EMBEDDING else 0,
            sampling=bool(row.get("sampling", True)),
            options=dict(row.get("options") or {}),
        )
    except (KeyError, ValueError, TypeError, AttributeError) as problem:
        name = row.get("name", "a model") if isinstance(row, Mapping) else "a model"
        raise BadModelsFile(f"{path}: {name}: {type(problem).__name__}: {problem}") from problem
    if not model.name.startswith("models/"):
        raise BadModelsFile(f"{path}: {model.name}: names begin with models/")
    return model


def _micros(dollars: object) -> int:
    """Return micro-USD; through the written form, or 0.035 would lose a micro-dollar."""
    return int(Decimal(str(dollars)) * 1_000_000)
