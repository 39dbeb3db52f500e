"""The llm service in this process behind a real gRPC server, and the real model server."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import grpc
import pytest
from pydantic import SecretStr

from aisle.llm.v1.llm_service_pb2_grpc import LlmServiceStub
from services.llm.__main__ import build
from services.llm.settings import LlmSettings
from services.runtime.channel import MeshChannel
from services.runtime.interceptors import MeshInterceptor

Serve = Callable[..., AbstractAsyncContextManager[LlmServiceStub]]


@asynccontextmanager
async def llm(**given: Any) -> AsyncIterator[LlmServiceStub]:
    """Serve the llm service as its own `__main__` wires it; without settings it has no provider."""
    settings = LlmSettings(listen_port=1, token_key=SecretStr("k"), **{"local_url": "", **given})
    async with AsyncExitStack() as stack:
        service = await build(settings, stack)
        server = grpc.aio.server(interceptors=[MeshInterceptor("llm.aisle")])
        service.register(server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        jobs = [asyncio.ensure_future(job()) for job in service.background]
        try:
            async with MeshChannel("chat", "llm", f"127.0.0.1:{port}") as channel:
                yield LlmServiceStub(channel)
        finally:
            # A test that fails leaves nothing running that the end of the others would wait for.
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            await server.stop(None)


@pytest.fixture
def serve() -> Serve:
    return llm


@pytest.fixture(scope="session")
def model_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the real model server, with its models loaded."""
    folder: Path = tmp_path_factory.mktemp("models")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "AISLE_MODELS_PORT": str(port), "AISLE_MODELS_HOME": str(folder)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "local.models"], env=environment, stderr=log, stdout=log)
    try:
        for _ in range(1200):
            if process.poll() is not None:
                raise RuntimeError((folder / "log").read_text())
            if _loaded(port):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(20)


def _loaded(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
