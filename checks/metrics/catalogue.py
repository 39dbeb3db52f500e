"""The declared metrics (services/metrics.yaml), and the names that the code really creates."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from checks.sources import ROOT, parsed

FILE = ROOT / "services" / "metrics.yaml"
# What all metrics of the platform have in common. A metric kept by nothing else is kept by this, because a set of
# dimensions in CloudWatch's embedded format should not be empty.
EVERYTHING = ("service.namespace", "aisle")

_CREATES = {
    "create_counter",
    "create_histogram",
    "create_observable_counter",
    "create_observable_gauge",
    "create_gauge",
}
_CREATES |= {"create_up_down_counter", "create_observable_up_down_counter"}
# How the llm service makes figures it has summed up itself (services/llm/adapters/call_metrics.py).
_SUMS = {"_sum", "_histogram", "Metric"}


class DeclarationError(ValueError):
    """Something declared does not fit what there is."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A metric of ours or of AWS: where it is, and the sets of attributes it is kept by."""

    namespace: str
    name: str
    kept_by: tuple[frozenset[str], ...]
    kind: str = "provided"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All that a dashboard or an alarm may name."""

    namespace: str
    metrics: dict[tuple[str, str], Declared]

    def find(self, namespace: str, name: str, by: Iterable[str]) -> Declared:
        """Return a metric that is kept by exactly these attributes; raises DeclarationError when there is none."""
        metric = self.metrics.get((namespace or self.namespace, name))
        if metric is None:
            raise DeclarationError(f"{namespace or self.namespace} has no metric {name}.")
        if frozenset(by) not in metric.kept_by:
            raise DeclarationError(f"{name} is not kept by {', '.join(sorted(by)) or 'nothing'}.")
        return metric

    @property
    def own(self) -> list[Declared]:
        """The metrics that our code emits."""
        return [metric for metric in self.metrics.values() if metric.namespace == self.namespace]


def load(path: Path = FILE) -> Catalogue:
    """Read the catalogue."""
    declared = yaml.safe_load(path.read_text(encoding="utf-8"))
    namespace = declared["namespace"]
    metrics = [_own(namespace, entry) for entry in declared["metrics"]]
    for provider, provided in declared["provided"].items():
        kept_by = tuple(frozenset(names) for names in provided["kept_by"])
        metrics += [Declared(provider, name, kept_by) for name in provided["metrics"]]
    by_name = {(metric.namespace, metric.name): metric for metric in metrics}
    if len(by_name) != len(metrics):
        raise DeclarationError("A metric is declared twice.")
    return Catalogue(namespace, by_name)


def _own(namespace: str, entry: dict[str, Any]) -> Declared:
    unknown = {name for names in entry["kept_by"] for name in names} - set(entry["attributes"])
    if unknown:
        raise DeclarationError(f"{entry['name']} is kept by attributes it has not: {', '.join(sorted(unknown))}.")
    return Declared(namespace, entry["name"], tuple(frozenset(names) for names in entry["kept_by"]), entry["kind"])


def created() -> dict[str, Path]:
    """Return the name of each metric that the services and the BFF create, with the file that does."""
    trees = [(path, tree) for path, _, tree in parsed() if path.parts[0] in ("services", "bff")]
    constants = {name: value for _, tree in trees for name, value in _constants(tree)}
    found = {}
    for path, tree in trees:
        for node in ast.walk(tree):
            name = _created_by(node, constants)
            if name:
                found[name] = path
    return found


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the names that stand for a text throughout a module."""
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield target.id, value.value


def _created_by(node: ast.AST, constants: dict[str, str]) -> str:
    """Return the name of the metric that a call creates, or nothing when it creates none."""
    if not isinstance(node, ast.Call) or not node.args:
        return ""
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if called not in _CREATES | _SUMS:
        return ""
    first = node.args[0]
    if isinstance(first, ast.Constant):
        return str(first.value)
    name = first.attr if isinstance(first, ast.Attribute) else getattr(first, "id", "")
    if called in _CREATES and name not in constants:
        raise DeclarationError(f"Line {node.lineno}: a metric's name is a constant of its module.")
    return constants.get(name, "")
