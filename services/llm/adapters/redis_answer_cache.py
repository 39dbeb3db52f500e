"""Answers given before, in Redis for all replicas and in memory for the ones asked the most.

A purge counts up its tags' epochs before it deletes: an answer that was being written meanwhile was made from what is
void, and is not kept. What is in memory is only used while the news of purges arrive.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, cast

import orjson
from redis.asyncio import Redis

from services.llm.adapters.redis_line import AWAY, RedisLine, Script
from services.llm.application.ports import ModelSource
from services.llm.domain.answer_cache import Question
from services.llm.domain.generation import Answer, CacheOutcome, Finished, FinishReason, Started, ToolCall
from services.llm.domain.usage import TokenUsage
from services.runtime.errors import Unavailable
from services.runtime.serve import leave_if_cancelled

log = logging.getLogger("aisle.llm.cache")

# Braces keep all keys in one slot of a cluster: a purge and a store each touch several of them at once.
_PREFIX = "llm:{cache}"
_NEWS = "llm:cache:purged"
_MEMORY_ANSWERS = 2048
_MEMORY_SECONDS = 30.0
_EPOCHS_KEPT = 10_000
_RETRY_SECONDS = 1.0

# KEYS: the answer, then for each tag its epoch and its set. ARGV: answer, seconds, then for each tag the epoch seen.
_STORE = Script(
    """
for i = 2, #KEYS, 2 do
  if (redis.call('GET', KEYS[i]) or '0') ~= ARGV[2 + i / 2] then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
for i = 3, #KEYS, 2 do
  redis.call('SADD', KEYS[i], KEYS[1])
  if redis.call('TTL', KEYS[i]) < tonumber(ARGV[2]) then redis.call('EXPIRE', KEYS[i], ARGV[2]) end
end
return 1
"""
)
# KEYS: for each tag its epoch and its set.
_PURGE = Script(
    """
local gone = 0
for i = 1, #KEYS, 2 do
  redis.call('INCR', KEYS[i])
  for _, key in ipairs(redis.call('SMEMBERS', KEYS[i + 1])) do gone = gone + redis.call('DEL', key) end
  redis.call('DEL', KEYS[i + 1])
end
return gone
"""
)


class RedisAnswerCache:
    """An `AnswerCache`."""

    def __init__(self, line: RedisLine, models: ModelSource, listener: "Redis") -> None:
        """Take a line that gives up soon, the models answers may name, and a client that may wait for news."""
        self._line = line
        self._listener = listener
        self._models = models
        self._memory: OrderedDict[str, tuple[float, Answer, Sequence[str]]] = OrderedDict()
        self._epochs: OrderedDict[str, list[str]] = OrderedDict()
        self._listening = False

    async def find(self, question: Question) -> tuple[Answer, CacheOutcome] | None:
        """Return the answer to the same question."""
        remembered = self._memory.get(question.exact) if self._listening else None
        if remembered is not None and remembered[0] > time.monotonic():
            self._memory.move_to_end(question.exact)
            return remembered[1], CacheOutcome.EXACT
        try:
            stored, *epochs = cast(
                list[bytes | None], await self._line.ask("MGET", _key(question), *map(_epoch, question.tags))
            )
        except AWAY as away:
            self._complain(away)
            return None
        answer = self._decoded(stored) if stored else None
        if answer is None:
            self._remember_epochs(question, [(epoch or b"0").decode() for epoch in epochs])
            return None
        self._keep(question, answer)
        return answer, CacheOutcome.EXACT

    async def store(self, question: Question, answer: Answer) -> None:
        """Keep an answer for as long as the question says, unless a tag of it was purged since it was asked."""
        epochs = self._epochs.pop(question.exact, None)
        if epochs is None:
            return
        keys = [_key(question)]
        for tag in question.tags:
            keys += [_epoch(tag), _set(tag)]
        try:
            arguments: list[str | bytes] = [_encoded(answer), str(int(question.seconds)), *epochs]
            kept = await self._line.run(_STORE, keys, arguments)
        except AWAY as away:
            self._complain(away)
            return
        if kept:
            self._keep(question, answer)

    async def purge(self, tags: Sequence[str]) -> int:
        """Forget the answers that carry any of the tags, on all replicas; return how many. Raises Unavailable."""
        keys = [key for tag in tags for key in (_epoch(tag), _set(tag))]
        try:
            gone = await self._line.run(_PURGE, keys, ())
            self._forget(set(tags))
            await self._line.ask("PUBLISH", _NEWS, orjson.dumps(list(tags)))
        except AWAY:
            raise Unavailable("CACHE_AWAY", "The cache of answers does not answer.") from None
        return int(gone)

    async def follow(self) -> None:
        """Listen to purges of other replicas until cancelled; without the news nothing is served from memory."""
        while True:
            try:
                async with self._listener.pubsub() as news:
                    await news.subscribe(_NEWS)
                    while True:
                        message = await news.get_message(ignore_subscribe_messages=False, timeout=10.0)
                        leave_if_cancelled()
                        self._listening = True
                        if message is not None and message["type"] == "message":
                            self._forget(set(orjson.loads(message["data"])))
            except AWAY as away:
                self._complain(away)
            finally:
                self._listening = False
                self._memory.clear()
            leave_if_cancelled()
            await asyncio.sleep(_RETRY_SECONDS)

    def _keep(self, question: Question, answer: Answer) -> None:
        seconds = min(_MEMORY_SECONDS, question.seconds)
        self._memory[question.exact] = (time.monotonic() + seconds, answer, question.tags)
        if len(self._memory) > _MEMORY_ANSWERS:
            self._memory.popitem(last=False)

    def _forget(self, tags: set[str]) -> None:
        for exact in [exact for exact, (_, _, carried) in self._memory.items() if tags.intersection(carried)]:
            del self._memory[exact]

    def _remember_epochs(self, question: Question, epochs: list[str]) -> None:
        """Note the epochs before the answer is made; of two who ask at once the earlier one counts."""
        known = self._epochs.get(question.exact)
        if known is None or known > epochs:
            self._epochs[question.exact] = epochs
        if len(self._epochs) > _EPOCHS_KEPT:
            self._epochs.popitem(last=False)

    def _decoded(self, stored: bytes) -> Answer | None:
        try:
            found: Mapping[str, Any] = orjson.loads(stored)
            model = self._models.configured().find(found["model"])
            if model is None:
                return None
            finished = Finished(FinishReason(found["reason"]), TokenUsage(*found["usage"]), (), found["micros"])
            calls = tuple(ToolCall(*call) for call in found["calls"])
            return Answer(Started("", model, ""), finished, found["text"], calls)
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            return None

    def _complain(self, away: Exception) -> None:
        log.warning("the cache of answers is away", extra={"data": {"reason": type(away).__name__}})


def _key(question: Question) -> str:
    return f"{_PREFIX}:{question.tenant}:{question.exact}"


def _epoch(tag: str) -> str:
    return f"{_PREFIX}:epoch:{tag}"


def _set(tag: str) -> str:
    return f"{_PREFIX}:tag:{tag}"


def _encoded(answer: Answer) -> bytes:
    usage = answer.finished.usage
    return orjson.dumps(
        {
            "model": answer.started.model.name,
            "reason": answer.finished.reason.value,
            "micros": answer.finished.cost_micros,
            "text": answer.text,
            "calls": [(call.call_id, call.name, call.arguments) for call in answer.tool_calls],
            "usage": (
                usage.input_tokens,
                usage.output_tokens,
                usage.estimated,
                usage.cached_input_tokens,
                usage.cache_write_tokens,
                usage.cache_write_1h_tokens,
                usage.reasoning_tokens,
            ),
        }
    )
