"""S2 with a real Envoy: no bad token, no way of writing a path and no header from outside leads past it."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import jwt
import pytest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from bff.auth.accounts import Account
from bff.auth.signing_keys import KeyRing, SigningKey, SigningKeys, write
from bff.auth.tokens import AUDIENCE, ISSUER, AccessTokens
from services.runtime.errors import Unauthenticated
from tests.fakes.forged_tokens import by_secret
from tests.mesh.rig import HttpBackend, Mesh, eventually, free_port, registry

pytestmark = pytest.mark.servers

OURS = SigningKey.new(datetime(2026, 1, 1, tzinfo=UTC))
STRANGE = SigningKey.new(datetime(2026, 1, 1, tzinfo=UTC))


class Issuer:
    """Serves whatever keys it is given."""

    def __init__(self) -> None:
        self.ring = KeyRing([OURS])
        issuer = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(issuer.ring.jwks()).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *said: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.port = self._server.server_port
        Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    running = Issuer()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def mesh(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    shop = HttpBackend(free_port())
    stated = registry({}, shop.port)
    stated["services"]["issuer"] = {
        "protocol": "http",
        "endpoints": [{"address": "127.0.0.1", "port": issuer.port}],
    }
    stated["issuers"] = [
        {
            "issuer": ISSUER,
            "audiences": [AUDIENCE],
            "service": "issuer",
            "path": "/.well-known/jwks.json",
            "keys_seconds": 1,
        }
    ]
    stated["edge_routes"] = [
        {"prefix": "/api/v1/chat/ws", "service": "bff", "upgrade": "websocket", "timeout": 0},
        {"prefix": "/api/v1/auth/login", "service": "bff", "shown": "nothing"},
        {"prefix": "/api/", "service": "bff"},
        {"prefix": "/v1/", "service": "bff", "shown": "key"},
        {"prefix": "/", "service": "bff", "shown": "nothing"},
    ]
    running = Mesh(tmp_path_factory.mktemp("tokens"), stated)
    try:
        running.wait_until_ready()
        eventually(lambda: ask(running, token()).status_code == 200, within=15)
        yield running
    finally:
        running.stop()
        shop.stop()


def token(key: SigningKey = OURS, **changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "maya",
        "role": "shopper",
        "iat": now,
        "exp": now + 600,
        "jti": "1",
    }
    kept = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode(kept, key.private, algorithm="ES256", headers={"kid": key.id})


def _recoded(head: dict[str, Any], signature: str = "") -> str:
    body = token(role="admin", sub="admin").split(".")[1]
    return f"{jwt.utils.base64url_encode(json.dumps(head).encode()).decode()}.{body}.{signature}"


def claims_as_admin() -> dict[str, Any]:
    return dict(jwt.decode(token(sub="admin", role="admin"), options={"verify_signature": False}))


BAD: dict[str, Callable[[], str]] = {
    "none": lambda: _recoded({"alg": "none", "typ": "JWT"}),
    "none in capitals": lambda: _recoded({"alg": "NONE", "typ": "JWT"}),
    "none with our key's name": lambda: _recoded({"alg": "none", "kid": OURS.id}),
    "expired": lambda: token(exp=int(time.time()) - 60),
    "not yet": lambda: token(nbf=int(time.time()) + 600),
    "without an end": lambda: token(exp=None),
    "another audience": lambda: token(aud="aisle-somewhere-else"),
    "no audience": lambda: token(aud=None),
    "another issuer": lambda: token(iss="https://issuer.example"),
    "no issuer": lambda: token(iss=None),
    "another key": lambda: token(STRANGE),
    "another key by our name": lambda: token(SigningKey(OURS.id, STRANGE.private, OURS.signs_from)),
    "public key as a secret": lambda: by_secret({"kid": OURS.id}, claims_as_admin(), json.dumps(OURS.published())),
    "key of its own in its head": lambda: jwt.encode(
        claims_as_admin(),
        STRANGE.private,
        algorithm="ES256",
        headers={"kid": STRANGE.id, "jwk": STRANGE.published(), "jku": "http://127.0.0.1:1/keys"},
    ),
    "name of a key that is a path": lambda: by_secret({"kid": "../../../../dev/null"}, claims_as_admin(), ""),
    "other claims under the signature": lambda: ".".join(
        (token().split(".")[0], token(role="admin").split(".")[1], token().split(".")[2])
    ),
    "signature of noughts": lambda: _recoded({"alg": "ES256", "kid": OURS.id}, "A" * 86),
    "no signature": lambda: token().rsplit(".", 1)[0] + ".",
    "cut": lambda: token()[:-4],
    "two parts": lambda: token().rsplit(".", 1)[0],
    "two tokens": lambda: f"{token()},{token(STRANGE)}",
    "garbage": lambda: "garbage",
}


def ask(mesh: Mesh, shown: str, path: str = "/api/v1/orders", **headers: str) -> httpx2.Response:
    with httpx2.Client(base_url=f"http://{mesh.edge}", trust_env=False) as client:
        url = httpx2.URL(f"http://{mesh.edge}", raw_path=path.encode())
        told = {"authorization": f"Bearer {shown}"} if shown else {}
        return client.send(client.build_request("GET", url, headers={**told, **headers}))


@pytest.mark.parametrize("make", BAD.values(), ids=BAD.keys())
def test_bad_token_is_refused_at_the_edge_and_again_behind_it(
    mesh: Mesh, make: Callable[[], str], tmp_path: Path
) -> None:
    shown = make()
    answer = ask(mesh, shown)
    # A good token for somebody else is Envoy's only case of 403.
    assert (answer.status_code, answer.json()["reason"]) in (
        (401, "TOKEN_INVALID"),
        (401, "TOKEN_EXPIRED"),
        (403, "FORBIDDEN"),
    )
    assert answer.headers["content-type"] == "application/problem+json"
    file = tmp_path / "keys.json"
    write(file, KeyRing([OURS]))
    with pytest.raises(Unauthenticated):
        AccessTokens(SigningKeys(file), timedelta(minutes=5)).check(shown)


def test_token_that_has_ended_is_told_from_one_that_never_was_good(mesh: Mesh) -> None:
    assert ask(mesh, token(exp=int(time.time()) - 60)).json()["reason"] == "TOKEN_EXPIRED"
    assert ask(mesh, token(STRANGE)).json()["reason"] == "TOKEN_INVALID"


def test_good_token_is_passed_on_and_its_claims_told(mesh: Mesh, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    write(file, KeyRing([OURS]))
    tokens = AccessTokens(SigningKeys(file), timedelta(minutes=5))
    issued = tokens.issue(Account("maya", "maya@shop.example", "Maya", "shopper", ""))
    seen = ask(mesh, issued).json()["headers"]
    assert (seen["x-aisle-subject"], seen["x-aisle-role"]) == ("maya", "shopper")
    # The service behind can verify it again.
    assert tokens.check(seen["authorization"].removeprefix("Bearer ")).subject == "maya"


def test_nobody_passes_as_nobody(mesh: Mesh) -> None:
    seen = ask(mesh, "").json()["headers"]
    assert [name for name in seen if name.startswith("x-aisle")] == []


LIES = {"x-aisle-subject": "admin", "X-Aisle-Role": "admin", "x-aisle-caller": "bff", "x-aisle-address": "192.0.2.1"}


@pytest.mark.parametrize("path", ["/api/v1/orders", "/api/v1/auth/login", "/v1/models", "/assets/app.js"])
def test_headers_that_name_somebody_are_dropped_on_every_route(mesh: Mesh, path: str) -> None:
    seen = ask(mesh, "", path, **LIES).json()["headers"]
    assert [name for name in seen if name.startswith("x-aisle")] == []


def test_headers_that_name_somebody_else_do_not_change_whom_a_token_names(mesh: Mesh) -> None:
    seen = ask(mesh, token(), **LIES).json()["headers"]
    named = {name: value for name, value in seen.items() if name.startswith("x-aisle")}
    assert named == {"x-aisle-subject": "maya", "x-aisle-role": "shopper"}


# Ways of writing a path that is asked for a token, as one that is not.
TRICKS = [
    "//api/v1/orders",
    "/api//v1//orders",
    "/assets/../api/v1/orders",
    "/assets/./../api/v1/orders",
    "/v1/../api/v1/orders",
    "/api/v1/auth/login/../../orders",
    "/api/./v1/orders",
    "/%61pi/v1/orders",
    "/api/v1/%6frders",
    "/assets/%2e%2e/api/v1/orders",
    "/assets/%2E%2E/api/v1/orders",
    "/assets%2f..%2fapi/v1/orders",
    "/assets%5c..%5capi/v1/orders",
    "/assets/..%2fapi/v1/orders",
    "/api/v1/auth/login%2f..%2f..%2forders",
    "/api/v1/orders?/v1/",
    "/api/v1/orders;/assets",
    "/api/v1/orders/",
    "/assets/..;/api/v1/orders",
]


@pytest.mark.parametrize("path", TRICKS)
def test_no_way_of_writing_a_path_leads_past_the_token(mesh: Mesh, path: str) -> None:
    bad = token(STRANGE, role="admin")
    for _ in range(4):
        answer = ask(mesh, bad, path)
        if answer.status_code not in (301, 307, 308):
            break
        path = answer.headers["location"]
    if answer.status_code == 200:
        # What passed is a path that the service, too, reads as none of those that need a token.
        seen = answer.json()
        assert not seen["path"].startswith("/api/v1/orders")
        assert not [name for name in seen["headers"] if name.startswith("x-aisle")]
        assert ".." not in seen["path"] or ";" in seen["path"]
    else:
        assert answer.status_code in (400, 401, 404)


def test_socket_is_opened_and_told_by_the_service_why_it_closes(mesh: Mesh) -> None:
    for shown in (token(), token(STRANGE)):
        offered = [Subprotocol("aisle.chat.v1"), Subprotocol(f"aisle.token.{shown}")]
        with connect(f"ws://{mesh.edge}/api/v1/chat/ws", subprotocols=offered, proxy=None) as line:
            line.send("hello")
            assert line.recv(timeout=5) == "echo 5"


def test_absolute_form_and_two_authorizations_change_nothing(mesh: Mesh) -> None:
    host, port = mesh.edge.split(":")
    for start, more in (
        (f"GET http://{mesh.edge}/api/v1/orders HTTP/1.1", ""),
        ("GET /api/v1/orders HTTP/1.1", f"Authorization: Bearer {token()}\r\n"),
    ):
        with closing(socket.create_connection((host, int(port)), 5)) as line:
            head = f"{start}\r\nHost: shop\r\n{more}Authorization: Bearer {token(STRANGE)}\r\nConnection: close\r\n\r\n"
            line.sendall(head.encode())
            assert line.recv(65536).split(b" ")[1] in (b"400", b"401")


def test_keys_change_without_refusing_a_token(mesh: Mesh, issuer: Issuer) -> None:
    successor = SigningKey.new(datetime.now(UTC))
    try:
        issuer.ring = KeyRing([OURS, successor])
        # Before it signs, everybody has it; the old one is good all the while.
        eventually(lambda: ask(mesh, token(successor)).status_code == 200, within=10)
        assert ask(mesh, token(OURS)).status_code == 200
        issuer.ring = KeyRing([successor])
        eventually(lambda: ask(mesh, token(OURS)).status_code == 401, within=10)
        assert ask(mesh, token(successor)).status_code == 200
    finally:
        issuer.ring = KeyRing([OURS])
        eventually(lambda: ask(mesh, token(OURS)).status_code == 200, within=10)


def test_issuer_that_is_away_changes_nothing_for_keys_that_are_known(mesh: Mesh, issuer: Issuer) -> None:
    good = issuer.ring
    try:
        issuer.ring = None  # type: ignore[assignment] # every answer breaks off
        time.sleep(2.5)
        assert ask(mesh, token()).status_code == 200
        assert ask(mesh, token(STRANGE)).status_code == 401
    finally:
        issuer.ring = good
