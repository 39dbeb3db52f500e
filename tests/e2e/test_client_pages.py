"""What the pages for other teams' clients tell them to run, run as they would: in a process of its own."""

import os
import re
import subprocess
import sys

import pytest

from local.settings import ROOT
from tests.e2e.shop import Shop

PAGES = sorted((ROOT / "docs" / "clients").glob("*.md"))
EXAMPLES = [
    pytest.param(code, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL), 1)
]


@pytest.mark.parametrize("code", EXAMPLES)
def test_example_of_a_page_runs_unchanged(shop: Shop, code: str) -> None:
    told = {"AISLE_URL": f"{shop.url}/v1", "AISLE_API_KEY": shop.api_key, "AISLE_EGRESS": shop.egress}
    run = subprocess.run(
        [sys.executable, "-c", code], cwd="/", env=os.environ | told, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    # The first line is what a model said, or which one it was.
    assert re.search(r"\w", run.stdout.splitlines()[0])
    assert len(run.stdout.splitlines()) >= 2


def test_every_page_has_an_example() -> None:
    assert {page.stem for page in PAGES} == {"openai-sdk", "langchain", "grpc"}
    assert len(EXAMPLES) >= len(PAGES)
