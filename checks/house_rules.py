"""House rules that no linter knows, each with its reason and an escape by name.

A line may carry `# house: allow <rule> - <why>` to be left alone.
"""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from checks.sources import parsed

_ALLOWED = re.compile(r"#\s*house: allow (?P<rule>[a-z-]+) - \S+")
_DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "base"}


@dataclass(frozen=True, slots=True)
class Finding:
    """A place that breaks a rule."""

    path: Path
    line: int
    rule: str
    reason: str


Rule = Callable[[Path, ast.AST], str | None]


def any_exception(path: Path, node: ast.AST) -> str | None:
    """Catching everything hides bugs; the errors interceptor is where the unexpected is met."""
    if not isinstance(node, ast.ExceptHandler) or path.match("services/runtime/interceptors.py"):
        return None
    names = [node.type] if not isinstance(node.type, ast.Tuple) else node.type.elts
    caught = {name.id for name in names if isinstance(name, ast.Name)}
    if node.type is None or caught & {"Exception", "BaseException"}:
        return "name the exceptions you can answer"
    return None


def bare_task(path: Path, node: ast.AST) -> str | None:
    """A task nobody waits for loses its errors and outlives its reason."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    owner = node.func.value
    if node.func.attr == "create_task" and isinstance(owner, ast.Name) and owner.id in ("asyncio", "loop"):
        return "start tasks in an asyncio.TaskGroup"
    return None


def commit(path: Path, node: ast.AST) -> str | None:
    """Transactions belong to use cases, and end in one place."""
    if path.match("services/runtime/sql.py") or not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Attribute) and node.func.attr == "commit":
        return "use Database.transaction()"
    return None


def environment(path: Path, node: ast.AST) -> str | None:
    """The environment is read once, by settings."""
    if path.name == "settings.py" or path.parts[0] not in ("services", "bff"):
        return None
    if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"):
        return "make it a field of the settings"
    return None


def clock(path: Path, node: ast.AST) -> str | None:
    """A domain that reads the clock cannot be tested; time comes in as a value."""
    if "domain" not in path.parts or not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    owner = node.func.value
    reads = node.func.attr in ("now", "utcnow", "today", "time", "monotonic")
    if reads and isinstance(owner, ast.Name) and owner.id in ("datetime", "date", "time"):
        return "take the time as an argument"
    return None


RULES: dict[str, Rule] = {
    "any-exception": any_exception,
    "bare-task": bare_task,
    "commit": commit,
    "environment": environment,
    "clock": clock,
}


def findings_in(path: Path, text: str, tree: ast.Module) -> Iterator[Finding]:
    """Yield what breaks a rule in one file."""
    lines = text.splitlines()
    if path.stem in _DRAWERS:
        yield Finding(path, 1, "drawer", "a file needs a name that says what is in it")
    if ast.get_docstring(tree) is None and text.strip() and "tests" not in path.parts:
        yield Finding(path, 1, "docstring", "a module says in one sentence what it is")
    for node in ast.walk(tree):
        for name, rule in RULES.items():
            reason = rule(path, node)
            if reason is None:
                continue
            line = getattr(node, "lineno", 1)
            allowed = _ALLOWED.search(lines[line - 1])
            if allowed is None or allowed["rule"] != name:
                yield Finding(path, line, name, reason)


def main() -> int:
    """Print what breaks a rule. Returns an exit code."""
    found = [
        finding
        for path, text, tree in parsed()
        if path.parts[0] not in ("tests", "bench")
        for finding in findings_in(path, text, tree)
    ]
    for finding in found:
        print(f"{finding.path}:{finding.line}: {finding.rule}: {finding.reason}")  # noqa: T201
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
