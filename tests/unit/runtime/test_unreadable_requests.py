"""Bytes that are no message are refused like any other bad request, and by the same stages."""

import grpc
import pytest

from aisle.product.v1 import product_service_pb2 as pb
from aisle.product.v1.product_service_pb2_grpc import ProductServiceServicer, add_ProductServiceServicer_to_server
from services.runtime.interceptors import MeshInterceptor

METHODS = ("SearchProducts", "WriteProductCopy")
BROKEN = (b"\xff\xff\xff", b"\x0a\x02\xff\xfe", b"\xfb\x7f" * 500)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("broken", BROKEN)
async def test_bytes_that_are_no_message_are_an_invalid_argument(method: str, broken: bytes) -> None:
    assert await _answer(method, broken, "bff") == grpc.StatusCode.INVALID_ARGUMENT


async def test_who_may_not_call_learns_nothing_about_the_bytes() -> None:
    assert await _answer("SearchProducts", b"\xff", "mallory") == grpc.StatusCode.PERMISSION_DENIED


async def _answer(method: str, raw: bytes, caller: str) -> grpc.StatusCode:
    server = grpc.aio.server(interceptors=[MeshInterceptor("product.aisle")])
    add_ProductServiceServicer_to_server(ProductServiceServicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            path = f"/{pb.DESCRIPTOR.package}.ProductService/{method}"
            call = channel.unary_stream(path, lambda sent: sent, lambda got: got)
            metadata = (("x-aisle-caller", caller), ("x-aisle-role", "admin"))
            return await call(raw, metadata=metadata).code()
    finally:
        await server.stop(None)
