"""A server that speaks Bedrock's runtime API: event-stream frames for Converse, JSON for InvokeModel."""

import asyncio
import json
from binascii import crc32
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from struct import pack
from typing import Any

from tests.fakes.llm_http_server import Exchange, listening
from tests.fakes.llm_scenario import DELTAS, HALF, SLOW_START, USAGE, Scenario

_STATUS: dict[Scenario, tuple[int, str, str]] = {
    Scenario.THROTTLED: (429, "ThrottlingException", "Too many requests."),
    Scenario.BROKEN: (500, "InternalServerException", "Something broke."),
    Scenario.FORBIDDEN: (403, "UnrecognizedClientException", "The security token {key} is invalid."),
    Scenario.GONE: (404, "ResourceNotFoundException", "Could not resolve the model."),
    Scenario.REFUSED: (400, "ValidationException", "Malformed input: {body}"),
    Scenario.TOO_LONG: (400, "ValidationException", "Input is too long for requested model."),
}


class BedrockServer:
    """What the server does next, and what it has seen."""

    def __init__(self) -> None:
        self.scenario = Scenario.ANSWER
        self.url = ""
        self.requests: list[Exchange] = []
        self.left = asyncio.Event()
        self.dimension = 3
        self.drop_next = False

    async def handle(self, exchange: Exchange) -> bool:
        if self.drop_next:
            self.drop_next = False
            return False
        self.requests.append(exchange)
        if self.scenario is Scenario.SILENT:
            await exchange.until_left()
            self.left.set()
            return False
        if self.scenario in _STATUS:
            status, code, message = _STATUS[self.scenario]
            said = message.format(key=exchange.headers.get("authorization", ""), body=exchange.body.decode())
            await exchange.whole(status, json.dumps({"message": said}).encode(), _error(code, status))
            return True
        if self.scenario is Scenario.REFUSES_TO_GO_ON and exchange.json()["messages"][-1]["role"] == "assistant":
            body = json.dumps({"message": "The last turn must be the user's."}).encode()
            await exchange.whole(400, body, _error("ValidationException", 400))
            return True
        if exchange.path.endswith("/invoke"):
            await exchange.whole(200, self._vectors(exchange))
            return True
        if exchange.path.endswith("/converse"):
            await exchange.whole(200, _whole())
            return True
        return await self._stream(exchange)

    def _vectors(self, exchange: Exchange) -> bytes:
        if self.scenario is Scenario.MALFORMED:
            return b'{"embedding": "???"'
        body = exchange.json()
        if "inputText" in body:
            return json.dumps({"embedding": self._vector(body["inputText"]), "inputTextTokenCount": 7}).encode()
        return json.dumps({"embeddings": {"float": [self._vector(text) for text in body["texts"]]}}).encode()

    def _vector(self, text: str) -> list[float]:
        return [float(len(text)), *[0.0] * (self.dimension - 1)]

    async def _stream(self, exchange: Exchange) -> bool:
        exchange.begin("application/vnd.amazon.eventstream")
        exchange.trickles = self.scenario is Scenario.TRICKLE
        await asyncio.sleep(SLOW_START if self.scenario is Scenario.SLOW else 0)
        await exchange.chunk(frame("messageStart", {"role": "assistant"}))
        if self.scenario is Scenario.NOTHING:
            await exchange.end()
            return True
        await exchange.chunk(_delta(DELTAS[0]))
        match self.scenario:
            case Scenario.EMPTY_PIECES:
                await exchange.chunk(frame("ping", {}) + _delta(""))
                await self._finish(exchange)
            case Scenario.HALF_CALL:
                await self._half_call(exchange)
            case Scenario.CUT:
                return False
            case Scenario.STALLED:
                await exchange.until_left()
                self.left.set()
                return False
            case Scenario.ENDLESS:
                return await self._endless(exchange)
            case Scenario.ERROR_INSIDE:
                await exchange.chunk(frame("modelStreamErrorException", {"message": "overloaded"}, "exception"))
            case Scenario.MALFORMED:
                await exchange.chunk(b"\x00" * 64)
            case Scenario.UNFINISHED:
                pass
            case _:
                await self._finish(exchange)
        await exchange.end()
        return True

    async def _finish(self, exchange: Exchange) -> None:
        await exchange.chunk(_delta(DELTAS[1]))
        await exchange.chunk(frame("contentBlockStop", {"contentBlockIndex": 0}))
        reason = "max_tokens" if self.scenario is Scenario.LENGTH else "end_turn"
        await exchange.chunk(frame("messageStop", {"stopReason": reason}))
        if self.scenario is not Scenario.UNCOUNTED:
            usage = {"inputTokens": USAGE[0], "outputTokens": USAGE[1], "totalTokens": sum(USAGE)}
            await exchange.chunk(frame("metadata", {"usage": usage, "metrics": {"latencyMs": 1}}))

    async def _half_call(self, exchange: Exchange) -> None:
        start = {"toolUse": {"toolUseId": "c1", "name": "find"}}
        part = {"contentBlockIndex": 1, "delta": {"toolUse": {"input": HALF}}}
        await exchange.chunk(frame("contentBlockStart", {"contentBlockIndex": 1, "start": start}))
        await exchange.chunk(frame("contentBlockDelta", part) + frame("contentBlockStop", {"contentBlockIndex": 1}))
        await exchange.chunk(frame("messageStop", {"stopReason": "tool_use"}))

    async def _endless(self, exchange: Exchange) -> bool:
        try:
            while True:
                await exchange.chunk(_delta("more "))
                await asyncio.sleep(0.01)
        except ConnectionError:
            self.left.set()
        return False


def _error(code: str, status: int) -> dict[str, str]:
    return {"x-amzn-errortype": code, **({"retry-after": "7"} if status == 429 else {})}


def _whole() -> bytes:
    message = {"role": "assistant", "content": [{"text": "".join(DELTAS)}]}
    usage = {"inputTokens": USAGE[0], "outputTokens": USAGE[1], "totalTokens": sum(USAGE)}
    return json.dumps({"output": {"message": message}, "stopReason": "end_turn", "usage": usage}).encode()


def _delta(text: str) -> bytes:
    return frame("contentBlockDelta", {"delta": {"text": text}, "contentBlockIndex": 0})


def frame(name: str, payload: dict[str, Any], kind: str = "event") -> bytes:
    """Return one message of the event-stream encoding: lengths, checksum, headers, payload, checksum."""
    fields = {":message-type": kind, f":{kind}-type": name, ":content-type": "application/json"}
    headers = b"".join(
        pack("!B", len(key)) + key.encode() + pack("!BH", 7, len(value)) + value.encode()
        for key, value in fields.items()
    )
    body = json.dumps(payload).encode()
    prelude = pack("!II", 16 + len(headers) + len(body), len(headers))
    message = prelude + pack("!I", crc32(prelude)) + headers + body
    return message + pack("!I", crc32(message))


@asynccontextmanager
async def bedrock_server() -> AsyncIterator[BedrockServer]:
    """A server on a free port."""
    server = BedrockServer()
    async with listening(server.handle) as port:
        server.url = f"http://127.0.0.1:{port}"
        yield server
