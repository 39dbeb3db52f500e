"""A provider with a limit: takes so many requests a second, says 429 with Retry-After to the others, counts each."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.fakes.llm_http_server import Exchange, listening

TOKENS = (20, 10)


class LimitedServer:
    """A bucket of permits that fills at a steady rate. The last message of a request is the key it is counted by."""

    def __init__(self, per_second: float | None, latency: float, burst: float | None = None) -> None:
        self.url = ""
        self.latency = latency
        # Seconds more for every other request on its way: a machine that is shared.
        self.sharing = 0.0
        self.models = ["text"]
        self.per_second = per_second
        # A quarter of a second's worth, unless told otherwise: what was not used in that time is gone.
        self.burst = burst if burst is not None else max(1.0, (per_second or 0) / 4)
        self.served: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.refused = 0
        self.at_once = self.most_at_once = 0
        # What could have been served while somebody could ask, the bucket's first filling included.
        self.first_at = self.last_at = 0.0
        self._permits = self.burst
        self._filled_at = time.monotonic()

    async def handle(self, exchange: Exchange) -> bool:
        if exchange.path.endswith("/models"):
            await exchange.whole(200, json.dumps({"data": [{"id": one} for one in self.models]}).encode())
            return True
        wait = self._take()
        if wait:
            self.refused += 1
            body = b'{"error": {"message": "Rate limit reached.", "code": "rate_limit_exceeded"}}'
            await exchange.whole(429, body, {"retry-after-ms": f"{wait * 1000:.0f}"})
            return True
        key = str(exchange.json()["messages"][-1]["content"])
        self.served[key] += 1
        self.last_at = time.monotonic()
        self.first_at = self.first_at or self.last_at
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self.latency + self.sharing * (self.at_once - 1))
        self.at_once -= 1
        await exchange.whole(200, json.dumps(_answer(key, exchange.json()["model"])).encode())
        self.answered[key] += 1
        return True

    def _take(self) -> float:
        """Take a permit, or return the seconds until there is one."""
        if self.per_second is None:
            return 0.0
        now = time.monotonic()
        self._permits = min(self.burst, self._permits + (now - self._filled_at) * self.per_second)
        self._filled_at = now
        if self._permits >= 1:
            self._permits -= 1
            return 0.0
        return max(0.001, (1 - self._permits) / self.per_second)


def _answer(key: str, model: str) -> dict[str, object]:
    usage = {"prompt_tokens": TOKENS[0], "completion_tokens": TOKENS[1], "total_tokens": sum(TOKENS)}
    choice = {"index": 0, "message": {"role": "assistant", "content": f"About {key}."}, "finish_reason": "stop"}
    return {"id": "chatcmpl-1", "object": "chat.completion", "model": model, "choices": [choice], "usage": usage}


@asynccontextmanager
async def limited_server(per_second: float | None, latency: float) -> AsyncIterator[LimitedServer]:
    """A server on a free port."""
    server = LimitedServer(per_second, latency)
    async with listening(server.handle) as port:
        server.url = f"http://127.0.0.1:{port}/v1"
        yield server
