"""What in a capability table does not go together, though each value alone may be fine.

Read from the document as it is written, whatever else is wrong with it, so that all of it can be told at once.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Place = tuple[int | str, ...]
Contradiction = tuple[Place, str]

_EMBEDDING = "embedding"
# The small model and the large one.
_COMPLEXITY_MODELS = 2


def contradictions(document: Mapping[Any, Any]) -> Iterator[Contradiction]:
    """Yield the place of each contradiction and what it is."""
    models = _rows(document.get("models"))
    yield from _named_twice(models)
    for index, model in models:
        yield from _of_model(("models", index), model, dated=document.get("version") != 1)
    known = {str(model.get("name")) for _, model in models if model.get("kind") != _EMBEDDING}
    policies = document.get("policies")
    if isinstance(policies, Mapping):
        for use_case, policy in policies.items():
            if isinstance(policy, Mapping):
                yield from _of_policy(("policies", str(use_case)), policy, known)
    for index, budget in _rows(document.get("budgets")):
        if budget.get("tokens") is None and budget.get("dollars") is None:
            yield ("budgets", index), "a budget limits tokens or dollars"


def _named_twice(models: Sequence[tuple[int, Mapping[Any, Any]]]) -> Iterator[Contradiction]:
    first: dict[str, int] = {}
    for index, model in models:
        name = str(model.get("name"))
        if first.setdefault(name, index) != index and model.get("name"):
            yield ("models", index, "name"), f"{name} is named twice, first in models[{first[name]}]"


def _of_model(place: Place, model: Mapping[Any, Any], dated: bool) -> Iterator[Contradiction]:
    dimension = model.get("dimension", 0)
    if isinstance(dimension, int) and (model.get("kind") == _EMBEDDING) != (dimension > 0):
        yield (*place, "dimension"), "belongs to embedding models, and to each of them"
    price = model.get("price")
    if not isinstance(price, Mapping):
        return
    if dated and not price.get("date"):
        yield (*place, "price", "date"), "the day the price was published is missing"
    above = [tier.get("above_input_tokens") for _, tier in _rows(price.get("tiers"))]
    if len({str(one) for one in above}) < len(above):
        yield (*place, "price", "tiers"), "two tiers begin at the same length"


def _of_policy(place: Place, policy: Mapping[Any, Any], known: set[str]) -> Iterator[Contradiction]:
    models, weights = _listed(policy.get("models")), policy.get("weights")
    named: list[tuple[str, int | str, str]] = [("models", at, str(name)) for at, name in enumerate(models)]
    if isinstance(weights, Mapping):
        named += [("weights", str(name), str(name)) for name in weights]
    for field, at, name in named:
        if name not in known:
            yield (*place, field, at), f"names {name}, which is no text model of this file"
    strategy = policy.get("strategy", "cheapest")
    if strategy == "complexity" and len(set(map(str, models))) != _COMPLEXITY_MODELS:
        yield (*place, "models"), "complexity names two models: the small one and the large one"
    if strategy == "order" and not models:
        yield (*place, "models"), "order names its models"
    if strategy == "weighted" and not weights:
        yield (*place, "weights"), "weighted gives weights"


def _rows(value: object) -> list[tuple[int, Mapping[Any, Any]]]:
    """Return the mappings of a list with their places; what is none is told elsewhere."""
    return [(at, row) for at, row in enumerate(_listed(value)) if isinstance(row, Mapping)]


def _listed(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
