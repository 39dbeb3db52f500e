"""Helm's own engine against a cluster: one command in JSON on stdin, its answer in JSON on stdout.

Runs in an environment of its own (`.venv-helm`), as `tests/helm/engine.py` does.
"""

import json
import sys
from typing import Any

import helm_python  # type: ignore[import-not-found]


def run(asked: dict[str, Any]) -> Any:
    """Do what was asked and return what Helm says of it."""
    config = helm_python.Config(kubeconfig_path=asked["kubeconfig"], namespace=asked["namespace"])
    name, waited = asked["name"], {"wait": "watcher", "timeout": asked.get("timeout", 240)}
    if asked["what"] in ("install", "upgrade"):
        chart = helm_python.Chart.load(asked["chart"])
        return getattr(config, asked["what"])(chart, name, asked["values"], namespace=asked["namespace"], **waited)
    if asked["what"] == "rollback":
        return config.rollback(name, version=asked["version"], **waited)
    if asked["what"] == "test":
        return config.test(name, timeout=waited["timeout"])
    return config.uninstall(name, wait="watcher", timeout=waited["timeout"])


if __name__ == "__main__":
    try:
        print(json.dumps({"answer": run(json.load(sys.stdin))}, default=str))
    except helm_python.HelmError as refused:
        print(json.dumps({"refused": str(refused)}))
