"""In which order models that fit are asked: one function per strategy of a policy."""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.llm.domain.difficulty import question
from services.llm.domain.generation import Role, Wanted
from services.llm.domain.model import Model, Policy, Strategy

# One conversation in so many is led by another model than the fastest, so that who was slow once is heard of again.
_EXPLORED_IN = 50
_HASHES = 2**64

PriceOf = Callable[[Model], int]
DifficultyOf = Callable[[str], float]
LatencyOf = Callable[[Model], float]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Models in order, why the first is first, and what the order of the rest goes by."""

    models: Sequence[Model]
    why: str
    then: str = "in price"


@dataclass(frozen=True, slots=True)
class Grounds:
    """What there is to choose by."""

    wanted: Wanted
    policy: Policy
    price: PriceOf
    difficulty: DifficultyOf | None = None
    latency: LatencyOf | None = None
    # Calls with the same key stay with one model; empty means the conversation.
    sticky: str = ""


def ranked(models: Sequence[Model], grounds: Grounds) -> Ranking:
    """Return the models in the order of the policy. Whom the policy does not name comes last, by price."""
    cheapest = by_price(models, grounds)
    match grounds.policy.strategy:
        case Strategy.ORDER:
            return _in_order(cheapest, grounds.policy)
        case Strategy.WEIGHTED:
            return _by_weight(cheapest, grounds)
        case Strategy.FASTEST:
            return _fastest(cheapest, grounds)
        case Strategy.COMPLEXITY:
            return _by_difficulty(cheapest, grounds)
        case _:
            return cheapest


def by_price(models: Sequence[Model], grounds: Grounds) -> Ranking:
    """Return those of the quality that is wanted or preferred, the cheapest first, then the rest."""
    wanted, price = grounds.wanted, grounds.price
    prefer = wanted.min_quality or grounds.policy.prefer
    # Prices are worked out once each; names make the order of equals the same everywhere.
    keyed = sorted((model.quality < prefer, price(model), -model.quality, model.name, model) for model in models)
    if len(models) == 1:
        return Ranking(models, "the only model that fits")
    quality = f"{wanted.min_quality.name.lower()} quality" if wanted.min_quality else "the use case"
    return Ranking([key[-1] for key in keyed], f"the cheapest of {len(models)} that fit {quality}")


def conversation(wanted: Wanted) -> bytes:
    """Return what names a conversation: whose it is and how it began."""
    first = next((message.text for message in wanted.prompt.messages if message.role is Role.USER), "")
    return "\0".join((wanted.tenant, wanted.user, first)).encode("utf-8", "replace")


def _in_order(cheapest: Ranking, policy: Policy) -> Ranking:
    named, others = _named(cheapest.models, policy.models)
    if not named:
        return cheapest
    place = policy.models.index(named[0].name) + 1
    return Ranking([*named, *others], f"number {place} of the policy's order", "in the policy's order")


def _by_weight(cheapest: Ranking, grounds: Grounds) -> Ranking:
    """Draw an order in proportion to the weights, out of the conversation itself.

    The same conversation draws the same order on every replica, and changing one weight moves only as many
    conversations as it must (weighted rendezvous hashing).
    """
    weights = grounds.policy.weights
    drawn, others = _named(cheapest.models, [name for name, weight in weights.items() if weight > 0])
    if not drawn:
        return cheapest
    key = _key(grounds)
    drawn.sort(key=lambda model: -math.log(_chance(key, model.name)) / weights[model.name])
    total = sum(weights[model.name] for model in drawn)
    return Ranking([*drawn, *others], f"drawn by weight, {weights[drawn[0].name]} of {total}", "by weight")


def _fastest(cheapest: Ranking, grounds: Grounds) -> Ranking:
    """Order by seconds to the first token of late; whom nobody has asked yet is tried first."""
    if grounds.latency is None:
        return cheapest
    prefer = grounds.wanted.min_quality or grounds.policy.prefer
    named, others = _named(cheapest.models, grounds.policy.models)
    seconds = {model.name: grounds.latency(model) for model in cheapest.models}

    def turn(model: Model) -> tuple[bool, float]:
        return (model.quality < prefer, seconds[model.name])

    models = [*sorted(named, key=turn), *sorted(others, key=turn)]
    # Whom the fastest competes with: those the policy names, as long as they are of the quality it prefers.
    best = [model for model in named or others if (model.quality < prefer) is (models[0].quality < prefer)]
    first = _explored(models[0], best, grounds) if seconds[models[0].name] else None
    if first is not None:
        models.remove(first)
        return Ranking([first, *models], "asked now and then, to know how soon it begins", "in soonness")
    if not seconds[models[0].name]:
        return Ranking(models, "not asked yet, so nobody knows how soon it begins", "in soonness")
    return Ranking(models, f"the soonest to begin of late, {seconds[models[0].name]:.2f} s", "in soonness")


def _explored(fastest: Model, best: Sequence[Model], grounds: Grounds) -> Model | None:
    """Return another model than the fastest for the few conversations that find out how the others are doing."""
    others = [model for model in best if model is not fastest]
    place = int(_chance(_key(grounds), "explore") * _EXPLORED_IN * len(others))
    return others[place] if place < len(others) else None


def _by_difficulty(cheapest: Ranking, grounds: Grounds) -> Ranking:
    """Put the small model first for simple questions, and the large one for complex ones or when nobody can judge."""
    named, others = _named(cheapest.models, grounds.policy.models[:2])
    if len(named) < 2:
        return Ranking([*named, *others], "the only one of small and large that fits") if named else cheapest
    small, large = named
    if grounds.difficulty is None:
        return Ranking([large, small, *others], "nobody judges complexity here: the large model")
    judged, threshold = grounds.difficulty(question(grounds.wanted.prompt.messages)), grounds.policy.threshold
    if judged < threshold:
        why = f"complexity {judged:.2f}, below {threshold:.2f}: the small model"
        return Ranking([small, large, *others], why)
    return Ranking([large, small, *others], f"complexity {judged:.2f}, not below {threshold:.2f}: the large model")


def _named(models: Sequence[Model], names: Sequence[str]) -> tuple[list[Model], list[Model]]:
    """Return the models that are named, in the order of the names, and the others in theirs."""
    found = {model.name: model for model in models}
    return [found.pop(name) for name in names if name in found], list(found.values())


def _key(grounds: Grounds) -> bytes:
    return grounds.sticky.encode("utf-8", "replace") or conversation(grounds.wanted)


def _chance(key: bytes, salt: str) -> float:
    """Return a number between 0 and 1 that looks random and is always the same for the same key."""
    digest = hashlib.blake2b(key, digest_size=8, key=salt.encode()[:64]).digest()
    return (int.from_bytes(digest, "big") + 0.5) / _HASHES
