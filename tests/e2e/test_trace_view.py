"""Staff follows a search and a question to the assistant in the admin, from the edge to the databases and the model."""

import re
import time
from collections.abc import Callable

from playwright.sync_api import Locator, Page, Response, expect

from tests.e2e.test_journey import sign_in

# Proxies send what they know every five seconds; of a conversation that is open the edge tells when it ends.
PATIENCE = 40.0


def trace_of(page: Page, address: str, act: Callable[[], None]) -> str:
    """Return the id of the trace that an act of the visitor begins, as its answer tells it."""

    def is_meant(response: Response) -> bool:
        return address in response.url

    with page.expect_response(is_meant) as told:
        act()
    return str(told.value.headers["x-trace-id"])


def open_by_id(page: Page, trace_id: str) -> None:
    """Open a trace as somebody does who was told its id."""
    page.goto("/admin/traces")
    page.get_by_label("Trace id").fill(trace_id)
    page.get_by_role("button", name="Open", exact=True).click()
    page.wait_for_url(f"**/admin/traces/{trace_id}")


def wait_for(page: Page, *rows: str) -> None:
    """Wait until all of these spans are shown; they arrive one after another."""
    deadline = time.monotonic() + PATIENCE
    again = page.get_by_role("button", name=re.compile("^(Look|Try) again$"))
    while not all(span(page, row).count() for row in rows) and time.monotonic() < deadline:
        page.wait_for_timeout(1000)
        again.first.click()
    for row in rows:
        expect(span(page, row).first).to_be_visible()


def span(page: Page, name: str) -> Locator:
    """Return the rows whose name holds this."""
    return page.get_by_role("main").get_by_role("button", name=name)


def test_staff_follows_a_search_to_the_catalogue_the_database_and_the_index(page: Page) -> None:
    sign_in(page, "admin")
    page.wait_for_url(re.compile("^(?!.*sign-in).*"))
    page.goto("/")

    def search() -> None:
        page.get_by_test_id("search-input").first.fill("a lamp to read by")
        page.get_by_test_id("search-input").first.press("Enter")

    trace_id = trace_of(page, "/api/v1/products/search", search)
    open_by_id(page, trace_id)
    wait_for(
        page,
        "GET /api/ edge",
        "ProductService/SearchProducts product",
        "postgresql SELECT products product",
        "milvus search product_items product",
    )
    expect(page.get_by_role("heading", level=1)).to_have_text("GET /api/v1/products/search")
    # By keyboard alone, down to what the database was asked.
    span(page, "GET /api/ edge").first.focus()
    page.keyboard.press("ArrowDown")
    expect(span(page, "GET /api/ edge").first).not_to_be_focused()
    span(page, "postgresql SELECT products").first.press("Enter")
    expect(page.get_by_text("db.statement")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?span=[0-9a-f]{16}$"))


def test_staff_follows_a_question_to_the_call_of_the_model(page: Page) -> None:
    sign_in(page, "admin")
    page.wait_for_url(re.compile("^(?!.*sign-in).*"))
    page.goto("/")
    page.get_by_test_id("assistant-toggle").first.click()
    page.get_by_test_id("assistant-input").fill("How many days do I have to return something?")
    page.get_by_test_id("assistant-input").press("Enter")
    expect(page.get_by_test_id("assistant-message").last).to_contain_text("30 days")
    # Leaving ends the conversation's connection, and with it the span of the edge.
    page.goto("/admin/traces?method=SendMessage")
    newest = page.get_by_role("main").get_by_role("link").filter(has_text="/api/v1/chat/ws").first
    deadline = time.monotonic() + PATIENCE
    while not newest.count() and time.monotonic() < deadline:
        page.wait_for_timeout(1000)
        page.reload()
        page.get_by_label("Took at least").wait_for()
    newest.click()
    wait_for(
        page,
        "GET /api/v1/chat/ws edge",
        "ChatService/SendMessage chat",
        "postgresql INSERT messages chat",
        "milvus search chat_passages chat",
        "redis MGET llm",
        # The call of the provider: without a model that writes, it is the one that knows words.
        "embeddings models/",
    )
