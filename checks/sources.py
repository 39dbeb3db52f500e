"""Which Python files are ours."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def python_files() -> list[Path]:
    """Return every Python file git knows of or would take, by path from the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.py"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [Path(line) for line in listed.stdout.splitlines() if (ROOT / line).exists()]


def parsed() -> Iterator[tuple[Path, str, ast.Module]]:
    """Yield (path, text, tree) of each file."""
    for path in python_files():
        text = (ROOT / path).read_text(encoding="utf-8")
        yield path, text, ast.parse(text)
