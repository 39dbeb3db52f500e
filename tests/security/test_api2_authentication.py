"""API2:2023. Tokens not ours, not good any more or not meant for us speak for nobody; passwords cannot be tried."""

import base64
import json
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import pytest

from bff.auth import signing_keys
from tests.security.world import PASSWORD, World

NOW = int(time.time())
GOOD: dict[str, Any] = {
    "iss": "aisle",
    "aud": "aisle-storefront",
    "sub": "admin",
    "role": "admin",
    "iat": NOW - 5,
    "exp": NOW + 900,
    "jti": "j",
}
WRONG: dict[str, dict[str, Any]] = {
    "ended": {"exp": NOW - 60},
    "another issuer": {"iss": "elsewhere"},
    "another audience": {"aud": "another-shop"},
    "list of other audiences": {"aud": ["a", "b"]},
    "no subject": {"sub": ""},
    "role nobody has": {"role": "root"},
    "role that is a list": {"role": ["admin"]},
    "issued in the future": {"iat": NOW + 3600},
    "not yet good": {"nbf": NOW + 3600},
    "end that is no number": {"exp": "never"},
}


def _part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _signed(world: World, claims: dict[str, Any]) -> str:
    """Return a token of the shop's own key: what is refused of it is refused for its claims."""
    key = signing_keys.read(Path(world.plan.signing_keys)).keys[-1]
    body = f"{_part({'alg': 'ES256', 'typ': 'JWT', 'kid': key.id})}.{_part(claims)}"
    algorithm = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256)
    return f"{body}.{_part(algorithm.sign(body.encode(), key.private))}"


def _refused(world: World, token: str) -> None:
    with world.client() as client:
        for path in ("/api/v1/auth/me", "/api/v1/gateway/keys", "/api/v1/products"):
            answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 401, (path, answer.text)
            assert token not in answer.text


@pytest.mark.parametrize("why", sorted(WRONG))
def test_token_with_a_wrong_claim_is_refused(world: World, why: str) -> None:
    _refused(world, _signed(world, {**GOOD, **WRONG[why]}))


@pytest.mark.parametrize("missing", sorted(GOOD))
def test_token_without_a_claim_is_refused(world: World, missing: str) -> None:
    claims = {key: value for key, value in GOOD.items() if key != missing}
    _refused(world, _signed(world, claims))


@pytest.mark.parametrize("key", ["guessed-key-of-thirty-two-characters!", "a" * 32, "secret" * 6])
def test_token_of_another_key_is_refused(world: World, key: str) -> None:
    _refused(world, jwt.encode(GOOD, key, algorithm="HS256"))


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", "HS256", "RS256", ""])
def test_token_without_a_signature_is_refused(world: World, algorithm: str) -> None:
    _refused(world, f"{_part({'alg': algorithm, 'typ': 'JWT'})}.{_part(GOOD)}.")


@pytest.mark.parametrize("extra", [{"kid": "../../dev/null"}, {"jku": "http://127.0.0.1/k"}, {"jwk": {"kty": "oct"}}])
def test_header_does_not_choose_the_key(world: World, extra: dict[str, Any]) -> None:
    _refused(world, jwt.encode(GOOD, "k" * 40, algorithm="HS256", headers=extra))


def test_real_token_with_changed_claims_is_refused(world: World) -> None:
    token = world.headers("shopper")["Authorization"].removeprefix("Bearer ")
    header, _, signature = token.split(".")
    _refused(world, f"{header}.{_part(GOOD)}.{signature}")
    _refused(world, token[:-3] + ("AAA" if not token.endswith("AAA") else "BBB"))


@pytest.mark.parametrize("scheme", ["Basic", "bearer2", "Token", "Bearer,Bearer"])
def test_only_bearer_tokens_count(world: World, scheme: str) -> None:
    token = world.headers("admin")["Authorization"].removeprefix("Bearer ")
    with world.client() as client:
        assert client.get("/api/v1/auth/me", headers={"Authorization": f"{scheme} {token}"}).status_code == 401


@pytest.mark.parametrize("place", ["?token={}", "?access_token={}", "?authorization=Bearer%20{}"])
def test_token_in_an_address_opens_no_route(world: World, place: str) -> None:
    """Addresses end in logs and histories; not even the socket reads a token there."""
    token = world.headers("admin")["Authorization"].removeprefix("Bearer ")
    with world.client() as client:
        assert client.get("/api/v1/gateway/keys" + place.format(token)).status_code == 401


@pytest.mark.parametrize("headers", [
    {"x-aisle-role": "admin", "x-aisle-caller": "bff", "x-aisle-subject": "admin"},
    {"X-Forwarded-User": "admin"},
    {"x-jwt-payload": _part(GOOD)},
    {"X-Original-URL": "/healthz"},
])  # fmt: skip
def test_identity_told_by_headers_is_ignored(world: World, headers: dict[str, str]) -> None:
    with world.client() as client:
        assert client.get("/api/v1/gateway/keys", headers=headers).status_code == 401
        shopper = {**world.headers("shopper"), **headers}
        assert client.get("/api/v1/gateway/keys", headers=shopper).status_code == 403


def test_unknown_email_and_wrong_password_are_told_alike(world: World) -> None:
    answers = []
    for email in ("maya@lanternandloom.example", f"{uuid4().hex}@nowhere.example"):
        with world.client() as client:
            answer = client.post("/api/v1/auth/login", json={"email": email, "password": "not-the-password"})
        problem = answer.json()
        problem.pop("request_id")
        answers.append((answer.status_code, problem))
    assert answers[0] == answers[1]
    assert answers[0][0] == 401


def test_passwords_of_one_account_cannot_be_tried_on_and_on(world: World) -> None:
    body = {"email": f"{uuid4().hex}@victim.example", "password": "guess-number-one"}
    with world.client() as client:
        statuses = [client.post("/api/v1/auth/login", json=body).status_code for _ in range(12)]
    assert 429 in statuses
    assert 200 not in statuses


def test_refresh_token_is_good_once_and_a_stolen_one_ends_the_session(world: World) -> None:
    with world.client() as client:
        login = {"email": "maya@lanternandloom.example", "password": PASSWORD, "session_kept_in": "body"}
        first = client.post("/api/v1/auth/login", json=login).json()["refresh_token"]
        second = client.post("/api/v1/auth/refresh", json={"refresh_token": first}).json()["refresh_token"]
        assert client.post("/api/v1/auth/refresh", json={"refresh_token": first}).status_code == 401
        # Whoever was second to use the stolen one: neither goes on.
        assert client.post("/api/v1/auth/refresh", json={"refresh_token": second}).status_code == 401


def test_access_and_refresh_tokens_do_not_stand_for_each_other(world: World) -> None:
    with world.client() as client:
        login = {"email": "maya@lanternandloom.example", "password": PASSWORD, "session_kept_in": "body"}
        session = client.post("/api/v1/auth/login", json=login).json()
        wrong = client.post("/api/v1/auth/refresh", json={"refresh_token": session["access_token"]})
        assert wrong.status_code in (401, 422)
    _refused(world, session["refresh_token"])


def test_service_believes_no_role_it_does_not_know(world: World) -> None:
    method = "/aisle.llm.v1.LlmAdminService/ListApiKeys"
    for role in ("ADMIN", "admin ", "root", "superuser", "3", "shopper,admin"):
        code, _, _ = world.call(method, b"", x_aisle_caller="bff", x_aisle_subject="x", x_aisle_role=role)
        assert code.name == "PERMISSION_DENIED", role
