"""The chat's socket: one talk, relayed word by word, for as long as the shopper keeps it open."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from bff import errors as problems
from bff.auth.identity import identity_from
from bff.auth.tokens import Identity
from bff.chat import schemas
from bff.chat.desk import Desk
from bff.chat.relay import Relay
from services.runtime.errors import AisleError, Conflict, Invalid, NotFound, Unauthenticated

GARBAGE, UNAUTHENTICATED, NOT_FOUND, TRY_LATER = 4400, 4401, 4404, 1013

# The protocol a browser offers, and beside it `aisle.token.` with its access token.
PROTOCOL, TOKEN_PROTOCOL = "aisle.chat.v1", "aisle.token."

# Frames waiting for a slow reader; then the answer waits upstream.
_WAITING_FRAMES = 32
# A reader that takes nothing for so long has gone without saying so.
_SEND_TIMEOUT_SECONDS = 30.0


async def serve_socket(socket: WebSocket, desk: Desk) -> None:
    """Serve one socket from its handshake to its end. A session outlives every socket."""
    # Who offers our protocol must be told so; a token that is offered beside it is never said back.
    await socket.accept(PROTOCOL if PROTOCOL in _offered(socket) else None)
    try:
        identity, session_id = await _open(socket, desk)
    except AisleError as error:
        await _refuse(socket, error)
        return
    await Talk(socket, desk, identity, session_id).run()


async def _open(socket: WebSocket, desk: Desk) -> tuple[Identity, str]:
    """Return who talks and in which session, a new one when none is named."""
    asked = socket.query_params
    identity = await identity_from(socket, _token(socket), asked.get("visitor", ""))
    if not identity.subject:
        raise Unauthenticated("SIGN_IN_REQUIRED", "Send a visitor id or an access token.")
    session_id = asked.get("session", "")
    if session_id:
        await desk.check(session_id, identity.subject)
    else:
        session_id = await desk.begin(identity.subject)
    return identity, session_id


def _offered(socket: WebSocket) -> list[str]:
    return [word.strip() for word in socket.headers.get("sec-websocket-protocol", "").split(",")]


def _token(socket: WebSocket) -> str:
    """Return the access token shown at the opening: in a header, never in the address, which ends in logs."""
    scheme, _, shown = socket.headers.get("authorization", "").partition(" ")
    if scheme:
        if scheme.lower() != "bearer":
            raise Unauthenticated("TOKEN_INVALID", "Send `Authorization: Bearer` and an access token.")
        return shown.strip() or "missing"
    # A browser's script has a say in this one header only.
    return next((w.removeprefix(TOKEN_PROTOCOL) for w in _offered(socket) if w.startswith(TOKEN_PROTOCOL)), "")


async def _refuse(socket: WebSocket, error: AisleError) -> None:
    codes: dict[type[AisleError], int] = {Invalid: GARBAGE, Unauthenticated: UNAUTHENTICATED, NotFound: NOT_FOUND}
    with suppress(WebSocketDisconnect):
        # Nothing but the code is sent: clients take any frame for a line that works, and would hurry back.
        await socket.close(codes.get(type(error), TRY_LATER), error.reason)


class Talk:
    """One open socket: reads frames, answers one question at a time, writes in order."""

    def __init__(self, socket: WebSocket, desk: Desk, identity: Identity, session_id: str) -> None:
        """Take an accepted socket, and whose session it serves."""
        self._socket = socket
        self._desk = desk
        self._identity = identity
        self._session_id = session_id
        self._outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue(_WAITING_FRAMES)
        self._answer: asyncio.Task[None] | None = None
        self._stopping = False

    async def run(self) -> None:
        """Serve until either side leaves; what is still being answered is then cancelled upstream."""
        await self._outbox.put({"type": "ready", "session_id": self._session_id})
        async with asyncio.TaskGroup() as self._tasks:
            reader = self._tasks.create_task(self._read())
            writer = self._tasks.create_task(self._write())
            await asyncio.wait((reader, writer), return_when=asyncio.FIRST_COMPLETED)
            for task in (reader, writer, self._answer):
                if task is not None:
                    task.cancel()
        code = reader.result() if reader.done() and not reader.cancelled() else TRY_LATER
        if code and self._socket.client_state is WebSocketState.CONNECTED:
            with suppress(WebSocketDisconnect, RuntimeError):
                await self._socket.close(code)

    async def _read(self) -> int | None:
        """Take frames; return the code to close with, or None when the other side has left."""
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return None
            try:
                frame = schemas.CLIENT_FRAME.validate_json(message.get("text") or b"")
            except ValidationError:
                return GARBAGE
            if self._identity.expired(datetime.now(UTC)):
                return UNAUTHENTICATED
            await self._take(frame)

    async def _write(self) -> None:
        while True:
            frame = await self._outbox.get()
            try:
                async with asyncio.timeout(_SEND_TIMEOUT_SECONDS):
                    await self._socket.send_json(frame)
            except (TimeoutError, WebSocketDisconnect):
                return

    async def _take(self, frame: schemas.ClientFrame) -> None:
        if isinstance(frame, schemas.PingFrame):
            await self._outbox.put({"type": "pong"})
        elif isinstance(frame, schemas.StopFrame):
            if self._answer is not None and not self._answer.done():
                self._stopping = True
                self._answer.cancel()
        elif self._answer is not None and not self._answer.done():
            busy = Conflict("ANSWER_IN_PROGRESS", "One question at a time: this answer is still being written.")
            await self._outbox.put(_error_frame(busy))
        else:
            self._stopping = False
            self._answer = self._tasks.create_task(self._respond(frame))

    async def _respond(self, frame: schemas.SendFrame | schemas.ResumeFrame) -> None:
        relay = Relay(self._desk, self._identity, self._session_id, frame, self._outbox)
        try:
            await relay.run()
        except AisleError as error:
            await self._outbox.put(_error_frame(error))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            # The shopper said stop: that ends the answer, not the talk. Unless the talk ends too.
            if not self._stopping or task is None or task.uncancel() > 0:
                raise
            await relay.end_interrupted()


def _error_frame(error: AisleError) -> dict[str, Any]:
    return {"type": "error", "problem": problems.problem_of(error).model_dump(exclude_none=True)}
