"""A shopper's and a merchandiser's journey in a real browser, every gRPC hop of it counted by Envoy."""

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.shop import LOGINS, Shop

QUERY = "something to keep my feet warm"
# Each hop of the journey, as Envoy names the calls it carried.
HOPS = (
    "product.SearchProducts",
    "product.GetProduct",
    "product.ListReviews",
    "product.BatchGetProducts",
    "recommendation.RecommendProducts",
    "chat.SendMessage",
    "llm.EmbedTexts",
    "llm.GenerateText",
    "analytics.WriteEvents",
    "product.WriteProductCopy",
    "analytics.QueryReport",
)


@pytest.fixture(scope="module")
def counts_before(shop: Shop) -> dict[str, int]:
    return shop.grpc_counts()


def sign_in(page: Page, who: str, path: str = "/sign-in") -> None:
    email, password = LOGINS[who]
    page.goto(path)
    page.get_by_test_id("login-email").fill(email)
    page.get_by_test_id("login-password").fill(password)
    page.get_by_test_id("login-submit").click()


def test_shopper_finds_by_meaning_opens_and_sees_recommendations(
    page: Page, shop: Shop, counts_before: dict[str, int]
) -> None:
    page.goto("/")
    expect(page.get_by_test_id("shelf").first).to_be_visible()
    page.get_by_test_id("search-input").first.fill(QUERY)
    page.get_by_test_id("search-input").first.press("Enter")
    expect(page.get_by_test_id("product-card").first).to_be_visible()
    with shop.client() as client:
        found = client.get("/api/v1/products/search", params={"q": QUERY}).json()["products"]
    words = set(QUERY.split())
    meant = next(p for p in found[:8] if not words & set(re.findall(r"\w+", p["title"].lower())))
    card = page.get_by_test_id("product-card").filter(has_text=meant["title"]).first
    card.get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(meant["title"])
    expect(page.get_by_test_id("shelf").first).to_be_visible()
    expect(page.get_by_test_id("shelf").first.get_by_test_id("product-card").first).to_be_visible()


def test_assistant_streams_an_answer_about_returns_with_a_citation(page: Page, counts_before: dict[str, int]) -> None:
    frames: list[tuple[float, str]] = []

    def note(frame: object) -> None:
        kind = re.search(r'"type": ?"(\w+)"', str(frame))
        if kind:
            frames.append((time.monotonic(), kind[1]))

    page.on("websocket", lambda socket: socket.on("framereceived", note))
    page.goto("/")
    page.get_by_test_id("assistant-toggle").first.click()
    page.get_by_test_id("assistant-input").fill("How many days do I have to return something?")
    page.get_by_test_id("assistant-input").press("Enter")
    answer = page.get_by_test_id("assistant-message").last
    expect(answer).to_contain_text("30 days")
    mark = page.get_by_test_id("citation").first
    expect(mark).to_be_visible()
    before = len(answer.inner_text())
    mark.click()
    expect(mark).to_have_attribute("aria-expanded", "true")
    assert len(answer.inner_text()) > before + 40, "the passage behind the mark should open"
    kinds = [kind for _, kind in frames]
    assert kinds.count("delta") > 3, "the answer should arrive in pieces"
    assert kinds.index("delta") < kinds.index("finished")
    assert frames[kinds.index("delta")][0] < frames[kinds.index("finished")][0], "pieces arrive before the end"


def test_admin_generates_a_description_and_reads_the_numbers(page: Page, counts_before: dict[str, int]) -> None:
    sign_in(page, "admin")
    page.wait_for_url(re.compile("^(?!.*sign-in).*"))
    page.goto("/admin/studio?product=tarn-hiking-socks")
    page.get_by_test_id("copy-generate").click()
    draft = page.get_by_test_id("copy-draft")
    expect(draft).to_contain_text(re.compile(r"(\w+\W+){20,}"))
    expect(draft).to_contain_text(re.compile("sock", re.IGNORECASE))
    # Leaving before the stream has ended would cancel it, and Envoy counts what ended.
    expect(page.get_by_role("button", name="Publish description")).to_be_enabled()
    page.goto("/admin/metrics")
    expect(page.get_by_test_id("metrics-number")).to_have_count(3)
    expect(page.get_by_test_id("metrics-number").first).to_contain_text(re.compile(r"\d"))


def test_each_hop_went_through_envoy(shop: Shop, counts_before: dict[str, int]) -> None:
    """Runs after the journeys above; calls that by-pass Envoy would be missing here."""
    deadline = time.monotonic() + 5
    missing = list(HOPS)
    while missing and time.monotonic() < deadline:
        now = shop.grpc_counts()
        missing = [hop for hop in HOPS if now.get(hop, 0) <= counts_before.get(hop, 0)]
    assert not missing, f"not seen by Envoy: {missing}; seen: {now}"


@pytest.mark.parametrize("width", [360, 768, 1440])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_fit_the_screen_and_log_no_errors(
    page: Page, tmp_path_factory: pytest.TempPathFactory, width: int, theme: str
) -> None:
    folder = Path(tmp_path_factory.getbasetemp()) / "screenshots"
    folder.mkdir(exist_ok=True)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    for name, path in (("home", "/"), ("search", f"/search?q={QUERY}"), ("product", "/p/tarn-hiking-socks")):
        page.goto(path, wait_until="networkidle")
        page.screenshot(path=folder / f"{name}-{width}-{theme}.png")
        overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overflow <= 0, f"{name} is {overflow} px too wide at {width}"
    assert not complaints
