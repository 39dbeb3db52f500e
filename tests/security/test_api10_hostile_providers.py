"""API10:2023. A provider's answer is read like a stranger's: too long, too slow or odd, it fails as a provider does."""

import asyncio
import gzip
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Any

import psutil
import pytest

from services.llm.adapters.openai_provider import OpenAIProvider
from services.llm.domain.errors import PromptRefused, PromptTooLong, ProviderFailed
from services.llm.domain.generation import Message, Prompt, Role
from tests.fakes.llm_http_server import Exchange, listening
from tests.fakes.llm_models import CHEAP, VECTORS

PROMPT = Prompt([Message(Role.USER, "hello")], max_output_tokens=5)
MEGABYTE = 1 << 20
REFUSALS = (ProviderFailed, PromptRefused, PromptTooLong)


async def read(handle: Callable[[Exchange], Awaitable[bool]], timeout: float = 3.0) -> list[Any]:
    async with (
        listening(handle) as port,
        OpenAIProvider("sk", f"http://127.0.0.1:{port}/v1", timeout) as provider,
        aclosing(provider.generate(CHEAP, PROMPT)) as events,
    ):
        return [event async for event in events]


def chunk(delta: Any, **more: Any) -> bytes:
    body = {"id": "c", "object": "chat.completion.chunk", "model": CHEAP.provider_id, **more}
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta}], **body}).encode() + b"\n\n"


ODD: dict[str, bytes] = {
    "text that is a number": chunk({"content": 5}),
    "text that is a list": chunk({"content": ["x"]}),
    "text that is an object": chunk({"content": {"x": 1}}),
    "delta that is a text": chunk("hello"),
    "delta that is a list": chunk([]),
    "calls that are no list": chunk({"tool_calls": {"a": 1}}),
    "call without a function": chunk({"tool_calls": [{"index": 0}]}),
    "call with a number": chunk({"tool_calls": [{"index": "x", "function": {"name": 1, "arguments": 2}}]}),
    "call far away": chunk({"tool_calls": [{"index": 10**9, "function": {"name": "f", "arguments": ""}}]}),
    "call before the first": chunk({"tool_calls": [{"index": -1, "function": {"name": "f", "arguments": ""}}]}),
    "choices that are a number": b'data: {"choices": 5}\n\n',
    "choices that hold nothing": b'data: {"choices": [null]}\n\n',
    "nothing": b"data: null\n\n",
    "a number": b"data: 5\n\n",
    "a list": b"data: []\n\n",
    "usage that is a text": b'data: {"choices": [], "usage": "many"}\n\n',
    "usage below nothing": chunk({}, usage={"prompt_tokens": -5, "completion_tokens": -(2**70)}),
    "usage beyond everything": chunk({}, usage={"prompt_tokens": 2**80, "completion_tokens": 1e400}),
    "end that is a number": b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": 7}]}\n\n',
    "bytes that are no text": b"data: \xff\xfe\xfd\n\n",
    "half of a pair": b'data: {"choices": [{"delta": {"content": "\\ud800"}}]}\n\n',
    "nested beyond reason": b"data: " + b"[" * 200_000 + b"\n\n",
    "a number of a megabyte": b"data: " + b"9" * MEGABYTE + b"\n\n",
    "control characters": chunk({"content": "\x00\x1b]0;x\x07"}),
    "no event at all": b"<html>" * 1000,
}


@pytest.mark.parametrize("what", sorted(ODD))
async def test_odd_answer_is_a_failed_provider_or_a_plain_one(what: str) -> None:
    async def handle(exchange: Exchange) -> bool:
        exchange.begin("text/event-stream")
        await exchange.chunk(ODD[what])
        await exchange.chunk(b"data: [DONE]\n\n")
        await exchange.end()
        return True

    try:
        events = await read(handle)
    except REFUSALS:
        return
    usage = [getattr(event, "usage", None) for event in events]
    assert all(count is None or 0 <= count.input_tokens < 2**63 for count in usage)
    assert all(isinstance(getattr(event, "text", ""), str) for event in events)


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream", "text/html", ""])
@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b'{"choices": []}', b'{"choices": [{"message": null}]}', b"\xff" * 99]
)
async def test_whole_answer_that_is_none_is_a_failed_provider(kind: str, body: bytes) -> None:
    async def handle(exchange: Exchange) -> bool:
        await exchange.whole(200, body, {"content-type": kind})
        return True

    with pytest.raises(REFUSALS):
        await read(handle)


async def _flood(exchange: Exchange, head: bytes, piece: bytes) -> bool:
    try:
        exchange.begin("application/json" if head == b"{" else "text/event-stream")
        await exchange.chunk(head)
        for _ in range(400):
            await exchange.chunk(piece)
    except ConnectionError:
        pass
    return False


@pytest.mark.parametrize("head", [b"{", b"data: "])
async def test_answer_without_an_end_is_cut_before_it_fills_the_memory(head: bytes) -> None:
    before = psutil.Process().memory_info().rss
    with pytest.raises(ProviderFailed):
        await read(lambda exchange: _flood(exchange, head, b"x" * MEGABYTE), timeout=20)
    assert psutil.Process().memory_info().rss - before < 300 * MEGABYTE


async def test_error_with_a_huge_body_is_not_read_to_its_end() -> None:
    async def handle(exchange: Exchange) -> bool:
        with suppress(ConnectionError):
            await exchange.whole(400, b'{"error": {"message": "' + b"x" * (50 * MEGABYTE) + b'"}}')
        return False

    with pytest.raises(REFUSALS):
        await read(handle)


async def test_heads_without_an_end_are_a_failed_provider() -> None:
    async def handle(exchange: Exchange) -> bool:
        try:
            exchange.writer.write(b"HTTP/1.1 200 OK\r\n")
            for number in range(20_000):
                exchange.writer.write(b"x-h%d: " % number + b"y" * 100 + b"\r\n")
                await exchange.writer.drain()
        except ConnectionError:
            pass
        return False

    with pytest.raises(ProviderFailed):
        await read(handle)


async def test_packed_answer_nobody_asked_for_does_not_unfold_in_memory() -> None:
    bomb = gzip.compress(b" " * (300 * MEGABYTE))

    async def handle(exchange: Exchange) -> bool:
        await exchange.whole(200, bomb, {"content-encoding": "gzip"})
        return True

    before = psutil.Process().memory_info().rss
    with pytest.raises(REFUSALS):
        await read(handle, timeout=30)
    assert psutil.Process().memory_info().rss - before < 300 * MEGABYTE


async def test_provider_that_says_nothing_more_is_left() -> None:
    async def handle(exchange: Exchange) -> bool:
        exchange.begin("text/event-stream")
        await exchange.chunk(chunk({"content": "a"}))
        await exchange.until_left()
        return False

    started = time.monotonic()
    with pytest.raises(ProviderFailed):
        await read(handle, timeout=0.5)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"data": None},
        {"data": []},
        {"data": [{"index": 0}]},
        {"data": [{"index": 0, "embedding": "???"}]},
        {"data": [{"index": 0, "embedding": ["x"]}]},
        {"data": [{"index": "x", "embedding": [0.1]}]},
        {"data": [{"index": 0, "embedding": [0.1]}, {"index": 0, "embedding": [0.1]}]},
        {"data": {"0": 1}},
        [],
        5,
    ],
)
async def test_vectors_that_are_none_are_a_failed_provider(reply: Any) -> None:
    async def handle(exchange: Exchange) -> bool:
        await exchange.whole(200, json.dumps(reply).encode())
        return True

    async with listening(handle) as port, OpenAIProvider("sk", f"http://127.0.0.1:{port}/v1", 3.0) as provider:
        with pytest.raises(REFUSALS):
            await provider.embed(VECTORS, ["x"], True)
        await asyncio.sleep(0)


@pytest.mark.parametrize("said", ["nan", "inf", "-5", "9" * 500, "1e309", "Wed, 99 Foo 9999", "\u0663"])
async def test_wait_a_provider_asks_for_is_a_number_of_seconds(said: str) -> None:
    async def handle(exchange: Exchange) -> bool:
        exchange.writer.write(b"HTTP/1.1 429 No\r\ncontent-length: 2\r\nretry-after: " + said.encode() + b"\r\n\r\n{}")
        await exchange.writer.drain()
        return True

    with pytest.raises(ProviderFailed) as failed:
        await read(handle)
    assert 0 <= failed.value.retry_after < float("inf")
