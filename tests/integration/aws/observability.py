"""terraform/modules/observability as calls of AWS: what Terraform would send for its dashboards and alarms."""

import json
import re
from collections.abc import Mapping
from typing import Any

from tests.helm.environment import NAME, TERRAFORM

MODULE = TERRAFORM / "observability"
REFERENCES = {
    "load_balancer": "app/aisle-dev/0123456789abcdef",
    "target_group": "targetgroup/aisle-dev-edge/0123456789abcdef",
    "database": "aisle-dev",
    "redis_node": "aisle-dev-main-001",
    "redis_replica": "aisle-dev-main-002",
    "firewall": "aisle-dev",
    "region": "eu-central-1",
}
USD_PER_HOUR = 40
TOPIC = "arn:aws:sns:eu-central-1:111122223333:aisle-dev"
# What of the resource becomes which argument of PutMetricAlarm; `metric_query` becomes Metrics.
ALARM_ATTRIBUTES = {
    "alarm_name": "AlarmName",
    "alarm_description": "AlarmDescription",
    "comparison_operator": "ComparisonOperator",
    "threshold": "Threshold",
    "evaluation_periods": "EvaluationPeriods",
    "datapoints_to_alarm": "DatapointsToAlarm",
    "treat_missing_data": "TreatMissingData",
    "alarm_actions": "AlarmActions",
    "ok_actions": "OKActions",
}


def resource(kind: str) -> str:
    """Return what a resource of the module says."""
    whole = (MODULE / "main.tf").read_text("utf-8")
    return whole.split(f'resource "{kind}" "this" {{\n', 1)[1].split("\n}\n", 1)[0]


def attributes(text: str) -> set[str]:
    """Return the attributes at the outermost level of a resource, without those that only Terraform knows."""
    return set(re.findall(r"^  (\w+) +=", text, re.MULTILINE)) - {"for_each"}


def references() -> set[str]:
    """Return the names of what dashboards and alarms are told to look at."""
    said = (MODULE / "variables.tf").read_text("utf-8").split('variable "references" {', 1)[1].split("\n}\n", 1)[0]
    return set(re.findall(r"^    (\w+) += string", said, re.MULTILINE))


def dashboards() -> dict[str, str]:
    """Return the body of each dashboard, by its name."""
    found = re.search(r"dashboards = toset\((\[.*\])\)", (MODULE / "main.tf").read_text("utf-8"))
    assert found is not None
    return {
        f"{NAME}-{name}": _filled((MODULE / "generated" / f"{name}.json").read_text()) for name in json.loads(found[1])
    }


def alarms() -> dict[str, dict[str, Any]]:
    """Return the arguments of PutMetricAlarm for each alarm, by what it is called in the declarations."""
    declared = json.loads((MODULE / "generated" / "alarms.json").read_text("utf-8"))
    return {name: _alarm(name, alarm) for name, alarm in declared.items()}


def _filled(text: str) -> str:
    for name, value in {**REFERENCES, "usd_per_hour": str(USD_PER_HOUR)}.items():
        text = text.replace(f"${{{name}}}", value)
    return text


def _alarm(name: str, alarm: Mapping[str, Any]) -> dict[str, Any]:
    whole = {"Id": "value", "Expression": alarm["expression"], "Label": alarm["title"], "ReturnData": True}
    return {
        "AlarmName": f"{NAME}-{name}",
        "AlarmDescription": f"{alarm['title']}. What to do: https://github.com/owner/aisle/blob/main/{alarm['runbook']}",
        "ComparisonOperator": alarm["comparison"],
        "Threshold": float(_filled(alarm["threshold"])),
        "EvaluationPeriods": alarm["periods"],
        "DatapointsToAlarm": alarm["of_which"],
        "TreatMissingData": alarm["missing"],
        "AlarmActions": [f"{TOPIC}-{alarm['severity']}"],
        "OKActions": [f"{TOPIC}-{alarm['severity']}"],
        "Metrics": [whole, *(_query(short, query) for short, query in alarm["queries"].items())],
    }


def _query(short: str, query: Mapping[str, Any]) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": _filled(value)} for name, value in sorted(query["dimensions"].items())]
    metric = {"Namespace": query["namespace"], "MetricName": query["metric_name"], "Dimensions": dimensions}
    return {
        "Id": short,
        "MetricStat": {"Metric": metric, "Period": query["period"], "Stat": query["stat"]},
        "ReturnData": False,
    }
