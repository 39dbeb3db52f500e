"""Values in, manifests out, word for word, in `golden/`: the least values in full, of others what differs from them.

After a wanted change run `make golden`, and read the difference before committing.
"""

import os
from pathlib import Path

import pytest
import yaml

from tests.helm.releases import SETS, Object, Release

GOLDEN = Path(__file__).parent / "golden"


class _Readable(yaml.SafeDumper):
    """Writes files in files line by line, so that a difference is as small as what changed."""


_Readable.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, "|" if "\n" in text else None)
)


def written(found: Object) -> str:
    """Return an object as it stands in a golden file."""
    flow = False if found["kind"] == "ConfigMap" else None
    return yaml.dump(found, Dumper=_Readable, sort_keys=False, width=160, default_flow_style=flow)


def by_name(release: Release) -> dict[str, Object]:
    return {f"{found['kind']} {found['metadata']['name']}": found for found in release.objects}


@pytest.mark.parametrize("name", SETS)
def test_manifests_are_as_reviewed(releases: dict[str, Release], name: str) -> None:
    found, least = by_name(releases[name]), by_name(releases["minimal"])
    if name != "minimal":
        found = {key: said for key, said in found.items() if said != least.get(key)}
    text = "---\n".join(written(found[key]) for key in sorted(found))
    path = GOLDEN / f"{name}.yaml"
    if os.environ.get("AISLE_GOLDEN") == "write":
        path.write_text(text)
    assert path.read_text() == text


def test_the_same_values_give_the_same_manifests(releases: dict[str, Release]) -> None:
    names = [f"{found['kind']} {found['metadata']['name']}" for found in releases["production"].objects]
    assert len(names) == len(set(names))
