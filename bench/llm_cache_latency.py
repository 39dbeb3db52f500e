"""Measures how long the cache of answers takes: the same question, a similar one, and one that nobody asked before.

The shop's questions are asked over gRPC, one after the other, of a service with the real encoder, Redis and Milvus; a
stand-in answers at once what the cache does not know, so that a miss shows what looking costs. Service, caller and
stand-in share one process.

    python -m bench.llm_cache_latency
"""

import asyncio
import logging
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import SecretStr

from aisle.llm.v1 import llm_service_pb2 as pb
from bench.shop_questions import questions
from local import milvus
from local.settings import LocalSettings
from tests.conftest import ServerThread, free_port
from tests.fakes.llm_openai_server import openai_server
from tests.integration.llm.conftest import _loaded, llm
from tests.integration.llm.redis_process import RedisProcess

_SIMILAR = "a similar question"
_OUTCOMES = {
    pb.CACHE_OUTCOME_MISS: "not asked before",
    pb.CACHE_OUTCOME_EXACT: "the same question",
    pb.CACHE_OUTCOME_SIMILAR: _SIMILAR,
}
_SEED, _QUESTIONS = 3, 1_000
Times = dict[str, list[float]]


def model_server(environment: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    """Start the model server."""
    (folder / "models").mkdir()
    with (folder / "models.log").open("wb") as log:
        return subprocess.Popen([sys.executable, "-m", "local.models"], env=environment, stderr=log, stdout=log)


def until_loaded(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until the models are there."""
    for _ in range(600):
        if _loaded(port):
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise SystemExit("The model server does not start.")


@asynccontextmanager
async def servers(folder: Path) -> AsyncIterator[dict[str, Any]]:
    """Run Redis, Milvus and the model server; yields the settings that name them."""
    redis, port, models = RedisProcess(folder, free_port()), free_port(), free_port()
    redis.start()
    vectors = ServerThread(milvus.process(folder / "milvus", port, LocalSettings.load().servers_venv), folder)
    await asyncio.to_thread(vectors.start)
    environment = {**os.environ, "AISLE_MODELS_PORT": str(models), "AISLE_MODELS_HOME": str(folder / "models")}
    process = await asyncio.to_thread(model_server, environment, folder)
    try:
        await asyncio.to_thread(until_loaded, process, models)
        yield {
            "redis_url": SecretStr(redis.url),
            "milvus_uri": f"http://127.0.0.1:{port}",
            "local_url": f"http://127.0.0.1:{models}/v1",
        }
    finally:
        process.terminate()
        process.wait(20)
        await asyncio.to_thread(vectors.stop)
        redis.kill()


async def ask(stub: Any, text: str, tenant: str = "tenants/shop") -> tuple[str, float]:
    """Ask one question; return where the answer came from, and the milliseconds it took."""
    request = pb.GenerateTextRequest(
        messages=[pb.ChatMessage(role=pb.CHAT_ROLE_USER, text=text)],
        use_case=pb.USE_CASE_CHAT_SUPPORT,
        cache_use=pb.CACHE_USE_SIMILAR,
        tenant=tenant,
    )
    began = time.perf_counter()
    async with aclosing(stub.GenerateText(request)) as stream:
        replies = [reply async for reply in stream]
    return _OUTCOMES[replies[-1].finished.cache_outcome], (time.perf_counter() - began) * 1000


async def opened(stub: Any) -> None:
    """Wait until similar questions are known."""
    for number in range(300):
        tenant = f"tenants/warm-{number}"
        await ask(stub, "Standard shipping price?", tenant)
        await asyncio.sleep(0.1)
        if (await ask(stub, "What do you charge for normal shipping?", tenant))[0] == _SIMILAR:
            return
    raise SystemExit("Similar questions are never known.")


async def asked(stub: Any, texts: Sequence[str]) -> Times:
    """Ask all, one after the other."""
    times: Times = defaultdict(list)
    for text in texts:
        outcome, took = await ask(stub, text)
        times[outcome].append(took)
    return times


def printed(which: str, times: Times) -> None:
    """Print a line for each place an answer came from."""
    for outcome, took in sorted(times.items()):
        p50, p95, p99 = np.percentile(took, [50, 95, 99])
        print(f"| {which} | {outcome} | {len(took)} | {p50:.2f} | {p95:.2f} | {p99:.2f} |", flush=True)


async def main() -> None:
    """Print the table."""
    logging.getLogger("aisle").setLevel(logging.CRITICAL)
    texts = random.Random(_SEED).sample([one.text for one in questions()], _QUESTIONS)
    print("| time | the cache knows | questions | p50 ms | p95 ms | p99 ms |\n|---|---|---:|---:|---:|---:|")
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        given = await stack.enter_async_context(servers(folder))
        upstream = await stack.enter_async_context(openai_server())
        upstream.models = ["gpt-6-luna", "gpt-6.1-terra", "gpt-6.1-sol"]
        openai = {"openai_api_key": SecretStr("sk-1"), "openai_base_url": upstream.url}
        stub = await stack.enter_async_context(llm(**given, **openai))
        await opened(stub)
        printed("first", await asked(stub, texts))
        printed("second", await asked(stub, texts))
    load, *_ = os.getloadavg()
    print(f"load of the machine: {load:.1f}")


if __name__ == "__main__":
    asyncio.run(main())
