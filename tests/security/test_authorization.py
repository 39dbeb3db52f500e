"""Every method and every route, asked by everybody, answers as the declared policy says.

For methods the policy stands in the protos, for routes in bff/access.py. One that has no policy fails here and at the
start. "Allowed" is any answer but that one has to sign in or may not.
"""

from typing import Any

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from bff.access import ACCESS, Least
from local.ports import SERVICES
from services.runtime.interceptors import ROLES
from services.runtime.policy import methods_without_policy, policies
from tests.security.world import World

# Every identity a certificate in the mesh may carry, one it never carries, and none.
CALLERS = ("bff", "cli", *SERVICES, "control-plane", "edge", "envoy", "mallory", "")
USER_ROLES = ("anonymous", "shopper", "admin", "root", "")
PEOPLE = ("anonymous", "visitor", "shopper", "other", "admin", "forged")
# What each level lets in.
WELCOME = {
    Least.NOTHING: set(PEOPLE),
    Least.ANYONE: {"anonymous", "visitor", "shopper", "other", "admin"},
    Least.SOMEBODY: {"visitor", "shopper", "other", "admin"},
    Least.MEMBER: {"shopper", "other", "admin"},
    Least.ADMIN: {"admin"},
}
SAMPLES = {
    "product_id": "wool-slippers",
    "session_id": "00000000-0000-0000-0000-000000000000",
    "article_id": "returns",
    "report": "daily",
    "key_id": "gone",
    "budget_id": "gone",
    "trace_id": "0" * 32,
    "key:path": "products/a.webp",
}


def test_no_method_is_without_a_policy() -> None:
    assert not methods_without_policy()


@pytest.mark.parametrize("method", sorted(policies()))
def test_method_answers_whom_its_policy_names_and_nobody_else(world: World, method: str) -> None:
    """The empty request changes nothing, and who may not call is told so before it is looked at."""
    policy = policies()[method]
    wrong = []
    for caller in CALLERS:
        for role in USER_ROLES:
            code, words, _ = world.call(
                method, b"", x_aisle_caller=caller, x_aisle_role=role, x_aisle_subject="somebody-else"
            )
            answer = code.name
            if caller not in policy.callers:
                right = answer == "PERMISSION_DENIED"
            elif ROLES.get(role, 0) >= policy.role:
                right = answer not in ("PERMISSION_DENIED", "UNAUTHENTICATED")
            else:
                right = answer == ("UNAUTHENTICATED" if role == "anonymous" else "PERMISSION_DENIED")
            if not right:
                wrong.append(f"{caller or 'nobody'} as {role or 'nothing'}: {answer} {words}")
    assert not wrong


@pytest.mark.parametrize("method", sorted(policies()))
def test_call_without_any_identity_is_refused(world: World, method: str) -> None:
    code, words, _ = world.call(method, b"")
    assert code.name == "PERMISSION_DENIED", words


@pytest.mark.parametrize(
    "claimed",
    [
        {"x_aisle_caller": "BFF"},
        {"x_aisle_caller": " bff"},
        {"x_aisle_caller": "bff,cli"},
        {"x_aisle_caller": "spiffe://aisle/bff"},
        {"x_aisle_caller": "product", "x_aisle_role": "admin"},
        {"x_forwarded_client_cert": "URI=spiffe://aisle/ns/shop/sa/bff"},
        {"authorization": "Bearer bff"},
    ],
)
def test_identity_that_only_looks_like_one_is_refused(world: World, claimed: dict[str, str]) -> None:
    code, words, _ = world.call("/aisle.product.v1.ProductService/DeleteProduct", b"", **claimed)
    assert code.name == "PERMISSION_DENIED", words


@pytest.mark.parametrize("key", sorted(key for key in ACCESS if not key.startswith("WS ")))
def test_route_answers_whom_the_table_names_and_nobody_else(world: World, key: str) -> None:
    method, _, template = key.partition(" ")
    path = template
    for name, value in SAMPLES.items():
        path = path.replace("{" + name + "}", value)
    assert "{" not in path, f"add a sample for {template}"
    wrong = []
    for who in PEOPLE:
        headers = {"Authorization": "Bearer forged.to.ken"} if who == "forged" else world.headers(who)
        answer = _ask(world, method, path, headers)
        if not _right(answer, who, ACCESS[key]):
            wrong.append(f"{who}: {answer.status_code} {answer.text[:200]}")
    assert not wrong


def _ask(world: World, method: str, path: str, headers: dict[str, str]) -> httpx2.Response:
    with world.client() as client:
        body: dict[str, Any] = {"json": {}} if method in ("POST", "PUT", "PATCH") else {}
        return client.request(method, path, headers=headers, **body)


def _right(answer: httpx2.Response, who: str, least: Least) -> bool:
    if least is Least.NOTHING:
        # These have their own way to find out who asks: a password, a refresh token or the cookie, a signature. Another
        # issuer there is none here.
        reasons = (
            "CREDENTIALS_WRONG", "REFRESH_TOKEN_INVALID", "CROSS_SITE", "MEDIA_SIGNATURE_INVALID", "FIELD_INVALID",
            "ISSUER_NOT_FOUND",
        )  # fmt: skip
        return answer.status_code < 400 or answer.status_code == 422 or answer.json()["reason"] in reasons
    if who in WELCOME[least]:
        # 503 is what the page about the mesh says here: there is no Envoy beside this platform.
        return answer.status_code not in (401, 403, 500)
    refused = 403 if who in ("shopper", "other") else 401
    told = {"anonymous": "SIGN_IN_REQUIRED", "visitor": "SIGN_IN_REQUIRED", "forged": "TOKEN_INVALID"}
    return answer.status_code == refused and answer.json()["reason"] == told.get(who, "ROLE_TOO_LOW")


@pytest.mark.parametrize("key", sorted(key for key in ACCESS if key.startswith("WS ")))
def test_socket_opens_for_whom_the_table_names_and_nobody_else(world: World, key: str) -> None:
    url = world.url.replace("http", "ws") + key.removeprefix("WS ")
    for who in PEOPLE:
        own = {"Authorization": "Bearer forged.to.ken"} if who == "forged" else world.headers(who)
        visitor, token = own.get("X-Visitor-Id", ""), own.get("Authorization", "").removeprefix("Bearer ")
        offered = [Subprotocol("aisle.chat.v1"), Subprotocol(f"aisle.token.{token}")]
        with connect(f"{url}?visitor={visitor}", subprotocols=offered if token else None) as socket:
            if who in WELCOME[ACCESS[key]]:
                assert '"ready"' in str(socket.recv(10)), who
                continue
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(10)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4401, who


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/x", "/v1/chat/completions", "/v1/embeddings", "/v1/other"])
@pytest.mark.parametrize("given", ["", "Bearer", "Bearer  ", "Bearer sk-unknown", "Basic c2s6", "bearer\x00x"])
def test_openai_door_knows_nobody_without_a_key(world: World, path: str, given: str) -> None:
    headers = {"Authorization": given} if given else {}
    method = "POST" if path.endswith(("completions", "embeddings")) else "GET"
    try:
        answer = httpx2.request(method, world.openai_url + path, headers=headers, json={}, trust_env=False)
    except (httpx2.LocalProtocolError, ValueError):
        return  # not even a header
    assert answer.status_code in (400, 401), answer.text
