"""Topology in, xDS out: what Envoy is told, word for word, in `golden/`.

After a wanted change run this file's tests once with AISLE_GOLDEN=write, and read the difference before committing.
"""

import json
import os
from pathlib import Path

import pytest

from local import envoy
from services.control_plane.translate import translate
from tests.unit.control_plane.topologies import topology

GOLDEN = Path(__file__).parent / "golden"


def check(name: str, found: object) -> None:
    """Compare with the golden file, or write it when the run was asked to."""
    text = json.dumps(found, indent=2, sort_keys=True) + "\n"
    path = GOLDEN / f"{name}.json"
    if os.environ.get("AISLE_GOLDEN") == "write":
        path.write_text(text)
    assert path.read_text() == text


@pytest.mark.parametrize("kind", ["clusters", "endpoints", "listeners", "routes"])
def test_resources_are_as_reviewed(kind: str) -> None:
    check(kind, [message.to_dict() for message in getattr(translate(topology()), kind)])


def test_bootstrap_names_the_control_plane_and_nothing_else() -> None:
    found = envoy.bootstrap("node-1", 9901, "127.0.0.1:18000")
    check("bootstrap", found)
    assert [cluster["name"] for cluster in found["static_resources"]["clusters"]] == ["control_plane"]
    assert "listeners" not in found["static_resources"]
