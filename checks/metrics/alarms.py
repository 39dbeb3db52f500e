"""Whether an alarm fires on what was really emitted: its expression and periods, read as CloudWatch reads them."""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from local.telemetry.metrics import MetricStore, Question, Sum

_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def fires(alarm: Mapping[str, Any], store: MetricStore, now: float, known: Mapping[str, float]) -> bool:
    """Return whether enough of the last periods are beyond the threshold; what is missing is so if the alarm says it.

    `known` says what Terraform fills in.
    """
    seconds = alarm["minutes"] * 60.0
    missing = alarm.get("missing") == "breaching"
    beyond = 0
    for turn in range(alarm["periods"]):
        end = now - turn * seconds
        value = _value(alarm, store, end - seconds, end)
        beyond += missing if value is None else _is_beyond(alarm, value, known)
    return bool(beyond >= alarm.get("of_which", alarm["periods"]))


def _is_beyond(alarm: Mapping[str, Any], value: float, known: Mapping[str, float]) -> bool:
    if "above" in alarm:
        return value > _threshold(alarm["above"], known)
    return value < _threshold(alarm["below"], known)


def _threshold(stated: object, known: Mapping[str, float]) -> float:
    return known[stated.strip("${}")] if isinstance(stated, str) else float(str(stated))


def _value(alarm: Mapping[str, Any], store: MetricStore, begin: float, end: float) -> float | None:
    named = {short: _figure(one, store, begin, end) for short, one in alarm["metrics"].items()}
    expression = alarm.get("expression", next(iter(named)))
    return evaluated(expression, named)


def evaluated(expression: str, named: Mapping[str, float | None]) -> float | None:
    """Return what an expression of CloudWatch comes to, over the figures it names."""
    return _evaluated(ast.parse(expression, mode="eval").body, named)


def _figure(one: Mapping[str, Any], store: MetricStore, begin: float, end: float) -> float | None:
    """Return one metric over one period; nothing when nobody emitted it."""
    answer = store.answer(Question(one["metric"], (), tuple(sorted(one["by"].items()))), begin, end, 1)
    if not answer.lines:
        return None
    return _statistic(one["stat"], answer.lines[0].total)


def _statistic(name: str, total: Sum) -> float | None:
    if name == "SampleCount":
        return total.count or None
    if name == "Maximum":
        return total.value if total.count else None
    if name == "Sum":
        return total.value
    raise ValueError(f"The statistic {name} is not known here.")


def _evaluated(node: ast.expr, named: Mapping[str, float | None]) -> float | None:
    """Return what an expression comes to; a part that is missing makes all of it missing, unless it is filled."""
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.Name(id=name):
            return named[name]
        case ast.Call(func=ast.Name(id="FILL"), args=[inner, fill]):
            found = _evaluated(inner, named)
            return _evaluated(fill, named) if found is None else found
        case ast.BinOp(left=left, op=op, right=right):
            first, second = _evaluated(left, named), _evaluated(right, named)
            if first is None or second is None or (isinstance(op, ast.Div) and second == 0):
                return None
            return _OPERATORS[type(op)](first, second)
        case _:
            raise ValueError(f"This is no expression of an alarm: {ast.unparse(node)}")
