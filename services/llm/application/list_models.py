"""Lists the models that are configured, and whether each answers at the moment."""

from collections.abc import Sequence

from services.llm.application.ports import Clock, ModelSource
from services.llm.domain.health import HealthBook
from services.llm.domain.model import Kind, Model


class ListModels:
    """Returns the models, best quality first, embedding models last."""

    def __init__(self, models: ModelSource, health: HealthBook, clock: Clock) -> None:
        """Take the models and what is known about them."""
        self._models = models
        self._health = health
        self._clock = clock

    async def __call__(self) -> Sequence[tuple[Model, bool]]:
        """Return (model, available) of each; among equals the cheaper one first."""
        now = self._clock()
        ordered = sorted(
            self._models.configured().models,
            key=lambda model: (model.kind is Kind.EMBEDDING, -model.quality, model.output_price_micros, model.name),
        )
        return [(model, self._health.of(model, now).usable) for model in ordered]
