"""Images, built once for all tests of this folder; without `make test-images` those tests are skipped, and say so."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from local.settings import ROOT
from tests.images import builder
from tests.images.running import Contained

_WRITABLE = ("media", "spool", "keys", "delivery", "models")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave what has to build out of `make test`: it takes minutes and root."""
    for item in items:
        if item.path.name == "test_built_images.py":
            item.add_marker(pytest.mark.timeout(1800))
            if not os.environ.get("AISLE_IMAGES"):
                item.add_marker(pytest.mark.skip(reason="builds images: make test-images"))


@pytest.fixture(scope="session")
def buildable() -> None:
    """Skip where images cannot be built."""
    try:
        builder.require()
    except builder.NotBuildableError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def services_image(buildable: None) -> Contained:
    """The image of the services, built and laid out."""
    builder.build("aisle", ROOT / "Dockerfile", "aisle")
    return Contained(
        builder.unpacked("aisle"), environment("aisle"), tuple(f"/var/lib/aisle/{name}" for name in _WRITABLE)
    )


@pytest.fixture(scope="session")
def frontend_image(buildable: None) -> Contained:
    """The image of the front end, built and laid out."""
    builder.build("frontend", ROOT / "frontend" / "Dockerfile")
    return Contained(builder.unpacked("frontend"), environment("frontend"))


def environment(name: str) -> Mapping[str, str]:
    """Return the variables an image sets."""
    return dict(variable.split("=", 1) for variable in settings(name).get("Env", []))


def settings(name: str) -> dict[str, Any]:
    """Return what an image says of how it is run."""
    found: dict[str, Any] = json.loads(builder.described(name))["OCIv1"]["config"]
    return found


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where a program's words go."""
    return tmp_path / "said.log"
