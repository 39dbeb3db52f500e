"""The upstream of all gateways: speaks OpenAI's protocol, thinks of nothing, and costs next to nothing.

The model's name says what it does: `mock` answers 1.4 KB at once, `mock-8k` 8 KiB, `mock-paced` writes 64 deltas 20 ms
apart, `mock-31` 31 deltas at once. Run as `python -m bench.llm.upstream PORT`.
"""

import asyncio
import json
import sys
from typing import Any, cast

import uvloop

PACE, DELTAS = 0.02, 64
_WORDS = "the teapot goes well with cups of the same clay "


def _json(data: Any) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode()


def _whole(size: int) -> bytes:
    message = {"role": "assistant", "content": (_WORDS * (size // len(_WORDS) + 1))[:size]}
    body = _json(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "mock",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
            "usage": {"prompt_tokens": 120, "completion_tokens": 300, "total_tokens": 420},
        }
    )
    return _head(b"application/json", b"content-length: %d" % len(body)) + body


def _head(kind: bytes, length: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\n%s\r\n\r\n" % (kind, length)


def _piece(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _chunk(delta: dict[str, str], reason: str | None = None, usage: dict[str, int] | None = None) -> bytes:
    choices = [] if usage else [{"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}]
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "mock"}
    return b"data: " + _json({**head, "choices": choices, **({"usage": usage} if usage else {})}) + b"\n\n"


_MODELS = [{"id": name, "object": "model"} for name in ("mock", "mock-8k", "mock-paced", "mock-31")]
_LIST = _json({"object": "list", "data": _MODELS})
LISTING = _head(b"application/json", b"content-length: %d" % len(_LIST)) + _LIST
WHOLE = {b"mock": _whole(1_200), b"mock-8k": _whole(8_000)}
BEGINNING = _head(b"text/event-stream", b"transfer-encoding: chunked") + _piece(
    _chunk({"role": "assistant", "content": ""}) + _chunk({"content": "the teapot "})
)
DELTA = _piece(_chunk({"content": "goes well "}))
END = (
    _piece(_chunk({}, "stop"))
    + _piece(_chunk({}, None, {"prompt_tokens": 120, "completion_tokens": 64, "total_tokens": 184}))
    + _piece(b"data: [DONE]\n\n")
    + b"0\r\n\r\n"
)


class Upstream(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.WriteTransport, transport)
        self._held = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop writing: the gateway has left."""
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer each request once it is whole."""
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            head = self._held[:end].lower()
            at = head.find(b"content-length:")
            size = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._held) < end + 4 + size:
                return
            body = self._held[end + 4 : end + 4 + size]
            self._held = self._held[end + 4 + size :]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"get "):
            self._transport.write(LISTING)
            return
        model = body.partition(b'"model":')[2].lstrip(b' "').partition(b'"')[0]
        streams = b'"stream":true' in body or b'"stream": true' in body
        if not streams:
            self._transport.write(WHOLE.get(model, WHOLE[b"mock"]))
        elif model == b"mock-paced":
            self._transport.write(BEGINNING)
            self._pace(DELTAS - 1, asyncio.get_running_loop().time() + PACE)
        else:
            self._transport.write(BEGINNING + DELTA * 27 + END)

    def _pace(self, left: int, at: float) -> None:
        """Write at moments that do not drift, so that a late one is not passed on to all after it."""
        self._timer = asyncio.get_running_loop().call_at(at, self._beat, left, at)

    def _beat(self, left: int, at: float) -> None:
        if left:
            self._transport.write(DELTA)
            self._pace(left - 1, at + PACE)
        else:
            self._transport.write(END)


async def serve(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
