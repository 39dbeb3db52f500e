"""Bad input: each a clear 4xx with a problem detail, never a 5xx, never a trace of ours."""

import asyncio
import base64
import json
import time
import uuid
from dataclasses import replace
from typing import Any

import jwt
import pytest

from bff.app import create_api, document
from bff.auth.signing_keys import SigningKey
from services.runtime.errors import (
    DeadlineExceeded,
    Exhausted,
    FieldViolation,
    Internal,
    Invalid,
    Precondition,
    Unavailable,
)
from tests.fakes.forged_tokens import by_secret
from tests.unit.bff.conftest import VISITOR, Bff
from tests.unit.bff.fake_shop import FakeShop
from tests.unit.bff.keys import KEYS

AS_VISITOR = {"X-Visitor-Id": VISITOR}
EVENT: dict[str, Any] = {"event_id": str(uuid.uuid4()), "type": "page_view", "session_id": "s"}


def problem_of(answer: Any, status: int, reason: str | None = None) -> dict[str, Any]:
    """Assert that an answer is a problem of ours, and return it."""
    assert answer.status_code == status, answer.text[:300]
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["type"] == f"urn:aisle:problem:{problem['reason']}"
    assert problem["title"] and problem["detail"]
    assert problem["request_id"] == answer.headers["x-request-id"] != ""
    assert "Traceback" not in answer.text and ".py" not in answer.text
    if reason is not None:
        assert problem["reason"] == reason
    return problem


@pytest.mark.parametrize("product_id", ["nothing-like-it", "UPPER", "a b", "%00", "..", "a" * 81, "ü", "%ff"])
async def test_unknown_or_impossible_product_is_not_found(bff: Bff, product_id: str) -> None:
    problem_of(
        await bff.client.get(
            f"/api/v1/products/{product_id}x/reviews" if product_id == ".." else f"/api/v1/products/{product_id}"
        ),
        404,
    )


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/chat/sessions/nothing",
        "/api/v1/chat/sessions/NOT_ONE",
        "/api/v1/articles/nothing",
        "/api/v1/articles/NOT_ONE",
        "/api/v1/recommendations?placement=product&product_id=NOT_ONE",
        "/api/v1/nothing",
        "/api/nothing",
    ],
)
async def test_unknown_thing_is_not_found(bff: Bff, path: str) -> None:
    problem_of(await bff.client.get(path, headers=AS_VISITOR), 404)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/v1/products/search", "q"),
        ("/api/v1/products/search?q=", "q"),
        ("/api/v1/products/search?q=%20%20", "q"),
        ("/api/v1/products/search?q=a%00b", "q"),
        (f"/api/v1/products/search?q={'x' * 1001}", "q"),
        ("/api/v1/products?page_size=-1", "page_size"),
        ("/api/v1/products?page_size=many", "page_size"),
        ("/api/v1/products?min_price=-5", "min_price"),
        (f"/api/v1/products?min_price={'9' * 40}", "min_price"),
        ("/api/v1/products?min_rating=nan", "min_rating"),
        ("/api/v1/products?min_rating=6", "min_rating"),
        ("/api/v1/products?order=random", "order"),
        ("/api/v1/products?category=NOT%20ONE", "category.0"),
        ("/api/v1/products?unheard=of", "unheard"),
        ("/api/v1/recommendations", "placement"),
        ("/api/v1/recommendations?placement=moon", "placement"),
        ("/api/v1/recommendations?placement=product", "product_id"),
        ("/api/v1/recommendations?placement=basket&basket=A%20B", "basket.0"),
    ],
)
async def test_field_at_fault_is_named(bff: Bff, path: str, field: str) -> None:
    problem = problem_of(await bff.client.get(path), 422, "FIELD_INVALID")
    assert problem["errors"][0]["field"] == field


async def test_hundred_kilobyte_query_is_refused(running: Bff) -> None:
    # By hand: the client library refuses to send so long an address.
    reader, writer = await asyncio.open_connection("127.0.0.1", running.settings.listen_port)
    writer.write(b"GET /api/v1/products/search?q=" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: shop\r\n\r\n")
    status_line = await reader.readline()
    writer.close()
    assert 400 <= int(status_line.split()[1]) < 500


@pytest.mark.parametrize("body", [b"{", b"[1,", b"\xff\xfe", b"", b"nonsense"])
async def test_malformed_json_is_a_bad_request(bff: Bff, body: bytes) -> None:
    headers = {"Content-Type": "application/json", **AS_VISITOR}
    answer = await bff.client.post("/api/v1/events", content=body, headers=headers)
    assert answer.status_code in (400, 422)
    problem_of(answer, answer.status_code)


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"event_id": "no uuid"}, "events.0.event_id"),
        ({"type": "flew"}, "events.0.type"),
        ({"session_id": 7}, "events.0.session_id"),
        ({"product_id": "NOT ONE"}, "events.0.product_id"),
        ({"query": "x" * 1001}, "events.0.query"),
        ({"query": "a\x00b"}, "events.0.query"),
        ({"quantity": "3"}, "events.0.quantity"),
        ({"quantity": 10**30}, "events.0.quantity"),
        ({"value": {"currency": "euro", "minor": 1}}, "events.0.value.currency"),
        ({"event_time": "2026-01-01T00:00:00"}, "events.0.event_time"),
        ({"shopper": "somebody-else"}, "events.0.shopper"),
    ],
)
async def test_wrong_type_of_an_event_is_named(bff: Bff, event: dict[str, Any], field: str) -> None:
    answer = await bff.client.post("/api/v1/events", json={"events": [{**EVENT, **event}]}, headers=AS_VISITOR)
    assert problem_of(answer, 422, "FIELD_INVALID")["errors"][0]["field"] == field


@pytest.mark.parametrize("body", ['{"events": [{"event_id": "\\ud800"}]}', '{"events": NaN}', '"text"', "[]", "null"])
async def test_strange_json_is_refused(bff: Bff, body: str) -> None:
    headers = {"Content-Type": "application/json", **AS_VISITOR}
    problem_of(await bff.client.post("/api/v1/events", content=body, headers=headers), 422)


async def test_deeply_nested_json_is_refused(bff: Bff) -> None:
    headers = {"Content-Type": "application/json", **AS_VISITOR}
    answer = await bff.client.post("/api/v1/events", content="[" * 100_000, headers=headers)
    assert 400 <= answer.status_code < 500
    problem_of(answer, answer.status_code)


@pytest.mark.parametrize("count", [0, 101])
async def test_too_few_or_many_events_are_refused(bff: Bff, count: int) -> None:
    answer = await bff.client.post("/api/v1/events", json={"events": [EVENT] * count}, headers=AS_VISITOR)
    problem_of(answer, 422)


async def test_body_that_says_it_is_too_large_is_not_read(bff: Bff) -> None:
    answer = await bff.client.post("/api/v1/events", json={"pad": "x" * (1 << 20)}, headers=AS_VISITOR)
    problem_of(answer, 413, "BODY_TOO_LARGE")


async def test_body_that_turns_out_too_large_is_refused_while_reading(running: Bff) -> None:
    async def endless() -> Any:
        for _ in range(40):
            yield b" " * 65_536

    headers = {"Content-Type": "application/json", **AS_VISITOR}
    answer = await running.client.post("/api/v1/events", content=endless(), headers=headers)
    problem_of(answer, 413)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_other_content_type_is_unsupported(bff: Bff, kind: str) -> None:
    headers = {"Content-Type": kind, **AS_VISITOR}
    answer = await bff.client.post("/api/v1/events", content=json.dumps({"events": [EVENT]}), headers=headers)
    problem_of(answer, 415, "MEDIA_TYPE_UNSUPPORTED")


async def test_packed_body_is_unsupported(bff: Bff) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip", **AS_VISITOR}
    problem_of(await bff.client.post("/api/v1/events", content=b"{}", headers=headers), 415)


async def test_other_method_is_not_allowed(bff: Bff) -> None:
    answer = await bff.client.put("/api/v1/categories", json={})
    problem_of(answer, 405, "METHOD_NOT_ALLOWED")
    assert "GET" in answer.headers["allow"]
    problem_of(await bff.client.post("/api/v1/unheard-of", json={}), 404)


async def test_idempotency_key_that_is_no_uuid_is_refused(bff: Bff) -> None:
    headers = {**await bff.signed_in("admin"), "Idempotency-Key": "again"}
    body = {"title": "Mug", "category_id": "table", "price": {"currency": "EUR", "minor": 1}}
    problem_of(await bff.client.post("/api/v1/products", json=body, headers=headers), 400, "IDEMPOTENCY_KEY_INVALID")


OURS = KEYS.keys[0]
STRANGE = SigningKey.new(OURS.signs_from)


def forged(**changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": "aisle",
        "aud": "aisle-storefront",
        "sub": "admin",
        "role": "admin",
        "iat": now,
        "exp": now + 600,
        "jti": "1",
    }
    kept = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode(kept, OURS.private, algorithm="ES256", headers={"kid": OURS.id})


def claims_of(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


def signed_by(key: SigningKey) -> str:
    return jwt.encode(claims_of(forged()), key.private, algorithm="ES256", headers={"kid": key.id})


def unsigned() -> str:
    def part(data: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")

    claims = jwt.decode(forged(), options={"verify_signature": False})
    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}."


BAD_TOKENS = {
    "expired": forged(exp=int(time.time()) - 60),
    "alg none": unsigned(),
    "another key": signed_by(SigningKey.new(OURS.signs_from)),
    "another key by our name": signed_by(replace(SigningKey.new(OURS.signs_from), id=OURS.id)),
    "no name of a key": jwt.encode(claims_of(forged()), OURS.private, algorithm="ES256"),
    "public key as a secret": by_secret({"kid": OURS.id}, claims_of(forged()), json.dumps(OURS.published())),
    "key of its own in its head": jwt.encode(
        claims_of(forged()),
        STRANGE.private,
        algorithm="ES256",
        headers={"kid": OURS.id, "jwk": STRANGE.published(), "jku": "http://127.0.0.1:1/keys"},
    ),
    "another audience": forged(aud="somewhere"),
    "another issuer": forged(iss="somebody"),
    "no expiry": forged(exp=None),
    "no id": forged(jti=None),
    "not yet": forged(iat=int(time.time()) + 600),
    "unknown role": forged(role="owner"),
    "role that is no text": forged(role={"admin": True}),
    "no subject": forged(sub=""),
    "garbage": "garbage",
    "three dots": "a.b.c",
    "cut": forged()[:-4],
}


@pytest.mark.parametrize("token", BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
async def test_bad_token_is_refused_even_where_nobody_needs_one(bff: Bff, token: str) -> None:
    for path in ("/api/v1/analytics/overview", "/api/v1/products/slippers"):
        answer = await bff.client.get(path, headers={"Authorization": f"Bearer {token}"})
        problem_of(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_token_made_with_our_key_is_good(bff: Bff) -> None:
    answer = await bff.client.get("/api/v1/analytics/overview", headers={"Authorization": f"Bearer {forged()}"})
    assert answer.status_code == 200


async def test_expired_token_says_so(bff: Bff) -> None:
    headers = {"Authorization": f"Bearer {BAD_TOKENS['expired']}"}
    answer = await bff.client.get("/api/v1/auth/me", headers=headers)
    problem_of(answer, 401, "TOKEN_EXPIRED")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_other_scheme_of_authorization_is_refused(bff: Bff) -> None:
    answer = await bff.client.get("/api/v1/products/slippers", headers={"Authorization": "Basic bWF5YTp4"})
    problem_of(answer, 401)


async def test_visitor_id_that_is_no_uuid_is_refused(bff: Bff) -> None:
    answer = await bff.client.get("/api/v1/products/slippers", headers={"X-Visitor-Id": "maya"})
    problem_of(answer, 400, "VISITOR_ID_INVALID")


STAFF_ONLY = [
    ("POST", "/api/v1/products", {"title": "M", "category_id": "t", "price": {"currency": "EUR", "minor": 1}}),
    ("PATCH", "/api/v1/products/socks", {"title": "M"}),
    ("DELETE", "/api/v1/products/socks", None),
    ("POST", "/api/v1/products/generate-description", {"product_id": "socks"}),
    *[
        ("GET", f"/api/v1/analytics/{name}", None)
        for name in ("overview", "daily", "top-products", "top-searches", "empty-searches", "funnel", "models", "mesh")
    ],
]


@pytest.mark.parametrize(("method", "path", "body"), STAFF_ONLY)
async def test_staff_only_routes_refuse_everybody_else(
    bff: Bff, shop: FakeShop, method: str, path: str, body: Any
) -> None:
    shopper = await bff.signed_in("maya")
    problem_of(await bff.client.request(method, path, json=body, headers=AS_VISITOR), 401, "SIGN_IN_REQUIRED")
    problem_of(await bff.client.request(method, path, json=body, headers=shopper), 403, "ROLE_TOO_LOW")
    assert shop.asked == []


@pytest.mark.parametrize("path", ["/api/v1/chat/sessions", "/api/v1/events"])
async def test_nobody_in_particular_has_no_session_and_no_events(bff: Bff, path: str) -> None:
    problem_of(await bff.client.post(path, json={"events": [EVENT]}), 401)


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (Invalid("PAGE_TOKEN_MISMATCH", "Not this page."), 400, "PAGE_TOKEN_MISMATCH"),
        (Invalid("FIELD_INVALID", "No.", [FieldViolation("query", "too odd")]), 422, "FIELD_INVALID"),
        (Precondition("CLOSED", "Closed."), 409, "CLOSED"),
        (Exhausted("TOKEN_BUDGET_SPENT", "Spent.", 7), 429, "TOKEN_BUDGET_SPENT"),
        (Unavailable("INDEX_AWAY", "Away.", 2), 503, "INDEX_AWAY"),
        (DeadlineExceeded("DEADLINE_EXCEEDED", "Late."), 504, "DEADLINE_EXCEEDED"),
        (Internal("WHATEVER", "password=hunter2"), 500, "INTERNAL"),
        (RuntimeError("password=hunter2"), 500, "INTERNAL"),
    ],
)
async def test_refusal_of_a_service_keeps_its_meaning(
    bff: Bff, shop: FakeShop, error: Exception, status: int, reason: str
) -> None:
    shop.failures["SearchProducts"] = error
    answer = await bff.client.get("/api/v1/products/search?q=slippers")
    problem = problem_of(answer, status, reason)
    assert "hunter2" not in answer.text
    if status in (429, 503):
        assert float(answer.headers["retry-after"]) == problem["retry_after_seconds"]


async def test_bug_of_ours_is_a_fixed_text_with_the_request_id(bff: Bff, shop: FakeShop) -> None:
    shop.products["products/slippers"].update_time.seconds = 10**15
    answer = await bff.client.get("/api/v1/products/slippers", headers={"X-Request-Id": "find-me"})
    assert problem_of(answer, 500, "INTERNAL")["request_id"] == "find-me"


async def test_request_id_that_could_break_a_log_is_replaced(bff: Bff) -> None:
    answer = await bff.client.get("/healthz", headers={"X-Request-Id": "a b{}"})
    assert uuid.UUID(answer.headers["x-request-id"])


def test_document_names_each_operation_once_and_its_problems() -> None:
    found = document(create_api())
    operations = [operation for path in found["paths"].values() for operation in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))
    assert all(name.isidentifier() for name in ids)
    for operation in operations:
        content = operation["responses"]["422"]["content"]
        assert content["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert "HTTPValidationError" not in found["components"]["schemas"]
    assert {"Problem", "FieldProblem", "Product", "ChatSession"} <= found["components"]["schemas"].keys()


async def test_document_is_served(bff: Bff) -> None:
    answer = await bff.client.get("/api/openapi.json")
    assert answer.json()["paths"].keys() >= {"/api/v1/products", "/api/v1/chat/message"}
