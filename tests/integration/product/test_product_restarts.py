"""The service works on, or again, when the servers under it restart."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from aisle.product.v1 import product_service_pb2 as pb
from local import milvus
from local.settings import LocalSettings
from tests.conftest import free_port
from tests.fakes.product_llm import FakeLlm
from tests.integration.product.conftest import Shop, llm_server, product_server, settings_for
from tests.integration.product.shelf import SHOPPER, STAFF, names, search, stocked

pytestmark = pytest.mark.servers


async def milvus_server(folder: Path, port: int) -> asyncio.subprocess.Process:
    spec = milvus.process(folder, port, LocalSettings.load().servers_venv)
    server = await asyncio.create_subprocess_exec(*spec.command, env={**os.environ, **spec.env}, cwd=folder)
    for _ in range(100):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return server
    raise AssertionError("Milvus did not start")


async def eventually(ask: Callable[[], Awaitable[Any]], is_so: Callable[[Any], bool]) -> None:
    for _ in range(100):
        if is_so(await ask()):
            return
        await asyncio.sleep(0.1)
    pytest.fail("it never was so")


async def test_killed_index_degrades_search_and_a_new_one_heals_it(
    database_url: Callable[[str], Awaitable[str]], tmp_path: Path
) -> None:
    port = free_port()
    (tmp_path / "milvus").mkdir()
    server = await milvus_server(tmp_path / "milvus", port)
    url = await database_url("product")
    async with llm_server(FakeLlm()) as address:
        settings = settings_for(url, f"http://127.0.0.1:{port}", address, tmp_path)
        async with product_server(settings) as (stub, service), asyncio.TaskGroup() as group:
            background = group.create_task(service.background[0]())
            await eventually(lambda: stocked(stub), lambda done: bool(done.indexed_count == 5))
            server.send_signal(signal.SIGKILL)
            await server.wait()
            reply = await search(stub, "wool slippers")
            assert names(reply)[0] == "harbour-slippers"
            assert list(reply.degraded) == ["VECTORS", "SEARCH_INDEX"]
            server = await milvus_server(tmp_path / "milvus", port)
            await eventually(lambda: search(stub, "toasty feet"), lambda found: not found.degraded)
            background.cancel()
    server.kill()
    await server.wait()


async def test_dropped_database_connections_are_replaced(shop: Shop) -> None:
    await stocked(shop.stub)
    url = shop.settings.database_url.get_secret_value().replace("+asyncpg", "")
    connection = await asyncpg.connect(url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'product' AND pid <> pg_backend_pid()"
    )
    await connection.close()
    for _ in range(5):
        reply = await shop.stub.ListProducts(pb.ListProductsRequest(), caller=SHOPPER)
        assert reply.total_size == 5


async def test_product_created_while_everything_else_is_away_is_kept(
    database_url: Callable[[str], Awaitable[str]], tmp_path: Path
) -> None:
    url = await database_url("product")
    settings = settings_for(url, f"http://127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}", tmp_path)
    async with product_server(settings) as (stub, _):
        done = await stocked(stub)
        assert (done.created_count, done.indexed_count) == (5, 0)
        reply = await search(stub, "teapot")
        assert (names(reply), list(reply.degraded)) == (["river-teapot"], ["VECTORS", "SEARCH_INDEX"])
        request = pb.WriteProductCopyRequest(product="products/river-teapot")
        copy = [event async for event in stub.WriteProductCopy(request, caller=STAFF)]
        assert list(copy[-1].finished.degraded) == ["LLM"]
