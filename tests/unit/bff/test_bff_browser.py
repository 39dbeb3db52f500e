"""Browsers: where their refresh token is, who can have it traded, and tabs that ask at once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from http.cookies import SimpleCookie
from typing import Any

import httpx2
import pytest

from bff import upstreams
from bff.app import Application
from bff.auth import sign_in
from bff.settings import BffSettings
from tests.unit.bff.conftest import PASSWORD, Bff
from tests.unit.bff.fake_accounts import FakeAccounts
from tests.unit.bff.fake_attempts import FakeAttempts
from tests.unit.bff.test_bff_bad_input import problem_of

MAYA = {"email": "maya@lanternandloom.example", "password": PASSWORD}
OURS = {"Origin": "http://shop.test", "Sec-Fetch-Site": "same-origin", "X-Session": "cookie"}
REFRESH, LOGOUT = "/api/v1/auth/refresh", "/api/v1/auth/logout"


def cookie_of(answer: httpx2.Response) -> Any:
    """Return the one cookie an answer sets."""
    (told,) = answer.headers.get_list("set-cookie")
    (found,) = SimpleCookie(told).values()
    return found


async def signed_in(bff: Bff) -> str:
    """Sign in as a page does; return the cookie as it is sent back."""
    answer = await bff.client.post("/api/v1/auth/login", json=MAYA, headers=OURS)
    bff.client.cookies.clear()
    cookie = cookie_of(answer)
    return f"{cookie.key}={cookie.value}"


async def refreshed(bff: Bff, cookie: str, headers: dict[str, str] | None = None) -> httpx2.Response:
    sent = {**(OURS if headers is None else headers), "Cookie": cookie}
    answer = await bff.client.post(REFRESH, json={}, headers=sent)
    bff.client.cookies.clear()
    return answer


@pytest.fixture
async def secure(settings: BffSettings, accounts: FakeAccounts, attempts: FakeAttempts) -> AsyncIterator[Bff]:
    """A BFF that is opened over https, behind a proxy that speaks http to it."""
    opened = settings.model_copy(update={"public_origins": "https://shop.test https://www.shop.test"})
    async with upstreams.connect(opened.egress_address) as services:
        application = Application(opened, services, accounts, attempts)
        transport = httpx2.ASGITransport(app=application.asgi, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://inside") as client:
            yield Bff(application, opened, client, accounts, attempts)


async def test_refresh_token_is_in_a_cookie_no_script_can_read(bff: Bff) -> None:
    answer = await bff.client.post("/api/v1/auth/login", json=MAYA, headers=OURS)
    cookie = cookie_of(answer)
    assert answer.json()["refresh_token"] is None
    assert cookie.value not in answer.text
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "strict", "/api/v1/auth")
    assert (cookie["domain"], cookie["max-age"]) == ("", str(14 * 24 * 3600))


async def test_registering_keeps_the_token_in_the_cookie_too(bff: Bff) -> None:
    body = {"email": "ada@example.org", "password": "ten characters", "name": "Ada"}
    answer = await bff.client.post("/api/v1/auth/register", json=body, headers=OURS)
    assert answer.json()["refresh_token"] is None
    assert cookie_of(answer)["httponly"]


async def test_cookie_is_secure_over_https_and_works_over_http_on_this_machine(bff: Bff, secure: Bff) -> None:
    plain = cookie_of(await bff.client.post("/api/v1/auth/login", json=MAYA, headers=OURS))
    assert (plain.key, plain["secure"]) == ("aisle-refresh", "")
    theirs = {**OURS, "Origin": "https://shop.test"}
    cookie = cookie_of(await secure.client.post("/api/v1/auth/login", json=MAYA, headers=theirs))
    assert (cookie.key, cookie["secure"]) == ("__Secure-aisle-refresh", True)
    sent = f"{cookie.key}={cookie.value}"
    assert (await refreshed(secure, sent, {**OURS, "Origin": "https://www.shop.test"})).status_code == 200
    # Over https nobody believes the cookie that a page over http may have set.
    problem_of(await refreshed(secure, f"aisle-refresh={cookie.value}", theirs), 401, "REFRESH_TOKEN_INVALID")


async def test_cookie_is_traded_for_a_cookie_and_never_told(bff: Bff) -> None:
    first = await signed_in(bff)
    answer = await refreshed(bff, first)
    second = cookie_of(answer)
    assert answer.json()["user"]["id"] == "maya" and answer.json()["access_token"]
    assert answer.json()["refresh_token"] is None and second.value not in answer.text
    assert f"{second.key}={second.value}" != first
    assert (await refreshed(bff, f"{second.key}={second.value}")).status_code == 200


def changed(**headers: str | None) -> dict[str, str]:
    """Return the headers of our own page with some of them changed or left out."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {name: value for name, value in {**OURS, **named}.items() if value is not None}


FOREIGN = {
    "no header a form cannot send": changed(X_Session=None),
    "another origin": changed(Origin="https://evil.example"),
    "a sandboxed page": changed(Origin="null"),
    "no origin": changed(Origin=None),
    "another port": changed(Origin="http://shop.test:81"),
    "a name that only begins like ours": changed(Origin="http://shop.test.evil.example"),
    "a name before ours": changed(Origin="http://evil.example@shop.test"),
    "another scheme": changed(Origin="ftp://shop.test"),
    "another site, the browser says": {**OURS, "Sec-Fetch-Site": "cross-site"},
    "a subdomain's page, the browser says": {**OURS, "Sec-Fetch-Site": "same-site"},
}


@pytest.mark.parametrize("path", [REFRESH, LOGOUT])
@pytest.mark.parametrize("why", sorted(FOREIGN))
async def test_cookie_is_not_taken_from_another_sites_page(bff: Bff, path: str, why: str) -> None:
    cookie = await signed_in(bff)
    answer = await bff.client.post(path, json={}, headers={**FOREIGN[why], "Cookie": cookie})
    problem_of(answer, 403, "CROSS_SITE")
    assert "set-cookie" not in answer.headers
    # Nothing has changed: the page itself goes on.
    assert (await refreshed(bff, cookie)).status_code == 200


@pytest.mark.parametrize("path", [REFRESH, LOGOUT])
@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", ""]
)
async def test_form_of_another_site_moves_nothing(bff: Bff, path: str, kind: str) -> None:
    cookie = await signed_in(bff)
    sent = {"Origin": "https://evil.example", "Cookie": cookie, **({"Content-Type": kind} if kind else {})}
    answer = await bff.client.post(path, content=b'{"a": "="}', headers=sent)
    assert answer.status_code in (403, 415, 422), answer.text
    assert "set-cookie" not in answer.headers
    assert (await refreshed(bff, cookie)).status_code == 200


@pytest.mark.parametrize("path", ["login", "register"])
async def test_other_sites_page_cannot_sign_a_browser_in(bff: Bff, path: str) -> None:
    body = MAYA if path == "login" else {"email": "eve@example.org", "password": "ten characters", "name": "Eve"}
    answer = await bff.client.post(f"/api/v1/auth/{path}", json=body, headers={"Origin": "https://evil.example"})
    problem_of(answer, 403, "CROSS_SITE")
    assert "set-cookie" not in answer.headers
    assert await bff.accounts.find("eve@example.org") is None


async def test_secure_page_is_not_spoken_for_by_the_same_name_over_http(secure: Bff) -> None:
    for origin in ("http://shop.test", "http://inside", "https://evil.example"):
        answer = await secure.client.post("/api/v1/auth/login", json=MAYA, headers={**OURS, "Origin": origin})
        problem_of(answer, 403, "CROSS_SITE")


@pytest.mark.parametrize("cookie", ["", "aisle-refresh=", "aisle-refresh=guess", "other=1"])
async def test_browser_without_a_good_cookie_is_signed_out(bff: Bff, cookie: str) -> None:
    problem_of(await refreshed(bff, cookie), 401, "REFRESH_TOKEN_INVALID")


async def test_cookie_somebody_put_beside_ours_signs_nobody_in(bff: Bff) -> None:
    ours, theirs = await signed_in(bff), await signed_in(bff)
    problem_of(await refreshed(bff, f"{theirs}; {ours}"), 401, "REFRESH_TOKEN_INVALID")
    assert (await refreshed(bff, ours)).status_code == 200


async def test_signing_out_clears_the_cookie_and_ends_the_session(bff: Bff) -> None:
    cookie = await signed_in(bff)
    answer = await bff.client.post(LOGOUT, json={}, headers={**OURS, "Cookie": cookie})
    gone = cookie_of(answer)
    assert (answer.status_code, gone.value, gone["max-age"], gone["path"]) == (204, "", "0", "/api/v1/auth")
    problem_of(await refreshed(bff, cookie), 401, "REFRESH_TOKEN_INVALID")


async def test_program_that_asks_for_it_keeps_its_token_itself(bff: Bff) -> None:
    answer = await bff.client.post("/api/v1/auth/login", json={**MAYA, "session_kept_in": "body"})
    assert "set-cookie" not in answer.headers
    traded = await bff.client.post(REFRESH, json={"refresh_token": answer.json()["refresh_token"]})
    assert "set-cookie" not in traded.headers
    assert (await bff.client.post(LOGOUT, json={"refresh_token": traded.json()["refresh_token"]})).status_code == 204


async def test_tabs_that_trade_the_cookie_at_once_stay_signed_in(bff: Bff) -> None:
    cookie = await signed_in(bff)
    answers = await asyncio.gather(*(refreshed(bff, cookie) for _ in range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8
    # All were given the same one, so it does not matter which answer comes last.
    assert len({cookie_of(answer).value for answer in answers}) == 1
    assert (await refreshed(bff, f"aisle-refresh={cookie_of(answers[0]).value}")).status_code == 200


async def test_cookie_two_trades_old_ends_the_session_at_once(bff: Bff) -> None:
    cookie = await signed_in(bff)
    second = cookie_of(await refreshed(bff, cookie)).value
    third = cookie_of(await refreshed(bff, f"aisle-refresh={second}")).value
    problem_of(await refreshed(bff, cookie), 401, "REFRESH_TOKEN_INVALID")
    problem_of(await refreshed(bff, f"aisle-refresh={third}"), 401, "REFRESH_TOKEN_INVALID")


async def test_cookie_traded_long_ago_ends_the_session(bff: Bff, monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = await signed_in(bff)
    second = cookie_of(await refreshed(bff, cookie)).value
    monkeypatch.setattr(sign_in, "_REPEATABLE", timedelta(0))
    problem_of(await refreshed(bff, cookie), 401, "REFRESH_TOKEN_INVALID")
    problem_of(await refreshed(bff, f"aisle-refresh={second}"), 401, "REFRESH_TOKEN_INVALID")


async def test_cookie_taken_out_of_a_browser_is_good_once_in_a_body(bff: Bff) -> None:
    token = (await signed_in(bff)).partition("=")[2]
    await refreshed(bff, f"aisle-refresh={token}")
    problem_of(await bff.client.post(REFRESH, json={"refresh_token": token}), 401, "REFRESH_TOKEN_INVALID")


async def test_page_runs_nothing_but_the_shops_own_files(bff: Bff) -> None:
    told = (await bff.client.get("/", headers={"Accept": "text/html"})).headers["content-security-policy"]
    policy = dict(part.strip().partition(" ")[::2] for part in told.split(";"))
    for kind in ("default-src", "script-src", "style-src", "base-uri", "form-action"):
        assert policy[kind] == "'self'", kind
    for kind in ("object-src", "frame-src", "worker-src", "script-src-attr", "frame-ancestors"):
        assert policy[kind] == "'none'", kind
    assert "unsafe" not in told and "*" not in told and "http:" not in told


async def test_browsers_are_held_to_https_where_the_shop_is_opened_over_it(bff: Bff, secure: Bff) -> None:
    assert "max-age=31536000" in (await secure.client.get("/healthz")).headers["strict-transport-security"]
    # Over http browsers have to ignore it, and on this machine there is nothing else.
    assert "strict-transport-security" not in (await bff.client.get("/healthz")).headers
