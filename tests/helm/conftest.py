"""The chart as tests ask it: by Helm's own engine, without what only a registry of charts could bring."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.helm.releases import CHART, ENVIRONMENT, SETS, Engine, Release, values_of


@pytest.fixture(scope="session")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the chart without its dependency, which `helm dependency build` fetches where it can."""
    folder = tmp_path_factory.mktemp("chart") / "aisle"
    shutil.copytree(CHART, folder)
    said = yaml.safe_load((folder / "Chart.yaml").read_text("utf-8"))
    said.pop("dependencies")
    (folder / "Chart.yaml").write_text(yaml.safe_dump(said), "utf-8")
    return folder


@pytest.fixture(scope="session")
def engine(chart: Path) -> Iterator[Engine]:
    if not (ENVIRONMENT / "bin" / "python").exists():
        pytest.fail("Helm's engine is not installed in .venv-helm. Run `make test`, which installs it.")
    started = Engine(chart)
    yield started
    started.stop()


@pytest.fixture(scope="session")
def releases(engine: Engine) -> dict[str, Release]:
    """Return a release of each set of values."""
    return {name: engine.release(values_of(name)) for name in SETS}
