"""One effect for one Idempotency-Key: fifty equal requests at once, by every route that takes one."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from aisle.chat.v1 import chat_service_pb2 as chat
from aisle.llm.v1 import batch_pb2
from aisle.llm.v1 import batch_service_pb2 as batches
from aisle.product.v1 import product_pb2
from aisle.product.v1 import product_service_pb2 as product
from tests.security.rpc_examples import a_product, a_review, an_article
from tests.security.world import World

AT_ONCE = 50
STAFF = {"x_aisle_caller": "cli", "x_aisle_subject": "admin", "x_aisle_role": "admin"}
PRODUCT = {"category_id": "footwear", "price": {"currency": "EUR", "minor": 100}}


@pytest.fixture(autouse=True)
def department(world: World) -> None:
    """Have the department the products are in."""
    category = product_pb2.Category(name="categories/footwear", title="Footwear")
    sent = product.BatchUpsertCategoriesRequest(categories=[category]).SerializeToString()
    code, words, _ = world.call("/aisle.product.v1.ProductService/BatchUpsertCategories", sent, **STAFF)
    assert code.name == "OK", words


def fifty(world: World, who: str, method: str, path: str, body: Any, key: str) -> list[httpx2.Response]:
    """Send the same request fifty times at once, each over a connection of its own."""

    def ask(_: int) -> httpx2.Response:
        with world.client(who) as client:
            return client.request(method, path, json=body, headers={"Idempotency-Key": key}, timeout=120)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(ask, range(AT_ONCE)))


def one_reply(answers: list[httpx2.Response], status: int) -> Any:
    """Check that all were answered alike, and return what they were told."""
    assert {answer.status_code for answer in answers} == {status}, answers[0].text
    assert len({answer.text for answer in answers}) == 1
    return answers[0].json() if answers[0].text else None


def made(world: World, title: str) -> dict[str, Any]:
    with world.client("admin") as client:
        answer = client.post("/api/v1/products", json={**PRODUCT, "title": title})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def reused(world: World, who: str, method: str, path: str, body: Any, key: str) -> None:
    """Check that another request under the same key is refused with a reason."""
    with world.client(who) as client:
        answer = client.request(method, path, json=body, headers={"Idempotency-Key": key})
    assert answer.status_code in (409, 422), answer.text
    assert answer.json()["reason"] == "REQUEST_ID_REUSED"


def test_fifty_equal_creations_make_one_product(world: World) -> None:
    key, title = str(uuid4()), f"Equal {uuid4().hex[:8]}"
    shoe = one_reply(fifty(world, "admin", "POST", "/api/v1/products", {**PRODUCT, "title": title}, key), 201)
    with world.client("admin") as client:
        found = client.get("/api/v1/products", params={"page_size": 100}).json()["products"]
    assert [one["id"] for one in found if one["title"] == title] == [shoe["id"]]
    reused(world, "admin", "POST", "/api/v1/products", {**PRODUCT, "title": "Another"}, key)


def test_fifty_equal_changes_of_a_product_are_one(world: World) -> None:
    shoe, key = made(world, f"Changed {uuid4().hex[:8]}"), str(uuid4())
    path = f"/api/v1/products/{shoe['id']}"
    body = {"title": f"New {uuid4().hex[:8]}", "etag": shoe["etag"]}
    changed = one_reply(fifty(world, "admin", "PATCH", path, body, key), 200)
    assert changed["etag"] != shoe["etag"]
    reused(world, "admin", "PATCH", path, {"title": "Another"}, key)


def test_fifty_equal_deletions_of_a_product_all_succeed(world: World) -> None:
    shoe, key = made(world, f"Deleted {uuid4().hex[:8]}"), str(uuid4())
    one_reply(fifty(world, "admin", "DELETE", f"/api/v1/products/{shoe['id']}", None, key), 204)


def test_fifty_equal_beginnings_are_one_conversation(world: World) -> None:
    key = str(uuid4())
    session = one_reply(fifty(world, "shopper", "POST", "/api/v1/chat/sessions", None, key), 201)
    again = str(uuid4())
    one_reply(fifty(world, "shopper", "DELETE", f"/api/v1/chat/sessions/{session['id']}", None, again), 204)
    # Somebody else's request under the same key is another request.
    reused(world, "other", "POST", "/api/v1/chat/sessions", None, key)


def test_fifty_equal_batches_of_events_are_all_taken(world: World) -> None:
    event = {"type": "search", "event_id": str(uuid4()), "session_id": "s", "query": "q"}
    one_reply(fifty(world, "shopper", "POST", "/api/v1/events", {"events": [event]}, str(uuid4())), 202)


def test_fifty_equal_messages_are_one_question_with_one_answer(world: World) -> None:
    question = {"text": "How long do I have to return something?"}
    answer = one_reply(fifty(world, "shopper", "POST", "/api/v1/chat/message", question, str(uuid4())), 200)
    with world.client("shopper") as client:
        session = client.get(f"/api/v1/chat/sessions/{answer['session_id']}").json()
    assert [message["author"] for message in session["messages"]] == ["shopper", "assistant"]


def test_fifty_equal_deliveries_are_one_change_of_the_mesh(world: World) -> None:
    key, path = str(uuid4()), "/api/v1/mesh/delivery"

    def put(body: dict[str, str], **query: Any) -> Any:
        with world.client("admin") as client:
            told = client.put(path, json=body, params=query, headers={"Idempotency-Key": str(uuid4())})
        assert told.status_code == 200, told.text
        return told.json()

    etag = put({"text": "", "etag": ""}, validate_only=True)["delivery"]["etag"]
    body = {"text": f"services: {{llm: {{max_calls: {100 + uuid4().int % 900}}}}}", "etag": etag}
    done = one_reply(fifty(world, "admin", "PUT", path, body, key), 200)
    assert [change["field"] for change in done["differences"]] == ["max_calls"]
    reused(world, "admin", "PUT", path, {"text": "services: {}", "etag": etag}, key)
    assert put({"text": "", "etag": ""})["delivery"]["text"] == ""


PRODUCTS, CHAT = "/aisle.product.v1.ProductService/", "/aisle.chat.v1.ChatService/"
BATCHES: dict[str, Callable[[], Any]] = {
    PRODUCTS + "BatchUpsertCategories": lambda: product.BatchUpsertCategoriesRequest(
        categories=[product_pb2.Category(name="categories/equal", title="Equal")]
    ),
    PRODUCTS + "BatchUpsertProducts": lambda: product.BatchUpsertProductsRequest(
        products=[a_product("products/equal-shoe")]
    ),
    PRODUCTS + "BatchUpsertReviews": lambda: product.BatchUpsertReviewsRequest(
        reviews=[a_review("products/first-shoe")]
    ),
    CHAT + "BatchUpsertArticles": lambda: chat.BatchUpsertArticlesRequest(articles=[an_article()]),
    "/aisle.llm.v1.BatchService/CreateBatch": lambda: batches.CreateBatchRequest(
        batch=batch_pb2.Batch(display_name="Equal")
    ),
}


@pytest.mark.parametrize("method", sorted(BATCHES))
def test_fifty_equal_writes_of_a_service_have_equal_replies(world: World, method: str) -> None:
    sent = product.BatchUpsertProductsRequest(products=[a_product("products/first-shoe")])
    code, words, _ = world.call(PRODUCTS + "BatchUpsertProducts", sent.SerializeToString(), **STAFF)
    assert code.name == "OK", words
    request = BATCHES[method]()
    request.request_id = str(uuid4())

    def ask(number: int) -> tuple[str, str, bytes]:
        code, words, reply = world.call(method, request.SerializeToString(), **STAFF)
        return code.name, words if code.name != "OK" else "", reply

    with ThreadPoolExecutor(AT_ONCE) as pool:
        told = set(pool.map(ask, range(AT_ONCE)))
    assert [code for code, _, _ in told] == ["OK"], told
