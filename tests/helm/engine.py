"""Helm's own engine behind a pipe: one question a line in, one answer a line out, all in JSON.

Runs in an environment of its own (`.venv-helm`), since what judges manifests cannot share one with the application.
"""

import functools
import json
import sys
from collections.abc import Callable
from typing import Any

import helm_python  # type: ignore[import-not-found]
import kubernetes_validate  # type: ignore[import-not-found]

# It reads a megabyte of definitions anew for every manifest unless it is told to remember them.
kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)

Question = dict[str, Any]
_CHARTS: dict[str, Any] = {}


def _chart(path: str) -> Any:
    if path not in _CHARTS:
        _CHARTS[path] = helm_python.Chart.load(path)
    return _CHARTS[path]


def render(asked: Question) -> Any:
    """Return the manifests of a release by template. Values that the schema refuses are an error, as for people."""
    chart = _chart(asked["chart"])
    chart.validate_schema(chart.merge_values(asked["values"]))
    upgrade = bool(asked["upgrade"])
    return chart.render(
        asked["values"],
        name=asked["name"],
        namespace=asked["namespace"],
        revision=2 if upgrade else 1,
        is_install=not upgrade,
        is_upgrade=upgrade,
    )


def lint(asked: Question) -> Any:
    """Return what Helm finds of a chart."""
    return helm_python.lint(asked["chart"], asked["values"], kube_version=f"v{asked['kubernetes']}.0")


def validate(asked: Question) -> Any:
    """Return what is wrong with manifests for a version of Kubernetes, and which kinds nobody here knows."""
    problems, unknown = [], set()
    for found in asked["manifests"]:
        try:
            kubernetes_validate.validate(found, asked["kubernetes"], strict=True)
        except kubernetes_validate.SchemaNotFoundError:
            unknown.add(f"{found['apiVersion']} {found['kind']}")
        except kubernetes_validate.ValidationError as invalid:
            problems.append(f"{found['kind']} {found['metadata']['name']}: {invalid.message}")
    return {"problems": problems, "unknown": sorted(unknown)}


_ANSWERS: dict[str, Callable[[Question], Any]] = {"render": render, "lint": lint, "validate": validate}


def main() -> None:
    """Answer until there are no questions."""
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = {"answer": _ANSWERS[asked["what"]](asked)}
        except helm_python.HelmError as refused:
            answer = {"refused": str(refused)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
