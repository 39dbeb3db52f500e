"""The HTTP face of the model server: routes, streams and errors in OpenAI's shape."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar, cast

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException

from local.models.encoder import WIDTH, Encoder
from local.models.generator import Delta, Finished, Generator
from local.models.refusals import RefusedError, too_large, unknown_model
from local.models.settings import ModelServerSettings
from local.models.shelf import Slot, health, held
from local.models.wire import STREAM_END, ChatReply, ChatRequest, EmbeddingRequest, embedding_reply, event, parse

Result = TypeVar("Result")


class ClientLeftError(Exception):
    """The client closed the connection before the answer was ready."""


class ModelApi:
    """The handlers, over whatever models they are given."""

    def __init__(self, chat: Slot[Generator], embeddings: Slot[Encoder], body_limit: int) -> None:
        self.chat, self.embeddings, self.body_limit = chat, embeddings, body_limit

    async def health(self, request: Request) -> Response:
        """Says which models can be used."""
        status, body = health([self.chat, self.embeddings])
        return JSONResponse(body, status)

    async def models(self, request: Request) -> Response:
        """Lists the models by the names requests use."""
        names = [self.chat.name, self.embeddings.name]
        listed = [{"id": name, "object": "model", "created": 0, "owned_by": "embedded"} for name in names]
        return JSONResponse({"object": "list", "data": listed})

    async def embed(self, request: Request) -> Response:
        """Answers an embeddings request."""
        wanted = parse(EmbeddingRequest, await self._body(request))
        if wanted.model != self.embeddings.name:
            raise unknown_model(wanted.model)
        if wanted.dimensions not in (None, WIDTH):
            raise RefusedError(400, f"This model has {WIDTH} dimensions.", "invalid_value", param="dimensions")
        found = await _unless_left(request, self.embeddings.get().embed(wanted.texts()))
        return JSONResponse(embedding_reply(wanted.model, found.vectors, found.tokens, wanted.encoding_format))

    async def complete(self, request: Request) -> Response:
        """Answers a chat request, whole or as a stream."""
        wanted = parse(ChatRequest, await self._body(request))
        if wanted.model != self.chat.name:
            raise unknown_model(wanted.model)
        reply = ChatReply(f"chatcmpl-{uuid.uuid4().hex}", wanted.model)
        answer = self.chat.get().answer(wanted)
        if not wanted.stream:
            return JSONResponse(await _unless_left(request, _whole(reply, answer)))
        # The first piece decides between a stream and an error status, so it is awaited before anything is sent.
        first = await _unless_left(request, anext(answer))
        with_usage = wanted.stream_options is not None and wanted.stream_options.include_usage
        return StreamingResponse(_stream(reply, first, answer, with_usage), media_type="text/event-stream")

    async def _body(self, request: Request) -> bytes:
        body = bytearray()
        async for block in request.stream():
            body += block
            if len(body) > self.body_limit:
                raise too_large(self.body_limit)
        return bytes(body)


async def _whole(reply: ChatReply, answer: AsyncGenerator[Delta | Finished, None]) -> dict[str, Any]:
    texts, end = list[str](), Finished("stop", {})
    async with aclosing(answer):
        async for piece in answer:
            if isinstance(piece, Finished):
                end = piece
            else:
                texts.append(piece.text)
    return reply.whole("".join(texts), end.reason, end.usage)


async def _stream(
    reply: ChatReply, first: Delta | Finished, rest: AsyncGenerator[Delta | Finished, None], with_usage: bool
) -> AsyncIterator[bytes]:
    async with aclosing(rest):
        try:
            yield reply.chunk({"role": "assistant", "content": ""})
            for line in _lines(reply, first, with_usage):
                yield line
            async for piece in rest:
                for line in _lines(reply, piece, with_usage):
                    yield line
        except RefusedError as error:
            # The status has been sent; the stream itself is the only place left for the error.
            yield event(error.body())
    yield STREAM_END


def _lines(reply: ChatReply, piece: Delta | Finished, with_usage: bool) -> list[bytes]:
    if isinstance(piece, Delta):
        return [reply.chunk({"content": piece.text})]
    return [reply.chunk({}, piece.reason), *([reply.usage(piece.usage)] if with_usage else [])]


async def _unless_left(request: Request, answer: Awaitable[Result]) -> Result:
    """Awaits the answer, and abandons it as soon as the client closes the connection."""
    outcome: Result | RefusedError | None = None

    # The group would wrap a refusal into an exception group, so it is carried out as a value.
    async def run() -> None:
        nonlocal outcome
        try:
            outcome = await answer
        except RefusedError as refusal:
            outcome = refusal
        watcher.cancel()

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        work.cancel()

    async with asyncio.TaskGroup() as group:
        watcher = group.create_task(watch())
        work = group.create_task(run())
    if work.cancelled():
        raise ClientLeftError
    if isinstance(outcome, RefusedError):
        raise outcome
    return cast(Result, outcome)


async def refuse(request: Request, error: Exception) -> Response:
    """Words a refusal as OpenAI does."""
    assert isinstance(error, RefusedError)
    return JSONResponse(error.body(), error.status, error.headers())


async def refuse_route(request: Request, error: Exception) -> Response:
    """Words the framework's own refusals (no such route, wrong method) the same way."""
    assert isinstance(error, HTTPException)
    return await refuse(request, RefusedError(error.status_code, error.detail, "unknown_url"))


async def forget(request: Request, error: Exception) -> Response:
    """Ends a request nobody waits for; the status only shows in logs."""
    return Response(status_code=499)


def build_app(settings: ModelServerSettings, chat: Slot[Generator], embeddings: Slot[Encoder]) -> FastAPI:
    """The application over two models, which it loads in the background once it serves."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with held([chat, embeddings]):
            yield

    api = ModelApi(chat, embeddings, settings.body_limit)
    app = FastAPI(lifespan=lifespan, openapi_url=None)
    routes: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
        ("GET", "/health", api.health),
        ("GET", "/v1/models", api.models),
        ("POST", "/v1/chat/completions", api.complete),
        ("POST", "/v1/embeddings", api.embed),
    ]
    for method, path, handler in routes:
        app.add_route(path, handler, methods=[method])
    app.add_exception_handler(RefusedError, refuse)
    app.add_exception_handler(HTTPException, refuse_route)
    app.add_exception_handler(ClientLeftError, forget)
    return app
