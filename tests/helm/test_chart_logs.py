"""Lines of the release's pods reach the log groups that Terraform makes: its rules, read as Fluent Bit reads them."""

import fnmatch
import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from checks.chart import NEEDS
from cli.chart_values import of_environment
from services.runtime.interceptors import audit
from tests.helm.environment import NAME, TERRAFORM, environment, log_group_names
from tests.helm.releases import Engine, Release, merged

MODULE = TERRAFORM / "logs"
OTHERS = f"/aisle/{NAME}/others"
GROUPS = log_group_names()
PROCESSES = {process: group for process, group in GROUPS.items() if process != "audit"}
Section = dict[str, list[str]]


def pipeline() -> list[tuple[str, Section]]:
    """Return the sections of Fluent Bit's file, filled in: the kind of each, and its values by name."""
    assert 'beginning = trimsuffix(var.service_groups["edge"], "edge")' in (MODULE / "main.tf").read_text("utf-8")
    filled = {
        "namespace": environment()["namespace"],
        "processes": "|".join(sorted(PROCESSES)),
        "beginning": PROCESSES["edge"].removesuffix("edge"),
        "milvus": PROCESSES["milvus"],
        "audit": GROUPS["audit"],
        "others": OTHERS,
    }
    text = re.sub(r"(?<!\$)\$\{(\w+)\}", lambda found: filled[found[1]], (MODULE / "fluent-bit.conf.tftpl").read_text())
    sections: list[tuple[str, Section]] = []
    for line in text.replace("$${", "${").splitlines():
        if found := re.fullmatch(r"\[(\w+)\]", line):
            sections.append((found[1], {}))
        elif line.strip() and not line.startswith("#"):
            name, value = line.split(None, 1)
            sections[-1][1].setdefault(name, []).append(value)
    return sections


def accessed(record: Any, accessor: str) -> Any:
    """Return what `$key['sub key']` means in a record; nothing where it is not there."""
    first = re.match(r"\$(\w+)", accessor)
    assert first is not None
    for key in (first[1], *re.findall(r"\['([^']+)'\]", accessor)):
        record = record.get(key) if isinstance(record, dict) else None
    return record


def record_of(labels: Mapping[str, str], line: str) -> dict[str, Any]:
    """Return what the filter for Kubernetes makes of a line: as it is, and as an object where it is one."""
    found = {"log": line, "kubernetes": {"labels": dict(labels), "pod_name": "pod", "container_name": "container"}}
    try:
        return {**found, "line": json.loads(line)}
    except ValueError:
        return found


def group_of(labels: Mapping[str, str], line: str = '{"logger":"aisle","message":"one"}') -> str:
    """Return the log group that a line of a pod with these labels goes to."""
    sections, record, tag = pipeline(), record_of(labels, line), "pod.var.log.containers.pod"
    (sorter,) = (one for kind, one in sections if kind == "FILTER" and one["Name"] == ["rewrite_tag"])
    for key, pattern, fresh, _ in (rule.split() for rule in sorter["Rule"]):
        value = accessed(record, key)
        if isinstance(value, str) and re.search(pattern, value):
            tag = fresh.replace("$TAG", tag)
            break
    (output,) = (one for kind, one in sections if kind == "OUTPUT" and fnmatch.fnmatchcase(tag, one["Match"][0]))
    if "log_group_template" not in output:
        return output["log_group_name"][0]
    beginning, accessor = re.fullmatch(r"([^$]+)(\$.+)", output["log_group_template"][0]).groups()  # type: ignore[union-attr]
    return f"{beginning}{accessed(record, accessor)}"


@pytest.fixture(scope="module")
def release(engine: Engine) -> Release:
    values = of_environment(environment(), "aisle", "http://milvus:19530")
    return engine.release(merged(values, {"services": {"cli": {"enabled": True}}}))


def test_lines_of_every_program_go_to_the_group_of_its_name(release: Release) -> None:
    seen = set()
    for found in release.of("Deployment", "StatefulSet", "Job"):
        process = found["metadata"]["name"].removeprefix("shop-aisle-")
        assert group_of(found["spec"]["template"]["metadata"]["labels"]) == PROCESSES[process]
        seen.add(process)
    assert {*NEEDS, "collector", "migrate"} <= seen


def test_every_workload_of_the_mesh_has_a_group() -> None:
    assert set(NEEDS) <= set(PROCESSES)


def test_lines_about_who_changed_what_go_to_the_audit_group_whoever_wrote_them(release: Release) -> None:
    line = json.dumps({"logger": audit.name, "actor": "users/anna"})
    for found in release.of("Deployment"):
        assert group_of(found["spec"]["template"]["metadata"]["labels"], line) == GROUPS["audit"]


@pytest.mark.parametrize(
    "line",
    [
        '{"logger":"aisle","message":"\\"logger\\":\\"aisle.audit\\""}',
        '{"logger":"aisle.auditor"}',
        '{"logger":"aisle","data":{"logger":"aisle.audit"}}',
        "logger aisle.audit",
    ],
)
def test_what_only_speaks_of_the_audit_log_does_not_go_there(line: str) -> None:
    assert group_of({"app.kubernetes.io/component": "bff"}, line) == PROCESSES["bff"]


def test_milvus_has_its_group_and_what_nobody_knows_goes_where_it_is_soon_forgotten() -> None:
    assert group_of({"app.kubernetes.io/name": "milvus", "component": "proxy"}, "[INFO] up") == PROCESSES["milvus"]
    for labels in ({}, {"app.kubernetes.io/component": "stranger"}, {"app.kubernetes.io/component": "bff2"}):
        assert group_of(labels) == OTHERS


def test_only_containers_of_the_release_s_namespace_are_read() -> None:
    (read,) = (one for kind, one in pipeline() if kind == "INPUT")
    files = ["shop-aisle-bff-7d_aisle_bff-0a.log", "x_kube-system_aisle-0a.log", "aisle_other_bff-0a.log"]
    known = [f"/var/log/containers/{file}" for file in files]
    assert fnmatch.filter(known, read["Path"][0]) == known[:1]


def test_no_line_is_sent_to_a_group_that_does_not_exist() -> None:
    outputs = [one for kind, one in pipeline() if kind == "OUTPUT"]
    assert all(one["auto_create_group"] == ["false"] for one in outputs)
    assert {one["log_group_name"][0] for one in outputs} == {GROUPS["audit"], PROCESSES["milvus"], OTHERS}
    assert '"/aisle/${var.name}/others"' in (TERRAFORM / "observability" / "main.tf").read_text("utf-8")
