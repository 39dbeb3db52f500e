"""API6:2023. A hundred who do the same at the same moment get what one of them would get."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from aisle.chat.v1 import chat_service_pb2 as chat
from aisle.product.v1 import product_service_pb2 as product
from tests.security.rpc_examples import ROLE, a_product, asked, stocked
from tests.security.world import PASSWORD, World

AT_ONCE = 100
PRODUCTS = "/aisle.product.v1.ProductService/"


@pytest.fixture(scope="module", autouse=True)
def things(world: World) -> None:
    stocked(world)


def at_once(ask: Callable[[int], Any], times: int = AT_ONCE) -> list[Any]:
    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(ask, range(times)))


def test_one_email_makes_one_account(world: World) -> None:
    body = {"email": f"{uuid4().hex}@race.example", "password": "a-good-long-password", "name": "R"}

    def register(number: int) -> int:
        with world.client() as client:
            return client.post("/api/v1/auth/register", json=body, timeout=120).status_code

    # Most are turned away before they cost a password's hash.
    answers = Counter(at_once(register))
    assert answers[201] <= 1, answers
    assert set(answers) <= {201, 409, 429}, answers


def test_one_refresh_token_is_traded_once(world: World) -> None:
    with world.client() as client:
        login = {"email": "maya@lanternandloom.example", "password": PASSWORD, "session_kept_in": "body"}
        token = client.post("/api/v1/auth/login", json=login).json()["refresh_token"]

    def refresh(number: int) -> int:
        with world.client() as client:
            return client.post("/api/v1/auth/refresh", json={"refresh_token": token}, timeout=120).status_code

    answers = Counter(at_once(refresh))
    assert answers[200] <= 1, answers
    assert set(answers) <= {200, 401, 429}, answers


def test_one_idempotency_key_makes_one_product(world: World) -> None:
    key, title = str(uuid4()), f"Raced {uuid4().hex[:8]}"
    body = {"title": title, "category_id": "footwear", "price": {"currency": "EUR", "minor": 100}}

    def create(number: int) -> tuple[int, str]:
        with world.client("admin") as client:
            sent = {"Idempotency-Key": key}
            answer = client.post("/api/v1/products", json=body, headers=sent, timeout=120)
        return answer.status_code, answer.json().get("id", "")

    answers = at_once(create)
    # Whoever is first may run out of time on a busy machine; who asks again with the same key learns what came of it.
    assert {status for status, _ in answers} <= {201, 409, 504}, Counter(answers)
    answers.append(create(0))
    assert len({made for status, made in answers if status == 201}) == 1
    found = asked(world, PRODUCTS + "SearchProducts", product.SearchProductsRequest(query=title))
    assert [result.product.title for result in found.results].count(title) <= 1


def test_of_all_who_change_what_they_read_one_wins(world: World) -> None:
    """Stock counted down by two who read the same number would be sold twice."""
    read = asked(world, PRODUCTS + "GetProduct", product.GetProductRequest(name="products/wool-slippers"))

    def change(number: int) -> str:
        mine = a_product(stock_quantity=number, etag=read.etag)
        wanted = product.UpdateProductRequest(product=mine, update_mask=FieldMask(paths=["stock_quantity"]))
        code, _, _ = world.call(PRODUCTS + "UpdateProduct", wanted.SerializeToString(), x_aisle_caller="bff", **ROLE)
        return str(code.name)

    answers = Counter(at_once(change))
    assert answers["OK"] == 1, answers
    assert set(answers) <= {"OK", "ABORTED"}, answers


def test_one_request_id_begins_one_conversation(world: World) -> None:
    wanted = chat.CreateConversationRequest(owner="maya", request_id=str(uuid4())).SerializeToString()

    def begin(number: int) -> tuple[str, bytes]:
        code, _, reply = world.call(
            "/aisle.chat.v1.ChatService/CreateConversation", wanted, x_aisle_caller="bff", **ROLE
        )
        return str(code.name), reply

    answers = at_once(begin)
    assert {code for code, _ in answers} <= {"OK", "ABORTED"}
    assert len({reply for code, reply in answers if code == "OK"}) == 1


def test_one_question_is_answered_once_however_often_it_is_sent(world: World) -> None:
    with world.client("shopper") as client:
        session = client.post("/api/v1/chat/sessions", json={}).json()["id"]
    key = str(uuid4())

    def ask(number: int) -> int:
        with world.client("shopper") as client:
            body = {"session_id": session, "text": "How do returns work?"}
            return client.post(
                "/api/v1/chat/message", json=body, headers={"Idempotency-Key": key}, timeout=120
            ).status_code

    answers = Counter(at_once(ask, 30))
    assert set(answers) <= {200, 409}, answers
    with world.client("shopper") as client:
        said = client.get(f"/api/v1/chat/sessions/{session}").json()["messages"]
    assert [message["author"] for message in said].count("shopper") == 1


@pytest.mark.parametrize("who", ["visitor", "shopper", "other"])
def test_browser_makes_up_no_revenue(world: World, who: str) -> None:
    event = {
        "type": "purchase",
        "event_id": str(uuid4()),
        "session_id": "s",
        "product_id": "wool-slippers",
        "quantity": 1,
    }
    with world.client(who) as client:
        answer = client.post("/api/v1/events", json={"events": [event]})
    assert answer.status_code == 403, answer.text


def test_accounts_are_not_made_by_the_hundred(world: World) -> None:
    def register(number: int) -> int:
        body = {"email": f"{uuid4().hex}@bots.example", "password": "short-but-long-enough", "name": "B"}
        answer: httpx2.Response
        with world.client() as client:
            answer = client.post("/api/v1/auth/register", json=body, timeout=120)
        return answer.status_code

    answers = Counter(at_once(register))
    assert answers[429] > 0, answers
    assert answers[201] <= 60, answers
