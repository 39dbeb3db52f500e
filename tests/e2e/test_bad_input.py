"""Whatever comes in, the shop answers with a clear 4xx and a problem detail, and goes on."""

import base64
import hashlib
import hmac
import http.client
import json
import time
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import jwt
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from bff.auth import signing_keys
from tests.e2e.shop import Shop, visitor

HUGE = "x" * 100_000


def forged(claims: dict[str, Any], algorithm: str = "HS256", key: str = "guessed") -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    body = f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(claims)}"
    signature = hmac.new(key.encode(), body.encode(), hashlib.sha256).digest() if algorithm != "none" else b""
    return f"{body}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def signed_by_the_shop(shop: Shop, claims: dict[str, Any]) -> str:
    key = signing_keys.read(shop.home / "signing-keys.json").signing(datetime.now(UTC))
    return jwt.encode(claims, key.private, algorithm="ES256", headers={"kid": key.id})


# Everything a good token has: what is refused below is refused for its signature, its algorithm or its age alone.
ADMIN_CLAIMS = {
    "sub": "admin",
    "role": "admin",
    "iat": int(time.time()) - 60,
    "exp": int(time.time()) + 900,
    "iss": "aisle",
    "aud": "aisle-storefront",
    "jti": str(uuid4()),
}
CASES: list[tuple[str, str, str, dict[str, Any], set[int]]] = [
    ("unknown product", "GET", "/api/v1/products/no-such-thing", {}, {404}),
    ("id that cannot be one", "GET", "/api/v1/products/%F0%9F%92%A5%00", {}, {400, 404}),
    ("path trick", "GET", "/api/v1/products/..%2f..%2fetc%2fpasswd", {"follow_redirects": True}, {400, 404}),
    ("reviews of nothing", "GET", "/api/v1/products/no-such-thing/reviews", {}, {404}),
    ("empty query", "GET", "/api/v1/products/search?q=", {}, {400, 422}),
    ("no query", "GET", "/api/v1/products/search", {}, {400, 422}),
    ("page size that is no number", "GET", "/api/v1/products?page_size=many", {}, {400, 422}),
    ("negative page size", "GET", "/api/v1/products?page_size=-1", {}, {400, 422}),
    ("page token of somebody else", "GET", "/api/v1/products?page_token=AAAA", {}, {400, 422}),
    ("unknown placement", "GET", "/api/v1/recommendations?placement=moon", {}, {400, 422}),
    ("product page without product", "GET", "/api/v1/recommendations?placement=product", {}, {400, 422}),
    ("visitor that is no uuid", "GET", "/api/v1/recommendations?placement=home", {"headers": {"X-Visitor-Id": "me"}}, {400}),
    ("malformed JSON", "POST", "/api/v1/events", {"content": b"{", "headers": {"Content-Type": "application/json"}}, {400, 422}),
    ("JSON of another shape", "POST", "/api/v1/events", {"json": [1, 2]}, {400, 422}),
    ("event of an unknown type", "POST", "/api/v1/events", {"json": {"events": [{"type": "teleport"}]}}, {400, 422}),
    ("not JSON at all", "POST", "/api/v1/auth/login", {"content": b"\xff\xfe", "headers": {"Content-Type": "text/plain"}}, {400, 415, 422}),
    ("wrong password", "POST", "/api/v1/auth/login", {"json": {"email": "maya@lanternandloom.example", "password": "not this one"}}, {401}),
    ("weak password", "POST", "/api/v1/auth/register", {"json": {"email": "a@b.example", "password": "short", "name": "A"}}, {400, 422}),
    ("body beyond the limit", "POST", "/api/v1/events", {"content": b"[" + b" " * 3_000_000 + b"]", "headers": {"Content-Type": "application/json"}}, {413}),
    ("no token where one is needed", "POST", "/api/v1/products", {"json": {}}, {401}),
    ("token that is noise", "GET", "/api/v1/auth/me", {"headers": {"Authorization": "Bearer noise"}}, {401}),
    ("token of another key", "GET", "/api/v1/analytics/overview", {"headers": {"Authorization": f"Bearer {forged(ADMIN_CLAIMS)}"}}, {401}),
    ("token without signature", "GET", "/api/v1/analytics/overview", {"headers": {"Authorization": f"Bearer {forged(ADMIN_CLAIMS, 'none')}"}}, {401}),
    ("identity headers from outside", "GET", "/api/v1/analytics/overview", {"headers": {"x-aisle-role": "admin", "x-aisle-caller": "bff"}}, {401}),
    ("unknown route", "GET", "/api/v1/nothing/here", {}, {404}),
    ("wrong method", "DELETE", "/api/v1/categories", {}, {405}),
    ("foreign chat session", "GET", "/api/v1/chat/sessions/00000000-0000-0000-0000-000000000000", {"headers": visitor()}, {404}),
    ("forged media address", "GET", "/media/products/x/1.webp?expires=9999999999&signature=00", {}, {403, 404}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "options", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_bad_request_gets_a_problem_detail(
    shop: Shop, method: str, path: str, options: dict[str, Any], expected: set[int]
) -> None:
    options = (
        {"headers": visitor(), **options} if path.startswith("/api/v1/events") and "headers" not in options else options
    )
    with shop.client() as client:
        reply = client.request(method, path, **options)
    assert reply.status_code in expected, reply.text
    if reply.status_code not in (414, 431):
        assert reply.headers["content-type"].startswith("application/problem+json"), reply.text
        problem = reply.json()
        assert problem["status"] == reply.status_code
        assert problem["title"]
    assert "Traceback" not in reply.text


def test_query_of_100_kb_is_refused(shop: Shop) -> None:
    """Sent by a client without limits of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", shop.ports["edge"], timeout=10)
    connection.request("GET", f"/api/v1/products/search?q={HUGE}")
    assert connection.getresponse().status in (400, 413, 414, 422, 431)
    with shop.client() as client:
        assert client.get(f"/api/v1/products/search?q={HUGE[:5000]}").status_code in (400, 422)


def test_expired_token_is_refused(shop: Shop) -> None:
    expired = signed_by_the_shop(shop, {**ADMIN_CLAIMS, "exp": 1})
    with shop.client() as client:
        reply = client.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {expired}"})
    assert (reply.status_code, reply.json()["reason"]) == (401, "TOKEN_EXPIRED")


def test_token_of_the_right_key_is_accepted(shop: Shop) -> None:
    """Without this, the refusals above could have any reason."""
    good = signed_by_the_shop(shop, ADMIN_CLAIMS)
    with shop.client() as client:
        reply = client.get("/api/v1/analytics/overview", headers={"Authorization": f"Bearer {good}"})
    assert reply.status_code == 200, reply.text


def test_shopper_may_not_do_what_staff_does(shop: Shop) -> None:
    with shop.signed_in("shopper") as maya:
        assert maya.get("/api/v1/analytics/overview").status_code == 403
        assert maya.delete("/api/v1/products/tarn-hiking-socks").status_code == 403


@pytest.mark.parametrize(
    "garbage", ["not json", "[]", '{"type": "dance"}', '{"type": "send"}', '{"type": "send", "text": 5}', b"\x00\xff"]
)
def test_garbage_closes_the_socket_with_a_code_and_the_session_survives(shop: Shop, garbage: str | bytes) -> None:
    who = visitor()["X-Visitor-Id"]
    socket_url = shop.url.replace("http", "ws") + "/api/v1/chat/ws"
    with connect(f"{socket_url}?visitor={who}") as socket:
        session = json.loads(socket.recv(10))["session_id"]
        socket.send(garbage)
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                socket.recv(10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code in (4400, 1003, 1007)
    with connect(f"{socket_url}?visitor={who}&session={session}") as again:
        assert json.loads(again.recv(10))["session_id"] == session


def test_oversized_message_closes_the_socket(shop: Shop) -> None:
    who = visitor()["X-Visitor-Id"]
    with connect(shop.url.replace("http", "ws") + f"/api/v1/chat/ws?visitor={who}") as socket:
        socket.recv(10)
        with pytest.raises(ConnectionClosed) as closed:
            socket.send("x" * 500_000)
            while True:
                socket.recv(10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009
