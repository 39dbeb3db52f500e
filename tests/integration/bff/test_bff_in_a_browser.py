"""Sessions in a real browser: what scripts can see of them, tabs that share one, and pages of other sites."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from playwright.async_api import Browser, BrowserContext, Page, WebSocket, async_playwright, expect
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from bff import upstreams
from bff.app import Application
from bff.auth.external_routes import CALLBACK
from bff.server import DrainingServer
from bff.settings import BffSettings
from local.settings import LocalSettings
from tests.e2e.conftest import CHROMIUM, FLAGS
from tests.fakes.oidc_provider import AUDIENCE, CLIENT, SECRET, Provider, provided
from tests.unit.bff.conftest import PASSWORD, accounts, address, attempts, free_port, password_hash, settings, shop
from tests.unit.bff.fake_accounts import FakeAccounts
from tests.unit.bff.fake_attempts import FakeAttempts

pytestmark = pytest.mark.servers
__all__ = ["accounts", "address", "attempts", "password_hash", "settings", "shop"]

# All that scripts of a page can read.
SEEN = "() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
# What a page of another site can have a browser send: a form, and what needs no leave.
HOSTILE = """<body><script>
const to = "%s/api/v1/auth/";
for (const path of ["refresh", "logout"])
  for (const type of ["text/plain", "application/json"])
    fetch(to + path, {method: "POST", credentials: "include", mode: type[0] == "t" ? "no-cors" : "cors",
      headers: {"Content-Type": type}, body: "{}"}).catch(() => 0);
</script><form method=post enctype=text/plain action="%s/api/v1/auth/logout"><input name='{"a":"' value='"}'></form>
<script>setTimeout(() => document.forms[0].submit(), 500)</script>"""


@dataclass
class Opened:
    """A shop that is open, and the issuer next door, which for a browser is another site."""

    url: str
    provider: Provider
    context: BrowserContext


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    found = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    assert found, "Chromium is missing; `make test` installs it on Debian as root"
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield opened
        await opened.close()


@pytest.fixture
async def opened(
    settings: BffSettings,
    accounts: FakeAccounts,
    attempts: FakeAttempts,
    browser: Browser,
) -> AsyncIterator[Opened]:
    url = f"http://localhost:{settings.listen_port}"
    async with provided(free_port(), f"{url}{CALLBACK}") as provider:
        told = settings.model_copy(
            update={
                "static_dir": str(LocalSettings.load().static_dir),
                "public_origins": url,
                "oidc_issuer": provider.url,
                "oidc_name": "Company",
                "oidc_client_id": CLIENT,
                "oidc_client_secret": SecretStr(SECRET),
                "oidc_audience": AUDIENCE,
                "access_token_minutes": 60.0,
            }
        )

        async def hostile(request: Request) -> Response:
            return HTMLResponse(HOSTILE % (url, url))

        provider.app.router.routes.append(Route("/hostile", hostile))
        async with upstreams.connect(told.egress_address) as services, asyncio.TaskGroup() as group:
            server = DrainingServer(Application(told, services, accounts, attempts), told)
            serving = group.create_task(server.serve())
            while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
            context = await browser.new_context(base_url=url, viewport={"width": 1440, "height": 900})
            context.set_default_timeout(15_000)
            yield Opened(url, provider, context)
            await context.close()
            server.should_exit = True


async def signed_in(opened: Opened) -> Page:
    page = await opened.context.new_page()
    await page.goto("/sign-in?next=/account")
    await page.get_by_test_id("login-email").fill("maya@lanternandloom.example")
    await page.get_by_test_id("login-password").fill(PASSWORD)
    await page.get_by_test_id("login-submit").click()
    await is_maya(page)
    return page


async def is_maya(page: Page) -> None:
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Hello, Maya")


async def test_scripts_find_no_token_and_a_reload_stays_signed_in(opened: Opened) -> None:
    page = await signed_in(opened)
    seen = await page.evaluate(SEEN)
    assert "Maya" in seen
    assert "eyJ" not in seen and "refresh" not in seen.lower() and "token" not in seen.lower()
    (cookie,) = await opened.context.cookies(f"{opened.url}/api/v1/auth/refresh")
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/api/v1/auth")
    assert await opened.context.cookies(f"{opened.url}/api/v1/products") == []
    async with page.expect_request("**/auth/refresh"):
        await page.reload()
    await is_maya(page)
    (traded,) = await opened.context.cookies(f"{opened.url}/api/v1/auth/refresh")
    assert traded["value"] != cookie["value"]


async def test_tabs_that_open_at_once_all_stay_signed_in(opened: Opened) -> None:
    await signed_in(opened)
    tabs = [await opened.context.new_page() for _ in range(5)]
    for _ in range(3):
        await asyncio.gather(*(tab.goto("/account") for tab in tabs))
        # A page that is left before it is there: nobody hears the answer with the next cookie.
        await tabs[0].reload(wait_until="commit")
    for tab in tabs:
        await tab.goto("/account", wait_until="networkidle")
        await is_maya(tab)


async def test_signing_out_in_one_tab_signs_out_the_others(opened: Opened) -> None:
    page = await signed_in(opened)
    other = await opened.context.new_page()
    await other.goto("/account")
    await is_maya(other)
    async with page.expect_response("**/auth/logout") as answered:
        await page.get_by_role("button", name="Sign out").click()
    assert (await answered.value).status == 204
    await expect(other.get_by_test_id("login-submit")).to_be_visible()
    assert await opened.context.cookies(f"{opened.url}/api/v1/auth/refresh") == []


async def test_page_of_another_site_neither_refreshes_nor_signs_out(opened: Opened) -> None:
    page = await signed_in(opened)
    before = await opened.context.cookies(f"{opened.url}/api/v1/auth/refresh")
    hostile = await opened.context.new_page()
    await hostile.goto(f"{opened.provider.url}/hostile")
    await hostile.wait_for_url(f"{opened.url}/api/v1/auth/logout")
    assert await opened.context.cookies(f"{opened.url}/api/v1/auth/refresh") == before
    await page.reload()
    await is_maya(page)


async def test_socket_of_the_assistant_has_no_token_in_its_address(opened: Opened) -> None:
    page = await signed_in(opened)
    frames: asyncio.Queue[str | bytes] = asyncio.Queue()

    def listen(to: WebSocket) -> None:
        to.on("framereceived", frames.put_nowait)

    page.on("websocket", listen)
    async with page.expect_websocket() as opening:
        await page.get_by_test_id("assistant-toggle").click()
        await page.get_by_test_id("assistant-input").first.fill("Returns?")
        await page.get_by_test_id("assistant-input").first.press("Enter")
    socket = await opening.value
    assert "token" not in socket.url and "eyJ" not in socket.url
    first = await asyncio.wait_for(frames.get(), 20)
    assert json.loads(first)["type"] in ("ready", "activity", "started", "delta")


async def test_person_of_another_issuer_signs_in_and_stays(opened: Opened) -> None:
    page = await opened.context.new_page()
    await page.goto("/sign-in?next=/account")
    await page.get_by_test_id("sign-in-elsewhere").click()
    await page.wait_for_url(f"{opened.url}/account")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Hello, Ada")
    assert "code=" not in await page.evaluate("() => document.referrer + location.href")
    await page.reload()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Hello, Ada")


async def test_person_who_is_refused_elsewhere_is_told_why(opened: Opened) -> None:
    opened.provider.person["email"] = "maya@lanternandloom.example"
    page = await opened.context.new_page()
    await page.goto("/sign-in?next=/account")
    await page.get_by_test_id("sign-in-elsewhere").click()
    await expect(page.get_by_test_id("sign-in-problem")).to_contain_text("account with your email here already")
    assert page.url.endswith("&next=%2Faccount")
