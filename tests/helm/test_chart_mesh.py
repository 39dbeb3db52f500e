"""The mesh on Kubernetes: the same picture as on one machine, read by the control plane and by Envoy themselves."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from checks import chart as generated
from local import envoy, registry
from local.ports import WORKLOADS
from local.settings import ROOT, LocalSettings
from services.control_plane.snapshot import build_all
from services.control_plane.sources import delivery_file, descriptors
from services.control_plane.sources.endpoint_slices import SERVICE_LABEL, placement
from services.control_plane.sources.registry_file import parse
from services.control_plane.topology import Topology
from services.limits.adapters.limits_file import parse as parse_limits
from tests.helm.releases import SETS, Object, Release


def registered(release: Release) -> Topology:
    """Return the topology that the control plane reads from the release."""
    text = release.get("ConfigMap", "mesh")["data"]["registry.yaml"]
    return parse(text, descriptors.methods())


def slices(release: Release) -> list[Object]:
    """Return the EndpointSlices that Kubernetes would make of the Services: their labels, their ports, one pod each."""
    return [
        {
            "metadata": {"name": f"{service['metadata']['name']}-x", "labels": service["metadata"]["labels"]},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [f"10.0.0.{number + 1}"], "conditions": {"ready": True}}],
            "ports": [
                {"name": port["name"], "port": port["targetPort"], "protocol": "TCP"}
                for port in service["spec"]["ports"]
            ],
        }
        for number, service in enumerate(release.of("Service"))
        if SERVICE_LABEL in service["metadata"]["labels"]
    ]


@pytest.mark.parametrize("name", ["production", "canary"])
def test_every_proxy_gets_a_consistent_configuration(releases: dict[str, Release], name: str) -> None:
    topology = registered(releases[name])
    snapshots = build_all(topology)
    assert set(snapshots) == set(WORKLOADS)
    assert [problem for snapshot in snapshots.values() for problem in snapshot.problems()] == []


@pytest.mark.parametrize("name", SETS)
def test_slices_of_the_services_are_understood(releases: dict[str, Release], name: str) -> None:
    topology = registered(releases[name])
    said = placement(slices(releases[name]), topology.services)
    assert said.problems == ()
    assert set(said.endpoints) == {service.name for service in topology.services}
    for service in topology.services:
        assert service.inbound is not None
        assert {one.port for one in said.endpoints[service.name]} == {service.inbound.port}
    versions = {one.version for one in said.endpoints["product"]}
    assert versions == ({"stable", "v2"} if name == "canary" else {"stable"})


def test_services_choose_the_pods_of_their_version(releases: dict[str, Release]) -> None:
    for release in releases.values():
        pods = [one["spec"]["template"]["metadata"]["labels"] for one in release.of("Deployment", "StatefulSet")]
        for service in release.of("Service"):
            chosen = [labels for labels in pods if service["spec"]["selector"].items() <= labels.items()]
            assert len(chosen) == 1, service["metadata"]["name"]


def test_a_canary_is_delivered_as_the_values_say(releases: dict[str, Release]) -> None:
    text = releases["canary"].get("ConfigMap", "mesh")["data"]["delivery.yaml"]
    by_service = {delivery.service: delivery for delivery in delivery_file.parse(text)}
    assert dict(by_service["product"].weights) == {"stable": 95, "v2": 5}
    assert by_service["chat"].shadow == "v2"


def test_identities_are_those_of_the_certificates(releases: dict[str, Release]) -> None:
    for release in releases.values():
        trust = registered(release).trust
        assert trust is not None
        for found in release.of("Certificate"):
            if not found["spec"].get("isCA"):
                workload = found["metadata"]["labels"]["app.kubernetes.io/component"]
                assert found["spec"]["uris"] == [trust.identity(workload)]
                assert trust.folder(workload) == generated.CERTIFICATES


def test_programs_listen_where_their_proxies_hand_on(releases: dict[str, Release]) -> None:
    topology = registered(releases["minimal"])
    for service in topology.services:
        assert service.application is not None and service.application.host == "127.0.0.1"
        environment = releases["minimal"].environment(service.runs_as)
        ports = {said["value"] for name, said in environment.items() if name.endswith("_PORT")}
        assert str(service.application.port) in ports


def test_the_edge_shows_what_it_shows_on_one_machine(releases: dict[str, Release], tmp_path: Path) -> None:
    local = yaml.safe_load(registry.write(LocalSettings(home=tmp_path)).read_text("utf-8"))
    here = yaml.safe_load(releases["minimal"].get("ConfigMap", "mesh")["data"]["registry.yaml"])
    for what in ("edge_routes", "issuers", "rate_limiter", "control_plane"):
        assert here[what] == local[what]
    assert {name: one["protocol"] for name, one in here["services"].items()} == {
        name: one["protocol"] for name, one in local["services"].items() if name != "telemetry"
    }


def test_another_issuer_is_known_to_the_edge_when_the_bff_knows_it(releases: dict[str, Release]) -> None:
    ours, theirs = registered(releases["production"]).issuers
    assert (ours.service, theirs.service) == ("bff", "bff")
    assert (theirs.name, theirs.path) == ("https://login.shop.example", "/.well-known/oidc-jwks.json")


def test_load_balancers_in_front_are_counted(releases: dict[str, Release]) -> None:
    assert registered(releases["production"]).edge_limits.trusted_hops == 2
    assert registered(releases["development"]).edge_limits.trusted_hops == 0


def test_limits_are_the_ones_of_the_code(releases: dict[str, Release]) -> None:
    text = releases["minimal"].get("ConfigMap", "limits")["data"]["limits.yaml"]
    assert text == (ROOT / "services" / "limits" / "limits.yaml").read_text("utf-8")
    parse_limits(text)


def test_files_of_the_chart_are_what_the_code_says() -> None:
    for name, text in generated.files().items():
        assert (generated.CHART / "files" / name).read_text("utf-8") == text
    schema = (generated.CHART / "values.schema.json").read_text("utf-8")
    assert generated.schema(schema) == schema


@pytest.mark.parametrize("name", ["minimal", "production"])
@pytest.mark.parametrize("file", ["bootstrap.json", "bootstrap-edge.json", "bootstrap-beside.json"])
def test_envoy_takes_its_bootstrap(releases: dict[str, Release], tmp_path: Path, name: str, file: str) -> None:
    data: dict[str, str] = releases[name].get("ConfigMap", "envoy")["data"]
    assert "@" not in data[file].replace("@type", "")
    for each, text in data.items():
        # In the pod it is /etc/envoy.
        (tmp_path / each).write_text(text.replace("/etc/envoy", str(tmp_path)))
    binary = envoy.envoy_binary(LocalSettings.load().servers_venv)
    command = [str(binary), "--mode", "validate", "--config-path", str(tmp_path / file)]
    command += ["--service-cluster", "product", "--service-node", "shop-aisle-product-0", "--disable-hot-restart"]
    judged = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert judged.returncode == 0, judged.stderr


def test_envoy_keeps_below_its_memory_limit(releases: dict[str, Release]) -> None:
    for release in releases.values():
        data: dict[str, Any] = release.get("ConfigMap", "envoy")["data"]
        for file, workload in (("bootstrap.json", "product"), ("bootstrap-edge.json", "edge")):
            monitors = json.loads(data[file])["overload_manager"]["resource_monitors"]
            heap = int(monitors[1]["typed_config"]["max_heap_size_bytes"])
            spec = release.get("Deployment", workload)["spec"]["template"]["spec"]
            proxy = next(
                one for one in (*spec.get("initContainers", ()), *spec["containers"]) if one["name"] == "envoy"
            )
            limit = proxy["resources"]["limits"]["memory"]
            assert heap < int(limit[:-2]) * {"Mi": 1 << 20, "Gi": 1 << 30}[limit[-2:]]


def test_proxies_reach_the_control_plane_by_the_service_s_name(releases: dict[str, Release]) -> None:
    release = releases["minimal"]
    said = json.loads(release.get("ConfigMap", "envoy")["data"]["bootstrap.json"])
    (cluster,) = said["static_resources"]["clusters"]
    address = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
    service = release.get("Service", "mesh")
    assert address["address"] == f"{service['metadata']['name']}.aisle.svc"
    assert address["port_value"] == service["spec"]["ports"][0]["port"]
