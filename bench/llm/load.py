"""The load: clients that cost little, in a closed loop of callers or an open one of arrivals."""

import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol, cast

import grpc

from aisle.llm.v1 import llm_service_pb2 as pb
from aisle.llm.v1.llm_service_pb2_grpc import LlmServiceStub
from bench.llm.arrivals import QUESTION

# No question is asked twice, not even in the next run: caches look, and find nothing.
_numbers = itertools.count(time.time_ns() // 1_000_000)
SAME = "What goes with a teapot?"


@dataclass(frozen=True, slots=True)
class Shot:
    """What became of one request, in seconds; of a stream also what came in pieces."""

    ok: bool
    seconds: float
    first: float = 0.0
    longest_gap: float = 0.0
    chunks: int = 0


class Client(Protocol):
    """Asks through one gateway."""

    async def ask(self, model: str, stream: bool = False, same: bool = False) -> Shot:
        """Ask, read the answer to its end, and say how it went."""
        ...

    async def leave(self, model: str) -> None:
        """Begin a stream, and hang up after its first words."""
        ...


class _Connection(asyncio.Protocol):
    """One kept connection, one request at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.WriteTransport | None = None
        self._done: asyncio.Future[bool] | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.WriteTransport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(False)

    def send(self, request: bytes, until: bytes = b"") -> "asyncio.Future[bool]":
        """Send; the result is whether a good answer came to its end, or to the words given."""
        assert self.transport is not None
        self._buffer, self._left, self._until = b"", -1, until
        self.asked, self.first, self.last, self.gap, self.chunks = time.perf_counter(), 0.0, 0.0, 0.0, 0
        self._good = self._chunked = False
        self._done = self._loop.create_future()
        self.transport.write(request)
        return self._done

    def data_received(self, data: bytes) -> None:
        if self._done is None:
            return
        if self._left < 0 and not self._chunked:
            self._buffer += data
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head, data, self._buffer = self._buffer[:end].lower(), self._buffer[end + 4 :], b""
            self._good = head.startswith(b"http/1.1 200")
            at = head.find(b"content-length:")
            self._chunked = at < 0
            self._left = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else -1
        if self._chunked:
            self._pieces(data)
        else:
            self._left -= len(data)
            if self._left <= 0:
                self._end(self._good)

    def _pieces(self, data: bytes) -> None:
        tail = self._buffer + data
        found = tail.count(b"data: {")
        if found:
            now = time.perf_counter()
            if self.chunks:
                self.gap = max(self.gap, now - self.last)
            else:
                self.first = now - self.asked
            self.chunks += found
            self.last = now
            if b'"error"' in tail:
                self._good = False
        self._buffer = tail[-6:]
        if (self._until and self._until in tail) or tail.endswith(b"0\r\n\r\n"):
            self._end(self._good)

    def _end(self, good: bool) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(good)
        self._done = None


class HttpClient:
    """Asks over OpenAI's protocol, on kept connections."""

    def __init__(self, port: int, headers: str, also: Mapping[str, object] | None = None) -> None:
        """Take the port, the lines of headers every request has, and what its body has beside the question."""
        self._port = port
        self._also = also or {}
        self._head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\n{headers}content-type: application/json\r\n"
        self._idle: list[_Connection] = []

    async def ask(self, model: str, stream: bool = False, same: bool = False) -> Shot:
        """Ask, read the answer to its end, and say how it went."""
        connection = await self._connection()
        good = await connection.send(self._request(model, stream, same))
        took = time.perf_counter() - connection.asked
        self._idle.append(connection)
        return Shot(good, took, connection.first, connection.gap, connection.chunks)

    async def leave(self, model: str) -> None:
        """Begin a stream, and hang up after its first words."""
        connection = await self._connection()
        await connection.send(self._request(model, True, False), until=b"teapot")
        assert connection.transport is not None
        connection.transport.abort()

    async def _connection(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.transport is not None and not connection.transport.is_closing():
                return connection
        _, made = await asyncio.get_running_loop().create_connection(_Connection, "127.0.0.1", self._port)
        return made

    def _request(self, model: str, stream: bool, same: bool) -> bytes:
        text = SAME if same else QUESTION.format(f"{next(_numbers):x}")
        asked: dict[str, object] = {
            "model": model,
            "messages": [{"role": "user", "content": text}],
            "max_tokens": 300,
            "temperature": 0,
        }
        asked |= self._also
        body = json.dumps({**asked, "stream": True} if stream else asked).encode()
        return f"{self._head}content-length: {len(body)}\r\n\r\n".encode() + body


class GrpcClient:
    """Asks over the service's own contract, on one channel."""

    def __init__(self, port: int) -> None:
        """Take the port."""
        self._stub = LlmServiceStub(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))

    async def ask(self, model: str, stream: bool = False, same: bool = False) -> Shot:
        """Ask, read the answer to its end, and say how it went."""
        asked = time.perf_counter()
        first = last = gap = 0.0
        chunks = 0
        request = self._request(model, same)
        try:
            if not stream:
                whole = pb.CompleteTextRequest(generation=request)
                await self._stub.CompleteText(whole, metadata=_AS, timeout=30)
            else:
                async for _ in self._stub.GenerateText(request, metadata=_AS, timeout=60):
                    now = time.perf_counter()
                    if chunks:
                        gap = max(gap, now - last)
                    else:
                        first = now - asked
                    last = now
                    chunks += 1
        except grpc.aio.AioRpcError:
            return Shot(False, time.perf_counter() - asked, first, gap, chunks)
        return Shot(True, time.perf_counter() - asked, first, gap, chunks)

    async def leave(self, model: str) -> None:
        """Begin a stream, and hang up after its first words."""
        call = self._stub.GenerateText(self._request(model, False), metadata=_AS, timeout=60)
        # On a busy machine calls are turned away now and then: whoever meant to leave does.
        with suppress(grpc.aio.AioRpcError):
            async for event in call:
                if event.text_delta:
                    break
        call.cancel()

    def _request(self, model: str, same: bool) -> pb.GenerateTextRequest:
        text = SAME if same else QUESTION.format(f"{next(_numbers):x}")
        turn = pb.ChatMessage(role=pb.CHAT_ROLE_USER, text=text)
        return pb.GenerateTextRequest(messages=[turn], model=f"models/{model}", max_output_tokens=300, temperature=0)


_AS = (("x-aisle-caller", "chat"), ("x-aisle-subject", "users/bench"))


@dataclass(slots=True)
class Run:
    """What a load came to: its shots, and the seconds it took."""

    shots: list[Shot] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def failed(self) -> int:
        """How many were not answered well."""
        return sum(not shot.ok for shot in self.shots)

    def took(self) -> list[float]:
        """Return the seconds of those that were, in order."""
        return sorted(shot.seconds for shot in self.shots if shot.ok)

    def firsts(self) -> list[float]:
        """Return the seconds to the first words, in order."""
        return sorted(shot.first for shot in self.shots if shot.ok)


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return a percentile of ordered figures; infinite when there are none."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("inf")


async def closed_loop(ask: Callable[[], Awaitable[Shot]], width: int, seconds: float, spread: float = 0.0) -> Run:
    """Let so many callers ask one request after another for so long; their beginnings are spread over a while."""
    run, began = Run(), time.perf_counter()

    async def caller(number: int) -> None:
        await asyncio.sleep(spread * number / width)
        while time.perf_counter() - began < seconds:
            run.shots.append(await ask())

    await asyncio.gather(*(caller(number) for number in range(width)))
    run.seconds = time.perf_counter() - began
    return run


async def open_loop(ask: Callable[[], Awaitable[Shot]], rate: float, seconds: float, patience: float = 1.0) -> Run:
    """Let requests arrive at a rate, whether answers come or not; what has no answer in time was dropped."""
    run, began = Run(), time.perf_counter()
    arrivals = [number / rate for number in range(max(1, int(rate * seconds)))]

    async def arrive(at: float) -> None:
        due = began + at
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        shot = await ask()
        # Counted from when it should have been asked: a load that is late itself must not flatter the gateway.
        late = max(0.0, time.perf_counter() - due - shot.seconds)
        run.shots.append(Shot(shot.ok, shot.seconds + late, shot.first + late, shot.longest_gap, shot.chunks))

    running = [asyncio.ensure_future(arrive(at)) for at in arrivals]
    _, pending = await asyncio.wait(running, timeout=seconds + patience)
    for task in pending:
        task.cancel()
        run.shots.append(Shot(False, seconds + patience))
    await asyncio.gather(*running, return_exceptions=True)
    run.seconds = time.perf_counter() - began
    return run
