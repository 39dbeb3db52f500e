"""API9:2023. What is served is what is published, in one version, and there is no other door left open."""

import json
from pathlib import Path

import pytest
from grpc import StatusCode

from bff import access
from bff.app import create_api, document
from services.runtime.policy import policies
from tests.security.world import World

# Served on purpose without being part of the API: signed pictures, the document itself, and the socket, which OpenAPI
# has no words for.
BESIDES = {"GET /media/{key:path}", "GET /api/openapi.json", "WS /api/v1/chat/ws"}
FORGOTTEN = (
    "/api", "/api/", "/api/v0/products", "/api/v2/products", "/api/v1", "/api/v1/", "/v1", "/v2/chat/completions",
    "/docs", "/redoc", "/api/docs", "/swagger", "/swagger.json", "/openapi.json", "/graphql", "/metrics", "/debug",
    "/debug/pprof", "/admin/api", "/actuator", "/server-status", "/.env", "/.git/config", "/.git/HEAD", "/config.json",
    "/api/v1/users", "/api/v1/accounts", "/api/v1/admin", "/api/v1/internal", "/api/v1/debug", "/api/v1/test",
    "/stats", "/config_dump", "/clusters", "/ready", "/api/v1/orders", "/phpinfo.php", "/wp-login.php",
)  # fmt: skip


def test_every_served_route_is_published_and_every_published_one_is_served() -> None:
    app = create_api()
    published = {
        f"{method.upper()} {path}" for path, operations in document(app)["paths"].items() for method in operations
    }
    assert {key for key, _ in access.routes(app)} - BESIDES == published


def test_published_document_is_the_one_that_is_served(world: World) -> None:
    with world.client() as client:
        served = client.get("/api/openapi.json").json()
    kept = Path(__file__).resolve().parents[2] / "frontend" / "openapi.json"
    assert served == json.loads(kept.read_text())


@pytest.mark.parametrize("path", FORGOTTEN)
def test_no_forgotten_door_is_open(world: World, path: str) -> None:
    for who in ("anonymous", "admin"):
        with world.client(who) as client:
            answer = client.get(path)
        assert answer.status_code in (401, 404), (path, answer.status_code, answer.text[:200])


@pytest.mark.parametrize("path", ["/v1/files", "/v1/completions", "/v1/fine_tuning/jobs", "/metrics", "/v1/admin", "/"])
def test_openai_door_serves_what_it_says_and_no_more(world: World, path: str) -> None:
    with world.client() as client:
        answer = client.get(
            world.openai_url + path, headers={"Authorization": f"Bearer {world.plan.api_keys.split(',')[0]}"}
        )
    assert answer.status_code == 404, answer.text


@pytest.mark.parametrize(
    "method",
    [
        "/aisle.product.v1.ProductService/DropProducts",
        "/aisle.product.v2.ProductService/GetProduct",
        "/aisle.product.v1alpha1.ProductService/GetProduct",
        "/aisle.order.v1.OrderService/GetOrder",
        "/aisle.product.v1.ProductService/getProduct",
        "/ProductService/GetProduct",
        "/grpc.channelz.v1.Channelz/GetServers",
        "/",
        "/aisle.",
    ],
)
def test_method_outside_the_contracts_is_unknown(world: World, method: str) -> None:
    code, _, _ = world.call(method, b"", x_aisle_caller="bff", x_aisle_role="admin")
    assert code is StatusCode.UNIMPLEMENTED


def test_every_method_of_the_contracts_is_served(world: World) -> None:
    """A contract nobody answers for would be a promise; one that is served without a contract would be a door."""
    for method in policies():
        code, words, _ = world.call(method, b"", x_aisle_caller="mallory")
        assert code is StatusCode.PERMISSION_DENIED, (method, words)
