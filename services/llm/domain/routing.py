"""Which models to ask, in which order, and why: policy over kind, quality, context, price and health."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.llm.domain import errors, usage
from services.llm.domain.generation import Wanted
from services.llm.domain.health import Availability
from services.llm.domain.model import AUTO, Kind, Model, ModelTable, Quality

# Room that must be left for an answer, or it is not worth asking.
_LEAST_ANSWER = 64

HealthOf = Callable[[Model], Availability]


@dataclass(frozen=True, slots=True)
class Route:
    """One model to ask, and why it is this one's turn."""

    model: Model
    reason: str
    max_output_tokens: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Models to ask in order. Degraded when the first choice is not among the first."""

    requested_model: str
    routes: Sequence[Route]
    degraded: bool


def plan(wanted: Wanted, table: ModelTable, health: HealthOf) -> Plan:
    """Return who is to be asked. Raises when nobody fits or everybody who fits is away."""
    asked = _explicit(wanted, table)
    input_tokens = usage.estimate_conversation(message.text for message in wanted.prompt.messages)
    fitting = _fitting(_good_enough(wanted, table, asked), asked, input_tokens)
    ranked = _ranked(fitting, wanted, table, asked, input_tokens)
    states = [(model, health(model)) for model in ranked]
    usable = [model for model, state in states if state.usable]
    if not usable:
        left_out = [(model.name, state.why) for model, state in states]
        raise errors.provider_unavailable(left_out, min(state.retry_after for _, state in states))
    away = [model.name for model, state in states if not state.usable]
    routes = [
        Route(model, _reason(model, wanted, asked, usable, away), _room(model, wanted, input_tokens))
        for model in usable
    ]
    return Plan(wanted.model, routes, degraded=usable[0] is not ranked[0])


def _explicit(wanted: Wanted, table: ModelTable) -> Model | None:
    """Return the model the caller named, None when the router is to choose."""
    if wanted.model in ("", AUTO):
        return None
    asked = table.find(wanted.model)
    if asked is None:
        raise errors.model_not_found(wanted.model)
    if asked.kind is not Kind.TEXT:
        raise errors.kind_mismatch(wanted.model, Kind.TEXT.value)
    if asked.quality < wanted.min_quality:
        raise errors.no_model_of_quality(wanted.min_quality.name)
    return asked


def _good_enough(wanted: Wanted, table: ModelTable, asked: Model | None) -> list[Model]:
    """Return the text models of the least quality; in place of a named model only one at least as good may answer."""
    floor = max(wanted.min_quality, asked.quality) if asked else wanted.min_quality
    found = [model for model in table.of_kind(Kind.TEXT) if model.quality >= floor]
    if not found:
        raise errors.no_model_of_quality(max(floor, Quality.BASIC).name)
    return found


def _fitting(models: Sequence[Model], asked: Model | None, input_tokens: int) -> list[Model]:
    """Return the models that can read the conversation and still answer; a named model must itself fit."""
    fitting = [model for model in models if input_tokens + _LEAST_ANSWER <= model.context_tokens]
    if not fitting or (asked is not None and asked not in fitting):
        limit = asked.context_tokens if asked else max(model.context_tokens for model in models)
        raise errors.context_too_long(input_tokens, limit - _LEAST_ANSWER)
    return fitting


def _ranked(
    models: Sequence[Model], wanted: Wanted, table: ModelTable, asked: Model | None, input_tokens: int
) -> list[Model]:
    """Order by: the named one, then those of the quality the use case prefers, then price, then quality."""
    prefer = wanted.min_quality or table.policy(wanted.use_case).prefer
    expected = usage.TokenUsage(input_tokens, wanted.prompt.max_output_tokens)

    def rank(model: Model) -> tuple[bool, bool, int, int, str]:
        price = usage.cost_micros(model, expected)
        return (model is not asked, model.quality < prefer, price, -model.quality, model.name)

    return sorted(models, key=rank)


def _room(model: Model, wanted: Wanted, input_tokens: int) -> int:
    """Return how many tokens the answer may have: what was asked for, as far as context and model allow."""
    limits = [wanted.prompt.max_output_tokens, model.context_tokens - input_tokens]
    return min([*limits, model.output_tokens] if model.output_tokens else limits)


def _reason(model: Model, wanted: Wanted, asked: Model | None, usable: Sequence[Model], away: Sequence[str]) -> str:
    """Say in words why it is this model's turn."""
    if model is asked:
        return "the model asked for"
    if model is not usable[0]:
        return f"next in price after {usable[usable.index(model) - 1].name}"
    if away:
        return f"{', '.join(away)} cannot answer now"
    if len(usable) == 1:
        return "the only model that fits"
    quality = f"{wanted.min_quality.name.lower()} quality" if wanted.min_quality else "the use case"
    return f"the cheapest of {len(usable)} that fit {quality}"
