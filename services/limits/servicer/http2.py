"""One connection of HTTP/2, as much of it as a proxy needs to ask short questions: bytes in, calls and bytes out.

Frames are read and written here; header blocks are read by `hpack`. We ask the other side to keep no table of
headers, so that blocks mean the same each time, and those of a proxy are the same each time: each is read once and then
known. What is not spoken here (long bodies, headers in several frames, pushes) is refused, or ends the connection.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from hpack import Decoder, Encoder, HPACKError

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
MOST_STREAMS = 1000
MOST_BODY_BYTES = 64 << 10
_MOST_FRAME_BYTES = 16 << 10
_MOST_KNOWN_BLOCKS = 256
_MOST_WINDOW = (1 << 31) - 1
_FIRST_WINDOW = 65_535
# What is taken in is given back once this much of it was used.
_WINDOW_STEP = 1 << 30
_HEAD = struct.Struct(">BHBBI")
_SETTING = struct.Struct(">HI")
_ACK = END_STREAM = 0x1
_END_HEADERS, _PADDED, _PRIORITY = 0x4, 0x8, 0x20


class _Frame(IntEnum):
    DATA = 0x0
    HEADERS = 0x1
    RST_STREAM = 0x3
    SETTINGS = 0x4
    PUSH_PROMISE = 0x5
    PING = 0x6
    GOAWAY = 0x7
    WINDOW_UPDATE = 0x8
    CONTINUATION = 0x9


class _Setting(IntEnum):
    HEADER_TABLE_SIZE = 0x1
    MAX_CONCURRENT_STREAMS = 0x3
    INITIAL_WINDOW_SIZE = 0x4
    MAX_HEADER_LIST_SIZE = 0x6


class Code(IntEnum):
    """Why a connection or a stream is ended."""

    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    FLOW_CONTROL_ERROR = 0x3
    FRAME_SIZE_ERROR = 0x6
    REFUSED_STREAM = 0x7
    COMPRESSION_ERROR = 0x9
    ENHANCE_YOUR_CALM = 0xB


class ConnectionOverError(Exception):
    """The other side broke a rule; what is still to be sent says which, and then the connection is over."""


@dataclass(slots=True)
class _Stream:
    path: str
    body: bytearray = field(default_factory=bytearray)


def _block(*headers: tuple[bytes, bytes]) -> bytes:
    """Return a header block that no table has a part in: each header is written out."""
    return bytes(Encoder().encode([(name, value, True) for name, value in headers], huffman=False))


_HEADERS = _block((b":status", b"200"), (b"content-type", b"application/grpc"))
_GOOD_END = _block((b"grpc-status", b"0"))


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    size = len(payload)
    return _HEAD.pack(size >> 16, size & 0xFFFF, kind, flags, stream) + payload


class Connection:
    """The server's side. `asked` is told stream, path and body of each whole request, `left` the stream that ended."""

    def __init__(self, asked: Callable[[int, str, bytes], None], left: Callable[[int], None]) -> None:
        """Take whom to tell."""
        self._asked, self._left = asked, left
        self._decoder = Decoder(max_header_list_size=_MOST_FRAME_BYTES)
        self._stateless = False
        self._known: dict[bytes, str] = {}
        self._streams: dict[int, _Stream] = {}
        self._answering: set[int] = set()
        self._newest = 0
        self._in = bytearray()
        self._greeted = self._leaving = False
        self._may_send, self._used = _FIRST_WINDOW, 0
        self._held: list[tuple[int, bytes]] = []
        settings = (
            (_Setting.HEADER_TABLE_SIZE, 0),
            (_Setting.MAX_CONCURRENT_STREAMS, MOST_STREAMS),
            (_Setting.MAX_HEADER_LIST_SIZE, _MOST_FRAME_BYTES),
        )
        told = b"".join(_SETTING.pack(*setting) for setting in settings)
        more = (_MOST_WINDOW - _FIRST_WINDOW).to_bytes(4)
        self._out = [_frame(_Frame.SETTINGS, 0, 0, told), _frame(_Frame.WINDOW_UPDATE, 0, 0, more)]

    @property
    def idle(self) -> bool:
        """Say whether nobody waits for an answer."""
        return not (self._streams or self._answering)

    def to_send(self) -> bytes:
        """Return what is to be sent, once."""
        out = b"".join(self._out)
        self._out.clear()
        return out

    def answer(self, stream: int, message: bytes) -> None:
        """Answer a request with one message of gRPC. Whoever left is answered nothing."""
        if stream in self._answering:
            self._answering.discard(stream)
            body = b"\0" + len(message).to_bytes(4) + message
            if self._held or len(body) > self._may_send:
                self._held.append((stream, body))
            else:
                self._send(stream, body)

    def fail(self, stream: int, status: int, message: str) -> None:
        """Answer a request with a status of gRPC and a sentence in ASCII."""
        if stream in self._answering:
            self._answering.discard(stream)
            told = (b"grpc-status", b"%d" % status), (b"grpc-message", message.encode("ascii", "replace"))
            block = _HEADERS + _block(*told)
            self._out.append(_frame(_Frame.HEADERS, _END_HEADERS | END_STREAM, stream, block))

    def leave(self) -> None:
        """Tell the other side to ask elsewhere; what was asked already is still answered."""
        if not self._leaving:
            self._leaving = True
            self._goaway(Code.NO_ERROR)

    def receive(self, data: bytes) -> None:
        """Take what came in. Raises ConnectionOverError."""
        self._in += data
        if not self._greeted:
            if not self._in.startswith(PREFACE[: len(self._in)]):
                raise self._broken(Code.PROTOCOL_ERROR)
            if len(self._in) < len(PREFACE):
                return
            del self._in[: len(PREFACE)]
            self._greeted = True
        at = 0
        while len(self._in) - at >= _HEAD.size:
            high, low, kind, flags, stream = _HEAD.unpack_from(self._in, at)
            size = high << 16 | low
            if size > _MOST_FRAME_BYTES:
                raise self._broken(Code.FRAME_SIZE_ERROR)
            if len(self._in) - at < _HEAD.size + size:
                break
            at += _HEAD.size
            self._take(kind, flags, stream & _MOST_WINDOW, bytes(self._in[at : at + size]))
            at += size
        del self._in[:at]

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        handle = _HANDLERS.get(kind)
        # Kinds of frames that we do not know are to be ignored, says the protocol.
        if handle is not None:
            handle(self, flags, stream, payload)

    def _headers(self, flags: int, number: int, payload: bytes) -> None:
        block = self._unpadded(flags, payload)
        if flags & _PRIORITY:
            block = block[5:]
        if not flags & _END_HEADERS:
            raise self._broken(Code.ENHANCE_YOUR_CALM)
        path = self._path(block)
        if number % 2 == 0 or number <= self._newest:
            raise self._broken(Code.PROTOCOL_ERROR)
        self._newest = number
        if self._leaving or len(self._streams) + len(self._answering) >= MOST_STREAMS:
            self._reset(number, Code.REFUSED_STREAM)
            return
        self._streams[number] = _Stream(path)
        if flags & END_STREAM:
            self._whole(number)

    def _path(self, block: bytes) -> str:
        path = self._known.get(block)
        if path is not None:
            return path
        try:
            found = self._decoder.decode(block, raw=True)
        except HPACKError:
            raise self._broken(Code.COMPRESSION_ERROR) from None
        path = next((value.decode("latin-1") for name, value, *_ in found if name == b":path"), "")
        # While the other side may still keep a table, a block can mean something else the next time.
        if self._stateless and len(self._known) < _MOST_KNOWN_BLOCKS:
            self._known[block] = path
        self._stateless = self._decoder.header_table_size == 0
        return path

    def _data(self, flags: int, number: int, payload: bytes) -> None:
        self._used += len(payload)
        if self._used >= _WINDOW_STEP:
            self._out.append(_frame(_Frame.WINDOW_UPDATE, 0, 0, self._used.to_bytes(4)))
            self._used = 0
        if number > self._newest or number == 0:
            raise self._broken(Code.PROTOCOL_ERROR)
        stream = self._streams.get(number)
        if stream is None:
            return
        stream.body += self._unpadded(flags, payload)
        # No more than the window that a stream has: it is never given more.
        if len(stream.body) > MOST_BODY_BYTES:
            del self._streams[number]
            self._reset(number, Code.ENHANCE_YOUR_CALM)
        elif flags & END_STREAM:
            self._whole(number)

    def _whole(self, number: int) -> None:
        stream = self._streams.pop(number)
        self._answering.add(number)
        body = bytes(stream.body)
        if len(body) < 5 or body[0] or int.from_bytes(body[1:5]) != len(body) - 5:
            self.fail(number, 12, "Exactly one message is expected, and not compressed.")
        else:
            self._asked(number, stream.path, body[5:])

    def _rst_stream(self, flags: int, number: int, payload: bytes) -> None:
        self._streams.pop(number, None)
        self._held = [held for held in self._held if held[0] != number]
        if number in self._answering:
            self._answering.discard(number)
            self._left(number)

    def _settings(self, flags: int, number: int, payload: bytes) -> None:
        if number or len(payload) % _SETTING.size:
            raise self._broken(Code.PROTOCOL_ERROR)
        if flags & _ACK:
            self._decoder.max_allowed_table_size = 0
            return
        told = dict(_SETTING.iter_unpack(payload))
        # Whoever has no room for one short answer is no proxy.
        if told.get(_Setting.INITIAL_WINDOW_SIZE, _FIRST_WINDOW) < _MOST_FRAME_BYTES:
            raise self._broken(Code.FLOW_CONTROL_ERROR)
        self._out.append(_frame(_Frame.SETTINGS, _ACK, 0))

    def _ping(self, flags: int, number: int, payload: bytes) -> None:
        if len(payload) != 8:
            raise self._broken(Code.FRAME_SIZE_ERROR)
        if not flags & _ACK:
            self._out.append(_frame(_Frame.PING, _ACK, 0, payload))

    def _window_update(self, flags: int, number: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise self._broken(Code.FRAME_SIZE_ERROR)
        if number == 0:
            self._may_send += int.from_bytes(payload) & _MOST_WINDOW
            while self._held and len(self._held[0][1]) <= self._may_send:
                self._send(*self._held.pop(0))

    def _unspoken(self, flags: int, number: int, payload: bytes) -> None:
        raise self._broken(Code.PROTOCOL_ERROR)

    def _unpadded(self, flags: int, payload: bytes) -> bytes:
        if not flags & _PADDED:
            return payload
        if not payload or payload[0] >= len(payload):
            raise self._broken(Code.PROTOCOL_ERROR)
        return payload[1 : len(payload) - payload[0]]

    def _send(self, stream: int, body: bytes) -> None:
        self._may_send -= len(body)
        self._out += (
            _frame(_Frame.HEADERS, _END_HEADERS, stream, _HEADERS),
            _frame(_Frame.DATA, 0, stream, body),
            _frame(_Frame.HEADERS, _END_HEADERS | END_STREAM, stream, _GOOD_END),
        )

    def _reset(self, stream: int, code: Code) -> None:
        self._out.append(_frame(_Frame.RST_STREAM, 0, stream, code.to_bytes(4)))

    def _goaway(self, code: Code) -> None:
        self._out.append(_frame(_Frame.GOAWAY, 0, 0, self._newest.to_bytes(4) + code.to_bytes(4)))

    def _broken(self, code: Code) -> ConnectionOverError:
        self._goaway(code)
        return ConnectionOverError(code.name)


_HANDLERS: Mapping[int, Callable[[Connection, int, int, bytes], None]] = {
    _Frame.DATA: Connection._data,
    _Frame.HEADERS: Connection._headers,
    _Frame.RST_STREAM: Connection._rst_stream,
    _Frame.SETTINGS: Connection._settings,
    _Frame.PUSH_PROMISE: Connection._unspoken,
    _Frame.PING: Connection._ping,
    _Frame.WINDOW_UPDATE: Connection._window_update,
    _Frame.CONTINUATION: Connection._unspoken,
}
