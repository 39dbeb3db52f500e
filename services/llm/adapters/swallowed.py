"""A client of Redis may answer in spite of a cancellation; a job that loops must not go on for that."""

import asyncio


def leave_if_cancelled() -> None:
    """Raise CancelledError when the running task was asked to stop and something swallowed it."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
