"""Every change staff makes, and every attempt to make one, leaves an entry that says who, what and with which end."""

import json
import time
from typing import Any
from uuid import uuid4

import pytest

from services.runtime.policy import policies
from tests.security.rpc_examples import Things, examples, stocked
from tests.security.world import World

AUDITED = sorted(path for path, policy in policies().items() if policy.audited)


@pytest.fixture(scope="module")
def things(world: World) -> Things:
    return stocked(world)


def entries(world: World, start: int) -> list[dict[str, Any]]:
    time.sleep(0.05)
    with world.log.open("rb") as log:
        log.seek(start)
        lines = log.read().decode().splitlines()
    return [json.loads(line) for line in lines if '"logger":"aisle.audit"' in line]


def test_changes_of_the_catalogue_the_articles_and_the_gateway_are_among_them() -> None:
    names = {path.rpartition("/")[2] for path in AUDITED}
    assert names >= {
        "CreateProduct", "UpdateProduct", "DeleteProduct", "BatchUpsertProducts", "BatchUpsertCategories",
        "BatchUpsertReviews", "UploadImages", "BatchUpsertArticles", "CreateApiKey", "RevokeApiKey", "SetBudget",
        "DeleteBudget",
    }  # fmt: skip


@pytest.mark.parametrize("method", AUDITED)
def test_change_and_attempt_leave_an_entry_each(world: World, things: Things, method: str) -> None:
    request = examples(things)[method].SerializeToString()
    for role, subject in (("admin", "ada"), ("shopper", "mallory"), ("anonymous", "")):
        start = world.mark()
        code, _, _ = world.call(
            method, request, x_aisle_caller="bff", x_aisle_subject=subject, x_aisle_role=role, x_request_id="r-1"
        )
        (entry,) = entries(world, start)
        assert (entry["actor"], entry["role"], entry["caller"]) == (subject, role, "bff")
        assert (entry["method"], entry["code"], entry["request_id"]) == (method, code.name, "r-1")
        assert (code.name in ("OK", "NOT_FOUND")) == (role == "admin")
        # A budget has a name only once it is set, and of deliveries there is one.
        assert entry["resource"] or method.endswith(("SetBudget", "ApplyDelivery"))


def test_reading_leaves_none(world: World, things: Things) -> None:
    start = world.mark()
    for method, request in examples(things).items():
        if method not in AUDITED and "List" in method:
            world.call(method, request.SerializeToString(), x_aisle_caller="bff", x_aisle_role="admin")
    assert not entries(world, start)


def test_change_by_a_browser_names_the_account_behind_it(world: World, things: Things) -> None:
    with world.client("admin") as client:
        me = client.get("/api/v1/auth/me").json()["id"]
        start = world.mark()
        body = {"title": f"A {uuid4().hex[:6]}", "category_id": "footwear", "price": {"currency": "EUR", "minor": 100}}
        made = client.post("/api/v1/products", json=body)
        assert made.status_code == 201, made.text
        client.delete(f"/api/v1/products/{made.json()['id']}")
    created, deleted = entries(world, start)
    assert {created["actor"], deleted["actor"]} == {me}
    assert created["method"].endswith("CreateProduct")
    assert deleted["resource"] == f"products/{made.json()['id']}"


def test_entry_holds_no_secret_and_no_text_of_any_length(world: World, things: Things) -> None:
    with world.client("admin") as client:
        made = client.post("/api/v1/gateway/keys", json={"display_name": "Audited"}).json()
    assert made["secret"] not in world.log.read_text()
    assert all(len(entry["resource"]) <= 240 for entry in entries(world, 0))
