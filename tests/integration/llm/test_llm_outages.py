"""What callers notice of a Redis that is killed and comes back: nothing."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.fakes.llm_http_server import Exchange, listening
from tests.integration.llm.redis_process import RedisProcess
from tests.integration.llm.test_llm_v1_drain import free_port, healthy, replica

TABLE = """
version: 2
policies:
  default: {prefer: basic, cache: exact, cache_seconds: 300}
  free: {prefer: basic, cache: exact, cache_seconds: 300}
budgets:
- {subject: tenant, window: minute, tokens: 1000000}
- {subject: api_key, window: minute, tokens: 1000000}
models:
- {name: models/mock, display_name: Mock, provider: local, provider_id: mock, kind: text, quality: basic,
   context_tokens: 10000, price: {input: 0, output: 0, date: "2026-11-01"}}
"""
HEADERS = {"authorization": "Bearer sk-one"}


class Upstream:
    """A model server that counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def handle(self, exchange: Exchange) -> bool:
        if exchange.path.endswith("/models"):
            await exchange.whole(200, b'{"data": [{"id": "mock"}]}')
            return True
        self.asked += 1
        chunk = {"model": "mock", "choices": [{"index": 0, "delta": {"content": "tea"}, "finish_reason": "stop"}]}
        exchange.begin("text/event-stream")
        await exchange.chunk(b"data: " + json.dumps(chunk).encode() + b"\n\ndata: [DONE]\n\n")
        await exchange.end()
        return True


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisProcess]:
    server = RedisProcess(tmp_path, free_port())
    server.start()
    yield server
    server.kill()


async def ask(client: httpx2.AsyncClient, text: str) -> int:
    body = {"model": "mock", "max_tokens": 5, "messages": [{"role": "user", "content": text}]}
    return (await client.post("/v1/chat/completions", json=body, headers=HEADERS)).status_code


async def hits_again(client: httpx2.AsyncClient, upstream: Upstream) -> float:
    """Return the seconds until an answer is remembered again."""
    began = time.monotonic()
    async with asyncio.timeout(10):
        for number in range(1000):
            before = upstream.asked
            for _ in range(2):
                await ask(client, f"after {number}")
            if upstream.asked == before + 1:
                return time.monotonic() - began
            await asyncio.sleep(0.05)
    raise AssertionError("unreachable")


async def test_redis_that_is_killed_costs_nobody_an_answer_and_is_used_again_when_it_is_back(
    own_redis: RedisProcess, tmp_path: Path
) -> None:
    table = tmp_path / "models.yaml"
    table.write_text(TABLE)
    upstream, port, heard = Upstream(), free_port(), Counter[int]()
    told = {"AISLE_LLM_MODELS_FILE": str(table), "AISLE_LLM_REDIS_URL": own_redis.url}
    async with (
        listening(upstream.handle) as at,
        replica(f"http://127.0.0.1:{at}/v1", port, **told),
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client,
    ):
        await healthy(client)
        await hits_again(client, upstream)
        slowest = 0.0
        for number in range(120):
            if number == 40:
                await asyncio.to_thread(own_redis.kill)
            began = time.monotonic()
            heard[await ask(client, f"question {number}")] += 1
            slowest = max(slowest, time.monotonic() - began)
        assert heard == {200: 120}
        await asyncio.to_thread(own_redis.start)
        again = await hits_again(client, upstream)
        print(f"slowest call during the outage {slowest * 1e3:.0f} ms; remembered again after {again:.2f} s")
        assert again < 5
