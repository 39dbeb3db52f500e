"""The door by which proxies ask: gRPC for short questions in one thread and few steps.

A server of gRPC's own library takes a few tenths of a millisecond for each call, most of which goes into waking
threads. That is much for what is asked before every request, so proxies come in here; everybody else uses the ordinary
server.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import cast

import grpc
from grpc_health.v1 import health_pb2

from services.limits.servicer.http2 import Connection, ConnectionOverError
from services.runtime import status
from services.runtime.errors import AisleError, Internal

log = logging.getLogger("aisle.limits.door")

# Answers one message with another, both as they are on the wire. Raises AisleError.
Answer = Callable[[bytes], Awaitable[bytes]]

_HEALTH = "/grpc.health.v1.Health/Check"
_UNIMPLEMENTED = grpc.StatusCode.UNIMPLEMENTED.value[0]


class QuickDoor:
    """A `Door` of the process that answers a few methods, and health beside them."""

    def __init__(self, host: str, port: int, methods: Mapping[str, Answer], domain: str) -> None:
        """Take where to listen, what answers under which path, and whose errors they are."""
        self._host, self._port = host, port
        self._methods = {**methods, _HEALTH: self._health}
        self._domain = domain
        self._serving = True
        self._connections: set[_Peer] = set()
        self._server: asyncio.Server | None = None
        self._group: asyncio.TaskGroup | None = None
        self.opened = asyncio.Event()
        self._leaving = False
        self._all_answered = asyncio.Event()
        self._stopped = asyncio.Event()

    @property
    def port(self) -> int:
        """Return the port that is listened on."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server is not None else self._port

    async def serve(self) -> None:
        """Serve until stopped or cancelled."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as self._group:
            self._server = await loop.create_server(lambda: _Peer(self), self._host, self._port)
            self.opened.set()
            try:
                await self._stopped.wait()
            finally:
                self._server.close()
                for peer in tuple(self._connections):
                    # What was answered last may still wait for the end of this turn.
                    peer.flush()
                    peer.close()

    def not_serving(self) -> None:
        """Say to whoever asks how we are that nothing more should be sent here."""
        self._serving = False

    async def stop(self, grace: float) -> None:
        """Take nothing more, and return once what runs was answered or the grace is over."""
        if self._server is not None:
            self._server.close()
        self._leaving = True
        for peer in tuple(self._connections):
            peer.leave()
        self._look_around()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._all_answered.wait()
        self._stopped.set()

    def came(self, peer: "_Peer") -> None:
        """Remember who is connected."""
        self._connections.add(peer)

    def went(self, peer: "_Peer") -> None:
        """Forget who is not."""
        self._connections.discard(peer)
        self._look_around()

    def run(self, peer: "_Peer", stream: int, path: str, message: bytes) -> "asyncio.Task[None] | None":
        """Begin to answer; None when that was all."""
        method = self._methods.get(path)
        if method is None or self._group is None:
            peer.fail(stream, _UNIMPLEMENTED, "There is no such method.")
            return None
        return self._group.create_task(self._answer(method, peer, stream, message))

    async def _answer(self, method: Answer, peer: "_Peer", stream: int, message: bytes) -> None:
        try:
            peer.answer(stream, await method(message))
        except AisleError as error:
            self._refuse(peer, stream, error)
        except Exception:  # house: allow any-exception - one call that fails must not end those beside it
            log.exception("call failed")
            self._refuse(peer, stream, Internal("INTERNAL", "Something went wrong on our side."))
        if self._leaving:
            self._look_around()

    def _look_around(self) -> None:
        if self._leaving and all(peer.idle for peer in self._connections):
            self._all_answered.set()

    def _refuse(self, peer: "_Peer", stream: int, error: AisleError) -> None:
        found = status.to_status(error, self._domain)
        peer.fail(stream, found.code, found.message)

    async def _health(self, message: bytes) -> bytes:
        state = health_pb2.HealthCheckResponse
        answer: bytes = state(status=state.SERVING if self._serving else state.NOT_SERVING).SerializeToString()
        return answer


class _Peer(asyncio.Protocol):
    """One connection: what comes in is read, what is to go out goes together at the end of the turn."""

    def __init__(self, door: QuickDoor) -> None:
        self._door = door
        self._connection = Connection(self._asked, self._left)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._flushing = False

    @property
    def idle(self) -> bool:
        return self._connection.idle

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._door.came(self)
        self._flush_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        self._door.went(self)
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    def data_received(self, data: bytes) -> None:
        try:
            self._connection.receive(data)
        except ConnectionOverError as broken:
            log.warning("connection ended", extra={"data": {"reason": str(broken)}})
            self.flush()
            self.close()
        else:
            self._flush_soon()

    def answer(self, stream: int, message: bytes) -> None:
        self._tasks.pop(stream, None)
        self._connection.answer(stream, message)
        self._flush_soon()

    def fail(self, stream: int, code: int, message: str) -> None:
        self._tasks.pop(stream, None)
        self._connection.fail(stream, code, message)
        self._flush_soon()

    def leave(self) -> None:
        self._connection.leave()
        self._flush_soon()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _asked(self, stream: int, path: str, message: bytes) -> None:
        task = self._door.run(self, stream, path, message)
        if task is not None:
            self._tasks[stream] = task

    def _left(self, stream: int) -> None:
        task = self._tasks.pop(stream, None)
        if task is not None:
            task.cancel()

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        self._flushing = False
        out = self._connection.to_send()
        if out and self._transport is not None and not self._transport.is_closing():
            self._transport.write(out)
