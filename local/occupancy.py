"""One stack at a time in a home folder: two would write the same data, and each would change the other's registry."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PID = "up.pid"


class Occupied(Exception):
    """Another stack runs in this home; the message says which."""


@contextmanager
def occupied(run: Path) -> Iterator[None]:
    """Hold the home while the block runs; the kernel lets go of it however the process ends. Raises Occupied."""
    path = run / _PID
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Occupied(path.read_text().strip()) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)
            # Let go by name: a forked worker may still hold a copy of the file.
            fcntl.flock(file, fcntl.LOCK_UN)


def occupant(run: Path) -> int | None:
    """Return the process that holds a home, None when nobody does, whatever an earlier one left behind."""
    try:
        with (run / _PID).open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return int((run / _PID).read_text().strip() or 0) or None
    return None
