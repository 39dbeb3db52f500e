"""Two models asked for one answer: the second only when the first is slow to begin, and the first to speak goes on."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

from services.llm.application.attempt import Attempt
from services.llm.application.ports import Restorer
from services.llm.domain.errors import FailureKind, PromptRefused, PromptTooLong, ProviderFailed
from services.llm.domain.generation import ProviderEvent

OUTRUN = "outrun"
FAILURES = (ProviderFailed, PromptRefused, PromptTooLong)


@dataclass(slots=True)
class Contender:
    """A call that has been opened, and what it yields."""

    attempt: Attempt
    events: AsyncGenerator[ProviderEvent, None]
    # Seconds it may take to say its first word, and between two.
    patience: float
    silence: float
    restorer: Restorer | None = None
    # How it failed, once it has.
    failure: Exception | None = None
    closed: bool = False


async def next_event(contender: Contender) -> ProviderEvent:
    """Return the next event. Raises ProviderFailed when it takes too long, or when the answer has no end."""
    begun = bool(contender.attempt.first_token_at)
    try:
        async with asyncio.timeout(contender.silence if begun else contender.patience):
            return await anext(contender.events)
    except TimeoutError:
        raise ProviderFailed(FailureKind.TIMED_OUT if begun else FailureKind.SLOW) from None
    except StopAsyncIteration:
        raise ProviderFailed(FailureKind.BROKEN) from None


async def first_to_speak(
    one: Contender, after: float, second: Callable[[], Awaitable[Contender | None]]
) -> tuple[Contender, ProviderEvent | None, Contender | None]:
    """Return who goes on, its first event (None when it failed as well), and who was outrun or failed before it.

    `second` is asked for another contender once `after` seconds have passed in silence; it may have none.
    """
    other: Contender | None = None
    async with asyncio.TaskGroup() as group:
        leading = group.create_task(_said(one))
        await asyncio.wait([leading], timeout=after)
        if not leading.done():
            other = await second()
        if other is None:
            return one, await leading, None
        other.attempt.hedge = True
        trailing = group.create_task(_said(other))
        await asyncio.wait([leading, trailing], return_when=asyncio.FIRST_COMPLETED)
        ahead, behind = (leading, trailing) if leading.done() else (trailing, leading)
        if ahead.result() is None:
            ahead, behind = behind, ahead
            await asyncio.wait([ahead])
        behind.cancel()
    front, back = (one, other) if ahead is leading else (other, one)
    if back.failure is None:
        back.attempt.outcome = OUTRUN
    return front, ahead.result(), back


async def _said(contender: Contender) -> ProviderEvent | None:
    """Return the first event; a failure is noted, as it must not end the other one."""
    try:
        return await next_event(contender)
    except FAILURES as failure:
        contender.failure = failure
        return None
