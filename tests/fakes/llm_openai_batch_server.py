"""OpenAI's files and batches over HTTP, as strict as the original about its input; it counts what it would bill."""

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.llm_http_server import Exchange, listening

ENDPOINT = "/v1/chat/completions"
TOKENS = (20, 10)


@dataclass
class OneBatch:
    """A batch as the provider keeps it."""

    identifier: str
    input_file: str
    metadata: dict[str, str]
    requests: list[dict[str, Any]]
    status: str = "in_progress"
    output_file: str | None = None
    error_file: str | None = None

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.identifier,
            "object": "batch",
            "endpoint": ENDPOINT,
            "input_file_id": self.input_file,
            "completion_window": "24h",
            "created_at": 1,
            "status": self.status,
            "output_file_id": self.output_file,
            "error_file_id": self.error_file,
            "request_counts": {"total": len(self.requests), "completed": 0, "failed": 0},
            "metadata": self.metadata,
        }


@dataclass
class BatchServer:
    """Runs nothing by itself: tests say when a batch ends, and how."""

    url: str = ""
    key: str = "sk-batches"
    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, OneBatch] = field(default_factory=dict)
    # Requests that were run, by custom id: what is billed.
    billed: Counter[str] = field(default_factory=Counter)
    # Custom ids that fail, with their status.
    failing: dict[str, int] = field(default_factory=dict)
    # Answers by custom id, where they are not "About …".
    saying: dict[str, str] = field(default_factory=dict)
    # The next batch is created and its creator hears nothing; the next uploads are refused.
    silent_once: bool = False
    refused_uploads: int = 0
    # Whether a batch is called invalid when it is created.
    refuses: bool = False
    model: str = "gpt-6-luna"

    async def handle(self, exchange: Exchange) -> bool:
        parts = urlsplit(exchange.path)
        path, query = parts.path.removeprefix("/v1"), parse_qs(parts.query)
        if exchange.headers.get("authorization") != f"Bearer {self.key}":
            return await self._refuse(exchange, 401, "invalid_api_key")
        match exchange.method, path.strip("/").split("/"):
            case "GET", ["models"]:
                return await self._say(exchange, {"data": [{"id": self.model}]})
            case "POST", ["files"]:
                return await self._upload(exchange)
            case "GET", ["files", name, "content"] if name in self.files:
                await exchange.whole(200, self.files[name])
                return True
            case "DELETE", ["files", name] if name in self.files:
                del self.files[name]
                return await self._say(exchange, {"id": name, "object": "file", "deleted": True})
            case "POST", ["batches"]:
                return await self._create(exchange)
            case "GET", ["batches"]:
                return await self._list(exchange, query)
            case "GET", ["batches", name] if name in self.batches:
                return await self._say(exchange, self.batches[name].shown())
            case "POST", ["batches", name, "cancel"] if name in self.batches:
                self.batches[name].status = "cancelling"
                return await self._say(exchange, self.batches[name].shown())
        return await self._refuse(exchange, 404, "not_found")

    def end(self, status: str = "completed", answered: int | None = None) -> None:
        """End every batch that runs: so many of its requests are run, all when nothing else is said."""
        for batch in self.batches.values():
            if batch.status not in ("in_progress", "cancelling"):
                continue
            batch.status = "cancelled" if batch.status == "cancelling" else status
            run = batch.requests if answered is None else batch.requests[:answered]
            lines = [self._run(request) for request in run] if status != "failed" else []
            unrun = [_unrun(one) for one in batch.requests[len(run) :]] if batch.status == "expired" else []
            good = [line for line in lines if line["response"]["status_code"] == 200]
            bad = [line for line in lines if line["response"]["status_code"] != 200]
            batch.output_file = self._keep(good)
            batch.error_file = self._keep([*bad, *unrun])

    def _run(self, request: dict[str, Any]) -> dict[str, Any]:
        key = request["custom_id"]
        self.billed[key] += 1
        status = self.failing.get(key, 200)
        body = self._answer(request) if status == 200 else {"error": {"code": "server_error", "message": "No."}}
        response = {"status_code": status, "request_id": uuid.uuid4().hex, "body": body}
        return {"id": f"batch_req_{uuid.uuid4().hex}", "custom_id": key, "response": response, "error": None}

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        said = request["body"]["messages"][-1]["content"]
        text = self.saying.get(request["custom_id"], f"About {said}.")
        usage = {"prompt_tokens": TOKENS[0], "completion_tokens": TOKENS[1], "total_tokens": sum(TOKENS)}
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        model = request["body"]["model"]
        return {"id": "c-1", "object": "chat.completion", "model": model, "choices": [choice], "usage": usage}

    def _keep(self, lines: list[dict[str, Any]]) -> str | None:
        if not lines:
            return None
        name = f"file-{uuid.uuid4().hex}"
        self.files[name] = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        return name

    async def _upload(self, exchange: Exchange) -> bool:
        if self.refused_uploads:
            self.refused_uploads -= 1
            return await self._refuse(exchange, 500, "server_error")
        parts = _form(exchange)
        if parts.get("purpose") != b"batch" or "file" not in parts:
            return await self._refuse(exchange, 400, "invalid_request")
        name = f"file-{uuid.uuid4().hex}"
        self.files[name] = parts["file"]
        shown = {"id": name, "object": "file", "bytes": len(parts["file"]), "created_at": 1, "filename": "a.jsonl"}
        return await self._say(exchange, {**shown, "purpose": "batch", "status": "processed"})

    async def _create(self, exchange: Exchange) -> bool:
        asked = exchange.json()
        if asked["input_file_id"] not in self.files or asked["completion_window"] != "24h":
            return await self._refuse(exchange, 400, "invalid_request")
        requests = [json.loads(line) for line in self.files[asked["input_file_id"]].splitlines()]
        if self.refuses or not requests or not _well_formed(requests, asked["endpoint"]):
            return await self._refuse(exchange, 400, "invalid_batch")
        name = f"batch_{uuid.uuid4().hex}"
        self.batches[name] = OneBatch(name, asked["input_file_id"], asked.get("metadata") or {}, requests)
        if self.silent_once:
            self.silent_once = False
            return False
        return await self._say(exchange, self.batches[name].shown())

    async def _list(self, exchange: Exchange, query: dict[str, list[str]]) -> bool:
        newest = list(self.batches)[::-1]
        begin = newest.index(query["after"][0]) + 1 if "after" in query else 0
        size = min(int(query.get("limit", ["20"])[0]), 100)
        page = [self.batches[name].shown() for name in newest[begin : begin + size]]
        return await self._say(exchange, {"object": "list", "data": page, "has_more": begin + size < len(newest)})

    async def _say(self, exchange: Exchange, said: dict[str, Any]) -> bool:
        await exchange.whole(200, json.dumps(said).encode())
        return True

    async def _refuse(self, exchange: Exchange, status: int, code: str) -> bool:
        await exchange.whole(status, json.dumps({"error": {"code": code, "message": "No."}}).encode())
        return True


def _well_formed(requests: list[dict[str, Any]], endpoint: str) -> bool:
    keys = [one["custom_id"] for one in requests]
    ours = all(set(one) == {"custom_id", "method", "url", "body"} for one in requests)
    same = len({one["body"]["model"] for one in requests}) == 1 and {one["url"] for one in requests} == {endpoint}
    posted = {one["method"] for one in requests} == {"POST"} and not any("stream" in one["body"] for one in requests)
    return ours and same and posted and endpoint == ENDPOINT and len(keys) == len(set(keys)) <= 50_000


def _unrun(request: dict[str, Any]) -> dict[str, Any]:
    error = {"code": "batch_expired", "message": "This request could not be executed before the completion window."}
    return {"id": f"batch_req_{uuid.uuid4().hex}", "custom_id": request["custom_id"], "response": None, "error": error}


def _form(exchange: Exchange) -> dict[str, bytes]:
    boundary = exchange.headers["content-type"].partition("boundary=")[2].strip('"').encode()
    parts: dict[str, bytes] = {}
    for part in exchange.body.split(b"--" + boundary)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        name = head.lower().partition(b'name="')[2].partition(b'"')[0].decode()
        parts[name] = content.removesuffix(b"\r\n")
    return parts


@asynccontextmanager
async def batch_server() -> AsyncIterator[BatchServer]:
    """A server on a free port."""
    server = BatchServer()
    async with listening(server.handle) as port:
        server.url = f"http://127.0.0.1:{port}/v1"
        yield server
        await asyncio.sleep(0)
