"""The import law catches what it forbids: each violation is planted in a copy of the tree and must be found."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.settings import ROOT

LINTER = Path(sys.executable).parent / "lint-imports"
# (file to plant in, line to plant, words of the contract that must break)
VIOLATIONS = [
    ("services/product/domain/price.py", "from services.product.adapters import system_clock", "points inward"),
    ("services/product/domain/price.py", "from services.product.application import ports", "points inward"),
    ("services/chat/application/ports.py", "from services.chat.adapters import migrations", "points inward"),
    ("services/llm/application/ports.py", "from services.llm import settings", "points inward"),
    ("services/analytics/servicer/events.py", "from services.analytics.adapters import system_clock", "points inward"),
    ("services/analytics/adapters/system_clock.py", "from services.analytics import servicer", "points inward"),
    ("services/chat/utils.py", "", "points inward"),
    ("services/control_plane/helpers.py", "", "pipeline"),
    ("services/control_plane/topology.py", "from services.control_plane import snapshot", "pipeline"),
    ("services/chat/adapters/__init__.py", "from services.product.domain import price", "only on the wire"),
    ("services/llm/settings.py", "import bff.settings", "Nothing below knows the BFF"),
    ("services/runtime/sql.py", "from services.product.domain import price", "runtime knows no service"),
    ("bff/settings.py", "from services.product.domain import price", "BFF uses the runtime"),
    ("services/recommendation/domain/shelf.py", "import grpc", "no I/O"),
    ("services/recommendation/application/ports.py", "import sqlalchemy", "no I/O"),
    ("services/analytics/domain/event.py", "from aisle.analytics.v1 import event_pb2", "no I/O"),
    ("services/runtime/errors.py", "import grpc", "no I/O"),
    ("services/runtime/channel.py", "import envoy_data_plane", "speaks xDS"),
    ("bff/chat/__init__.py", "import bff.catalog", "independent"),
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    copy = tmp_path_factory.mktemp("tree")
    for name in ("services", "bff"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    yield copy


def lint(tree: Path) -> tuple[int, str]:
    run = subprocess.run([LINTER, "--no-cache"], cwd=tree, capture_output=True, text=True, timeout=60)
    return run.returncode, run.stdout + run.stderr


def test_tree_obeys_the_law(tree: Path) -> None:
    code, output = lint(tree)
    assert code == 0, output


@pytest.mark.parametrize(("path", "line", "contract"), VIOLATIONS, ids=[f"{v[0]}: {v[1] or 'new'}" for v in VIOLATIONS])
def test_planted_violation_is_caught(tree: Path, path: str, line: str, contract: str) -> None:
    file = tree / path
    before = file.read_text() if file.exists() else None
    file.write_text((before or '"""Planted."""\n') + f"\n{line}\n")
    try:
        code, output = lint(tree)
    finally:
        file.unlink() if before is None else file.write_text(before)
    assert code != 0, "the violation was not caught"
    broken = [text for text in output.splitlines() if "BROKEN" in text or "Missing layer" in text or "not" in text]
    assert any(contract in text for text in broken) or "exhaustive" in output or "not listed" in output, output


def test_runtime_stays_small() -> None:
    modules = [path for path in (ROOT / "services" / "runtime").glob("*.py") if path.name != "__init__.py"]
    assert len(modules) <= 12, sorted(path.name for path in modules)
