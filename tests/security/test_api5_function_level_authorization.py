"""API5:2023. There is no other way to what staff may do: not by another spelling, another verb or another header.

That every method and route keeps the wrong people out stands in test_authorization.py.
"""

import http.client

import pytest

from bff.access import ACCESS, Least
from services.runtime.policy import policies
from tests.security.world import World

SPELLINGS = (
    "//api/v1/gateway/keys",
    "/api//v1/gateway/keys",
    "/api/v1/gateway//keys",
    "/api/v1/gateway/keys/",
    "/api/v1/gateway/keys/.",
    "/api/v1/gateway/./keys",
    "/api/v1/products/../gateway/keys",
    "/api/v1/products/..%2fgateway/keys",
    "/api/v1/%67ateway/keys",
    "/api/v1/gateway%2fkeys",
    "/API/V1/GATEWAY/KEYS",
    "/api/v1/gateway/keys;x=1",
    "/api/v1/gateway/keys%00",
    "/api/v1/gateway/keys%20",
    "/api/v1/gateway/keys.json",
    "/api/v1/gateway\\keys",
    "/./api/v1/gateway/keys",
    "/api/v1/analytics/../gateway/keys?x",
)


@pytest.mark.parametrize("path", SPELLINGS)
@pytest.mark.parametrize("who", ["anonymous", "shopper"])
def test_no_spelling_of_an_address_leads_past_the_door(world: World, path: str, who: str) -> None:
    """Sent as they are: a client of our own would tidy them up."""
    connection = http.client.HTTPConnection("127.0.0.1", world.plan.bff_port, timeout=10)
    connection.putrequest("GET", path, skip_host=False)
    for name, value in world.headers(who).items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status in (400, 401, 403, 404, 405), (answer.status, body[:200])
    assert b'"keys"' not in body


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "PUT", "PATCH", "GETX", "get"])
@pytest.mark.parametrize("path", ["/api/v1/gateway/keys", "/api/v1/products/wool-slippers", "/api/v1/mesh"])
def test_no_other_verb_does_what_a_verb_may_not(world: World, path: str, method: str) -> None:
    if method == "HEAD" and "products" in path:
        pytest.skip("a head of what everybody may read")
    connection = http.client.HTTPConnection("127.0.0.1", world.plan.bff_port, timeout=10)
    connection.request(method, path, headers=world.headers("shopper"))
    answer = connection.getresponse()
    assert answer.status in (400, 401, 403, 404, 405, 501), answer.status
    assert not answer.headers.get("Access-Control-Allow-Methods")


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method"])
def test_a_header_does_not_change_the_verb(world: World, header: str) -> None:
    with world.client("anonymous") as client:
        answer = client.get("/api/v1/products/wool-slippers", headers={header: "DELETE"})
        assert answer.status_code in (200, 404)
    with world.client("shopper") as client:
        assert client.post("/api/v1/events", json={}, headers={header: "GET"}).status_code in (400, 422)


@pytest.mark.parametrize("header", ["X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Path", "X-Envoy-Original-Path"])
def test_a_header_does_not_change_the_address(world: World, header: str) -> None:
    with world.client() as client:
        answer = client.get("/healthz", headers={header: "/api/v1/gateway/keys"})
    assert answer.json() == {"status": "ok"}


def test_whatever_changes_the_shop_is_for_staff() -> None:
    """A change that is for everybody must be one of the few that are meant to be."""
    for_all = {
        "POST /api/v1/auth/register",
        "POST /api/v1/auth/login",
        "POST /api/v1/auth/refresh",
        "POST /api/v1/chat/sessions",
        "DELETE /api/v1/chat/sessions/{session_id}",
        "POST /api/v1/chat/message",
        "POST /api/v1/events",
    }
    changes = {key for key in ACCESS if not key.startswith(("GET ", "WS "))}
    open_to_others = {key for key in changes if ACCESS[key] is not Least.ADMIN}
    # Signing in and out, and what belongs to whoever asks: no other change is anybody else's.
    unexpected = {key for key in open_to_others - for_all if not key.startswith("POST /api/v1/auth/")}
    assert not unexpected


def test_only_the_shops_own_doors_may_do_what_staff_does() -> None:
    """No service administers another: a service that was taken over gains nothing."""
    for policy in policies().values():
        if policy.role == 3:
            assert policy.callers <= {"bff", "cli"}, policy.method
