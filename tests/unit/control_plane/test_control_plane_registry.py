"""The registry: what it says is understood, and what is wrong with it is said in full."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from services.control_plane.sources import descriptors
from services.control_plane.sources.registry_file import RegistryError, parse
from services.control_plane.topology import Address, EdgeRoute, Endpoint, Protocol, Service
from services.runtime.policy import policies

TEXT = """
edge: {address: 127.0.0.1, port: 8080}
egress: {address: 127.0.0.1, port: 15001}
services:
  product: {protocol: grpc, endpoints: [{address: 127.0.0.1, port: 50051}, {address: "::1", port: 50051}]}
  bff: {protocol: http, endpoints: [{address: 127.0.0.1, port: 8081}]}
  llm: {protocol: grpc}
edge_routes:
  - {prefix: /api/v1/chat/ws, service: bff, upgrade: websocket, timeout: 0, idle_timeout: 300}
  - {prefix: /, service: bff, timeout: 15}
"""


def broken(change: Callable[[dict[str, Any]], object]) -> str:
    """Return the registry after a change, as text."""
    content = copy.deepcopy(yaml.safe_load(TEXT))
    change(content)
    return yaml.safe_dump(content)


def test_registry_is_understood() -> None:
    found = parse(TEXT, ())
    assert (found.edge, found.egress) == (Address("127.0.0.1", 8080), Address("127.0.0.1", 15001))
    assert [service.name for service in found.services] == ["bff", "llm", "product"]
    assert found.services[1] == Service("llm", Protocol.GRPC, ())
    assert found.services[2].endpoints == (Endpoint("127.0.0.1", 50051), Endpoint("::1", 50051))
    assert found.edge_routes[0] == EdgeRoute("/api/v1/chat/ws", "bff", 0, 300, 1 << 20, websocket=True)
    assert found.edge_routes[1].websocket is False


@pytest.mark.parametrize(
    ("change", "explanation"),
    [
        (lambda r: r.pop("egress"), "egress: Field required"),
        (lambda r: r["edge"].update(port=0), "edge.port: Input should be greater than or equal to 1"),
        (lambda r: r["edge"].update(trusted_hops=-1), "edge.trusted_hops: Input should be greater than or equal to 0"),
        (lambda r: r["edge"].update(address="localhost"), "'localhost' is not an IP address"),
        (lambda r: r["services"]["llm"].update(protocol="smtp"), "services.llm.protocol: Input should be 'grpc' or"),
        (lambda r: r["services"]["llm"].update(colour="red"), "services.llm.colour: Extra inputs are not permitted"),
        (lambda r: r["services"].update({"No Name": {"protocol": "grpc"}}), "services.No Name"),
        (lambda r: r.update(services={}), "services: Dictionary should have at least 1 item"),
        (lambda r: r["edge_routes"][0].update(service="ghost"), "names the service 'ghost', which is not listed"),
        (lambda r: r["edge_routes"][0].update(service="product"), "names 'product', which does not speak http"),
        (lambda r: r["edge_routes"][1].update(prefix="/api/v1/chat/ws"), "edge route /api/v1/chat/ws is there twice"),
        (lambda r: r["edge_routes"][0].update(prefix="api"), "edge_routes.0.prefix"),
        (lambda r: r["edge_routes"][0].update(timeout=-1), "edge_routes.0.timeout"),
        (lambda r: r["edge_routes"][0].update(at_once={"usual_seconds": 0}), "edge_routes.0.at_once.usual_seconds"),
        (
            lambda r: r["edge_routes"][0].update(at_once={"usual_seconds": 1, "least": 9, "most": 8}),
            "least is more than most",
        ),
        (lambda r: r["edge_routes"][0].update(upgrade="h2c"), "edge_routes.0.upgrade"),
        (lambda r: r.update(egress=r["edge"]), "edge and egress cannot share one address and port"),
    ],
)
def test_mistake_is_explained(change: Callable[[dict[str, Any]], object], explanation: str) -> None:
    with pytest.raises(RegistryError) as caught:
        parse(broken(change), ())
    assert explanation in str(caught.value)


def test_all_mistakes_are_named_together() -> None:
    def change(content: dict[str, Any]) -> None:
        content["edge"]["port"] = 0
        content["services"]["llm"]["protocol"] = "smtp"

    with pytest.raises(RegistryError) as caught:
        parse(broken(change), ())
    assert "edge.port" in str(caught.value)
    assert "services.llm.protocol" in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "edge: [", "- 1", "just words", "a: !!python/object:os.system {}", "edge: 2026-99-99", "[" * 5000]
)
def test_text_that_is_no_registry_is_refused(text: str) -> None:
    with pytest.raises(RegistryError):
        parse(text, ())


def test_every_method_of_the_contracts_is_read_with_its_policy() -> None:
    read = {method.path: method for method in descriptors.methods()}
    assert read.keys() == policies().keys()
    for path, policy in policies().items():
        assert (read[path].service, read[path].retry_safe) == (policy.service, policy.retry_safe)
        assert (read[path].max_duration or read[path].timeout) == policy.deadline


def test_hops_in_front_of_the_edge_are_believed_and_no_more() -> None:
    said = yaml.safe_load(TEXT)
    said["edge"]["trusted_hops"] = 2
    assert parse(yaml.safe_dump(said), ()).edge_limits.trusted_hops == 2
    assert parse(TEXT, ()).edge_limits.trusted_hops == 0
    said["edge"]["trusted_hops"] = 11
    with pytest.raises(RegistryError, match="trusted_hops"):
        parse(yaml.safe_dump(said), ())
