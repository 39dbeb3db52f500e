"""A server that speaks OpenAI's API as OpenAI does, or misbehaves as told."""

import asyncio
import base64
import json
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.fakes.llm_http_server import Exchange, listening
from tests.fakes.llm_scenario import DELTAS, HALF, SLOW_START, USAGE, Scenario

_STATUS: dict[Scenario, tuple[int, str, str]] = {
    Scenario.THROTTLED: (429, "rate_limit_exceeded", "Rate limit reached."),
    Scenario.BROKEN: (500, "server_error", "The server had an error."),
    Scenario.FORBIDDEN: (401, "invalid_api_key", "Incorrect API key provided: {key}."),
    Scenario.GONE: (404, "model_not_found", "The model does not exist."),
    Scenario.REFUSED: (400, "invalid_value", "Invalid request: {body}"),
    Scenario.TOO_LONG: (400, "context_length_exceeded", "This model's maximum context length is 10 tokens."),
}


class OpenAIServer:
    """What the server does next, and what it has seen."""

    def __init__(self) -> None:
        self.scenario = Scenario.ANSWER
        self.url = ""
        self.requests: list[Exchange] = []
        self.left = asyncio.Event()
        self.dimension = 3
        self.base64 = True
        self.embedding_seconds = 0.0
        self.at_once = self.most_at_once = 0
        self.drop_next = False
        self.models = ["text", "vectors"]

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
            await self._refuse(exchange)
        elif exchange.path.endswith("/models"):
            data = [{"id": name, "object": "model"} for name in self.models]
            await exchange.whole(200, json.dumps({"object": "list", "data": data}).encode())
        elif exchange.path.endswith("/embeddings"):
            await self._embed(exchange)
        elif not exchange.json().get("stream"):
            await exchange.whole(200, self._whole(exchange))
        elif self.scenario is Scenario.REFUSES_TO_GO_ON and exchange.json()["messages"][-1]["role"] == "assistant":
            body = {"error": {"message": "The last turn must be the user's.", "code": "prefill_refused"}}
            await exchange.whole(400, json.dumps(body).encode())
        else:
            return await self._stream(exchange)
        return True

    def _whole(self, exchange: Exchange) -> bytes:
        message = {"role": "assistant", "content": "".join(DELTAS)}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        usage = {"prompt_tokens": USAGE[0], "completion_tokens": USAGE[1], "total_tokens": sum(USAGE)}
        answer = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": self._model(exchange)}
        return json.dumps({**answer, "choices": [choice], "usage": usage}).encode()

    def _model(self, exchange: Exchange) -> str:
        return "another" if self.scenario is Scenario.WRONG_MODEL else str(exchange.json()["model"])

    async def _refuse(self, exchange: Exchange) -> None:
        status, code, message = _STATUS[self.scenario]
        said = message.format(key=exchange.headers.get("authorization", ""), body=exchange.body.decode())
        body = {"error": {"message": said, "type": "error", "param": None, "code": code}}
        await exchange.whole(status, json.dumps(body).encode(), {"retry-after": "7"} if status == 429 else {})

    async def _embed(self, exchange: Exchange) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self.embedding_seconds)
        self.at_once -= 1
        if self.scenario is Scenario.MALFORMED:
            await exchange.whole(200, b'{"data": [{"embedding": "???"')
            return
        texts = exchange.json()["input"]
        data = [{"object": "embedding", "index": i, "embedding": self._vector(text)} for i, text in enumerate(texts)]
        # Servers may answer out of order; the index says what is what.
        body = {"object": "list", "data": data[::-1], "usage": {"prompt_tokens": 7, "total_tokens": 7}}
        await exchange.whole(200, json.dumps(body).encode())

    def _vector(self, text: str) -> Any:
        numbers = [float(len(text)), *[0.0] * (self.dimension - 1)]
        return base64.b64encode(array("f", numbers).tobytes()).decode() if self.base64 else numbers

    async def _stream(self, exchange: Exchange) -> bool:
        exchange.begin("text/event-stream")
        exchange.trickles = self.scenario is Scenario.TRICKLE
        await asyncio.sleep(SLOW_START if self.scenario is Scenario.SLOW else 0)
        if self.scenario is Scenario.NOTHING:
            await exchange.end()
            return True
        await exchange.chunk(
            b": keep-alive\n\n" + _chunk({"role": "assistant", "content": ""}, model=self._model(exchange))
        )
        await exchange.chunk(_chunk({"content": DELTAS[0]}, model=self._model(exchange)))
        match self.scenario:
            case Scenario.EMPTY_PIECES:
                await exchange.chunk(_event({"object": "chat.completion.chunk", "model": "", "choices": []}))
                await exchange.chunk(b"\n\ndata:\n\n" + _chunk({}) + _chunk({"content": ""}))
                await self._finish(exchange)
            case Scenario.HALF_CALL:
                call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "find", "arguments": HALF}}
                await exchange.chunk(_chunk({"tool_calls": [call]}) + _chunk({}, "tool_calls") + b"data: [DONE]\n\n")
            case Scenario.CUT:
                return False
            case Scenario.STALLED:
                await exchange.until_left()
                self.left.set()
                return False
            case Scenario.ENDLESS:
                return await self._endless(exchange)
            case Scenario.ERROR_INSIDE:
                await exchange.chunk(_event({"error": {"message": "overloaded", "code": "server_error"}}))
            case Scenario.MALFORMED:
                await exchange.chunk(b"data: {not json\n\n")
            case Scenario.UNFINISHED:
                await exchange.chunk(b"data: [DONE]\n\n")
            case _:
                await self._finish(exchange)
        await exchange.end()
        return True

    async def _finish(self, exchange: Exchange) -> None:
        await exchange.chunk(_chunk({"content": DELTAS[1]}))
        await exchange.chunk(_chunk({}, "length" if self.scenario is Scenario.LENGTH else "stop"))
        if self.scenario is not Scenario.UNCOUNTED:
            usage = {"prompt_tokens": USAGE[0], "completion_tokens": USAGE[1], "total_tokens": sum(USAGE)}
            await exchange.chunk(_event({"object": "chat.completion.chunk", "choices": [], "usage": usage}))
        await exchange.chunk(b"data: [DONE]\n\n")

    async def _endless(self, exchange: Exchange) -> bool:
        try:
            while True:
                await exchange.chunk(_chunk({"content": "more "}))
                await asyncio.sleep(0.01)
        except ConnectionError:
            self.left.set()
        return False


def _chunk(delta: dict[str, Any], finish: str | None = None, model: str = "") -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model}
    return _event({**head, "choices": [choice], "usage": None})


def _event(data: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


@asynccontextmanager
async def openai_server() -> AsyncIterator[OpenAIServer]:
    """A server on a free port."""
    server = OpenAIServer()
    async with listening(server.handle) as port:
        server.url = f"http://127.0.0.1:{port}/v1"
        yield server
