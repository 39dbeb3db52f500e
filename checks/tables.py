"""Writes the tables of README and docs from the code, and fails when they are out of date.

A table stands between `<!-- table: NAME -->` and `<!-- end -->` in any Markdown file.
"""

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from bff.settings import BffSettings
from checks import values_table
from local.models.settings import ModelServerSettings
from local.ports import PORTS
from local.settings import LocalSettings
from services.analytics.settings import AnalyticsSettings
from services.chat.settings import ChatSettings
from services.control_plane.settings import ControlPlaneSettings
from services.limits.settings import LimitsSettings
from services.llm.settings import LlmSettings
from services.product.settings import ProductSettings
from services.recommendation.settings import RecommendationSettings
from services.runtime.policy import policies
from services.runtime.settings import RuntimeSettings

ROOT = Path(__file__).resolve().parent.parent
_BLOCK = re.compile(r"(?P<head><!-- table: (?P<name>[a-z-]+) -->\n).*?(?P<tail><!-- end -->)", re.DOTALL)
_SERVICES: tuple[type[RuntimeSettings], ...] = (
    ProductSettings,
    LlmSettings,
    ChatSettings,
    RecommendationSettings,
    AnalyticsSettings,
    BffSettings,
    ControlPlaneSettings,
    LimitsSettings,
)


def ports() -> str:
    """Return the table of ports."""
    rows = [(f"`{p.number}`", p.name, p.protocol, p.purpose) for p in PORTS]
    return _table(("Port", "Name", "Speaks", "What is there"), rows)


def services() -> str:
    """Return the table of services with their methods, from the contracts."""
    methods: dict[str, list[str]] = {}
    for policy in policies().values():
        name = policy.method.rsplit("/", 1)[1]
        methods.setdefault(policy.service, []).append(f"`{name}`" + (" (stream)" if policy.streaming else ""))
    # The control plane's administration is reached by another name than its port has.
    purposes = {p.name: p.purpose for p in PORTS} | {"mesh": "What the proxies run on; canaries, copies and faults"}
    rows = [(f"**{name}**", purposes[name], ", ".join(found)) for name, found in methods.items()]
    return _table(("Service", "What it does", "Methods"), rows)


def settings() -> str:
    """Return the tables of settings: shared ones, then each process's own."""
    shared = set(RuntimeSettings.model_fields)
    parts = ["### All processes", "", _rows(RuntimeSettings.describe(), "AISLE_RUNTIME_", "AISLE_"), ""]
    for kind in _SERVICES:
        own = [row for row, name in zip(kind.describe(), kind.model_fields, strict=True) if name not in shared]
        parts += [f"### {kind.service}", "", _rows(own, "", ""), ""]
    for title, model in (("`aisle up`", LocalSettings), ("Local models", ModelServerSettings)):
        prefix = str(model.model_config.get("env_prefix"))
        described = [
            (prefix + name.upper(), "" if f.is_required() else str(f.get_default()), f.description or "")
            for name, f in model.model_fields.items()
        ]
        parts += [f"### {title}", "", _rows(_portable(described), "", ""), ""]
    return "\n".join(parts).rstrip()


def values() -> str:
    """Return the table of the chart's values."""
    found = values_table.rows(ROOT / "helm" / "aisle" / "values.yaml")
    return _table(("Value", "Default", "What it is"), [(f"`{k}`", d and f"`{d}`", text) for k, d, text in found])


TABLES: dict[str, Callable[[], str]] = {"ports": ports, "services": services, "settings": settings, "values": values}


def fresh(text: str) -> str:
    """Return a Markdown text with its tables as they should be."""
    return _BLOCK.sub(lambda m: m["head"] + TABLES[m["name"]]() + "\n" + m["tail"], text)


def main(arguments: list[str]) -> int:
    """Write the tables, or say which file has an old one. Returns an exit code."""
    stale = []
    listed = [ROOT / "README.md", ROOT / "helm" / "aisle" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    for path in listed:
        text = path.read_text(encoding="utf-8")
        wanted = fresh(text)
        if wanted != text:
            stale.append(path.relative_to(ROOT))
            if "--write" in arguments:
                path.write_text(wanted, encoding="utf-8")
    if stale and "--write" not in arguments:
        print(f"Out of date: {', '.join(map(str, stale))}. Run: make docs")  # noqa: T201
        return 1
    return 0


def _portable(rows: Iterable[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Return the rows with paths below the project written relative to it."""
    return [(name, default.replace(f"{ROOT}/", ""), text) for name, default, text in rows]


def _rows(described: Iterable[tuple[str, str, str]], old_prefix: str, new_prefix: str) -> str:
    rows = [
        (f"`{name.replace(old_prefix, new_prefix, 1) if old_prefix else name}`", default and f"`{default}`", text)
        for name, default, text in _portable(described)
    ]
    return _table(("Variable", "Default", "What it is"), rows)


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |"]
    lines.append("|" + "---|" * lines[0].count(" | ") + "---|")
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
