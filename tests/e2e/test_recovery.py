"""Killing any one process: the supervisor says so, brings it back, and the shop works again within ten seconds."""

import signal
import time
from uuid import uuid4

import httpx2
import psutil
import pytest

from tests.e2e.shop import Shop, visitor

# A word of each process's command line that no other process has.
VICTIMS = {
    "postgres": "pginstall/bin/postgres",
    # Two that are told apart by their ports.
    "redis": "redis-server 127.0.0.1:{port}",
    "limits-redis": "redis-server 127.0.0.1:{port}",
    "limits": "services.limits",
    "milvus": "milvus_lite/lib/milvus",
    "models": "local.models",
    "control-plane": "services.control_plane",
    "envoy": "_bin/envoy",
    "product": "services.product",
    "llm": "services.llm",
    "chat": "services.chat",
    "recommendation": "services.recommendation",
    "analytics": "services.analytics",
    "bff": "-m bff",
}
LIMIT = 10.0


def victim(shop: Shop, name: str) -> psutil.Process:
    mark = VICTIMS[name].format(port=shop.ports.get(name))
    children = psutil.Process(shop.process.pid).children()
    alive = [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
    found = [child for child in alive if mark in " ".join(child.cmdline())]
    assert len(found) == 1, f"{mark}: {[c.cmdline() for c in alive]}"
    return found[0]


def works(shop: Shop) -> str:
    """Use every part of the shop once; return what does not work, or nothing."""
    who = visitor()
    event = {"event_id": str(uuid4()), "type": "product_view", "session_id": "s", "product_id": "tarn-hiking-socks"}
    checks = (
        ("GET", "/", None),
        ("GET", "/api/v1/products/tarn-hiking-socks", None),
        ("GET", "/api/v1/products/search?q=warm+feet", None),
        ("GET", "/api/v1/recommendations?placement=product&product_id=tarn-hiking-socks", None),
        ("POST", "/api/v1/events", {"events": [event]}),
        ("POST", "/api/v1/chat/message", {"text": "How long do I have to return something?"}),
    )
    try:
        with shop.client(headers=who) as client:
            for method, path, body in checks:
                reply = client.request(method, path, json=body) if body else client.request(method, path)
                if reply.status_code >= 400:
                    return f"{path}: {reply.status_code} {reply.text[:200]}"
                missing = left_out(reply)
                if missing:
                    return f"{path}: degraded {missing}"
    except httpx2.HTTPError as error:
        return f"{type(error).__name__}: {error}"
    return ""


def left_out(reply: httpx2.Response) -> list[str]:
    """Return the steps an answer lacks; without a key there is never a good language model, so that one is expected."""
    if "json" not in reply.headers.get("content-type", ""):
        return []
    answer = reply.json()
    degraded = answer.get("degraded", answer.get("message", {}).get("degraded", []))
    return [step for step in degraded if step != "LLM"]


def until_it_works(shop: Shop, started: float) -> str:
    """Use the shop until it works; return what does not, once the limit since a moment has passed."""
    problem = "not tried"
    while problem and time.monotonic() - started < LIMIT:
        problem = works(shop)
        time.sleep(0.1)
    return problem


@pytest.mark.parametrize("name", VICTIMS)
def test_shop_works_again_after_a_kill(shop: Shop, name: str) -> None:
    # What the kill before this one left behind, such as a connection that is found dead only when it is used, is over.
    assert until_it_works(shop, time.monotonic()) == ""
    killed = victim(shop, name)
    said = len(shop.output.read_text())
    killed.send_signal(signal.SIGKILL)
    started = time.monotonic()
    time.sleep(0.3)
    problem = until_it_works(shop, started)
    assert problem == "", f"after {LIMIT} s: {problem}"
    assert "SIGKILL" in shop.output.read_text()[said:]
    assert victim(shop, name).pid != killed.pid


def test_events_acknowledged_before_a_crash_are_counted_after_it(shop: Shop) -> None:
    query = f"crash {uuid4().hex[:8]}"
    events = [
        {"event_id": str(uuid4()), "type": "search", "session_id": "s", "query": query, "result_count": 1}
        for _ in range(50)
    ]
    with shop.client(headers=visitor()) as client:
        assert client.post("/api/v1/events", json={"events": events}).status_code == 202
    for name in ("analytics", "redis"):
        victim(shop, name).send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    counted = 0
    while counted < len(events) and time.monotonic() < deadline:
        time.sleep(0.5)
        try:
            with shop.signed_in("admin") as admin:
                reply = admin.get("/api/v1/analytics/top-searches", params={"days": 1, "limit": 100})
                rows = reply.json().get("rows", []) if reply.status_code == 200 else []
        except httpx2.HTTPError:
            continue
        counted = next((row[1] for row in rows if row[0] == query), 0)
    assert counted == len(events)
