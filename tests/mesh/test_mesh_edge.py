"""The edge as the world outside meets it: a real Envoy before a small HTTP backend."""

import re
from collections.abc import Iterator

import httpx2
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.mesh.rig import Mesh, eventually

pytestmark = pytest.mark.servers

MEBIBYTE = 1 << 20


@pytest.fixture
def edge(mesh: Mesh) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=f"http://{mesh.edge}", trust_env=False, follow_redirects=False) as client:
        # The backend's first health check may still be under way.
        eventually(lambda: client.get("/api/hello").status_code == 200)
        yield client


def problem(response: httpx2.Response) -> dict[str, object]:
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert set(body) == {"type", "title", "status", "detail", "reason", "request_id"}
    assert body["status"] == response.status_code
    assert body["request_id"]
    return dict(body)


def test_request_passes_with_a_request_id(edge: httpx2.Client) -> None:
    answer = edge.get("/api/v1/products?q=tea")
    assert answer.json()["path"] == "/api/v1/products"
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.json()["headers"]["x-request-id"])
    assert answer.headers["x-request-id"] == answer.json()["headers"]["x-request-id"]
    assert answer.headers["server"] == "aisle"


def test_request_id_of_the_client_is_kept(edge: httpx2.Client) -> None:
    answer = edge.get("/api/hello", headers={"x-request-id": "from-the-client"})
    assert answer.json()["headers"]["x-request-id"] == "from-the-client"


def test_identity_headers_from_outside_are_dropped(edge: httpx2.Client) -> None:
    lies = {"X-Aisle-Role": "admin", "x-aisle-subject": "somebody", "x-aisle-caller": "bff", "x-aisles": "kept"}
    seen = edge.get("/api/hello", headers=lies).json()["headers"]
    assert [name for name in seen if name.startswith("x-aisle")] == ["x-aisles"]


def test_answer_tells_nothing_of_the_upstream(edge: httpx2.Client) -> None:
    assert [name for name in edge.get("/api/hello").headers if name.startswith("x-envoy")] == []


@pytest.mark.parametrize(
    ("asked", "seen"),
    [("/api//v1///products", "/api/v1/products"), ("/shop/../api/hello", "/api/hello"), ("/api/./hello", "/api/hello")],
)
def test_path_is_normalised_before_it_is_routed(edge: httpx2.Client, mesh: Mesh, asked: str, seen: str) -> None:
    answer = edge.send(edge.build_request("GET", httpx2.URL(f"http://{mesh.edge}", raw_path=asked.encode())))
    assert answer.json()["path"] == seen


def test_escaped_slash_is_answered_by_a_redirect(edge: httpx2.Client, mesh: Mesh) -> None:
    answer = edge.send(edge.build_request("GET", httpx2.URL(f"http://{mesh.edge}", raw_path=b"/shop%2f..%2fapi/hello")))
    assert (answer.status_code, answer.headers["location"]) == (307, "/api/hello")


def test_header_with_an_underscore_is_refused(edge: httpx2.Client) -> None:
    answer = edge.get("/api/hello", headers={"x_aisle_role": "admin"})
    assert answer.status_code == 400


def test_headers_larger_than_allowed_are_refused(edge: httpx2.Client) -> None:
    answer = edge.get("/api/hello", headers={"x-long": "a" * 40_000})
    assert answer.status_code == 431


def test_body_up_to_the_limit_passes_and_a_larger_one_is_a_problem(edge: httpx2.Client) -> None:
    assert edge.post("/api/things", content=b"x" * (MEBIBYTE - 1)).json()["size"] == MEBIBYTE - 1
    refused = edge.post("/api/things", content=b"x" * (MEBIBYTE + 100_000))
    assert refused.status_code == 413
    assert problem(refused)["title"] == "Content too large"


def test_chunked_body_is_limited_too(edge: httpx2.Client) -> None:
    refused = edge.post("/api/things", content=(b"x" * 65_536 for _ in range(32)))
    assert refused.status_code == 413


def test_completions_take_larger_bodies(edge: httpx2.Client) -> None:
    assert edge.post("/v1/chat/completions", content=b"x" * (3 * MEBIBYTE)).json()["size"] == 3 * MEBIBYTE
    refused = edge.post("/v1/chat/completions", content=b"x" * (5 * MEBIBYTE))
    assert refused.status_code == 413
    error = refused.json()["error"]
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", "content_too_large", None)


def test_completions_that_are_away_say_so_as_clients_of_openai_know_it(edge: httpx2.Client) -> None:
    answer = edge.get("/v1/away/models")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["error"]["type"] == "server_error"


def test_unknown_path_is_a_problem(edge: httpx2.Client, mesh: Mesh) -> None:
    answer = edge.get("/nothing-here")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["reason"] == "NOT_FOUND"


def test_headers_beyond_the_limit_are_a_problem_though_their_path_is_unknown(edge: httpx2.Client) -> None:
    answer = edge.get("/api/v1/products/search?q=" + "x" * 60_000)
    assert answer.status_code == 431
    assert answer.headers["content-type"] == "application/problem+json"


def test_service_that_is_away_is_a_problem_on_the_api(edge: httpx2.Client) -> None:
    answer = edge.get("/api/away")
    assert answer.status_code == 503
    assert problem(answer)["title"] == "Unavailable"
    assert answer.headers["retry-after"] == "1"
    assert "127.0.0.1" not in answer.text


def test_service_that_is_away_is_a_page_that_comes_back_for_people(edge: httpx2.Client) -> None:
    answer = edge.get("/away")
    assert answer.status_code == 503
    assert answer.headers["content-type"].startswith("text/html")
    assert 'http-equiv="refresh"' in answer.text


def test_websocket_opens_where_it_is_declared_and_is_never_held_back(edge: httpx2.Client, mesh: Mesh) -> None:
    with connect(f"ws://{mesh.edge}/api/v1/chat/ws", proxy=None) as socket:
        for _ in range(3):
            # Together more than the body limit of a request.
            socket.send("a" * 700_000)
            assert socket.recv(timeout=5) == "echo 700000"


@pytest.mark.parametrize("path", ["/api/v1/products", "/shop"])
def test_websocket_opens_nowhere_else(edge: httpx2.Client, mesh: Mesh, path: str) -> None:
    with pytest.raises(InvalidStatus) as caught, connect(f"ws://{mesh.edge}{path}", proxy=None):
        pass
    assert caught.value.response.status_code == 403
