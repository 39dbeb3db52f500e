"""A whole product service over real PostgreSQL and Milvus, with an llm service of the test's own beside it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import grpc
import pytest
from pydantic import SecretStr

from aisle.llm.v1.llm_service_pb2_grpc import add_LlmServiceServicer_to_server
from aisle.product.v1.product_service_pb2_grpc import ProductServiceStub
from services.product.__main__ import build
from services.product.settings import ProductSettings
from services.runtime.channel import MeshChannel
from services.runtime.interceptors import MeshInterceptor
from services.runtime.serve import Service
from tests.fakes.product_llm import FakeLlm


@dataclass
class Shop:
    """The running service, seen as the BFF sees it."""

    stub: ProductServiceStub
    llm: FakeLlm
    service: Service
    settings: ProductSettings


@asynccontextmanager
async def llm_server(servicer: FakeLlm) -> AsyncIterator[str]:
    server = grpc.aio.server(interceptors=[MeshInterceptor("llm.aisle")])
    add_LlmServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


@asynccontextmanager
async def product_server(settings: ProductSettings) -> AsyncIterator[tuple[ProductServiceStub, Service]]:
    async with AsyncExitStack() as stack:
        service = await build(settings, stack)
        server = grpc.aio.server(interceptors=[MeshInterceptor("product.aisle", service.replies)])
        service.register(server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        channel = await stack.enter_async_context(MeshChannel("bff", "product", f"127.0.0.1:{port}"))
        yield ProductServiceStub(channel), service
        await server.stop(None)


def settings_for(url: str, milvus_uri: str, egress: str, folder: Path) -> ProductSettings:
    return ProductSettings(
        listen_port=1,
        token_key=SecretStr("k"),
        media_signing_key=SecretStr("m"),
        egress_address=egress,
        database_url=SecretStr(url),
        milvus_uri=milvus_uri,
        milvus_collection=f"items_{uuid4().hex[:8]}",
        media_dir=folder / "media",
    )


@pytest.fixture
async def shop(database_url: Callable[[str], Awaitable[str]], milvus_uri: str, tmp_path: Path) -> AsyncIterator[Shop]:
    llm = FakeLlm()
    url = await database_url("product")
    async with llm_server(llm) as address:
        settings = settings_for(url, milvus_uri, address, tmp_path)
        async with product_server(settings) as (stub, service):
            yield Shop(stub, llm, service, settings)
