"""The platform all end-to-end tests share, and a browser."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e import shop as shops
from tests.e2e.shop import Shop

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the first test of the stack the time its start takes."""
    for item in items:
        if "tests/e2e" in str(item.path):
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with shops.offset_of_our_own(*range(shops.OFFSET, shops.OFFSET + 900, 100)) as offset:
        running = shops.start(tmp_path_factory.mktemp("shop"), offset=offset)
        try:
            yield running
        finally:
            if running.process.poll() is None:
                shops.stop(running)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    assert found, "Chromium is missing; `make test` installs it on Debian as root"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser, shop: Shop) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=shop.url)
    context.set_default_timeout(20_000)
    page = context.new_page()
    yield page
    context.close()
