"""The door for proxies: gRPC's own client at one end, frames that break the rules at the other."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hpack import Encoder
from hypothesis import given
from hypothesis import strategies as st

from services.limits.servicer.http2 import MOST_BODY_BYTES, MOST_STREAMS, PREFACE, Connection, ConnectionOverError
from services.limits.servicer.quick_door import QuickDoor
from services.runtime.errors import Unavailable

ECHO, SLOW, AWAY, BROKEN = ("/test.Door/Echo", "/test.Door/Slow", "/test.Door/Away", "/test.Door/Broken")
DATA, HEADERS, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 5, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20


class Methods:
    """What the door answers, and who is still waiting."""

    def __init__(self) -> None:
        self.waiting, self.left, self.go = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def echo(self, message: bytes) -> bytes:
        return message

    async def slow(self, message: bytes) -> bytes:
        self.waiting.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.left.set()
            raise
        return message

    async def away(self, message: bytes) -> bytes:
        raise Unavailable("COUNTERS_AWAY", "Requests cannot be counted for a moment.")

    async def broken(self, message: bytes) -> bytes:
        raise ZeroDivisionError("a secret of ours")


@asynccontextmanager
async def opened(methods: Methods) -> AsyncIterator[tuple[QuickDoor, grpc.aio.Channel]]:
    """A door that is open, and a client of it."""
    paths = {ECHO: methods.echo, SLOW: methods.slow, AWAY: methods.away, BROKEN: methods.broken}
    door = QuickDoor("127.0.0.1", 0, paths, "limits.aisle")
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(door.serve())
        await door.opened.wait()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{door.port}") as channel:
            yield door, channel
        serving.cancel()


async def call(channel: grpc.aio.Channel, path: str, message: bytes = b"hello") -> bytes:
    answer: bytes = await channel.unary_unary(path, None, None)(message, timeout=10)
    return answer


async def test_client_of_grpc_is_answered_each_by_its_own_answer() -> None:
    async with opened(Methods()) as (_, channel):
        messages = [bytes([number % 256]) * (number * 7) for number in range(500)]
        assert await asyncio.gather(*(call(channel, ECHO, message) for message in messages)) == messages


async def test_refusal_has_its_code_and_its_sentence() -> None:
    async with opened(Methods()) as (_, channel):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(channel, AWAY)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert refused.value.details() == "Requests cannot be counted for a moment."


async def test_failure_of_ours_is_internal_and_tells_nothing() -> None:
    async with opened(Methods()) as (_, channel):
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await call(channel, BROKEN)
        assert failed.value.code() is grpc.StatusCode.INTERNAL
        assert "secret" not in str(failed.value.details())
        assert await call(channel, ECHO) == b"hello"


async def test_unknown_method_is_unimplemented() -> None:
    async with opened(Methods()) as (_, channel):
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await call(channel, "/test.Door/Nothing")
        assert unknown.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_call_that_its_client_gives_up_is_cancelled() -> None:
    methods = Methods()
    async with opened(methods) as (_, channel):
        running = channel.unary_unary(SLOW, None, None)(b"", timeout=10)
        await channel.channel_ready()
        await methods.waiting.wait()
        running.cancel()
        await methods.left.wait()


async def test_health_is_told_until_the_process_leaves() -> None:
    async with opened(Methods()) as (door, channel):
        health = health_pb2_grpc.HealthStub(channel)
        states = health_pb2.HealthCheckResponse
        assert (await health.Check(health_pb2.HealthCheckRequest())).status == states.SERVING
        door.not_serving()
        assert (await health.Check(health_pb2.HealthCheckRequest())).status == states.NOT_SERVING


async def test_what_runs_is_answered_before_the_door_closes() -> None:
    methods = Methods()
    async with opened(methods) as (door, channel):
        running = asyncio.ensure_future(call(channel, SLOW, b"late"))
        await methods.waiting.wait()
        stopping = asyncio.ensure_future(door.stop(10))
        await asyncio.sleep(0.05)
        assert not stopping.done()
        methods.go.set()
        assert await running == b"late"
        await stopping


async def test_grace_that_is_over_closes_the_door_all_the_same() -> None:
    methods = Methods()
    async with opened(methods) as (door, channel):
        running = asyncio.ensure_future(call(channel, SLOW))
        await methods.waiting.wait()
        await door.stop(0.05)
        with pytest.raises(grpc.aio.AioRpcError):
            await running


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">BHBBI", len(payload) >> 16, len(payload) & 0xFFFF, kind, flags, stream) + payload


def block(*headers: tuple[str, str]) -> bytes:
    return bytes(Encoder().encode([(name, value, True) for name, value in headers]))


def body(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(4) + message


class Peer:
    """A client that writes its frames by hand."""

    def __init__(self, *, knows_settings: bool = True) -> None:
        self.asked: list[tuple[int, str, bytes]] = []
        self.left: list[int] = []
        self.connection = Connection(lambda *told: self.asked.append(told), self.left.append)
        self.say(PREFACE + frame(SETTINGS, 0, 0))
        if knows_settings:
            self.say(frame(SETTINGS, ACK, 0))

    def say(self, data: bytes) -> list[tuple[int, int, int, bytes]]:
        self.connection.receive(data)
        return self.heard()

    def heard(self) -> list[tuple[int, int, int, bytes]]:
        data, found = self.connection.to_send(), []
        while data:
            high, low, kind, flags, stream = struct.unpack(">BHBBI", data[:9])
            end = 9 + (high << 16 | low)
            found.append((kind, flags, stream, data[9:end]))
            data = data[end:]
        return found

    def ask(self, stream: int, message: bytes = b"", path: str = ECHO) -> bytes:
        return frame(HEADERS, END_HEADERS, stream, b"\x20" + block((":path", path))) + frame(
            DATA, END_STREAM, stream, body(message)
        )


def test_request_may_come_in_any_pieces() -> None:
    peer = Peer()
    for byte in peer.ask(1, b"a") + peer.ask(3, b"bc"):
        peer.say(bytes([byte]))
    assert peer.asked == [(1, ECHO, b"a"), (3, ECHO, b"bc")]


def test_padding_and_priority_are_no_part_of_what_is_said() -> None:
    peer = Peer()
    headers = b"\x02" + bytes(5) + b"\x20" + block((":path", ECHO)) + b"\0\0"
    peer.say(frame(HEADERS, END_HEADERS | PADDED | PRIORITY, 1, headers))
    peer.say(frame(DATA, END_STREAM | PADDED, 1, b"\x03" + body(b"a") + b"\0\0\0"))
    assert peer.asked == [(1, ECHO, b"a")]


def test_block_is_read_anew_while_the_client_may_keep_a_table() -> None:
    peer, table = Peer(knows_settings=False), Encoder()
    paths = [ECHO, SLOW, ECHO, AWAY, SLOW]
    blocks = [bytes(table.encode([(":path", path)])) for path in paths]
    # An index into the table: the same bytes, and another path each time.
    assert blocks[2] == blocks[4]
    for number, told in enumerate(blocks):
        peer.say(frame(HEADERS, END_HEADERS, 2 * number + 1, told))
        peer.say(frame(DATA, END_STREAM, 2 * number + 1, body(b"")))
    assert [path for _, path, _ in peer.asked] == paths


def test_answers_wait_for_room_and_keep_their_order() -> None:
    peer = Peer()
    for stream in range(1, 15, 2):
        peer.connection.receive(peer.ask(stream))
        peer.connection.answer(stream, bytes(12_000))
    sent = [stream for kind, _, stream, _ in peer.heard() if kind == DATA]
    assert sent == [1, 3, 5, 7, 9]
    assert [one[2] for one in peer.say(frame(WINDOW_UPDATE, 0, 0, (12_000).to_bytes(4))) if one[0] == DATA] == [11]
    peer.say(frame(RST_STREAM, 0, 13, bytes(4)))
    assert peer.say(frame(WINDOW_UPDATE, 0, 0, (99_999).to_bytes(4))) == []


def test_whoever_left_is_answered_nothing() -> None:
    peer = Peer()
    peer.say(peer.ask(1) + frame(RST_STREAM, 0, 1, bytes(4)))
    assert peer.left == [1]
    peer.connection.answer(1, b"late")
    peer.connection.fail(1, 14, "late")
    assert peer.heard() == []


def test_too_many_at_once_are_refused_one_by_one() -> None:
    peer = Peer()
    for number in range(MOST_STREAMS):
        peer.say(peer.ask(2 * number + 1))
    assert peer.say(peer.ask(2 * MOST_STREAMS + 1)) == [(RST_STREAM, 0, 2 * MOST_STREAMS + 1, (7).to_bytes(4))]
    assert len(peer.asked) == MOST_STREAMS


def test_body_without_end_is_refused_and_the_others_go_on() -> None:
    peer = Peer()
    peer.say(frame(HEADERS, END_HEADERS, 1, b"\x20" + block((":path", ECHO))))
    heard = [peer.say(frame(DATA, 0, 1, bytes(10_000))) for _ in range(1 + MOST_BODY_BYTES // 10_000)]
    assert heard[-1] == [(RST_STREAM, 0, 1, (0xB).to_bytes(4))]
    assert peer.say(peer.ask(3, b"a")) == []
    assert peer.asked == [(3, ECHO, b"a")]


def test_ping_comes_back() -> None:
    assert Peer().say(frame(PING, 0, 0, b"12345678")) == [(PING, ACK, 0, b"12345678")]


@pytest.mark.parametrize("message", [b"", b"\0", b"\x01\0\0\0\0", b"\0\0\0\0\x05a", body(b"a") * 2])
def test_what_is_not_one_plain_message_is_not_asked(message: bytes) -> None:
    peer = Peer()
    peer.say(frame(HEADERS, END_HEADERS, 1, b"\x20" + block((":path", ECHO))))
    [(kind, flags, stream, told)] = peer.say(frame(DATA, END_STREAM, 1, message))
    assert (kind, flags, stream, b"grpc-status" in told) == (HEADERS, END_HEADERS | END_STREAM, 1, True)
    assert peer.asked == []


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (frame(DATA, 0, 1, b"a"), 0x1),
        (frame(HEADERS, END_HEADERS, 2, b"\x20\x88"), 0x1),
        (frame(HEADERS, END_HEADERS, 0, b"\x20\x88"), 0x1),
        (frame(HEADERS, 0, 1, b"\x20\x88"), 0xB),
        (frame(HEADERS, END_HEADERS, 1, b"\xff\xff\xff\xff"), 0x9),
        (frame(HEADERS, END_HEADERS | PADDED, 1, b"\x05a"), 0x1),
        (frame(SETTINGS, 0, 0, b"odd"), 0x1),
        (frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 10)), 0x3),
        (frame(PUSH_PROMISE, 0, 1), 0x1),
        (frame(CONTINUATION, 0, 1), 0x1),
        (frame(PING, 0, 0, b"short"), 0x6),
        (frame(WINDOW_UPDATE, 0, 0, b"odd"), 0x6),
        (b"\xff\xff\xff" + bytes(6), 0x6),
    ],
)
def test_broken_rule_ends_the_connection_and_says_which(said: bytes, code: int) -> None:
    peer = Peer()
    with pytest.raises(ConnectionOverError):
        peer.say(said)
    kind, _, _, told = peer.heard()[-1]
    assert (kind, told[4:]) == (GOAWAY, code.to_bytes(4))


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 255), st.integers(0, 9), st.binary(max_size=40))))
def test_no_frames_do_more_than_end_the_connection(frames: list[tuple[int, int, int, bytes]]) -> None:
    peer = Peer()
    with suppress(ConnectionOverError):
        peer.say(b"".join(frame(*one) for one in frames))
    assert all(len(body) < MOST_BODY_BYTES for _, _, body in peer.asked)


@given(st.binary(max_size=400))
def test_no_bytes_do_more_than_end_the_connection(data: bytes) -> None:
    for said in (data, PREFACE + data):
        with suppress(ConnectionOverError):
            Connection(lambda *told: None, lambda stream: None).receive(said)


def test_whoever_speaks_something_else_is_sent_away() -> None:
    connection = Connection(lambda *told: None, lambda stream: None)
    with pytest.raises(ConnectionOverError):
        connection.receive(b"GET / HTTP/1.1\r\n\r\n")
