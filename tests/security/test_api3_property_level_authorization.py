"""API3:2023. Nobody sets fields that are not theirs to set, and answers hold the fields they promise and no others."""

from typing import Any
from uuid import uuid4

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from aisle.llm.v1 import batch_pb2
from aisle.llm.v1 import batch_service_pb2 as batches
from aisle.llm.v1 import llm_admin_service_pb2 as admin
from aisle.product.v1 import product_pb2
from aisle.product.v1 import product_service_pb2 as product
from bff.auth.schemas import User
from bff.catalog.schemas import FoundProduct
from bff.chat.schemas import Message as ChatMessage
from bff.gateway.schemas import ApiKey
from bff.presentation import Product
from tests.security.rpc_examples import ROLE, Things, a_product, asked, stocked
from tests.security.world import World

PRODUCTS = "/aisle.product.v1.ProductService/"
HIDDEN = "products/hidden-prototype"


@pytest.fixture(scope="module")
def things(world: World) -> Things:
    found = stocked(world)
    draft = a_product(HIDDEN, title="Hidden prototype slippers", state=product_pb2.PRODUCT_STATE_DRAFT)
    asked(world, PRODUCTS + "BatchUpsertProducts", product.BatchUpsertProductsRequest(products=[draft]))
    return found


@pytest.mark.parametrize(
    "extra", [{"role": "admin"}, {"id": "admin"}, {"is_admin": True}, {"password_hash": "x"}, {"__proto__": {}}]
)
def test_nobody_registers_as_more_than_a_shopper(world: World, extra: dict[str, Any]) -> None:
    body = {"email": f"{uuid4().hex}@mass.example", "password": "a-good-long-password", "name": "M", **extra}
    with world.client() as client:
        assert client.post("/api/v1/auth/register", json=body).status_code == 422


@pytest.mark.parametrize(
    "extra",
    [
        {"rating": {"average": 5, "review_count": 1000}},
        {"etag_": "x"},
        {"create_time": "2020-01-01T00:00:00Z"},
        {"images": [{"key": "a.webp", "uri": "http://127.0.0.1/x"}]},
        {"price": {"currency": "EUR", "minor": 1, "discount": 100}},
        {"owner": "me"},
    ],
)
def test_product_takes_no_field_it_does_not_name(world: World, things: Things, extra: dict[str, Any]) -> None:
    with world.client("admin") as client:
        assert client.patch("/api/v1/products/wool-slippers", json=extra).status_code == 422
        whole = {"title": "T", "category_id": "footwear", "price": {"currency": "EUR", "minor": 1}, **extra}
        assert client.post("/api/v1/products", json=whole).status_code == 422


@pytest.mark.parametrize("path", ["rating", "create_time", "update_time", "name", "etag", "rating.average", "nothing"])
def test_service_updates_no_field_of_its_own(world: World, things: Things, path: str) -> None:
    wanted = product.UpdateProductRequest(product=a_product(), update_mask=FieldMask(paths=[path]))
    wanted.product.rating.average = 5
    code, words, _ = world.call(PRODUCTS + "UpdateProduct", wanted.SerializeToString(), x_aisle_caller="bff", **ROLE)
    assert code.name == "INVALID_ARGUMENT", words


def test_what_the_server_sets_cannot_be_brought_along(world: World, things: Things) -> None:
    made = product.CreateProductRequest(product=a_product(""), product_id=f"p-{uuid4().hex[:8]}")
    made.product.rating.average, made.product.rating.review_count = 5, 1000
    made.product.create_time.seconds = 1
    found = asked(world, PRODUCTS + "CreateProduct", made)
    assert (found.rating.review_count, found.rating.average) == (0, 0)
    assert found.create_time.seconds > 1_700_000_000
    key = admin.ApiKey(display_name="Mine", creator="somebody-else", hint="aaaa", state=admin.API_KEY_STATE_REVOKED)
    key.create_time.seconds = key.revoke_time.seconds = 1
    given = asked(world, "/aisle.llm.v1.LlmAdminService/CreateApiKey", admin.CreateApiKeyRequest(api_key=key)).api_key
    assert (given.creator, given.state) == (ROLE["x_aisle_subject"], admin.API_KEY_STATE_ACTIVE)
    assert not given.HasField("revoke_time")
    assert given.create_time.seconds > 1_700_000_000
    batch = batch_pb2.Batch(cost_micros=-5, state=batch_pb2.BATCH_STATE_ENDED, provider="openai", wait_reason="x")
    new = asked(world, "/aisle.llm.v1.BatchService/CreateBatch", batches.CreateBatchRequest(batch=batch))
    assert (new.cost_micros, new.state, new.provider) == (0, batch_pb2.BATCH_STATE_OPEN, "")


@pytest.mark.parametrize("extra", [{"creator": "x"}, {"secret": "sk-mine"}, {"state": "active"}, {"id": "mine"}])
def test_key_is_made_by_the_shop_alone(world: World, extra: dict[str, Any]) -> None:
    with world.client("admin") as client:
        assert client.post("/api/v1/gateway/keys", json={"display_name": "K", **extra}).status_code == 422


def test_event_is_about_whoever_sends_it(world: World) -> None:
    event = {"type": "page_view", "event_id": str(uuid4()), "session_id": "s", "shopper": "admin"}
    with world.client("other") as client:
        assert client.post("/api/v1/events", json={"events": [event]}).status_code == 422
        assert client.post("/api/v1/chat/sessions", json={"owner": "admin"}).status_code in (201, 422)


@pytest.mark.parametrize("who", ["anonymous", "visitor", "shopper"])
def test_what_is_not_on_sale_is_seen_by_staff_only(world: World, things: Things, who: str) -> None:
    with world.client(who) as client:
        assert client.get("/api/v1/products/hidden-prototype").status_code == 404
        for path in ("/api/v1/products?page_size=200", "/api/v1/products/search?q=hidden+prototype+slippers"):
            assert "hidden-prototype" not in client.get(path).text
        for state in ("draft", "all", "archived"):
            assert client.get(f"/api/v1/products?state={state}").status_code == 403
        assert "hidden-prototype" not in client.get("/api/v1/recommendations?placement=home").text
        reviews = client.get("/api/v1/products/hidden-prototype/reviews")
        assert reviews.status_code == 404, reviews.text
        about = client.get("/api/v1/recommendations?placement=product&product_id=hidden-prototype")
        assert "Hidden prototype" not in about.text


def test_answers_hold_the_fields_they_promise_and_no_others(world: World, things: Things) -> None:
    with world.client("admin") as client:
        me = client.get("/api/v1/auth/me").json()
        assert set(me) == set(User.model_fields)
        assert not {"password", "password_hash", "refresh_token"} & set(me)
        found = client.get("/api/v1/products/wool-slippers").json()
        assert set(found) == set(Product.model_fields)
        results = client.get("/api/v1/products/search?q=wool").json()["products"]
        # No score and no distance: they tell what others' texts are close to.
        assert results
        assert all(set(one) == set(FoundProduct.model_fields) for one in results)
        keys = client.get("/api/v1/gateway/keys").json()["keys"]
        assert keys
        assert all(set(one) == set(ApiKey.model_fields) for one in keys)
        assert all(len(one["hint"]) <= 8 for one in keys)


def test_secret_of_a_key_is_told_once(world: World) -> None:
    with world.client("admin") as client:
        made = client.post("/api/v1/gateway/keys", json={"display_name": "Once"}).json()
        secret = made["secret"]
        for path in ("keys", "changes", "usage", "budgets"):
            assert secret not in client.get(f"/api/v1/gateway/{path}").text
    assert secret not in world.log.read_text()


def test_message_holds_no_owner_and_no_prompt(world: World) -> None:
    with world.client("shopper") as client:
        answer = client.post("/api/v1/chat/message", json={"text": "How do returns work?"})
    assert answer.status_code == 200, answer.text
    assert set(answer.json()["message"]) == set(ChatMessage.model_fields)
