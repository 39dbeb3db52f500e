"""A replica that is told to go: /v1 leaves by the three steps of the house, and loses no answer."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2

from tests.fakes.llm_http_server import Exchange, listening

BODY = {"model": "smollm2-135m-instruct", "messages": [{"role": "user", "content": "hi"}], "stream": True}
CHUNK = b'data: {"choices": [{"index": 0, "delta": {"content": "%s"}, "finish_reason": %s}]}\n\n'


class SlowUpstream:
    """A model server that begins to answer and goes on when it is told to."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def handle(self, exchange: Exchange) -> bool:
        if exchange.path.endswith("/models"):
            await exchange.whole(200, b'{"data": [{"id": "smollm2-135m-instruct"}]}')
            return True
        exchange.begin("text/event-stream")
        await exchange.chunk(CHUNK % (b"first ", b"null"))
        await self.go_on.wait()
        await exchange.chunk(CHUNK % (b"last", b'"stop"') + b"data: [DONE]\n\n")
        await exchange.end()
        return True


@asynccontextmanager
async def replica(upstream: str, port: int, **more: str) -> AsyncIterator[Process]:
    """The service as a process of its own, behind no Envoy."""
    told = {
        "AISLE_LLM_LISTEN_PORT": str(free_port()),
        "AISLE_LLM_HTTP_PORT": str(port),
        "AISLE_LLM_API_KEYS": "sk-one",
        "AISLE_LLM_LOCAL_URL": upstream,
        "AISLE_LLM_DIFFICULTY": "false",
        "AISLE_TOKEN_KEY": "k",
        "AISLE_DRAIN_SECONDS": "1.5",
        "AISLE_GRACE_SECONDS": "5",
        **more,
    }
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AISLE_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.llm", env={**kept, **told}, stderr=DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def healthy(client: httpx2.AsyncClient) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                if (await client.get("/healthz")).status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            await asyncio.sleep(0.05)


async def test_replica_that_leaves_says_so_still_answers_and_ends_its_streams() -> None:
    upstream, port = SlowUpstream(), free_port()
    key = {"Authorization": "Bearer sk-one"}
    async with (
        listening(upstream.handle) as at,
        replica(f"http://127.0.0.1:{at}/v1", port) as process,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=key, trust_env=False, timeout=20) as client,
    ):
        await healthy(client)
        async with client.stream("POST", "/v1/chat/completions", json=BODY) as stream:
            lines = stream.aiter_lines()
            assert any([True async for line in lines_until(lines, "first")])
            process.send_signal(signal.SIGTERM)
            for _ in range(100):
                if (await client.get("/healthz")).status_code == 503:
                    break
                await asyncio.sleep(0.01)
            # Envoy has yet to notice: what it still sends is answered, and the connection not kept.
            late = await client.get("/v1/models")
            assert (late.status_code, late.headers["connection"]) == (200, "close")
            await asyncio.sleep(1.8)
            upstream.go_on.set()
            rest = [line async for line in lines]
        assert any('"last"' in line for line in rest)
        assert "data: [DONE]" in rest
        assert await asyncio.wait_for(process.wait(), 10) == 0


async def lines_until(lines: AsyncIterator[str], word: str) -> AsyncIterator[str]:
    async for line in lines:
        if word in line:
            yield line
            return
