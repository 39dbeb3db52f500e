"""A Milvus that lets nobody in without its token, as with `authorizationEnabled`; what passes, Milvus Lite answers."""

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio


class GuardedMilvus(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """Passes calls on as they came, once it has looked at who calls."""

    def __init__(self, behind: grpc.aio.Channel, token: str) -> None:
        """Take the server that answers, and what callers have to say."""
        self._behind = behind
        self._wanted = b64encode(token.encode()).decode()
        self.refused = 0
        self.passed: set[str] = set()

    def service(self, details: Any) -> "grpc.RpcMethodHandler[bytes, bytes]":
        """Return who answers a call."""
        method = details.method
        said = dict(details.invocation_metadata).get("authorization")

        async def answer(request: bytes, context: Any) -> bytes:
            if said != self._wanted:
                self.refused += 1
                await context.abort(grpc.StatusCode.UNAUTHENTICATED, "auth check failure")
            self.passed.add(method.rsplit("/", 1)[-1])
            call = self._behind.unary_unary(method, request_serializer=None, response_deserializer=None)
            return bytes(await call(request, timeout=20.0))

        return grpc.unary_unary_rpc_method_handler(answer)


@asynccontextmanager
async def guarded(uri: str, token: str) -> AsyncIterator[tuple[str, GuardedMilvus]]:
    """Put a guard before a Milvus; yields the guard's address and itself."""
    async with grpc.aio.insecure_channel(uri.removeprefix("http://")) as behind:
        guard = GuardedMilvus(behind, token)
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((guard,))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            yield f"http://127.0.0.1:{port}", guard
        finally:
            await server.stop(None)
