"""OpenAI's own batches: a file of requests goes up, within a day a file of answers comes down, at a part of the price.

A batch carries our name for it in its metadata, so that whoever comes after a crash finds what was created before it.
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import ClientResponse
from yarl import URL

from services.llm.adapters.openai_provider import OPENAI_URL, limit_field
from services.llm.adapters.openai_wire import refusal
from services.llm.adapters.prompt_to_openai import Reading, chat_body
from services.llm.adapters.provider_connections import FAILURES, ProviderConnections, failure, whole
from services.llm.application.batch_ports import ProviderResult, ProviderStatus
from services.llm.domain.errors import FailureKind, PromptRefused, PromptTooLong, ProviderFailed
from services.llm.domain.generation import Prompt
from services.llm.domain.model import Model

_ENDPOINT = "/v1/chat/completions"
_OURS = "aisle_job"
_CONNECT_SECONDS = 3.0
_ENDED = ("completed", "failed", "expired", "cancelled")
# Of requests that were not run because the batch was over before.
_UNRUN = ("batch_expired", "batch_cancelled")
# Batches that are looked through for one of ours: a hundred to a page.
_MOST_PAGES = 50
_LONGEST_LINE = 16 << 20
_SHAPELESS = (KeyError, TypeError, AttributeError, ValueError)


class OpenAIBatches:
    """A `ProviderBatches`."""

    # OpenAI takes ten times as many; what is sent and read at once must fit into memory.
    most_items = 5_000
    least_items = 1

    def __init__(
        self, api_key: str, base_url: str, timeout: float, *, organization: str = "", project: str = ""
    ) -> None:
        """Take the key, another server's address if it is not OpenAI's, and the longest silence in seconds.

        Organization and project are whom OpenAI bills, where a key belongs to several.
        """
        url = base_url or OPENAI_URL
        base = url.rstrip("/")
        self._files, self._batches = URL(base + "/files"), URL(base + "/batches")
        billed = {"openai-organization": organization, "openai-project": project}
        self._headers = {name: value for name, value in billed.items() if value}
        self._headers["authorization"] = f"Bearer {api_key or 'none'}"
        self._limit_field = limit_field(url)
        # None is kept, so none is found dead and nothing is sent again: a batch that is created twice is paid twice.
        self._connections = ProviderConnections(timeout, _CONNECT_SECONDS, keep=False)

    async def __aenter__(self) -> Self:
        """Open lazily: the first call connects."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self._connections.close()

    def takes(self, prompt: Prompt) -> bool:
        """Return True: a request of a batch says all that one by itself does."""
        return True

    async def find(self, job: str) -> str | None:
        """Return the provider's name of the batch that carries our name, None when there is none and will be none."""
        after = ""
        for _ in range(_MOST_PAGES):
            page = await self._asked("GET", self._batches.with_query(limit=100, **({"after": after} if after else {})))
            for one in page["data"]:
                if (one.get("metadata") or {}).get(_OURS) == job:
                    return str(one["id"])
            if not page.get("has_more") or not page["data"]:
                return None
            after = str(page["data"][-1]["id"])
        # Whether it is further back nobody knows: it must not be sent again.
        raise ProviderFailed(FailureKind.BROKEN)

    async def submit(self, job: str, model: Model, prompts: Sequence[tuple[str, Prompt]]) -> str:
        """Create a batch that carries our name; return the provider's name of it. Never sends twice by itself."""
        lines = await asyncio.to_thread(self._lines, model, prompts)
        body, kind = _form(f"{job}.jsonl", lines)
        uploaded = await self._asked("POST", self._files, body, kind)
        wanted = {
            "input_file_id": str(uploaded["id"]),
            "endpoint": _ENDPOINT,
            "completion_window": "24h",
            "metadata": {_OURS: job},
        }
        return str((await self._asked("POST", self._batches, orjson.dumps(wanted)))["id"])

    async def status(self, handle: str) -> ProviderStatus:
        """Return how far it is."""
        found = await self._asked("GET", self._batches / handle)
        state = found.get("status")
        refused = "invalid_batch" if state == "failed" else ""
        return ProviderStatus(state in _ENDED, unrun=state in ("expired", "cancelled"), refused=refused)

    async def results(self, handle: str, model: Model) -> AsyncGenerator[ProviderResult, None]:
        """Yield what has ended so far, in any order."""
        found = await self._asked("GET", self._batches / handle)
        for name in (found.get("output_file_id"), found.get("error_file_id")):
            if not name:
                continue
            async with self._answer("GET", self._files / str(name) / "content") as response:
                async for line in _read_lines(response):
                    yield _result(line, model)

    async def cancel(self, handle: str) -> None:
        """Stop it; what was answered until then stays."""
        await self._asked("POST", self._batches / handle / "cancel", b"{}")

    async def forget(self, handle: str) -> None:
        """Delete the files of a batch that has ended: nothing of the questions and answers stays there."""
        found = await self._asked("GET", self._batches / handle)
        for name in ("input_file_id", "output_file_id", "error_file_id"):
            if found.get(name):
                await self._asked("DELETE", self._files / str(found[name]))

    def _lines(self, model: Model, prompts: Sequence[tuple[str, Prompt]]) -> bytes:
        made = []
        for key, prompt in prompts:
            body = orjson.Fragment(chat_body(model, prompt, False, self._limit_field))
            made.append(orjson.dumps({"custom_id": key, "method": "POST", "url": _ENDPOINT, "body": body}))
        return b"\n".join(made)

    async def _asked(
        self, method: str, url: URL, body: bytes | None = None, kind: str = "application/json"
    ) -> dict[str, Any]:
        """Return what the provider says to a request. Raises ProviderFailed or PromptRefused."""
        async with self._answer(method, url, body, kind) as response:
            said = orjson.loads(await whole(response))
        if not isinstance(said, dict):
            raise ProviderFailed(FailureKind.BROKEN)
        return said

    @asynccontextmanager
    async def _answer(
        self, method: str, url: URL, body: bytes | None = None, kind: str = "application/json"
    ) -> AsyncGenerator[ClientResponse, None]:
        headers = {**self._headers, "content-type": kind}
        try:
            async with self._connections.answer(method, url, headers, body) as response:
                if response.status != 200:
                    raise await refusal(response)
                yield response
        except PromptTooLong:
            raise PromptRefused("too_long") from None
        except (KeyError, TypeError, AttributeError):
            raise ProviderFailed(FailureKind.BROKEN) from None
        except FAILURES as error:
            raise failure(error) from None


def _form(name: str, content: bytes) -> tuple[bytes, str]:
    """Return the body of an upload and its type."""
    boundary = f"aisle-{uuid.uuid4().hex}"
    parts = (
        f'--{boundary}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n',
        f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="{name}"\r\n'
        "content-type: application/jsonl\r\n\r\n",
    )
    body = b"".join((*(part.encode() for part in parts), content, f"\r\n--{boundary}--\r\n".encode()))
    return body, f"multipart/form-data; boundary={boundary}"


async def _read_lines(response: ClientResponse) -> AsyncGenerator[bytes, None]:
    """Yield the lines of a file without holding all of it."""
    rest = b""
    while piece := await response.content.readany():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.strip():
                yield line
        if len(rest) > _LONGEST_LINE:
            raise ProviderFailed(FailureKind.BROKEN)
    if rest.strip():
        yield rest


def _result(line: bytes, model: Model) -> ProviderResult:
    """Return what a line says of its item."""
    try:
        said: Mapping[str, Any] = orjson.loads(line)
        key, answered, error = str(said["custom_id"]), said.get("response"), said.get("error") or {}
        if error:
            unrun = error.get("code") in _UNRUN
            return ProviderResult(key, error_reason="" if unrun else "PROVIDER_UNAVAILABLE", unrun=unrun)
        status = int(answered["status_code"])  # type: ignore[index]
        if status != 200:
            return ProviderResult(key, error_reason="PROVIDER_REFUSED" if status < 429 else "PROVIDER_UNAVAILABLE")
        body = orjson.dumps(answered["body"])  # type: ignore[index]
    except _SHAPELESS:
        raise ProviderFailed(FailureKind.BROKEN) from None
    try:
        return ProviderResult(key, Reading(model.provider_id).whole(body))
    except ProviderFailed:
        return ProviderResult(key, error_reason="PROVIDER_UNAVAILABLE")
