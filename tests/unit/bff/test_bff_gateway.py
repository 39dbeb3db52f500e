"""The admin's side of the gateway of language models."""

import pytest

from aisle.analytics.v1 import usage_pb2
from tests.unit.bff.conftest import VISITOR, Bff
from tests.unit.bff.fake_shop import FakeShop
from tests.unit.bff.test_bff_bad_input import problem_of


async def test_usage_counts_failed_calls_apart(bff: Bff, shop: FakeShop) -> None:
    answer = await bff.client.get(
        "/api/v1/gateway/usage?days=7&by=prompt_version", headers=await bff.signed_in("admin")
    )
    report = answer.json()
    (row,) = report["rows"]
    assert (row["key"], row["calls"], row["ok_calls"], row["failed_calls"]) == ("models/tiny", 12, 9, 3)
    assert row["failures"] == [{"outcome": "timed_out", "count": 3}]
    assert (report["total"]["cost_micros"], report["truncated"]) == (1_250_000, True)
    assert list(shop.last("QueryUsage").group_by) == [usage_pb2.USAGE_DIMENSION_PROMPT_VERSION]


async def test_key_is_made_listed_and_revoked_and_its_secret_is_told_once(bff: Bff, shop: FakeShop) -> None:
    admin = await bff.signed_in("admin")
    body = {"display_name": " Warehouse ", "tenant": "tenants/warehouse", "expire_time": "2030-01-01T02:00:00+02:00"}
    answer = await bff.client.post("/api/v1/gateway/keys", json=body, headers=admin)
    made = answer.json()
    assert (answer.status_code, made["secret"], made["key"]["display_name"]) == (201, "sk-aisle-secret", "Warehouse")
    assert shop.last("CreateApiKey").api_key.expire_time.ToJsonString() == "2030-01-01T00:00:00Z"
    listed = (await bff.client.get("/api/v1/gateway/keys", headers=admin)).json()
    assert [key["state"] for key in listed["keys"]] == ["active"]
    assert "secret" not in str(listed)
    revoked = await bff.client.delete(f"/api/v1/gateway/keys/{made['key']['id']}", headers=admin)
    assert revoked.json()["state"] == "revoked"
    problem_of(await bff.client.delete("/api/v1/gateway/keys/none", headers=admin), 404, "API_KEY_NOT_FOUND")
    problem_of(await bff.client.delete("/api/v1/gateway/keys/No%20Key", headers=admin), 404, "API_KEY_NOT_FOUND")
    changes = (await bff.client.get("/api/v1/gateway/changes", headers=admin)).json()["changes"]
    assert [change["action"] for change in changes] == ["CreateApiKey"]


async def test_budget_is_set_listed_and_removed(bff: Bff, shop: FakeShop) -> None:
    admin = await bff.signed_in("admin")
    body = {"subject_kind": "use_case", "subject": "chat_support", "window": "month", "micros": 5_000_000}
    kept = (await bff.client.put("/api/v1/gateway/budgets", json=body, headers=admin)).json()
    assert (kept["subject"], kept["micros"], kept["tokens"], kept["origin"]) == ("chat_support", 5_000_000, None, "set")
    assert not shop.last("SetBudget").budget.HasField("tokens")
    listed = (await bff.client.get("/api/v1/gateway/budgets", headers=admin)).json()
    assert (listed["degraded"], listed["budgets"][0]["spending"]["used_tokens"]) == (["BUDGET_SPENDING"], 5)
    gone = await bff.client.delete(f"/api/v1/gateway/budgets/{kept['id']}", headers=admin)
    assert gone.status_code == 204
    again = await bff.client.delete(f"/api/v1/gateway/budgets/{kept['id']}", headers=admin)
    problem_of(again, 404, "BUDGET_NOT_FOUND")


@pytest.mark.parametrize(
    "body",
    [
        {"subject_kind": "nobody", "subject": "*", "window": "month", "tokens": 1},
        {"subject_kind": "tenant", "subject": "", "window": "month", "tokens": 1},
        {"subject_kind": "tenant", "subject": "*", "window": "year", "tokens": 1},
        {"subject_kind": "tenant", "subject": "*", "window": "month", "tokens": -1},
        {"subject_kind": "tenant", "subject": "*", "window": "month", "tokens": "1"},
        {"subject_kind": "tenant", "subject": "*", "window": "month", "dollars": 1},
    ],
)
async def test_bad_budget_is_refused_with_its_field(bff: Bff, shop: FakeShop, body: dict[str, object]) -> None:
    answer = await bff.client.put("/api/v1/gateway/budgets", json=body, headers=await bff.signed_in("admin"))
    assert answer.status_code == 422
    assert "SetBudget" not in [name for name, _ in shop.asked]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/usage"),
        ("GET", "/keys"),
        ("POST", "/keys"),
        ("DELETE", "/keys/k0"),
        ("GET", "/budgets"),
        ("PUT", "/budgets"),
        ("DELETE", "/budgets/b1"),
        ("GET", "/changes"),
    ],
)
async def test_only_the_admin_comes_in(bff: Bff, method: str, path: str) -> None:
    for headers, status in (({"X-Visitor-Id": VISITOR}, 401), (await bff.signed_in("maya"), 403)):
        answer = await bff.client.request(method, f"/api/v1/gateway{path}", headers=headers)
        assert answer.status_code == status
