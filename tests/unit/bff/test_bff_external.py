"""Signing in with another issuer: there and back, and everything that comes back and is not what we sent for."""

import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import jwt
import pytest
from pydantic import SecretStr, ValidationError

from bff import upstreams
from bff.app import Application
from bff.auth import issuer as issuers
from bff.auth.external_routes import own_page
from bff.settings import BffSettings
from services.runtime.errors import Unavailable
from tests.fakes.oidc_provider import AUDIENCE, CLIENT, SECRET, Key, Provider, provided
from tests.unit.bff.conftest import Bff, free_port
from tests.unit.bff.fake_accounts import FakeAccounts
from tests.unit.bff.fake_attempts import FakeAttempts
from tests.unit.bff.test_bff_bad_input import problem_of

SHOP = "http://shop.test"
START, CALLBACK = "/api/v1/auth/oidc/start", "/api/v1/auth/oidc/callback"
OURS = {"Origin": SHOP, "X-Session": "cookie"}


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with provided(free_port(), f"{SHOP}{CALLBACK}") as provider:
        yield provider


@pytest.fixture
async def bff(
    settings: BffSettings, provider: Provider, accounts: FakeAccounts, attempts: FakeAttempts
) -> AsyncIterator[Bff]:
    """A BFF that people of another issuer may use."""
    configured = settings.model_copy(
        update={
            "public_origins": SHOP,
            "oidc_issuer": provider.url,
            "oidc_name": "Company",
            "oidc_client_id": CLIENT,
            "oidc_client_secret": SecretStr(SECRET),
            "oidc_audience": AUDIENCE,
            "oidc_admin_role": "shop-staff",
        }
    )
    async with upstreams.connect(settings.egress_address) as services:
        application = Application(configured, services, accounts, attempts)
        transport = httpx2.ASGITransport(app=application.asgi, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url=SHOP) as client:
            yield Bff(application, configured, client, accounts, attempts)


async def sent_there(bff: Bff, next_page: str = "/basket") -> str:
    """Begin to sign in; return where the browser is sent."""
    answer = await bff.client.get(START, params={"next": next_page})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def sent_back(location: str) -> str:
    """Sign in there; return where the browser is sent back to."""
    async with httpx2.AsyncClient() as there:
        answer = await there.get(location)
    assert answer.status_code == 302, answer.text
    return str(answer.headers["location"])


async def signed_in(bff: Bff) -> httpx2.Response:
    return await bff.client.get(await sent_back(await sent_there(bff)))


def refused(answer: httpx2.Response, reason: str) -> None:
    """Check that a browser was told why, and has nothing it could sign in with."""
    assert answer.status_code == 303
    assert urlsplit(answer.headers["location"]).path == "/sign-in"
    assert parse_qs(urlsplit(answer.headers["location"]).query)["problem"] == [reason]
    assert not [told for told in answer.headers.get_list("set-cookie") if "aisle-refresh" in told]


async def test_issuer_is_offered_by_name(bff: Bff) -> None:
    assert (await bff.client.get("/api/v1/auth/issuers")).json() == {"issuers": [{"name": "Company"}]}


async def test_person_of_the_issuer_gets_a_session_of_ours(bff: Bff) -> None:
    location = await sent_there(bff)
    asked = parse_qs(urlsplit(location).query)
    assert asked["code_challenge_method"] == ["S256"] and "code_verifier" not in asked
    answer = await bff.client.get(await sent_back(location))
    assert answer.headers["location"] == "/signed-in?next=%2Fbasket"
    told = answer.headers.get_list("set-cookie")
    assert any("aisle-refresh=" in one and "HttpOnly" in one and "SameSite=strict" in one for one in told)
    session = (await bff.client.post("/api/v1/auth/refresh", json={}, headers=OURS)).json()
    assert session["user"] | {"id": ""} == {"id": "", "email": "ada@company.example", "name": "Ada", "role": "shopper"}
    me = await bff.client.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {session['access_token']}"})
    assert me.json() == session["user"]


async def test_what_a_browser_keeps_meanwhile_is_for_nobody_else(bff: Bff) -> None:
    answer = await bff.client.get(START)
    (told,) = answer.headers.get_list("set-cookie")
    assert "HttpOnly" in told and "SameSite=lax" in told and "Path=/api/v1/auth/oidc" in told


async def test_person_is_the_same_each_time_and_the_role_follows(bff: Bff, provider: Provider) -> None:
    roles = []
    for named in (["reader"], ["reader", "shop-staff"], "shop-staff", []):
        provider.person["roles"] = named
        await signed_in(bff)
        session = (await bff.client.post("/api/v1/auth/refresh", json={}, headers=OURS)).json()
        roles.append((session["user"]["id"], session["user"]["role"]))
    assert len({person for person, _ in roles}) == 1
    assert [role for _, role in roles] == ["shopper", "admin", "admin", "shopper"]


async def test_password_of_nobody_fits_an_account_of_the_issuer(bff: Bff) -> None:
    await signed_in(bff)
    for password in ("!", "ada@company.example", "x"):
        body = {"email": "ada@company.example", "password": password}
        problem_of(await bff.client.post("/api/v1/auth/login", json=body), 401, "CREDENTIALS_WRONG")


async def test_issuer_does_not_take_over_an_account_of_ours(bff: Bff, provider: Provider) -> None:
    provider.person["email"] = "Maya@lanternandloom.example"
    refused(await signed_in(bff), "EMAIL_TAKEN")


def unsigned(claims: dict[str, Any]) -> str:
    parts = [json.dumps(part).encode() for part in ({"alg": "none", "typ": "JWT"}, claims)]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


NOW = int(time.time())
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "nonce": ({"nonce": "another"}, "TOKEN_INVALID"),
    "no nonce": ({"nonce": None}, "TOKEN_INVALID"),
    "issuer": ({"iss": "https://evil.example"}, "TOKEN_INVALID"),
    "audience": ({"aud": "another-client"}, "TOKEN_INVALID"),
    "audience of its access tokens": ({"aud": AUDIENCE}, "TOKEN_INVALID"),
    "audiences and no party": ({"aud": [CLIENT, "another"]}, "TOKEN_INVALID"),
    "another party": ({"azp": "another"}, "TOKEN_INVALID"),
    "ended": ({"exp": NOW - 60}, "TOKEN_EXPIRED"),
    "no end": ({"exp": None}, "TOKEN_INVALID"),
    "issued in the future": ({"iat": NOW + 3600}, "TOKEN_INVALID"),
    "no subject": ({"sub": None}, "TOKEN_INVALID"),
    "empty subject": ({"sub": ""}, "TOKEN_INVALID"),
    "no email": ({"email": None}, "EMAIL_UNVERIFIED"),
    "email nobody verified": ({"email_verified": False}, "EMAIL_UNVERIFIED"),
    "email perhaps verified": ({"email_verified": "true"}, "EMAIL_UNVERIFIED"),
}


@pytest.mark.parametrize("why", sorted(WRONG))
async def test_word_of_the_issuer_that_is_not_about_this_sign_in_is_refused(
    bff: Bff, provider: Provider, why: str
) -> None:
    provider.otherwise, reason = WRONG[why]
    refused(await signed_in(bff), reason)
    provider.otherwise = {}
    assert urlsplit((await signed_in(bff)).headers["location"]).path == "/signed-in"


FORGED: dict[str, Callable[[dict[str, Any]], str]] = {
    "no signature": unsigned,
    "unknown key": Key("stranger").sign,
    "another key under a known name": Key("first").sign,
    "secret as a key": lambda claims: jwt.encode(claims, SECRET * 4, algorithm="HS256", headers={"kid": "first"}),
    "key it brings along": lambda claims: Key("first").sign(claims, jwk=Key("first").published()),
    "nothing": lambda claims: "",
    "garbage": lambda claims: "a.b.c",
}


@pytest.mark.parametrize("why", sorted(FORGED))
async def test_word_the_issuer_did_not_sign_is_refused(bff: Bff, provider: Provider, why: str) -> None:
    provider.forge = FORGED[why]
    refused(await signed_in(bff), "TOKEN_INVALID")


async def test_answer_with_another_state_is_refused(bff: Bff) -> None:
    back = await sent_back(await sent_there(bff))
    state = parse_qs(urlsplit(back).query)["state"][0]
    for wrong in (back.replace(state, "another"), back.replace(state, ""), back + "&state=again"):
        await sent_there(bff)
        refused(await bff.client.get(wrong), "SIGN_IN_STATE_INVALID")


async def test_answer_brought_by_another_browser_is_refused(bff: Bff) -> None:
    """Somebody sends a link that would sign its reader in as somebody else."""
    back = await sent_back(await sent_there(bff))
    bff.client.cookies.clear()
    refused(await bff.client.get(back), "SIGN_IN_STATE_INVALID")
    await sent_there(bff)
    refused(await bff.client.get(back), "SIGN_IN_STATE_INVALID")


@pytest.mark.parametrize("kept", ["", "forged", unsigned({"iss": "x"}), jwt.encode({"iss": "x"}, "k" * 32)])
async def test_state_we_did_not_sign_is_refused(bff: Bff, kept: str) -> None:
    back = await sent_back(await sent_there(bff))
    bff.client.cookies.clear()
    refused(await bff.client.get(back, headers={"Cookie": f"aisle-oidc={kept}"}), "SIGN_IN_STATE_INVALID")


async def test_code_is_good_once(bff: Bff) -> None:
    location = await sent_there(bff)
    kept = bff.client.cookies.get("aisle-oidc")
    back = await sent_back(location)
    assert urlsplit((await bff.client.get(back)).headers["location"]).path == "/signed-in"
    bff.client.cookies.clear()
    refused(await bff.client.get(back), "SIGN_IN_STATE_INVALID")
    refused(await bff.client.get(back, headers={"Cookie": f"aisle-oidc={kept}"}), "SIGN_IN_REFUSED")


async def test_code_of_another_sign_in_is_refused(bff: Bff) -> None:
    """A stolen code put into an answer of one's own: the issuer misses the verifier it was asked with."""
    stolen = parse_qs(urlsplit(await sent_back(await sent_there(bff))).query)["code"][0]
    back = await sent_back(await sent_there(bff))
    own = parse_qs(urlsplit(back).query)["code"][0]
    refused(await bff.client.get(back.replace(own, stolen)), "SIGN_IN_REFUSED")


async def test_answer_of_another_issuer_is_not_traded(bff: Bff, provider: Provider) -> None:
    back = await sent_back(await sent_there(bff))
    base = back.partition("&iss=")[0]
    for mixed_up in (f"{base}&iss=https%3A%2F%2Fevil.example", base, f"{base}&iss="):
        refused(await bff.client.get(mixed_up), "SIGN_IN_STATE_INVALID")
        back = await sent_back(await sent_there(bff))
        base = back.partition("&iss=")[0]


async def test_person_who_said_no_there_is_told(bff: Bff, provider: Provider) -> None:
    state = parse_qs(urlsplit(await sent_there(bff)).query)["state"][0]
    answer = await bff.client.get(CALLBACK, params={"error": "access_denied", "state": state, "iss": provider.url})
    refused(answer, "SIGN_IN_REFUSED")
    assert "next=%2Fbasket" in answer.headers["location"]


async def test_browser_is_sent_back_to_origins_of_ours_only(bff: Bff) -> None:
    for host in ("evil.example", "shop.test.evil.example", "shop.test:81"):
        problem_of(await bff.client.get(START, headers={"Host": host}), 403, "REDIRECT_NOT_ALLOWED")


@pytest.mark.parametrize(
    "page",
    ["https://evil.example", "//evil.example", "/\\evil.example", "\\/evil", "javascript:x", "basket", "/a\r\nb", ""],
)
async def test_nobody_is_sent_on_to_another_site(bff: Bff, page: str) -> None:
    assert own_page(page) == "/"
    back = await sent_back(await sent_there(bff, page))
    assert (await bff.client.get(back)).headers["location"] == "/signed-in?next=%2F"


async def test_keys_change_without_refusing_anybody(
    bff: Bff, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuers, "_ASK_AGAIN_SECONDS", 0.0)
    old = provider.access_token()
    provider.keys.append(Key("second", "RS256"))
    for token in (old, provider.access_token()):
        headers = {"Authorization": f"Bearer {token}"}
        assert (await bff.client.get("/api/v1/products", headers=headers)).status_code == 200
    assert urlsplit((await signed_in(bff)).headers["location"]).path == "/signed-in"
    names = [key["kid"] for key in (await bff.client.get("/.well-known/oidc-jwks.json")).json()["keys"]]
    assert names == ["first", "second"]


async def test_unknown_keys_do_not_have_the_issuer_asked_on_and_on(bff: Bff, provider: Provider) -> None:
    stranger = Key("stranger")
    for _ in range(20):
        headers = {"Authorization": f"Bearer {stranger.sign(provider.claims(AUDIENCE))}"}
        problem_of(await bff.client.get("/api/v1/products", headers=headers), 401, "TOKEN_INVALID")
    assert provider.asked_for_keys <= 2


async def test_access_token_of_the_issuer_speaks_for_its_person(bff: Bff, provider: Provider) -> None:
    await signed_in(bff)
    me = await bff.client.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {provider.access_token()}"})
    assert me.json()["email"] == "ada@company.example"
    headers = {"Authorization": f"Bearer {provider.access_token()}"}
    problem_of(await bff.client.get("/api/v1/gateway/keys", headers=headers), 403, "ROLE_TOO_LOW")
    headers = {"Authorization": f"Bearer {provider.access_token(roles=['shop-staff'])}"}
    assert (await bff.client.get("/api/v1/gateway/keys", headers=headers)).status_code == 200


ACCESS: dict[str, dict[str, Any]] = {
    "for another audience": {"aud": "another"},
    "for the sign-in": {"aud": CLIENT},
    "id token": {"nonce": "n"},
    "ended": {"exp": NOW - 60},
    "not yet good": {"nbf": NOW + 3600},
    "without a subject": {"sub": ""},
    "of our own name": {"iss": "aisle"},
    "of another issuer": {"iss": "https://evil.example"},
}


@pytest.mark.parametrize("why", sorted(ACCESS))
async def test_access_token_that_is_not_for_us_is_refused(bff: Bff, provider: Provider, why: str) -> None:
    token = provider.access_token(**ACCESS[why])
    answer = await bff.client.get("/api/v1/products", headers={"Authorization": f"Bearer {token}"})
    assert problem_of(answer, 401)["reason"] in ("TOKEN_INVALID", "TOKEN_EXPIRED")


@pytest.mark.parametrize("why", sorted(FORGED))
async def test_access_token_the_issuer_did_not_sign_is_refused(bff: Bff, provider: Provider, why: str) -> None:
    token = FORGED[why](provider.claims(AUDIENCE)) or "x"
    problem_of(await bff.client.get("/api/v1/products", headers={"Authorization": f"Bearer {token}"}), 401)


async def test_issuer_that_is_away_is_no_reason_to_refuse_people_of_ours(bff: Bff, provider: Provider) -> None:
    provider.away = True
    problem_of(await bff.client.get(START), 503, "ISSUER_AWAY")
    headers = {"Authorization": f"Bearer {provider.access_token()}"}
    for _ in range(2):
        problem_of(await bff.client.get("/api/v1/products", headers=headers), 503, "ISSUER_AWAY")
    assert (await bff.client.get("/api/v1/auth/me", headers=await bff.signed_in("maya"))).status_code == 200


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": None},
        {"jwks_uri": "keys"},
        {"code_challenge_methods_supported": ["plain"]},
    ],
)
async def test_issuer_that_says_something_else_of_itself_is_not_used(
    bff: Bff, provider: Provider, document: dict[str, Any]
) -> None:
    provider.document = document
    problem_of(await bff.client.get(START), 503, "ISSUER_AWAY")


def test_issuer_over_tls_does_not_lead_out_of_it() -> None:
    told = {
        "issuer": "https://id.example",
        "authorization_endpoint": "https://id.example/a",
        "token_endpoint": "http://id.example/t",
        "jwks_uri": "https://id.example/k",
    }
    with pytest.raises(Unavailable):
        issuers.Issuer("https://id.example")._read(told)


@pytest.mark.parametrize(
    "wrong",
    [{"oidc_client_id": ""}, {"public_origins": ""}, {"oidc_audience": CLIENT}, {"oidc_issuer": "id.example"}],
)
def test_issuer_is_configured_whole_or_not_at_all(settings: BffSettings, wrong: dict[str, str]) -> None:
    whole = {"oidc_issuer": "https://id.example", "oidc_client_id": CLIENT, "public_origins": SHOP}
    with pytest.raises(ValidationError):
        BffSettings(**{**settings.model_dump(), **whole, **wrong})
