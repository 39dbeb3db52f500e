"""Accounts, sessions, and who is slowed down."""

from datetime import UTC, datetime, timedelta

import pytest

from bff.auth.throttle import Throttle
from bff.auth.tokens import fingerprint
from services.runtime.errors import Exhausted
from tests.unit.bff.conftest import PASSWORD, Bff
from tests.unit.bff.test_bff_bad_input import problem_of

MAYA = {"email": "Maya@LanternAndLoom.example", "password": PASSWORD}


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


def test_throttle_forgets_with_time_and_with_success() -> None:
    now = 0.0
    throttle = Throttle(2, 10, clock=lambda: now)
    throttle.count("k")
    throttle.count("k")
    with pytest.raises(Exhausted) as refused:
        throttle.check("k")
    assert refused.value.retry_after == 10
    now = 10.5
    throttle.check("k")
    throttle.count("k")
    throttle.count("k")
    throttle.forget("k")
    throttle.check("k")


def test_throttle_keeps_no_more_keys_than_it_may() -> None:
    throttle = Throttle(1, 10, keys_kept=2)
    for key in ("a", "b", "c"):
        throttle.count(key)
    throttle.check("a")
    with pytest.raises(Exhausted):
        throttle.check("c")


async def test_refresh_token_is_traded_once(bff: Bff) -> None:
    first = (await bff.client.post("/api/v1/auth/login", json=MAYA)).json()
    traded = await bff.client.post("/api/v1/auth/refresh", json={"refresh_token": first["refresh_token"]})
    second = traded.json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["user"] == first["user"]
    stolen = await bff.client.post("/api/v1/auth/refresh", json={"refresh_token": first["refresh_token"]})
    problem_of(stolen, 401, "REFRESH_TOKEN_INVALID")
    family = await bff.client.post("/api/v1/auth/refresh", json={"refresh_token": second["refresh_token"]})
    problem_of(family, 401, "REFRESH_TOKEN_INVALID")


async def test_expired_refresh_token_is_refused(bff: Bff) -> None:
    await bff.accounts.grant("maya", fingerprint("old"), datetime.now(UTC) - timedelta(seconds=1))
    problem_of(await bff.client.post("/api/v1/auth/refresh", json={"refresh_token": "old"}), 401)


async def test_signing_in_is_unavailable_while_the_database_is_away(bff: Bff) -> None:
    bff.accounts.away = True
    problem_of(await bff.client.post("/api/v1/auth/login", json=MAYA), 503, "ACCOUNTS_UNAVAILABLE")
    assert (await bff.client.get("/api/v1/products/slippers")).status_code == 200
