"""Dashboards, alarms, metrics and logs as CloudWatch has them: what is asked for is what the collector keeps."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import yaml

from checks.metrics.alarms import evaluated
from checks.metrics.catalogue import FILE, load
from cli.chart_values import of_environment
from tests.helm.environment import environment, log_group_names
from tests.helm.releases import Engine, Release
from tests.integration.aws import observability
from tests.integration.aws.cloud import Cloud
from tests.integration.aws.cloudwatch import (
    Asked,
    Point,
    asked_by_alarm,
    asked_by_dashboard,
    extracted,
    found,
    put,
    record,
    refused,
)

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

OWN = load().namespace
# What moto works out; of others it knows that the metric is there.
STATISTICS = {"SampleCount", "Average", "Sum", "Minimum", "Maximum"}
# What every process says of itself, besides the attributes of a measurement.
ITSELF = {"service.namespace": "aisle", "service.name": "llm", "service.instance.id": "0b5e"}


@pytest.fixture
def client(cloud: Cloud) -> "CloudWatchClient":
    made: CloudWatchClient = boto3.client("cloudwatch")
    return made


@pytest.fixture(scope="session")
def release(engine: Engine) -> Release:
    return engine.release(of_environment(environment(), "aisle", "http://milvus:19530"))


@pytest.fixture(scope="session")
def exporter(release: Release) -> dict[str, Any]:
    """Return the options of the collector's exporter, as the chart writes them for Terraform's environment."""
    text = release.get("ConfigMap", "collector")["data"]["collector.yaml"]
    made: dict[str, Any] = yaml.safe_load(text)["exporters"]["awsemf"]
    return made


def all_asked() -> list[Asked]:
    """Return everything that dashboards and alarms look at."""
    bodies = {name: json.loads(body) for name, body in observability.dashboards().items()}
    return [
        *(one for name, body in bodies.items() for one in asked_by_dashboard(name, body)),
        *(one for arguments in observability.alarms().values() for one in asked_by_alarm(arguments)),
    ]


def points() -> Iterator[Point]:
    """Return measurements of every metric: with all its attributes, and with each value that somebody asks for."""
    picked: dict[str, set[tuple[tuple[str, str], ...]]] = {}
    for asked in all_asked():
        picked.setdefault(asked.name, set()).add(asked.dimensions)
    for metric in yaml.safe_load(FILE.read_text("utf-8"))["metrics"]:
        whole = {**ITSELF, **dict.fromkeys(metric["attributes"], "other")}
        yield Point(metric["name"], metric["kind"], whole)
        for values in picked.get(metric["name"], ()):
            yield Point(metric["name"], metric["kind"], {**whole, **{k: v for k, v in values if k in whole}})


def of_aws() -> Iterator[tuple[str, dict[str, Any]]]:
    """Return what AWS itself measures, by the dimensions it is known to keep, of what Terraform made."""
    values = {
        "LoadBalancer": observability.REFERENCES["load_balancer"],
        "TargetGroup": observability.REFERENCES["target_group"],
        "DBInstanceIdentifier": observability.REFERENCES["database"],
        "WebACL": observability.REFERENCES["firewall"],
        "Region": observability.REFERENCES["region"],
        "Rule": "ALL",
    }
    nodes = [observability.REFERENCES["redis_node"], observability.REFERENCES["redis_replica"]]
    for metric in load().metrics.values():
        for names in metric.kept_by if metric.namespace != OWN else ():
            for node in nodes if "CacheClusterId" in names else [""]:
                known = {**values, "CacheClusterId": node}
                # By name, as Terraform sends its map: moto compares dimensions in the order they came in.
                of_these = [{"Name": name, "Value": known[name]} for name in sorted(names)]
                yield metric.namespace, {"MetricName": metric.name, "Dimensions": of_these, "Value": 1.0}


def written(exporter: Mapping[str, Any]) -> list[str]:
    """Return the lines the collector writes of all measurements."""
    now = int(time.time() * 1000)
    return [json.dumps(line) for point in points() if (line := record(point, exporter, now))]


def measure(client: "CloudWatchClient", exporter: Mapping[str, Any]) -> None:
    """Have everything measured, and kept as the collector's options say."""
    put(client, of_aws())
    put(client, (datum for line in written(exporter) for datum in extracted(line)))


def unanswered(client: "CloudWatchClient") -> list[str]:
    """Return which questions of dashboards and alarms find no metric."""
    return [f"{one.where} {one.name} by {one.dimensions}" for one in all_asked() if not found(client, one)]


def answer(client: "CloudWatchClient", queries: list[Any]) -> dict[str, list[float]]:
    """Return the values of the last hours, by query."""
    now = datetime.now(UTC)
    said = client.get_metric_data(
        MetricDataQueries=queries, StartTime=now - timedelta(hours=1), EndTime=now + timedelta(minutes=1)
    )
    return {one["Id"]: list(one["Values"]) for one in said["MetricDataResults"]}


def test_everything_that_is_asked_for_is_kept_by_just_these_dimensions(
    client: "CloudWatchClient", exporter: dict[str, Any]
) -> None:
    measure(client, exporter)
    assert unanswered(client) == []


def test_a_metric_that_the_collector_keeps_by_less_is_found_out(
    client: "CloudWatchClient", exporter: dict[str, Any]
) -> None:
    kept = [
        {**one, "dimensions": [names for names in one["dimensions"] if names != ["aisle.outcome"]]}
        for one in exporter["metric_declarations"]
    ]
    measure(client, {**exporter, "metric_declarations": kept})
    assert {one.split(" aisle.llm.calls")[0] for one in unanswered(client)} == {
        "aisle-dev-llm: Calls by outcome",
        *(f"aisle-dev-models-failing: {part}" for part in ("ok", "left", "outrun")),
    }


def test_a_question_with_dimensions_that_nobody_keeps_finds_nothing(
    client: "CloudWatchClient", exporter: dict[str, Any]
) -> None:
    measure(client, exporter)
    known = next(one for one in all_asked() if one.name == "aisle.llm.cost" and not one.searched)
    assert found(client, known)
    assert not found(client, replace(known, dimensions=()))
    assert not found(client, replace(known, dimensions=(*known.dimensions, ("aisle.outcome", "ok"))))
    assert not found(client, replace(known, namespace="aisle"))


@pytest.mark.parametrize("name", sorted(observability.alarms()))
def test_an_alarm_is_taken_and_has_something_to_compare(
    client: "CloudWatchClient", exporter: dict[str, Any], name: str
) -> None:
    arguments = observability.alarms()[name]
    assert refused(arguments) == []
    client.put_metric_alarm(**arguments)
    (kept,) = client.describe_alarms(AlarmNames=[arguments["AlarmName"]])["MetricAlarms"]
    assert {name: kept.get(name) for name in arguments if name != "Metrics"} == {
        name: value for name, value in arguments.items() if name != "Metrics"
    }
    assert [query["Id"] for query in kept["Metrics"]] == [query["Id"] for query in arguments["Metrics"]]
    measure(client, exporter)
    whole, *parts = arguments["Metrics"]
    worked_out = [part for part in parts if part["MetricStat"]["Stat"] in STATISTICS]
    if not worked_out:
        return
    values = answer(client, [{**part, "ReturnData": True} for part in worked_out])
    assert all(values.values()), values
    if whole["Expression"] in values:
        assert answer(client, [whole, *parts])["value"] == values[whole["Expression"]]
    # moto evaluates no expression but a name: the others are read as tests/integration/observability reads them.
    assert evaluated(whole["Expression"], {part: found[-1] for part, found in values.items()}) is not None


def test_what_moto_cannot_work_out_is_one_percentile() -> None:
    stats = {one.stat for arguments in observability.alarms().values() for one in asked_by_alarm(arguments)}
    assert stats - STATISTICS == {"p90"}


def test_every_attribute_of_the_alarm_in_terraform_is_sent() -> None:
    said = observability.resource("aws_cloudwatch_metric_alarm")
    assert observability.attributes(said) == set(observability.ALARM_ATTRIBUTES)
    for arguments in observability.alarms().values():
        assert set(arguments) == {*observability.ALARM_ATTRIBUTES.values(), "Metrics"}


def test_dashboards_and_alarms_are_told_what_terraform_has_variables_for() -> None:
    assert observability.references() == set(observability.REFERENCES)


def test_dashboards_are_taken_and_kept_whole(client: "CloudWatchClient") -> None:
    for name, body in observability.dashboards().items():
        assert "${" not in body
        said = client.put_dashboard(DashboardName=name, DashboardBody=body)
        assert said["DashboardValidationMessages"] == []
        assert client.get_dashboard(DashboardName=name)["DashboardBody"] == body
        for widget in json.loads(body)["widgets"]:
            assert widget["x"] + widget["width"] <= 24
            assert 1 <= widget["height"] <= 1000
    assert len(client.list_dashboards()["DashboardEntries"]) == 3


def test_every_line_of_a_dashboard_has_values(client: "CloudWatchClient", exporter: dict[str, Any]) -> None:
    measure(client, exporter)
    for asked in all_asked():
        for dimensions in found(client, asked) if asked.stat in STATISTICS else []:
            metric = {"Namespace": asked.namespace, "MetricName": asked.name}
            pairs = [{"Name": name, "Value": value} for name, value in dimensions]
            stat = {"Metric": {**metric, "Dimensions": pairs}, "Period": 60, "Stat": asked.stat}
            assert answer(client, [{"Id": "value", "MetricStat": stat}])["value"], asked


def test_the_collector_writes_to_a_log_group_that_terraform_makes(
    cloud: Cloud, exporter: dict[str, Any], client: "CloudWatchClient"
) -> None:
    logs = boto3.client("logs")
    for name in log_group_names().values():
        logs.create_log_group(logGroupName=name)
    place: Any = {"logGroupName": exporter["log_group_name"], "logStreamName": "otel-stream"}
    logs.create_log_stream(**place)
    lines = written(exporter)
    now = int(time.time() * 1000)
    logs.put_log_events(**place, logEvents=[{"timestamp": now, "message": line} for line in lines])
    read = [str(event["message"]) for event in logs.filter_log_events(logGroupName=place["logGroupName"])["events"]]
    assert read
    assert set(read) <= set(lines)
    assert exporter["region"] == environment()["region"]


def test_every_program_of_the_release_has_a_log_group(release: Release) -> None:
    programs = {one["metadata"]["name"].removeprefix("shop-aisle-") for one in release.of("Deployment", "StatefulSet")}
    assert programs <= set(log_group_names())


def test_a_log_group_that_terraform_does_not_make_is_refused(cloud: Cloud, exporter: dict[str, Any]) -> None:
    logs = boto3.client("logs")
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.create_log_stream(logGroupName=exporter["log_group_name"], logStreamName="otel-stream")
