"""The chart's values as a table: each key of values.yaml with its default and the comment above it."""

from pathlib import Path
from typing import Any

import yaml


def rows(path: Path) -> list[tuple[str, str, str]]:
    """Return (key, default, description) of every value that has a word about it, in the order of the file."""
    said = _described(path.read_text("utf-8"))
    values = yaml.safe_load(path.read_text("utf-8"))
    return [(key, _shown(_found(values, key)), text) for key, text in said]


def _described(text: str) -> list[tuple[str, str]]:
    """Return (key, description): a comment that begins with `# --` speaks of the key below it."""
    found: list[tuple[str, str]] = []
    way: list[tuple[int, str]] = []
    comment = ""
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith("# --"):
            comment = bare.removeprefix("# --").strip()
        elif bare and not bare.startswith(("#", "-")) and ":" in bare:
            depth = len(line) - len(line.lstrip())
            way = [(deep, key) for deep, key in way if deep < depth]
            way.append((depth, bare.split(":", 1)[0]))
            if comment:
                found.append((".".join(key for _, key in way), comment))
            comment = ""
    return found


def _found(values: Any, key: str) -> Any:
    for part in key.split("."):
        values = values[part]
    return values


def _shown(value: Any) -> str:
    """Return a default as people would write it."""
    if isinstance(value, str):
        return value
    return yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False).removesuffix("...\n").strip()
