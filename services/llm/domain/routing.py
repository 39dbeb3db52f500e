"""Which models to ask, in which order, and why: policy over abilities, quality, context, price and health."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.llm.domain import errors, pricing, usage
from services.llm.domain.generation import FormatKind, Prompt, Role, Wanted
from services.llm.domain.health import Availability
from services.llm.domain.model import AUTO, Kind, Model, ModelTable, Quality
from services.llm.domain.ranking import DifficultyOf, Grounds, LatencyOf, PriceOf, Ranking, by_price, ranked

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


def plan(
    wanted: Wanted,
    table: ModelTable,
    health: HealthOf,
    *,
    difficulty: DifficultyOf | None = None,
    latency: LatencyOf | None = None,
    sticky: str = "",
) -> Plan:
    """Return who is to be asked. Raises when nobody fits or everybody who fits is away.

    `difficulty` judges a question between 0 and 1 and is only called where the policy goes by it; `latency` gives a
    model's seconds to the first token of late, 0 when nobody knows; `sticky` names what stays with one model, the
    conversation when it is empty.
    """
    asked = _explicit(wanted, table)
    input_tokens = usage.estimate_conversation(message.text for message in wanted.prompt.messages)
    able = _able(_good_enough(wanted, table, asked), asked, wanted.prompt)
    fitting = _fitting(able, asked, input_tokens)
    price = _price(wanted, input_tokens)
    grounds = Grounds(wanted, table.policy(wanted.use_case), price, difficulty, latency, sticky)
    ranking = _asked_first(asked, fitting, grounds) if asked else ranked(fitting, grounds)
    states = [(model, health(model)) for model in ranking.models]
    usable = [model for model, state in states if state.usable]
    if not usable:
        left_out = [(model.name, state.why) for model, state in states]
        raise errors.provider_unavailable(left_out, min(state.retry_after for _, state in states))
    away = [model.name for model, state in states if not state.usable]
    return Plan(wanted.model, _routes(ranking, usable, away, wanted, input_tokens), usable[0] is not ranking.models[0])


def cheaper(table: ModelTable, wanted: Wanted, than: Model) -> list[Route]:
    """Return who could answer for less than a model would, the cheapest first; for calls whose budget is spent.

    Only the least quality that the caller named still holds: what the use case prefers is what cannot be paid.
    """
    input_tokens = usage.estimate_conversation(message.text for message in wanted.prompt.messages)
    needed, price = _needs(wanted.prompt), _price(wanted, input_tokens)
    limit = price(than)
    found = sorted(
        (
            (price(model), -model.quality, model.name, model)
            for model in table.of_kind(Kind.TEXT)
            if model.quality >= wanted.min_quality
            and not _lacking(model, needed)
            and input_tokens + _LEAST_ANSWER <= model.context_tokens
        ),
        key=lambda keyed: keyed[:3],
    )
    why = f"the budget does not hold {than.name}"
    return [Route(model, why, _room(model, wanted, input_tokens)) for cost, _, _, model in found if cost < limit]


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


def _needs(prompt: Prompt) -> list[str]:
    """Return the abilities that a prompt takes, as names of a model's fields."""
    needed = []
    if prompt.tools or any(message.tool_calls or message.role is Role.TOOL for message in prompt.messages):
        needed.append("tools")
    if any(message.images for message in prompt.messages):
        needed.append("vision")
    if prompt.response_format.kind is not FormatKind.TEXT:
        needed.append("structured_output")
    return needed


def _lacking(model: Model, needed: Sequence[str]) -> list[str]:
    return [ability.replace("_", " ") for ability in needed if not getattr(model, ability)]


def _able(models: list[Model], asked: Model | None, prompt: Prompt) -> list[Model]:
    """Return the models that can do what the prompt takes; a named model must itself be able."""
    needed = _needs(prompt)
    if not needed:
        return models
    if asked is not None and (lacking := _lacking(asked, needed)):
        raise errors.model_lacks(asked.name, " and ".join(lacking))
    able = [model for model in models if not _lacking(model, needed)]
    if not able:
        raise errors.capability_missing(" and ".join(ability.replace("_", " ") for ability in needed))
    return able


def _fitting(models: list[Model], asked: Model | None, input_tokens: int) -> list[Model]:
    """Return the models that can read the conversation and still answer; a named model must itself fit."""
    fitting = [model for model in models if input_tokens + _LEAST_ANSWER <= model.context_tokens]
    if not fitting or (asked is not None and asked not in fitting):
        limit = asked.context_tokens if asked else max(model.context_tokens for model in models)
        raise errors.context_too_long(input_tokens, limit - _LEAST_ANSWER)
    return fitting


def _price(wanted: Wanted, input_tokens: int) -> PriceOf:
    """Return what a model would take for a question of this size and the longest answer."""
    expected = usage.TokenUsage(input_tokens, wanted.prompt.max_output_tokens)
    return lambda model: pricing.cost_micros(model.price, expected)


def _asked_first(asked: Model, models: Sequence[Model], grounds: Grounds) -> Ranking:
    """Return the named model, then the others by price."""
    others = [model for model in by_price(models, grounds).models if model is not asked]
    return Ranking([asked, *others], "the model asked for")


def _room(model: Model, wanted: Wanted, input_tokens: int) -> int:
    """Return how many tokens the answer may have: what was asked for, as far as context and model allow."""
    # Comparisons instead of `min`: this runs for every model of every call.
    room, left, most = wanted.prompt.max_output_tokens, model.context_tokens - input_tokens, model.output_tokens
    if left < room:
        room = left
    return most if 0 < most < room else room


def _routes(
    ranking: Ranking, usable: Sequence[Model], away: Sequence[str], wanted: Wanted, input_tokens: int
) -> list[Route]:
    """Say in words why it is each model's turn."""
    routes, before = list[Route](), ""
    for model in usable:
        if before:
            reason = f"next {ranking.then} after {before}"
        elif away and model is not ranking.models[0]:
            reason = f"{', '.join(away)} cannot answer now"
        else:
            reason = ranking.why
        routes.append(Route(model, reason, _room(model, wanted, input_tokens)))
        before = model.name
    return routes
