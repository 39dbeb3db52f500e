"""Metrics on their way to CloudWatch and out of it: what the collector writes, and what dashboards and alarms ask."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

Dimensions = tuple[tuple[str, str], ...]
_SEARCH = re.compile(r"""SEARCH\('\{([^}]+)\} MetricName="([^"]+)"(.*)', '(\w+)', (\d+)\)""")
_PICKED = re.compile(r'"([^"]+)"="([^"]*)"')
# What CloudWatch takes, and moto does not look at.
_ID = re.compile(r"[a-z][a-zA-Z0-9_]*")
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement as the collector gets it: with the attributes of whoever measured."""

    name: str
    kind: str
    attributes: Mapping[str, str]
    value: float = 1.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One metric that a dashboard or an alarm looks at; `searched` holds the attributes a search leaves open."""

    where: str
    namespace: str
    name: str
    stat: str
    dimensions: Dimensions
    searched: frozenset[str] = field(default_factory=frozenset)


def record(point: Point, exporter: Mapping[str, Any], millis: int) -> dict[str, Any] | None:
    """Return the line that `awsemf` writes of a measurement; nothing when no declaration keeps it by anything."""
    kept = [
        names
        for declaration in exporter["metric_declarations"]
        if any(re.search(selector, point.name) for selector in declaration["metric_name_selectors"])
        for names in declaration["dimensions"]
        if all(name in point.attributes for name in names)
    ]
    if not kept:
        return None
    directive = {"Namespace": exporter["namespace"], "Dimensions": kept, "Metrics": [{"Name": point.name}]}
    value: Any = point.value
    if point.kind == "histogram":
        value = {"Max": point.value, "Min": point.value, "Count": 1, "Sum": point.value}
    return {"_aws": {"Timestamp": millis, "CloudWatchMetrics": [directive]}, **point.attributes, point.name: value}


def extracted(line: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the metrics that CloudWatch reads out of a line: namespace, and what `PutMetricData` would take."""
    said = json.loads(line)
    for directive in said["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            for metric in directive["Metrics"]:
                value = said[metric["Name"]]
                datum: dict[str, Any] = {
                    "MetricName": metric["Name"],
                    "Dimensions": [{"Name": name, "Value": said[name]} for name in names],
                }
                if isinstance(value, dict):
                    datum["StatisticValues"] = {
                        "SampleCount": value["Count"],
                        "Sum": value["Sum"],
                        "Minimum": value["Min"],
                        "Maximum": value["Max"],
                    }
                else:
                    datum["Value"] = value
                yield directive["Namespace"], datum


def put(client: "CloudWatchClient", data: Iterable[tuple[str, dict[str, Any]]]) -> None:
    """Store metrics, as many a call as CloudWatch takes."""
    by_namespace: dict[str, list[Any]] = {}
    for namespace, datum in data:
        by_namespace.setdefault(namespace, []).append(datum)
    for namespace, several in by_namespace.items():
        for begin in range(0, len(several), 1000):
            client.put_metric_data(Namespace=namespace, MetricData=several[begin : begin + 1000])


def asked_by_dashboard(name: str, body: Mapping[str, Any]) -> Iterator[Asked]:
    """Return what the lines of a dashboard look at."""
    for widget in body["widgets"]:
        for line in widget["properties"].get("metrics", ()):
            where = f"{name}: {widget['properties']['title']}"
            if isinstance(line[0], dict):
                yield _asked_by_search(where, line[0]["expression"])
            else:
                namespace, metric, *pairs, options = line
                dimensions = tuple(sorted(zip(pairs[::2], pairs[1::2], strict=True)))
                yield Asked(where, namespace, metric, options["stat"], dimensions)


def _asked_by_search(where: str, expression: str) -> Asked:
    found = _SEARCH.fullmatch(expression)
    assert found is not None, f"{where}: no search that is read here: {expression}"
    namespace, *names = [part.strip('"') for part in found[1].split(",")]
    picked = tuple(sorted(_PICKED.findall(found[3])))
    return Asked(where, namespace, found[2], found[4], picked, frozenset(names) - {name for name, _ in picked})


def asked_by_alarm(arguments: Mapping[str, Any]) -> Iterator[Asked]:
    """Return what an alarm looks at."""
    for query in arguments["Metrics"]:
        if "MetricStat" in query:
            stat, metric = query["MetricStat"], query["MetricStat"]["Metric"]
            dimensions = tuple(sorted((one["Name"], one["Value"]) for one in metric["Dimensions"]))
            where = f"{arguments['AlarmName']}: {query['Id']}"
            yield Asked(where, metric["Namespace"], metric["MetricName"], stat["Stat"], dimensions)


def found(client: "CloudWatchClient", asked: Asked) -> list[Dimensions]:
    """Return the dimensions of each metric that a question finds. CloudWatch finds what has these, and no others."""
    pages = client.get_paginator("list_metrics").paginate(Namespace=asked.namespace, MetricName=asked.name)
    listed = [
        tuple(sorted((one["Name"], one["Value"]) for one in metric["Dimensions"]))
        for page in pages
        for metric in page["Metrics"]
    ]
    wanted = {name for name, _ in asked.dimensions} | asked.searched
    return [
        dimensions
        for dimensions in listed
        if {name for name, _ in dimensions} == wanted and set(asked.dimensions) <= set(dimensions)
    ]


def refused(arguments: Mapping[str, Any]) -> list[str]:
    """Return what CloudWatch would not take of an alarm, by the rules of its API reference."""
    queries: Sequence[Mapping[str, Any]] = arguments["Metrics"]
    ids = [query["Id"] for query in queries]
    wrong = [f"{name} is no id" for name in ids if not _ID.fullmatch(name)]
    if len(ids) != len(set(ids)):
        wrong.append("an id stands twice")
    if len([query for query in queries if query["ReturnData"]]) != 1:
        wrong.append("not one value to compare")
    if not 1 <= len(queries) - 1 <= 10:
        wrong.append("an expression over none or over more than ten metrics")
    for query in queries:
        if "Expression" in query:
            named = set(re.findall(r"\b[a-z]\w*\b", query["Expression"]))
            wrong += [f"nothing is called {name}" for name in sorted(named - set(ids))]
        else:
            wrong += _refused_metric(query["MetricStat"], arguments["EvaluationPeriods"])
    if len(arguments["AlarmName"]) > 255 or len(arguments["AlarmDescription"]) > 1024:
        wrong.append("name or description is too long")
    if not 1 <= arguments["DatapointsToAlarm"] <= arguments["EvaluationPeriods"]:
        wrong.append("more points than periods")
    return wrong


def _refused_metric(stat: Mapping[str, Any], periods: int) -> Iterator[str]:
    if stat["Period"] % 60:
        yield "a period that is no whole minute"
    if stat["Period"] * periods > (_DAY if stat["Period"] < 3600 else 7 * _DAY):
        yield "looks back too far"
    if not re.fullmatch(r"SampleCount|Average|Sum|Minimum|Maximum|p\d{1,2}(\.\d+)?", stat["Stat"]):
        yield f"{stat['Stat']} is no statistic"
    if len(stat["Metric"]["Dimensions"]) > 30:
        yield "too many dimensions"
