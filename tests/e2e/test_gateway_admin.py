"""A key of another team, from the admin who makes it to the moment nobody accepts it any more."""

import time

import httpx2

from tests.e2e.shop import Shop

# A change holds everywhere within this many seconds.
PATIENCE = 5.0


def ask(client: httpx2.Client, secret: str) -> int:
    body = {"model": "auto", "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 4}
    headers = {"Authorization": f"Bearer {secret}"}
    return client.post("/v1/chat/completions", json=body, headers=headers, timeout=60).status_code


def until(client: httpx2.Client, secret: str, status: int) -> float:
    """Return the seconds until a key is answered so. What counts is when it was asked: an answer takes its time."""
    began = asked = time.monotonic()
    while (heard := ask(client, secret)) != status:
        assert asked - began < PATIENCE, f"still {heard}"
        time.sleep(0.1)
        asked = time.monotonic()
    return asked - began


def test_key_made_in_the_admin_opens_v1_until_it_is_revoked_and_its_use_is_counted(shop: Shop) -> None:
    with shop.signed_in("admin") as admin, shop.client() as anybody:
        made = admin.post("/api/v1/gateway/keys", json={"display_name": "Warehouse", "tenant": "tenants/warehouse"})
        assert made.status_code == 201, made.text
        key, secret = made.json()["key"], made.json()["secret"]
        print(f"accepted after {until(anybody, secret, 200):.1f} s")
        assert admin.delete(f"/api/v1/gateway/keys/{key['id']}").json()["state"] == "revoked"
        print(f"refused after {until(anybody, secret, 401):.1f} s")
        used = {}
        for _ in range(100):
            rows = admin.get("/api/v1/gateway/usage", params={"days": 1, "by": "api_key"}).json()["rows"]
            used = {row["key"]: row["ok_calls"] for row in rows}
            if used.get(f"apiKeys/{key['id']}"):
                break
            time.sleep(0.2)
        assert used[f"apiKeys/{key['id']}"] >= 1
        changes = admin.get("/api/v1/gateway/changes").json()["changes"]
        assert [change["action"] for change in changes[:2]] == ["RevokeApiKey", "CreateApiKey"]


def test_budget_set_in_the_admin_refuses_what_it_does_not_hold(shop: Shop) -> None:
    with shop.signed_in("admin") as admin, shop.client() as anybody:
        made = admin.post("/api/v1/gateway/keys", json={"display_name": "Small", "tenant": "tenants/small"}).json()
        until(anybody, made["secret"], 200)
        name = f"apiKeys/{made['key']['id']}"
        body = {"subject_kind": "api_key", "subject": name, "window": "month", "tokens": 1}
        budget = admin.put("/api/v1/gateway/budgets", json=body).json()
        print(f"refused after {until(anybody, made['secret'], 429):.1f} s")
        listed = admin.get("/api/v1/gateway/budgets").json()
        assert (budget["id"], "set") in [(one["id"], one["origin"]) for one in listed["budgets"]]
        assert admin.delete(f"/api/v1/gateway/budgets/{budget['id']}").status_code == 204
        until(anybody, made["secret"], 200)
        admin.delete(f"/api/v1/gateway/keys/{made['key']['id']}")
