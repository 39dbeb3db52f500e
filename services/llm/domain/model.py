"""A model as the capability table describes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum

AUTO = "models/auto"


class Kind(Enum):
    """What a model makes."""

    TEXT = "text"
    EMBEDDING = "embedding"


class Quality(IntEnum):
    """How good a model is; the numbers are those of the contract."""

    ANY = 0
    BASIC = 1
    STANDARD = 2
    PREMIUM = 3


@dataclass(frozen=True, slots=True)
class Model:
    """One row of the capability table. Prices are micro-USD for a million tokens."""

    name: str
    display_name: str
    provider: str
    # What the provider itself calls it.
    provider_id: str
    kind: Kind
    quality: Quality
    context_tokens: int
    input_price_micros: int
    output_price_micros: int
    # Tokens it writes at the most; 0 means as many as the context holds.
    output_tokens: int = 0
    # Numbers per vector; 0 for text models.
    dimension: int = 0
    # Whether it takes temperature, nucleus and seed.
    sampling: bool = True
    # Fields of the provider's own that go with every request.
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """How one use case likes its models."""

    # The quality to look for first when the caller named no least quality.
    prefer: Quality = Quality.STANDARD


@dataclass(frozen=True, slots=True)
class ModelTable:
    """The models that are configured, and the policy of each use case."""

    version: int
    models: Sequence[Model]
    policies: Mapping[str, Policy] = field(default_factory=dict)

    def find(self, name: str) -> Model | None:
        """Return the model of that name."""
        return next((model for model in self.models if model.name == name), None)

    def of_kind(self, kind: Kind) -> list[Model]:
        """Return the models that make one kind of thing."""
        return [model for model in self.models if model.kind is kind]

    def policy(self, use_case: str) -> Policy:
        """Return the policy of a use case; what has none of its own follows the default's."""
        return self.policies.get(use_case) or self.policies.get("default") or Policy()
