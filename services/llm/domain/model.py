"""A model as the capability table describes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum

from services.llm.domain.budget import Rule
from services.llm.domain.pricing import Price

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
    """One row of the capability table."""

    name: str
    display_name: str
    provider: str
    # What the provider itself calls it.
    provider_id: str
    kind: Kind
    quality: Quality
    context_tokens: int
    price: Price
    # Tokens it writes at the most; 0 means as many as the context holds.
    output_tokens: int = 0
    # Numbers per vector; 0 for text models.
    dimension: int = 0
    # Whether it takes temperature, nucleus and seed.
    sampling: bool = True
    # Fields of the provider's own that go with every request.
    options: Mapping[str, object] = field(default_factory=dict)
    tools: bool = False
    vision: bool = False
    # Whether it can be held to a JSON Schema.
    structured_output: bool = False
    # Whether it goes on from a last turn of the assistant's own.
    prefill: bool = False
    # Whether the provider is outside: what goes there is redacted first.
    external: bool = True
    region: str = ""
    # Seconds until the first token, and between two, before the model counts as failed.
    first_token_seconds: float = 10.0
    silence_seconds: float = 10.0

    @property
    def input_price_micros(self) -> int:
        """Micro-USD for a million fresh input tokens."""
        return self.price.rates.input

    @property
    def output_price_micros(self) -> int:
        """Micro-USD for a million output tokens."""
        return self.price.rates.output


class Strategy(Enum):
    """How a use case chooses among the models that are good enough."""

    # The cheapest for the expected size of question and answer.
    CHEAPEST = "cheapest"
    # In the order the policy names them.
    ORDER = "order"
    # By chance in proportion to weights: A/B tests and canaries. One conversation stays with its model.
    WEIGHTED = "weighted"
    # The one that began to answer the soonest of late.
    FASTEST = "fastest"
    # A trained classifier says whether the question needs the better model.
    COMPLEXITY = "complexity"


class OverBudget(Enum):
    """What happens to a call whose budget is spent."""

    REFUSE = "refuse"
    # A cheaper model that the rest of the budget can pay, down to one that costs nothing.
    CHEAPER = "cheaper"


class CacheMode(Enum):
    """Which answers are remembered."""

    OFF = "off"
    EXACT = "exact"
    SIMILAR = "similar"


@dataclass(frozen=True, slots=True)
class Policy:
    """How one use case likes its models."""

    # The quality to look for first when the caller named no least quality.
    prefer: Quality = Quality.STANDARD
    strategy: Strategy = Strategy.CHEAPEST
    # Names of models: the order of ORDER, the (small, large) of COMPLEXITY.
    models: Sequence[str] = ()
    # Weights of WEIGHTED by model name.
    weights: Mapping[str, int] = field(default_factory=dict)
    # COMPLEXITY: from this estimated difficulty (0 to 1) on the large model answers.
    threshold: float = 0.5
    over_budget: OverBudget = OverBudget.REFUSE
    # A second model is asked when the first has not begun after its 95th percentile.
    hedge: bool = False
    cache: CacheMode = CacheMode.OFF
    cache_seconds: float = 3600.0


@dataclass(frozen=True, slots=True)
class ModelTable:
    """The models that are configured, and the policy of each use case."""

    version: int
    models: Sequence[Model]
    policies: Mapping[str, Policy] = field(default_factory=dict)
    budgets: Sequence[Rule] = ()
    # Changes with every word of the file.
    digest: str = ""

    def find(self, name: str) -> Model | None:
        """Return the model of that name."""
        return next((model for model in self.models if model.name == name), None)

    def of_kind(self, kind: Kind) -> list[Model]:
        """Return the models that make one kind of thing."""
        return [model for model in self.models if model.kind is kind]

    def policy(self, use_case: str) -> Policy:
        """Return the policy of a use case; what has none of its own follows the default's."""
        return self.policies.get(use_case) or self.policies.get("default") or Policy()
