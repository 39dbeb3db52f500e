"""One connection to Redis for many who ask at once: all that waits goes out in one message.

A client's pool takes locks, tasks and hooks for each command, several times what packing and parsing it takes. And
those who wait for one of its connections wait where nobody sees it.
"""

import asyncio
import hashlib
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from hiredis import pack_command
from opentelemetry import trace
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import NoScriptError, RedisError, ResponseError

from services.runtime import telemetry
from services.runtime.serve import leave_if_cancelled

log = logging.getLogger("aisle.redis")

# As many as Redis answers in about a millisecond.
_MOST_AT_ONCE = 256
# A Redis that did not answer is left alone for so long: those who ask meanwhile are told at once.
REST_SECONDS = 0.1
# What says that Redis does not answer, or not as it should.
AWAY = (RedisError, OSError, TimeoutError)

_SPAN = {"db.system.name": "redis"}

Argument = bytes | str | int


class Script:
    """A script of Redis, known to it by its digest."""

    def __init__(self, text: str) -> None:
        """Take the script in Lua."""
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


@dataclass(slots=True)
class _Ask:
    """A command on its way, and who waits for what it returns."""

    command: bytes
    answer: "asyncio.Future[Any]"


class RedisLine:
    """Carries commands to Redis and back. `tend` has to run beside it."""

    def __init__(self, client: "Redis", patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Take a client to connect as, and how many seconds Redis may take for all that is asked at once."""
        pool = client.connection_pool
        self._connection: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call]
        # How long answers may take is said once for all of a message, not for each.
        self._connection.socket_timeout = None
        self._patience = patience
        self._clock = clock
        self._waiting: deque[_Ask] = deque()
        self._some = asyncio.Event()
        self._rests_until = float("-inf")

    async def ask(self, *command: Argument) -> Any:
        """Return what Redis answers, texts as bytes. Raises what is in AWAY."""
        if self._clock() < self._rests_until:
            raise Disconnected("Redis did not answer a moment ago")
        asked = _Ask(pack_command(cast(Any, command)), asyncio.get_running_loop().create_future())
        # Nothing happens below this span, so it need not be the current one: making it so costs as much as the rest.
        recorded = trace.get_current_span().is_recording()
        span = telemetry.tracer.start_span(str(command[0]), None, trace.SpanKind.CLIENT, _SPAN) if recorded else None
        self._waiting.append(asked)
        self._some.set()
        try:
            return await asked.answer
        except AWAY:
            if span is not None:
                span.set_status(trace.StatusCode.ERROR)
            raise
        finally:
            if span is not None:
                span.end()

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Return what a script returns. Raises what is in AWAY."""
        command = ("EVALSHA", script.digest, len(keys), *keys, *arguments)
        try:
            return await self.ask(*command)
        except NoScriptError:
            await self.ask("SCRIPT", "LOAD", script.text)
            return await self.ask(*command)

    async def tend(self) -> None:
        """Carry what is asked, until cancelled."""
        try:
            while True:
                await self._some.wait()
                asked = self._next()
                try:
                    await self._carried(asked)
                except AWAY as away:
                    self._rest(asked, away)
                    # Answers may still be on their way, and would be taken for those to the next questions.
                    await self._connection.disconnect(nowait=True)
                leave_if_cancelled()
        finally:
            await self._connection.disconnect(nowait=True)

    def _next(self) -> list[_Ask]:
        asked: list[_Ask] = []
        while self._waiting and len(asked) < _MOST_AT_ONCE:
            # Whoever left already asks nothing.
            if not (first := self._waiting.popleft()).answer.done():
                asked.append(first)
        if not self._waiting:
            self._some.clear()
        return asked

    async def _carried(self, asked: Sequence[_Ask]) -> None:
        """Carry a message, once more where a kept connection turns out to be dead; Redis may have read it then."""
        kept = self._connection.is_connected
        try:
            await self._carry(asked)
        except (Disconnected, OSError):
            if not kept or asked[0].answer.done():
                raise
            await self._connection.disconnect(nowait=True)
            await self._carry(asked)

    async def _carry(self, asked: Sequence[_Ask]) -> None:
        if not asked:
            return
        async with asyncio.timeout(self._patience):
            if not self._connection.is_connected:
                await self._connection.connect()  # type: ignore[no-untyped-call]
            await self._connection.send_packed_command([ask.command for ask in asked], check_health=False)
            for ask in asked:
                try:
                    answer = await self._connection.read_response(disable_decoding=True)
                except ResponseError as refusal:
                    if not ask.answer.done():
                        ask.answer.set_exception(refusal)
                else:
                    if not ask.answer.done():
                        ask.answer.set_result(answer)

    def _rest(self, asked: Sequence[_Ask], reason: BaseException) -> None:
        """Tell those who wait, and leave Redis alone for a moment."""
        log.warning("redis is away", extra={"data": {"reason": type(reason).__name__}})
        self._rests_until = self._clock() + REST_SECONDS
        for ask in (*asked, *self._waiting):
            if not ask.answer.done():
                ask.answer.set_exception(Disconnected("Redis does not answer"))
        self._waiting.clear()
        self._some.clear()
