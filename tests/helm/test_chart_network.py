"""Who may reach whom: what the contracts say, and nothing else."""

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from checks.chart import calls, mesh
from local.ports import WORKLOADS
from services.runtime.policy import policies
from tests.conftest import free_port
from tests.helm.releases import SETS, Object, Release

MESH = mesh()
ANSWERS = {service: name for name, services in WORKLOADS.items() for service in services}
INBOUND = {
    said["inbound"]: service for about in MESH["workloads"].values() for service, said in about["services"].items()
}


def workloads_of(peers: list[Object]) -> Iterator[str]:
    for peer in peers:
        for expression in peer.get("podSelector", {}).get("matchExpressions", ()):
            if expression["key"] == "aisle.dev/workload":
                yield from expression.get("values", ())


def ways_in(release: Release, workload: str) -> set[tuple[str, str]]:
    """Return (caller, service) of what may come in to the proxies of a workload."""
    policy = release.get("NetworkPolicy", workload)["spec"]
    return {
        (caller, INBOUND[port["port"]])
        for rule in policy.get("ingress") or ()
        for port in rule["ports"]
        if port["port"] in INBOUND
        for caller in workloads_of(rule.get("from", []))
    }


def ways_out(release: Release, workload: str) -> set[tuple[str, str]]:
    """Return (callee, service) of the proxies a workload may call."""
    policy = release.get("NetworkPolicy", workload)["spec"]
    return {
        (callee, INBOUND[port["port"]])
        for rule in policy["egress"]
        for port in rule["ports"]
        if port["port"] in INBOUND
        for callee in workloads_of(rule.get("to", []))
    }


def expected() -> set[tuple[str, str]]:
    """Return (caller, service) as the contracts have it, and that every proxy asks the control plane."""
    wanted = {(caller, service) for caller, services in calls().items() for service in services}
    return wanted | {(name, "mesh") for name in WORKLOADS if name != "control-plane"}


def test_callers_are_those_of_the_contracts() -> None:
    # The collector that answers questions is one machine's own; here traces and metrics go to a cloud.
    here = [policy for policy in policies().values() if policy.service != "telemetry"]
    by_contract = {(caller, policy.service) for policy in here for caller in policy.callers}
    known = {pair for pair in expected() if pair[0] in {caller for caller, _ in by_contract}}
    # What the edge shows, the limits the first hop asks for, and the control plane are no methods with callers.
    assert by_contract <= known
    assert known - by_contract <= {("bff", "limits"), ("edge", "bff"), ("edge", "llm-http"), ("edge", "limits")} | {
        (name, "mesh") for name in WORKLOADS
    }


@pytest.mark.parametrize("name", SETS)
def test_policies_let_in_and_out_whom_the_contracts_name(releases: dict[str, Release], name: str) -> None:
    release = releases[name]
    there = {one["metadata"]["labels"]["app.kubernetes.io/component"] for one in release.of("Deployment")}
    for workload in there & set(WORKLOADS):
        assert ways_in(release, workload) == {pair for pair in expected() if ANSWERS[pair[1]] == workload}
        assert ways_out(release, workload) == {
            (ANSWERS[service], service) for caller, service in expected() if caller == workload
        }


@pytest.mark.parametrize("name", SETS)
def test_nothing_is_allowed_that_no_policy_allows(releases: dict[str, Release], name: str) -> None:
    nothing = releases[name].get("NetworkPolicy", "nothing")["spec"]
    assert nothing["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in nothing and "egress" not in nothing
    labels = nothing["podSelector"]["matchLabels"]
    for kind in ("Deployment", "StatefulSet", "Job"):
        for found in releases[name].of(kind):
            assert labels.items() <= found["spec"]["template"]["metadata"]["labels"].items()
    for found in releases[name].of("Pod"):
        assert labels.items() <= found["metadata"]["labels"].items()


def reaches(policy: Object, port: int) -> list[Any]:
    return [
        peer.get("ipBlock", {}).get("cidr", "pods")
        for rule in policy["spec"].get("egress") or ()
        if any(one["port"] == port for one in rule["ports"])
        for peer in rule.get("to", [{}])
    ]


def test_only_who_needs_it_gets_out_of_the_cluster(releases: dict[str, Release]) -> None:
    for name in SETS:
        out = {
            policy["metadata"]["name"].removeprefix("shop-aisle-")
            for policy in releases[name].of("NetworkPolicy")
            if "0.0.0.0/0" in reaches(policy, 443)
        }
        wanted = {"llm", *(("product", "bff", "collector") if name == "production" else ("control-plane",))}
        assert out == wanted, name


def test_stores_are_reached_by_those_who_need_them(releases: dict[str, Release]) -> None:
    for port, need in ((5432, "postgres"), (19530, "milvus")):
        for name in ("minimal", "production"):
            users = {
                policy["metadata"]["name"].removeprefix("shop-aisle-")
                for policy in releases[name].of("NetworkPolicy")
                if reaches(policy, port)
            }
            needed = {workload for workload, about in MESH["workloads"].items() if need in about["needs"]}
            assert users - {"migrate"} == needed


def test_the_metadata_of_nodes_is_out_of_reach(releases: dict[str, Release]) -> None:
    for release in releases.values():
        for policy in release.of("NetworkPolicy"):
            for rule in policy["spec"].get("egress") or ():
                for peer in rule.get("to", ()):
                    block = peer.get("ipBlock", {})
                    if block.get("cidr") == "0.0.0.0/0" and not policy["metadata"]["name"].endswith("control-plane"):
                        assert "169.254.0.0/16" in block["except"]


def asked(release: Release, address: str, port: int) -> "subprocess.CompletedProcess[str]":
    """Run the pod that `helm test` runs to see callers without a certificate refused, at another address."""
    (pod,) = (one for one in release.of("Pod") if one["metadata"]["name"].endswith("-test-refusal"))
    command: list[str] = pod["spec"]["containers"][0]["command"]
    script = re.sub(r"'[\w.-]+\.svc', \d+", f"'{address}', {port}", command[2])
    assert address in script
    return subprocess.run([sys.executable, *command[1:2], script], capture_output=True, text=True, timeout=60)


def test_a_service_that_is_not_there_is_no_service_that_refuses(releases: dict[str, Release]) -> None:
    assert asked(releases["minimal"], "nowhere.invalid", 1).returncode != 0


def test_a_service_that_lets_nobody_in_refuses(releases: dict[str, Release]) -> None:
    done = asked(releases["minimal"], "127.0.0.1", free_port())
    assert (done.returncode, done.stdout.startswith("refused:")) == (0, True)
