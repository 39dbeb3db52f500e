"""What the chart makes of values, as objects that tests can ask."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from local.settings import ROOT

CHART = ROOT / "helm" / "aisle"
ENVIRONMENT = ROOT / ".venv-helm"
VALUES = Path(__file__).parent / "values"
SETS = ("minimal", "production", "development", "canary", "external")

Object = dict[str, Any]


class Refused(Exception):
    """Helm does not take these values; the message is what people would read."""


def values_of(name: str) -> Object:
    """Return one of the sets of values in `values/`."""
    found: Object = yaml.safe_load((VALUES / f"{name}.yaml").read_text("utf-8"))
    return found


def merged(values: Object, change: Object) -> Object:
    """Return values with others laid over them."""
    found = dict(values)
    for key, value in change.items():
        known = found.get(key)
        found[key] = merged(known, value) if isinstance(value, dict) and isinstance(known, dict) else value
    return found


class Engine:
    """Helm's engine in its own environment, asked over a pipe."""

    def __init__(self, chart: Path) -> None:
        """Start it."""
        self.chart = chart
        self._process = subprocess.Popen(
            [str(ENVIRONMENT / "bin" / "python"), str(Path(__file__).with_name("engine.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def stop(self) -> None:
        """Stop it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)

    def release(
        self, values: Object, name: str = "shop", namespace: str = "aisle", *, upgrade: bool = False
    ) -> "Release":
        """Return what a release with these values is made of. Raises Refused."""
        asked = {"values": values, "name": name, "namespace": namespace, "upgrade": upgrade}
        manifests = self._ask("render", **asked)
        notes = next((text for path, text in manifests.items() if path.endswith("NOTES.txt")), "")
        texts = [text for path, text in sorted(manifests.items()) if path.endswith(".yaml")]
        objects = [found for text in texts for found in yaml.safe_load_all(text) if found]
        return Release(name, namespace, tuple(objects), notes)

    def lint(self, values: Object, kubernetes: str) -> list[str]:
        """Return what Helm warns of."""
        found = self._ask("lint", values=values, kubernetes=kubernetes)
        messages = [f"{said['path']}: {said['error']}" for said in found["messages"] if said["severity"] >= 2]
        return [*messages, *found["errors"]]

    def validate(self, objects: tuple[Object, ...], kubernetes: str) -> tuple[list[str], list[str]]:
        """Return what a version of Kubernetes would refuse, and the kinds it does not know."""
        found = self._ask("validate", manifests=list(objects), kubernetes=kubernetes)
        return found["problems"], found["unknown"]

    def _ask(self, what: str, **asked: Any) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({"what": what, "chart": str(self.chart), **asked}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "refused" in answer:
            raise Refused(answer["refused"])
        return answer["answer"]


@dataclass(frozen=True, slots=True)
class Release:
    """The objects of a release."""

    name: str
    namespace: str
    objects: tuple[Object, ...]
    notes: str = ""

    def of(self, *kinds: str) -> Iterator[Object]:
        """Return the objects of certain kinds."""
        return (found for found in self.objects if found["kind"] in kinds)

    def get(self, kind: str, name: str) -> Object:
        """Return one object by its name without the release's."""
        (found,) = (one for one in self.of(kind) if one["metadata"]["name"].removeprefix(f"{self.name}-aisle-") == name)
        return found

    def pods(self) -> Iterator[tuple[str, Object]]:
        """Return what all pods are made from, by the kind and name of what makes them."""
        for found in self.objects:
            spec = found["spec"] if found["kind"] == "Pod" else found.get("spec", {}).get("template", {}).get("spec")
            if found["kind"] in ("Pod", "Deployment", "StatefulSet", "Job") and spec:
                yield f"{found['kind']} {found['metadata']['name']}", spec

    def containers(self) -> Iterator[tuple[str, Object]]:
        """Return all containers, by whose they are."""
        for whose, spec in self.pods():
            for container in (*spec.get("initContainers", ()), *spec["containers"]):
                yield f"{whose}: {container['name']}", container

    def environment(self, workload: str) -> dict[str, Object]:
        """Return what the program of a workload is told, by variable."""
        spec = self.get("Deployment", workload)["spec"]["template"]["spec"]
        (program,) = (one for one in spec["containers"] if one["name"] == workload)
        return {said["name"]: said for said in program["env"]}
