"""Compares the declared metrics with the code, and dashboards and alarms with their declarations.

With `--write` the dashboards, the alarms and the collector's selection are written anew.
"""

import sys

from checks.metrics.catalogue import DeclarationError, created, load
from checks.metrics.written import files
from checks.sources import ROOT


def main(arguments: list[str]) -> int:
    """Print what does not fit. Returns an exit code."""
    try:
        catalogue = load()
        texts = files(catalogue)
        found = created()
    except DeclarationError as wrong:
        sys.stdout.write(f"{wrong}\n")
        return 1
    declared = {metric.name for metric in catalogue.own}
    wrong_names = [f"services/metrics.yaml: {name} is created by no code" for name in sorted(declared - set(found))]
    wrong_names += [f"{found[name]}: {name} is not in services/metrics.yaml" for name in sorted(set(found) - declared)]
    stale = [path for path, text in texts.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--write" in arguments:
        for path in stale:
            path.parent.mkdir(exist_ok=True)
            path.write_text(texts[path], encoding="utf-8")
        stale = []
    wrong_names += [f"{path.relative_to(ROOT)} is out of date. Run: make docs" for path in stale]
    for line in wrong_names:
        sys.stdout.write(f"{line}\n")
    return 1 if wrong_names else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
