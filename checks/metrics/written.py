"""Dashboards, alarms and the collector's selection, as CloudWatch and the collector read them."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from checks.metrics.catalogue import EVERYTHING, Catalogue, DeclarationError
from checks.sources import ROOT

MODULE = ROOT / "terraform" / "modules" / "observability"
_WIDTH, _HEIGHT = 8, 6
_SEVERITIES = ("page", "ticket")
# What a period without a value is to an alarm, as CloudWatch calls it.
_MISSING = ("notBreaching", "breaching")


def files(catalogue: Catalogue, module: Path = MODULE) -> dict[Path, str]:
    """Return the text of every file that is made from the declarations."""
    declared = module / "declared"
    dashboards = yaml.safe_load((declared / "dashboards.yaml").read_text(encoding="utf-8"))["dashboards"]
    alarms = yaml.safe_load((declared / "alarms.yaml").read_text(encoding="utf-8"))["alarms"]
    folder = module / "generated"
    texts = {folder / f"{name}.json": _text(dashboard(catalogue, how)) for name, how in dashboards.items()}
    texts[folder / "alarms.json"] = _text({alarm["name"]: alarm_of(catalogue, alarm) for alarm in alarms})
    texts[folder / "collector.json"] = _text(collector(catalogue))
    return texts


def dashboard(catalogue: Catalogue, how: Mapping[str, Any]) -> dict[str, Any]:
    """Return a dashboard's body."""
    widgets: list[dict[str, Any]] = [
        {"type": "text", "x": 0, "y": 0, "width": 24, "height": 1, "properties": {"markdown": f"# {how['title']}"}}
    ]
    for row, cells in enumerate(how["rows"]):
        for column, cell in enumerate(cells):
            place = {"x": column * _WIDTH, "y": 1 + row * _HEIGHT, "width": _WIDTH, "height": _HEIGHT}
            widgets.append({"type": "metric", **place, "properties": _widget(catalogue, cell)})
    return {"widgets": widgets}


def _widget(catalogue: Catalogue, cell: Mapping[str, Any]) -> dict[str, Any]:
    number = bool(cell.get("number"))
    return {
        "title": cell["title"],
        "region": "${region}",
        "view": "singleValue" if number else "timeSeries",
        "setPeriodToTimeRange": number,
        "period": 60,
        "metrics": [_line(catalogue, line) for line in cell["lines"]],
    }


def _line(catalogue: Catalogue, line: Mapping[str, Any]) -> list[Any]:
    """Return one line of a graph: one metric, or a search for all combinations of some attributes."""
    by, where = line.get("by", []), line.get("where", {})
    metric = catalogue.find(line.get("namespace", ""), line["metric"], {*by, *where})
    if by:
        schema = ",".join([metric.namespace, *(f'"{name}"' for name in sorted({*by, *where}))])
        picked = "".join(f' "{name}"="{value}"' for name, value in sorted(where.items()))
        search = f"SEARCH('{{{schema}}} MetricName=\"{metric.name}\"{picked}', '{line['stat']}', 60)"
        return [{"expression": search}]
    dimensions = _dimensions(catalogue, metric.namespace, where)
    return [
        metric.namespace,
        metric.name,
        *(part for pair in dimensions.items() for part in pair),
        {"stat": line["stat"]},
    ]


def alarm_of(catalogue: Catalogue, alarm: Mapping[str, Any]) -> dict[str, Any]:
    """Return an alarm as Terraform reads it; raises DeclarationError when it names what there is not."""
    if alarm["severity"] not in _SEVERITIES:
        raise DeclarationError(f"{alarm['name']}: the severity is one of {', '.join(_SEVERITIES)}.")
    if ("above" in alarm) == ("below" in alarm):
        raise DeclarationError(f"{alarm['name']}: either above or below.")
    if "expression" not in alarm and len(alarm["metrics"]) != 1:
        raise DeclarationError(f"{alarm['name']}: several metrics need an expression.")
    missing = alarm.get("missing", _MISSING[0])
    if missing not in _MISSING:
        raise DeclarationError(f"{alarm['name']}: what is missing is one of {', '.join(_MISSING)}.")
    queries = {}
    for short, one in alarm["metrics"].items():
        metric = catalogue.find(one.get("namespace", ""), one["metric"], one["by"])
        queries[short] = {
            "namespace": metric.namespace,
            "metric_name": metric.name,
            "stat": one["stat"],
            "period": alarm["minutes"] * 60,
            "dimensions": _dimensions(catalogue, metric.namespace, one["by"]),
        }
    return {
        "title": alarm["title"],
        "severity": alarm["severity"],
        "runbook": f"docs/runbooks.md#{alarm['name']}",
        "expression": alarm.get("expression", next(iter(queries))),
        "comparison": "GreaterThanThreshold" if "above" in alarm else "LessThanThreshold",
        "threshold": str(alarm.get("above", alarm.get("below"))),
        "periods": alarm["periods"],
        "of_which": alarm.get("of_which", alarm["periods"]),
        "missing": missing,
        "queries": queries,
    }


def _dimensions(catalogue: Catalogue, namespace: str, where: Mapping[str, str]) -> dict[str, str]:
    if where or namespace != catalogue.namespace:
        return dict(where)
    return dict([EVERYTHING])


def collector(catalogue: Catalogue) -> dict[str, Any]:
    """Return what the collector keeps of our metrics, as the options of its `awsemf` exporter."""
    return {
        "namespace": catalogue.namespace,
        "dimension_rollup_option": "NoDimensionRollup",
        "resource_to_telemetry_conversion": {"enabled": True},
        "metric_declarations": [
            {
                "metric_name_selectors": [f"^{metric.name.replace('.', '[.]')}$"],
                "dimensions": [sorted(names) or [EVERYTHING[0]] for names in _sorted(metric.kept_by)],
            }
            for metric in catalogue.own
        ],
    }


def _sorted(sets: Iterable[frozenset[str]]) -> list[frozenset[str]]:
    return sorted(sets, key=sorted)


def _text(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
