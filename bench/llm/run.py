"""The gateway beside LiteLLM, Portkey and, where it can be built, Bifrost: `make bench-llm`.

One upstream, one load, one core for the gateways and another for all else, ways interleaved in one run. Aisle runs as
`make up` runs it: keys, budgets, the cache's look-ups, redaction, and usage records that reach PostgreSQL. Processor
time is what to trust on a machine that others use too. A run that was stopped goes on with `--resume`.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import uvloop

from bench.llm import report
from bench.llm.rig import running
from bench.llm.sections import FULL, QUICK, SECTIONS
from local.settings import ROOT

RESULTS = ROOT / ".state" / "bench-llm.json"


async def measure(sections: list[str], quick: bool, resume: bool, with_peers: bool) -> str:
    """Measure the sections that are not there yet, keep each as soon as it is, and return the tables."""
    kept: dict[str, Any] = json.loads(RESULTS.read_text()) if resume and RESULTS.exists() else {}
    found, missing = kept.get("found", {}), kept.get("missing", [])
    wanted = [name for name in sections if name not in found]
    home = Path(tempfile.mkdtemp(prefix="aisle-bench-"))
    try:
        async with running(home, with_peers) as rig:
            missing = list(rig.missing)
            for name in wanted:
                print(name, file=sys.stderr, flush=True)
                found[name] = await SECTIONS[name](rig, QUICK if quick else FULL)
                RESULTS.parent.mkdir(exist_ok=True)
                RESULTS.write_text(json.dumps({"found": found, "missing": missing}))
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return report.text(found, missing)


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="file to write the tables to as well")
    parser.add_argument("--quick", action="store_true", help="a minute and a half instead of six")
    parser.add_argument("--resume", action="store_true", help="keep the sections that were measured before")
    parser.add_argument("--sections", default=",".join(SECTIONS), help="which to measure, separated by commas")
    parser.add_argument("--alone", action="store_true", help="without the other gateways")
    given = parser.parse_args()
    sections = [name for name in given.sections.split(",") if name in SECTIONS]
    tables = uvloop.run(measure(sections, given.quick, given.resume, not given.alone))
    print(tables)
    if given.out is not None:
        given.out.write_text(tables)


if __name__ == "__main__":
    main()
