"""What the README tells a developer to run, run."""

import re
import subprocess
import sys

from local.settings import ROOT
from tests.e2e.shop import Shop


def test_call_by_reflection_of_the_readme_answers(shop: Shop) -> None:
    readme = (ROOT / "README.md").read_text()
    found = re.search(r"<<'PY'\n(?P<code>.*?)\nPY\n", readme, re.DOTALL)
    assert found is not None
    code = found["code"].replace("127.0.0.1:15001", shop.egress)
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.splitlines()) == 3


def test_every_make_target_of_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    named = {target for page in pages for target in re.findall(r"`make ([a-z-]+)", page.read_text())}
    missing = [target for target in sorted(named) if not re.search(rf"^{target}:", makefile, re.MULTILINE)]
    assert named
    assert not missing


def test_every_link_of_the_readme_leads_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
