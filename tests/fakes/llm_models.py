"""Models made up for tests, and a source that knows them."""

from dataclasses import replace

from services.llm.domain.model import Kind, Model, ModelTable, Policy, Quality
from services.llm.domain.pricing import Price, Rates

BASIC = Model(
    name="models/small",
    display_name="Small",
    provider="local",
    provider_id="text",
    kind=Kind.TEXT,
    quality=Quality.BASIC,
    context_tokens=1_000,
    price=Price(Rates()),
)
CHEAP = replace(
    BASIC,
    name="models/cheap",
    provider="openai",
    quality=Quality.STANDARD,
    context_tokens=8_000,
    price=Price(Rates(100_000, 500_000)),
)
DEAR = replace(
    CHEAP, name="models/dear", provider="bedrock", price=Price(Rates(1_000_000, 500_000)), context_tokens=100_000
)
BEST = replace(DEAR, name="models/best", quality=Quality.PREMIUM, price=Price(Rates(3_000_000, 500_000)))
VECTORS = replace(BASIC, name="models/vectors", provider_id="vectors", kind=Kind.EMBEDDING, dimension=3)


class FixedModels:
    """A `ModelSource` over the given models."""

    def __init__(self, *models: Model, prefer: Quality = Quality.STANDARD) -> None:
        self.table = ModelTable(1, models, {"default": Policy(prefer)})

    def configured(self) -> ModelTable:
        return self.table
