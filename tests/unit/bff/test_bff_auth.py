"""Accounts, sessions, and who is slowed down."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest

from bff.auth.tokens import fingerprint
from tests.unit.bff.conftest import PASSWORD, Bff
from tests.unit.bff.test_bff_bad_input import problem_of

MAYA = {"email": "Maya@LanternAndLoom.example", "password": PASSWORD}
# A program, which keeps its refresh token itself.
PROGRAM = {**MAYA, "session_kept_in": "body"}


async def test_demo_shopper_signs_in_whatever_the_case_of_the_email(bff: Bff) -> None:
    session = (await bff.client.post("/api/v1/auth/login", json=MAYA)).json()
    assert session["user"] == {
        "id": "maya",
        "email": "maya@lanternandloom.example",
        "name": "Maya",
        "role": "shopper",
    }
    assert session["expires_in"] == 900
    me = await bff.client.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {session['access_token']}"})
    assert me.json() == session["user"]


async def test_demo_accounts_follow_the_configured_password(bff: Bff) -> None:
    await bff.application.sign_in.prepare_demo("another password")
    assert (await bff.client.post("/api/v1/auth/login", json=MAYA)).status_code == 401
    body = {**MAYA, "password": "another password"}
    assert (await bff.client.post("/api/v1/auth/login", json=body)).status_code == 200


async def test_demo_accounts_are_shut_once_demo_is_off(bff: Bff) -> None:
    assert (await bff.client.post("/api/v1/auth/login", json=MAYA)).status_code == 200
    await bff.application.sign_in.shut_demo()
    assert (await bff.client.post("/api/v1/auth/login", json=MAYA)).status_code == 401


async def test_registering_signs_in_as_a_shopper(bff: Bff) -> None:
    body = {"email": "ada@example.org", "password": "ten characters", "name": " Ada "}
    answer = await bff.client.post("/api/v1/auth/register", json=body)
    assert answer.status_code == 201
    assert (answer.json()["user"]["name"], answer.json()["user"]["role"]) == ("Ada", "shopper")
    again = await bff.client.post("/api/v1/auth/register", json={**body, "email": "ADA@example.org"})
    problem_of(again, 409, "EMAIL_TAKEN")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"password": "too short"}, "password"),
        ({"email": "nobody"}, "email"),
        ({"email": "a b@example.org"}, "email"),
        ({"name": "  "}, "name"),
        ({"role": "admin"}, "role"),
    ],
)
async def test_registration_that_does_not_fit_is_refused(bff: Bff, change: dict[str, str], field: str) -> None:
    body = {"email": "ada@example.org", "password": "ten characters", "name": "Ada", **change}
    problem = problem_of(await bff.client.post("/api/v1/auth/register", json=body), 422)
    assert problem["errors"][0]["field"] == field
    assert "too short" not in problem["detail"]


async def test_refusal_does_not_tell_whether_the_email_is_known(bff: Bff) -> None:
    refusals = []
    for email in ("maya@lanternandloom.example", "nobody@example.org"):
        answer = await bff.client.post("/api/v1/auth/login", json={"email": email, "password": "wrong"})
        problem = problem_of(answer, 401, "CREDENTIALS_WRONG")
        refusals.append({key: value for key, value in problem.items() if key != "request_id"})
    assert refusals[0] == refusals[1]


async def test_guessing_is_slowed_down(bff: Bff) -> None:
    wrong = {**MAYA, "password": "wrong"}
    for _ in range(5):
        problem_of(await bff.client.post("/api/v1/auth/login", json=wrong), 401)
    answer = await bff.client.post("/api/v1/auth/login", json=MAYA)
    assert problem_of(answer, 429, "TOO_MANY_ATTEMPTS")["retry_after_seconds"] > 60
    assert int(answer.headers["retry-after"]) > 60
    other = {"email": "admin@lanternandloom.example", "password": PASSWORD}
    assert (await bff.client.post("/api/v1/auth/login", json=other)).status_code == 200


async def test_refresh_token_is_traded_once(bff: Bff) -> None:
    first = (await bff.client.post("/api/v1/auth/login", json=PROGRAM)).json()
    traded = await bff.client.post("/api/v1/auth/refresh", json={"refresh_token": first["refresh_token"]})
    second = traded.json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["user"] == first["user"]
    stolen = await bff.client.post("/api/v1/auth/refresh", json={"refresh_token": first["refresh_token"]})
    problem_of(stolen, 401, "REFRESH_TOKEN_INVALID")
    family = await bff.client.post("/api/v1/auth/refresh", json={"refresh_token": second["refresh_token"]})
    problem_of(family, 401, "REFRESH_TOKEN_INVALID")


async def test_signing_out_ends_every_refresh_token_of_the_session(bff: Bff) -> None:
    first, other = [(await bff.client.post("/api/v1/auth/login", json=PROGRAM)).json() for _ in range(2)]
    second = await bff.client.post("/api/v1/auth/refresh", json={"refresh_token": first["refresh_token"]})
    token = second.json()["refresh_token"]
    for _ in range(2):
        assert (await bff.client.post("/api/v1/auth/logout", json={"refresh_token": token})).status_code == 204
    refused = await bff.client.post("/api/v1/auth/refresh", json={"refresh_token": token})
    assert refused.status_code == 401
    kept = await bff.client.post("/api/v1/auth/refresh", json={"refresh_token": other["refresh_token"]})
    assert kept.status_code == 200


async def test_keys_are_published_and_check_what_was_signed(bff: Bff) -> None:
    answer = await bff.client.get("/.well-known/jwks.json")
    token = (await bff.signed_in("maya"))["Authorization"].removeprefix("Bearer ")
    key = jwt.PyJWKSet.from_dict(answer.json())[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, algorithms=["ES256"], audience="aisle-storefront", issuer="aisle")
    assert (claims["sub"], claims["role"]) == ("maya", "shopper")
    assert "d" not in answer.json()["keys"][0]


async def test_nobody_elses_page_may_ask(bff: Bff) -> None:
    """CORS is closed: no answer names an origin, and no question before a question is answered with yes."""
    origin = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    for answer in (
        await bff.client.options("/api/v1/auth/login", headers=origin),
        await bff.client.get("/api/v1/products", headers=origin),
        await bff.client.post("/api/v1/auth/login", headers=origin, json={}),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_form_of_another_page_cannot_sign_anybody_in(bff: Bff) -> None:
    """What a browser sends across sites without asking first is no JSON, and is refused for it."""
    for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"):
        body = b'{"email": "maya@lanternandloom.example", "password": "lantern-and-loom"}'
        answer = await bff.client.post("/api/v1/auth/login", content=body, headers={"content-type": kind})
        assert answer.status_code == 415
        assert "set-cookie" not in answer.headers


async def test_expired_refresh_token_is_refused(bff: Bff) -> None:
    await bff.accounts.grant("maya", fingerprint("old"), datetime.now(UTC) - timedelta(seconds=1))
    problem_of(await bff.client.post("/api/v1/auth/refresh", json={"refresh_token": "old"}), 401)


async def test_signing_in_is_unavailable_while_the_database_is_away(bff: Bff) -> None:
    bff.accounts.away = True
    problem_of(await bff.client.post("/api/v1/auth/login", json=MAYA), 503, "ACCOUNTS_UNAVAILABLE")
    assert (await bff.client.get("/api/v1/products/slippers")).status_code == 200


async def test_without_another_issuer_there_is_none_to_sign_in_with(bff: Bff) -> None:
    assert (await bff.client.get("/api/v1/auth/issuers")).json() == {"issuers": []}
    for path in ("/api/v1/auth/oidc/start", "/api/v1/auth/oidc/callback?code=x", "/.well-known/oidc-jwks.json"):
        problem_of(await bff.client.get(path), 404, "ISSUER_NOT_FOUND")
