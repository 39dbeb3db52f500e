"""Waits for several upstream calls at once, and raises their failures as they are."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")
S = TypeVar("S")


@asynccontextmanager
async def together() -> AsyncIterator[asyncio.TaskGroup]:
    """Yield a task group whose first failure cancels the rest and is raised without a group around it."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failed:
        raise _first(failed) from failed


async def both(first: Coroutine[Any, Any, T], second: Coroutine[Any, Any, S]) -> tuple[T, S]:
    """Return two results."""
    async with together() as group:
        one, other = group.create_task(first), group.create_task(second)
    return one.result(), other.result()


async def every(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return all results in order."""
    async with together() as group:
        tasks = [group.create_task(call) for call in calls]
    return [task.result() for task in tasks]


def _first(failed: BaseException) -> BaseException:
    while isinstance(failed, BaseExceptionGroup):
        failed = failed.exceptions[0]
    return failed
