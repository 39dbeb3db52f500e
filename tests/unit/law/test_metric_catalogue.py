import json
from pathlib import Path

import pytest
import yaml

from checks.metrics.catalogue import FILE, Catalogue, DeclarationError, created, load
from checks.metrics.written import MODULE, alarm_of, collector, dashboard, files
from checks.sources import ROOT
from services.runtime.policy import policies

ALARMS = yaml.safe_load((MODULE / "declared" / "alarms.yaml").read_text())["alarms"]
DASHBOARDS = yaml.safe_load((MODULE / "declared" / "dashboards.yaml").read_text())["dashboards"]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load()


def an_alarm(**changes: object) -> dict[str, object]:
    metrics = {"lost": {"metric": "aisle.llm.usage.lost", "stat": "Sum", "by": {}}}
    alarm = {"name": "a", "title": "t", "severity": "page", "metrics": metrics, "above": 0, "minutes": 5, "periods": 1}
    return alarm | changes


def test_every_declared_metric_is_created_by_code_and_every_created_one_is_declared(catalogue: Catalogue) -> None:
    assert {metric.name for metric in catalogue.own} == set(created())


def test_every_file_that_terraform_reads_is_what_the_declarations_say(catalogue: Catalogue) -> None:
    for path, text in files(catalogue).items():
        assert path.read_text() == text, f"{path.name}: make docs"


def test_an_alarm_on_a_metric_nobody_emits_is_refused(catalogue: Catalogue) -> None:
    metrics = {"x": {"metric": "aisle.llm.usage.losst", "stat": "Sum", "by": {}}}
    with pytest.raises(DeclarationError, match="no metric"):
        alarm_of(catalogue, an_alarm(metrics=metrics))


def test_an_alarm_on_dimensions_the_metric_is_not_kept_by_is_refused(catalogue: Catalogue) -> None:
    metrics = {"x": {"metric": "aisle.llm.cost", "stat": "Sum", "by": {"aisle.outcome": "ok"}}}
    with pytest.raises(DeclarationError, match="not kept by"):
        alarm_of(catalogue, an_alarm(metrics=metrics))


@pytest.mark.parametrize(
    "changes",
    [{"severity": "loud"}, {"below": 1}, {"missing": "ignored"}, {"metrics": {**an_alarm()["metrics"], "b": {}}}],  # type: ignore[dict-item]
)
def test_an_alarm_that_says_something_senseless_is_refused(catalogue: Catalogue, changes: dict[str, object]) -> None:
    with pytest.raises(DeclarationError):
        alarm_of(catalogue, an_alarm(**changes))


def test_a_dashboard_line_on_a_metric_nobody_emits_is_refused(catalogue: Catalogue) -> None:
    how = {"title": "t", "rows": [[{"title": "w", "lines": [{"metric": "aisle.nothing", "stat": "Sum"}]}]]}
    with pytest.raises(DeclarationError):
        dashboard(catalogue, how)


def test_a_metric_kept_by_what_it_does_not_carry_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "metrics.yaml"
    broken.write_text(FILE.read_text().replace("kept_by: [[http.route],", "kept_by: [[http.rute],"))
    with pytest.raises(DeclarationError, match=r"http\.rute"):
        load(broken)


def test_a_metric_declared_twice_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "metrics.yaml"
    broken.write_text(FILE.read_text().replace("name: aisle.llm.saved", "name: aisle.llm.cost"))
    with pytest.raises(DeclarationError, match="twice"):
        load(broken)


def test_the_collector_keeps_every_metric_and_no_set_of_dimensions_is_empty(catalogue: Catalogue) -> None:
    kept = collector(catalogue)["metric_declarations"]
    assert len(kept) == len(catalogue.own)
    assert all(names for declaration in kept for names in declaration["dimensions"])


def test_an_alarm_on_everything_names_the_dimension_the_collector_keeps_everything_by(catalogue: Catalogue) -> None:
    queries = alarm_of(catalogue, an_alarm())["queries"]
    assert queries["lost"]["dimensions"] == {"service.namespace": "aisle"}


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: str(alarm["name"]))
def test_every_alarm_has_its_section_among_the_runbooks(alarm: dict[str, object]) -> None:
    assert f"\n## {alarm['name']}\n" in (ROOT / "docs" / "runbooks.md").read_text()


def test_every_runbook_is_an_alarms() -> None:
    lines = (ROOT / "docs" / "runbooks.md").read_text().splitlines()
    assert {line[3:] for line in lines if line.startswith("## ")} == {alarm["name"] for alarm in ALARMS}


def test_every_method_a_dashboard_names_is_in_the_contracts() -> None:
    known = {tuple(policy.method.lstrip("/").split("/")) for policy in policies().values()}
    lines = [line for how in DASHBOARDS.values() for row in how["rows"] for cell in row for line in cell["lines"]]
    named = {
        (w["rpc.service"], w["rpc.method"]) for w in (line.get("where", {}) for line in lines) if "rpc.method" in w
    }
    assert named
    assert named <= known


def test_there_are_three_dashboards_without_widgets_on_top_of_each_other(catalogue: Catalogue) -> None:
    assert set(DASHBOARDS) == {"api", "llm", "business"}
    for how in DASHBOARDS.values():
        widgets = dashboard(catalogue, how)["widgets"]
        assert len({(widget["x"], widget["y"]) for widget in widgets}) == len(widgets)
        assert all(widget["x"] + widget["width"] <= 24 for widget in widgets)


def test_generated_files_leave_only_references_that_terraform_fills_in(catalogue: Catalogue) -> None:
    filled = {"load_balancer", "target_group", "database", "redis_node", "redis_replica", "firewall", "region"}
    for text in files(catalogue).values():
        json.loads(text)
        parts = text.split("${")[1:]
        assert {part.split("}")[0] for part in parts} <= filled | {"usd_per_hour"}
