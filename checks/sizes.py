"""Reports the size bars of the house and fails when one is passed: functions, files, types, tests per line."""

import ast
import sys
from pathlib import Path

from checks.sources import parsed

FUNCTION_P90, FUNCTION_MAX = 30, 60
FILE_P90, FILE_MAX = 300, 450


def main() -> int:
    """Print the figures and what passes a bar. Returns an exit code."""
    functions: list[tuple[int, str]] = []
    files: list[tuple[int, str]] = []
    untyped: list[str] = []
    test_lines = 0
    for path, text, tree in parsed():
        lines = len(text.splitlines())
        if path.parts[0] == "tests":
            test_lines += lines
            files.append((lines, str(path)))
            continue
        files.append((lines, str(path)))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                functions.append((node.end_lineno - node.lineno + 1 if node.end_lineno else 1, f"{path}:{node.name}"))
                if not _is_typed(node):
                    untyped.append(f"{path}:{node.lineno} {node.name}")
    code_lines = sum(size for size, name in files if not name.startswith("tests"))
    _report("functions", functions, "lines")
    _report("files", files, "lines")
    say = f"code {code_lines} lines, tests {test_lines} lines ({test_lines / max(code_lines, 1):.2f} per line)"
    print(say, f"{100 * (1 - len(untyped) / max(len(functions), 1)):.1f}% of functions typed", sep="; ")  # noqa: T201
    problems = [f"{name}: {size} lines, at most {FUNCTION_MAX}" for size, name in functions if size > FUNCTION_MAX]
    problems += [f"{name}: {size} lines, at most {FILE_MAX}" for size, name in files if size > FILE_MAX]
    problems += [f"{name}: not fully typed" for name in untyped]
    if _percentile(functions, 90) > FUNCTION_P90:
        problems.append(f"nine in ten functions should have at most {FUNCTION_P90} lines")
    if _percentile(files, 90) > FILE_P90:
        problems.append(f"nine in ten files should have at most {FILE_P90} lines")
    for problem in problems:
        print(problem)  # noqa: T201
    return 1 if problems else 0


def _is_typed(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    unnamed = [a for a in arguments if a.annotation is None and a.arg not in ("self", "cls")]
    return not unnamed and (node.returns is not None or node.name == "__init__")


def _percentile(sizes: list[tuple[int, str]], share: int) -> int:
    ordered = sorted(size for size, _ in sizes)
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)] if ordered else 0


def _report(what: str, sizes: list[tuple[int, str]], unit: str) -> None:
    largest = max(sizes)
    figures = f"median {_percentile(sizes, 50)}, p90 {_percentile(sizes, 90)}, max {largest[0]} {unit}"
    print(f"{len(sizes)} {what}: {figures} ({Path(largest[1])})")  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
